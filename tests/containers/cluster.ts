/** Three members by name on a stage, and what tests ask of all of them. */
import assert from "node:assert/strict";
import type { Container } from "./container.ts";
import { pause, until } from "./podman.ts";
import type { Rows } from "./rows.ts";
import { Stage } from "./stage.ts";

/** What they are called. */
const NAMES = ["galera-1", "galera-2", "galera-3"] as const;
/** One of them. */
export type Name = typeof NAMES[number];

/** The members of a stage; each keeps its volume when its container is taken away. */
export class Cluster {
  readonly stage: Stage;
  /** As they were in the beginning. */
  readonly zookeepers: readonly Container[];
  readonly #members: Map<string, Container>;
  uuid = "";

  private constructor(
    stage: Stage,
    zookeepers: readonly Container[],
    members: readonly Container[],
  ) {
    this.stage = stage;
    this.zookeepers = zookeepers;
    this.#members = new Map(members.map((member) => [member.name, member]));
  }

  static async make(stage: Stage): Promise<Cluster> {
    const cluster = new Cluster(stage, await stage.zookeepers(), await stage.members(NAMES));
    cluster.uuid = await cluster.untilWhole();
    return cluster;
  }

  get all(): readonly Container[] {
    return [...this.#members.values()];
  }

  get(name: Name): Container {
    return this.#members.get(name)!;
  }

  /** Runs a member again, in a new container with what options of podman's. */
  async again(name: Name, ...options: readonly string[]): Promise<Container> {
    const volume = `${this.stage.prefix}-${name}`;
    const member = await this.stage.member(name, { volume, options });
    this.#members.set(name, member);
    return member;
  }

  /** Waits until a person at each member is told that all is well. @returns The cluster's UUID. */
  async untilWhole(): Promise<string> {
    const uuids = new Set<string>();
    for (const member of this.all) {
      const { uuid } = await member.untilReady();
      uuids.add(`${uuid}`);
      await member.untilTold("All well: 3 of 3 Synced\n");
      assert.equal((await member.tryExec("galera-keeper", "status")).status, 0);
    }
    assert.equal(uuids.size, 1);
    return [...uuids][0]!;
  }

  /** It is the cluster that it was, whole and with every row. */
  async assertIsAsItWas(rows: Rows): Promise<void> {
    assert.equal(await this.untilWhole(), this.uuid);
    await rows.assertNothingLost(this.all);
  }

  /** Waits until this one's component has so many members. */
  async untilSize(member: Container, size: number): Promise<void> {
    const ask = "SELECT variable_value FROM information_schema.global_status " +
      "WHERE variable_name = 'wsrep_cluster_size'";
    await until(`${size} are in the component`, async () => await member.sql(ask) === `${size}`);
  }

  /** Waits until ZooKeeper and the other members have given a member up. */
  async untilGivenUp(name: Name, other: Container): Promise<void> {
    await this.untilSize(other, 2);
    await until(`${name} is not registered`, async () => {
      const { stdout } = await other.tryExec("galera-keeper", "status");
      if (stdout.startsWith(`Degraded: ${name} died running`)) return true;
      await pause(1000); // Each question is a program of its own.
      return false;
    });
  }
}
