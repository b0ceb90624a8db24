// needs: zookeeper galera
// from source only
/** Partitions on real servers: members in network namespaces, whose links are cut and healed. */
import assert from "node:assert/strict";
import { TIMING } from "../../lib/world.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { assertOneHistory, isServing, Load, pause, PrimaryWatch, serverOf, until } from "./load.ts";
import { canMakeNetworks, TestNetwork } from "./network.ts";
import {
  assertNothingLost,
  bootstraps,
  logSince,
  recordOf,
  startNew,
  untilAllRegistered,
  untilWaiting,
} from "./outage.ts";

const ignore = !canMakeNetworks();

/** What a test of a partition works with. */
interface Scene {
  readonly network: TestNetwork;
  readonly cluster: TestCluster;
  readonly members: readonly TestMember[];
  readonly uuid: string;
  /** Clients that write through all members. */
  readonly load: Load;
  readonly watch: PrimaryWatch;
}

/** A cluster that serves, each member on links of its own; in the end no row is missing. */
function partitionTest(name: string, count: number, body: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using network = await TestNetwork.make(count);
      await using servers = await startServers({ address: network.address });
      await using cluster = await TestCluster.prepare(servers.hosts, network.places);
      const { members } = cluster;
      const uuid = await startNew(cluster);
      await using load = new Load(members);
      await using watch = new PrimaryWatch(members);
      await until("rows are written", () => load.count > 30);
      await body({ network, cluster, members, uuid, load, watch });
      const statuses = await untilAllRegistered(members);
      assert.equal(statuses[0]!.uuid, uuid);
      await assertNothingLost(members, await load.stop());
      assertOneHistory(members);
    },
  });
}

/** Waits until a member's server says that it is not Primary; it refuses queries then. */
async function untilRefusing(member: TestMember): Promise<void> {
  await until(`${member.name} is not Primary`, async () => {
    const [row] = await member.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
    return row?.["Value"] !== "Primary";
  });
  await assertRefusing(member);
}

async function assertRefusing(member: TestMember): Promise<void> {
  await assert.rejects(member.query("SELECT * FROM app.t"), /1047/);
  await assert.rejects(member.query("INSERT INTO app.t VALUES (0)"), /1047/);
}

/** Waits until members that cannot see each other have stopped, and one of them goes on. */
async function untilOneGoesOn({ cluster, members, uuid, load, watch }: Scene): Promise<void> {
  const logs = members.map(logSince);
  await until(
    "all decide afresh",
    () => logs.every((log) => /no registered member is Primary, nor is this one/.test(log())),
  );
  const isOneServing = async () => (await Promise.all(members.map(isServing))).includes(true);
  await until("one goes on", isOneServing);
  const before = load.count;
  await until("rows are written to it", () => load.count > before + 10);
  for (const member of members) {
    if (await isServing(member)) continue;
    const data = (await recordOf(cluster, member))?.data;
    assert.ok(data?.kind === "at", `${member.name} is on record as ${data?.kind}`);
    assert.equal(data.copy.position.uuid, uuid);
  }
  const looks = watch.take();
  assert.ok(looks.length > 0 && looks.every((primary) => primary.length <= 1));
}

partitionTest(
  "a network cut three ways leaves nobody Primary: each stops and records, and one cluster forms again",
  3,
  async (scene) => {
    const { network, cluster, members, watch } = scene;
    // Healed at once, Galera finds its old view again, or the members decide afresh.
    await network.cut("data", 1, 2, 3);
    await Promise.all(members.map(untilRefusing));
    await network.heal("data", 1, 2, 3);
    await untilAllRegistered(members);

    const before = await bootstraps(cluster);
    await network.cut("data", 1, 2, 3);
    await Promise.all(members.map(untilRefusing));
    watch.take();
    await untilOneGoesOn(scene);
    await network.heal("data", 1, 2, 3);
    await untilAllRegistered(members);
    assert.equal((await bootstraps(cluster)).length, before.length + 1);
  },
);

partitionTest(
  "a member cut off alone serves nothing while the others serve, and Galera takes it back",
  3,
  async ({ network, members, load, watch }) => {
    const alone = members[2]!;
    const before = await Promise.all(members.map(serverOf));
    for (const links of [["data"], ["data", "control"]] as const) {
      for (const link of links) await network.cut(link, 3);
      await untilRefusing(alone);
      watch.take();
      const count = load.count;
      // Longer than it would stay if no other one were Primary.
      await pause(TIMING.nonPrimaryGraceMs + 5 * TIMING.pollMs);
      await assertRefusing(alone);
      assert.ok(load.count > count, "the others do not serve");
      const looks = watch.take();
      assert.ok(looks.length > 0 && looks.every((primary) => !primary.includes(alone.name)));
      if (links.length === 1) {
        const status = await alone.status();
        assert.equal(status?.primary, false);
        assert.match(status.doing, /serving nobody/);
      }
      for (const link of links) await network.heal(link, 3);
      await until(`${alone.name} serves`, () => isServing(alone));
      await untilAllRegistered(members);
    }
    assert.deepEqual(await Promise.all(members.map(serverOf)), before, "a server was stopped");

    // It alone sees ZooKeeper, where the others are no longer registered: they serve all the same.
    await network.cut("data", 3);
    await network.cut("control", 1, 2);
    await untilRefusing(alone);
    watch.take();
    const { reason } = await untilWaiting(
      alone,
      "waiting for the others",
      ({ waitsFor }) => waitsFor.includes("galera-1") && waitsFor.includes("galera-2"),
    );
    assert.match(reason, /^galera-1 died running and has not come back; its data may be newest/);
    const count = load.count;
    await until("the others serve", () => load.count > count + 10);
    assert.ok(watch.take().every((primary) => !primary.includes(alone.name)));
    await network.heal("data", 3);
    await network.heal("control", 1, 2);
  },
);

partitionTest(
  "two members cut from each other are never both Primary, and are one cluster again by themselves",
  2,
  async (scene) => {
    const { network, members, watch } = scene;
    const [here, away] = members;
    await network.cut("data", 1, 2);
    await Promise.all(members.map(untilRefusing));
    watch.take();
    await untilOneGoesOn(scene);
    await network.heal("data", 1, 2);
    await untilAllRegistered(members);

    // One that ZooKeeper does not hear of may hold the newest data, for all that the other knows.
    await network.cut("data", 1, 2);
    await network.cut("control", 2);
    await Promise.all(members.map(untilRefusing));
    watch.take();
    const { reason } = await untilWaiting(
      here!,
      `waiting for ${away!.name}`,
      ({ waitsFor }) => waitsFor.includes(away!.name),
    );
    assert.equal(
      reason,
      `${away!.name} died running and has not come back; its data may be newest`,
    );
    await assertRefusing(away!);
    assert.deepEqual(watch.take().flat(), []);
    await network.heal("data", 1, 2);
    await network.heal("control", 2);
  },
);
