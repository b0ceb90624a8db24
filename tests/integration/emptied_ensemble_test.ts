// needs: zookeeper galera
// from source only
/** ZooKeeper has lost all that it held while no member ran. */
import assert from "node:assert/strict";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import {
  assertJoinedByIst,
  assertNothingLost,
  bootstraps,
  emptyEnsemble,
  inOrder,
  insert,
  isSafe,
  logSince,
  startNew,
  untilAllRegistered,
  untilWaiting,
  type Wait,
} from "./outage.ts";

Deno.test("an ensemble emptied while all members are down costs no row", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  const uuid = await startNew(cluster);
  const acknowledged: number[] = [];
  const write = async (member: TestMember) => {
    const id = acknowledged.length + 1;
    await insert(member, id);
    acknowledged.push(id);
  };
  let done = await bootstraps(cluster);
  const step = inOrder(t);

  await step("without --size nobody bootstraps, and each says what is needed", async () => {
    await write(one);
    await one.stop();
    await write(two);
    await Promise.all([two, three].map((member) => member.crash()));
    await emptyEnsemble(servers);
    for (const member of members) member.start({ size: null });
    await untilReported(cluster, 3);
    for (const member of members) {
      const { reason, person } = await untilWaiting(
        member,
        "waiting for a person",
        ({ person }) => person !== null,
      );
      assert.equal(
        reason,
        "No cluster is on record, and --size does not say how many members it has",
      );
      assert.match(person ?? "", /^Start the members with --size N, /);
      assert.equal(await isSafe(member), false);
    }
    assert.deepEqual(await bootstraps(cluster), []);
  });

  await step("with --size all have to report, then the newest bootstraps", async () => {
    for (const { code } of await Promise.all(members.map((member) => member.stop()))) {
      assert.equal(code, 0);
    }
    await emptyEnsemble(servers);
    for (const member of [one, two]) member.start();
    const untilTwoWait = async () => {
      await untilReported(cluster, 2);
      for (const member of [one, two]) await untilWaiting(member, TWO_OF_THREE, isTwoOfThree);
    };
    await untilTwoWait();
    // Once more, under those that wait.
    await emptyEnsemble(servers);
    await untilTwoWait();
    three.start();
    const [{ uuid: now } = {}] = await untilAllRegistered(members);
    assert.equal(now, uuid);
    // The bootstraps before went with the data.
    const all = await bootstraps(cluster);
    assert.deepEqual(all.slice(0, -1), done);
    assert.notEqual(all.at(-1), "galera-1");
    done = all;
    await assertNothingLost(members, acknowledged);
  });

  await step("without --size the one that left last, as Galera says, bootstraps", async () => {
    for (const member of members) {
      await write(three);
      await member.stop();
    }
    assert.deepEqual(await Promise.all(members.map(isSafe)), [false, false, true]);
    await emptyEnsemble(servers);
    const logs = [one, two].map(logSince);
    for (const member of [one, two]) member.start({ size: null });
    await untilReported(cluster, 2);
    three.start({ size: null });
    const [{ uuid: now } = {}] = await untilAllRegistered(members);
    assert.equal(now, uuid);
    assert.deepEqual(await bootstraps(cluster), [...done, "galera-3"]);
    for (const log of logs) assertJoinedByIst(log());
    await assertNothingLost(members, acknowledged);
  });
});

const TWO_OF_THREE =
  "No cluster is on record, and 2 of 3 members have reported: galera-1, galera-2";

function isTwoOfThree({ reason }: Wait): boolean {
  return reason === TWO_OF_THREE;
}

/** Waits until that many members have a record. */
async function untilReported(cluster: TestCluster, count: number): Promise<void> {
  await using session = await cluster.session();
  const folder = `${cluster.root}/members`;
  const reported = async () =>
    await session.exists(folder) === null ? 0 : (await session.children(folder)).children.length;
  while (await reported() < count) await new Promise((resolve) => setTimeout(resolve, 100));
}
