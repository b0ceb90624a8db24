// needs: zookeeper galera kazoo
/** The README's way from the lab's image, which keeps nothing: one of its members is adopted, ours join, it goes. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PYTHON } from "../bench/places.ts";
import { keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { BY_HAND_NAME, isSynced, optionsByHand } from "./by_hand.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { Load, until } from "./load.ts";
import {
  assertNothingLost,
  inOrder,
  untilAllRegistered,
  untilWaiting,
  type Wait,
} from "./outage.ts";

const LAB = fileURLToPath(new URL("../bench/lab.py", import.meta.url));
const NAMED = [`--cluster-name=${BY_HAND_NAME}`];

/** Members that the lab's script starts and registers. */
class LabMembers implements AsyncDisposable {
  readonly #hosts: string;
  readonly #root: string;
  readonly #members: readonly TestMember[];
  readonly #scripts: Deno.ChildProcess[] = [];

  constructor(hosts: string, root: string, members: readonly TestMember[]) {
    this.#hosts = hosts;
    this.#root = root;
    this.#members = members;
  }

  /** Starts all of them, one after the other. */
  async start(): Promise<void> {
    for (const member of this.#members) {
      const { datadir, address, socket } = member;
      const file = join(dirname(datadir), "lab.cnf");
      await Deno.writeTextFile(file, optionsByHand(member, this.#members));
      const user = Deno.uid() === 0 ? ["--user=mysql"] : [];
      const install = ["mariadb-install-db", "--no-defaults", `--datadir=${datadir}`, ...user];
      const script = new Deno.Command(PYTHON, {
        args: [LAB, this.#hosts, this.#root, address, socket, file, ...install],
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      }).spawn();
      this.#scripts.push(script);
      let hasEnded = false;
      script.status.then(() => hasEnded = true);
      await until(`${member.name} is Synced`, () => hasEnded || isSynced(member));
      assert.equal(hasEnded, false, "The lab's script has ended");
    }
  }

  /** Stops one, as its pod is deleted. */
  async stop(number: number): Promise<void> {
    this.#scripts[number]!.kill("SIGTERM");
    await this.#scripts[number]!.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const script of this.#scripts) {
      try {
        script.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await script.status;
    }
  }
}

Deno.test("the lab's cluster goes on as ours, without volumes and under writing clients", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 6);
  const [old, ours] = [cluster.members.slice(0, 3), cluster.members.slice(3)];
  const [adopted] = old as [TestMember];
  const labRoot = `${cluster.root}-lab`;
  await using lab = new LabMembers(servers.hosts, labRoot, old);
  await lab.start();
  await adopted.query("CREATE DATABASE app");
  await adopted.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const [row] = await adopted.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'");
  await using load = new Load([...old, ...ours]);
  const step = inOrder(t);
  const ask = (...args: readonly string[]) =>
    keeper([...args, `--zookeeper=${cluster.zookeeper}`, `--root=${cluster.root}`]);

  await step("below the lab's own root a member of ours waits for it", async () => {
    const [first] = ours as [TestMember];
    first.start({ options: [...NAMED, `--root=${labRoot}`] });
    const isTheirs = ({ reason }: Wait) => reason.includes(adopted.address);
    const { rule } = await untilWaiting(first, "it waits for the lab's", isTheirs);
    assert.equal(rule, 2);
    assert.equal((await first.stop()).code, 0);
  });

  await step("below another one of its members is adopted, and ours join", async () => {
    adopted.adopt({ options: NAMED });
    await adopted.untilRegistered();
    for (const member of ours) member.start({ size: null, options: NAMED });
    const statuses = await untilAllRegistered(ours);
    for (const { uuid } of statuses) assert.equal(uuid, row!["Value"]);
  });

  await step("the lab's are stopped and forgotten", async () => {
    for (const number of [2, 1, 0]) await lab.stop(number);
    assert.equal((await adopted.ended()).code, 0);
    for (const { name } of old) {
      await until(`${name} is forgotten`, async () => (await ask("forget", name)).status === 0);
    }
    const status = await ask("status");
    assert.match(status.stdout, /^All well: 3 of 3 Synced/);
  });

  await step("no row is lost", async () => {
    const before = load.count;
    await until("clients go on writing", () => load.count > before + 30);
    await assertNothingLost(ours, await load.stop());
  });
});
