// needs: zookeeper galera
// from source only
/** Members that come back from a full outage with another datadir than they had. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RecordData } from "../../lib/cluster/view.ts";
import { readGrastate } from "../../lib/mariadb/grastate.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import {
  assertJoinedByIst,
  assertJoinedBySst,
  assertNothingLost,
  bootstraps,
  empty,
  inOrder,
  insert,
  leave,
  logSince,
  recordOf,
  startNew,
  untilAllRegistered,
  untilWaiting,
  untilWaitingFor,
} from "./outage.ts";
import { run } from "./place.ts";

/** A file beside a table, all hole: it takes an SST seconds to send and no room on the donor's disk. */
const LARGE = { name: "app/large", bytes: 2 * 1024 ** 3 };

async function addLarge({ datadir }: TestMember): Promise<void> {
  using file = await Deno.create(join(datadir, LARGE.name));
  await file.truncate(LARGE.bytes);
}

/** Waits until a joiner holds a part of a copy. */
async function untilReceiving(member: TestMember): Promise<void> {
  const size = async (name: string) =>
    (await Deno.stat(join(member.datadir, name)).catch(() => null))?.size ?? 0;
  // rsync writes to a hidden file until it is complete.
  await member.until("joining", ({ stage }) => stage === "joining");
  while (await size("ibdata1") === 0 || await size("app") === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function uuidIn({ datadir }: TestMember): Promise<string> {
  const grastate = await readGrastate(datadir);
  assert(typeof grastate === "object");
  return grastate.uuid;
}

function copyIn(data: RecordData | undefined) {
  assert(data?.kind === "at", Deno.inspect(data));
  return data.copy;
}

Deno.test("what a member once held is not forgotten for what it holds now", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  await using elsewhere = await TestCluster.prepare(servers.hosts, 1);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  const [stranger] = elsewhere.members as [TestMember];
  stranger.start({ size: 1 });
  const uuid = await startNew(cluster);
  await stranger.untilRegistered();
  await stranger.stop();
  const acknowledged: number[] = [];
  /** The last one to stop is the only one that has all. */
  const stopInOrder = async () => {
    for (const member of members) {
      const id = acknowledged.length + 1;
      await insert(three, id);
      acknowledged.push(id);
      assert.equal((await member.stop()).code, 0);
    }
  };
  const step = inOrder(t);

  await step("a datadir was emptied: its record stays until it has joined, by SST", async () => {
    await stopInOrder();
    const before = await recordOf(cluster, two);
    assert.equal(before?.data.kind, "at");
    await empty(two);
    // An SST's script would wait for the one whose process that is.
    await leave(two, {
      "sst_in_progress": "",
      "wsrep_sst.pid": `${Deno.pid}\n`,
      "rsync_sst.pid": `${Deno.pid}\n`,
    });
    const done = await bootstraps(cluster);
    const logs = [one, two].map(logSince);
    for (const member of [one, two]) member.start();
    for (const member of [one, two]) await untilWaitingFor(member, three);
    const { data, datadirId, instead } = (await recordOf(cluster, two))!;
    assert.deepEqual([data, datadirId, instead], [before.data, before.datadirId, "nothing"]);

    three.start();
    const [{ uuid: now } = {}] = await untilAllRegistered(members);
    assert.equal(now, uuid);
    assert.deepEqual(await bootstraps(cluster), [...done, "galera-3"]);
    assertJoinedByIst(logs[0]!());
    assertJoinedBySst(logs[1]!());
    const after = await recordOf(cluster, two);
    assert.equal(after?.data.kind, "running");
    assert.equal(after.instead, null);
    assert.notEqual(after.datadirId, before.datadirId);
    await assertNothingLost(members, acknowledged);
  });

  // mariadb-operator #1108: a timeout re-elected a node whose SST had been aborted.
  const torn = "pain 1: an SST was cut: torn, never a candidate, its old position is a floor";
  await step(torn, async () => {
    await two.stop();
    const floor = copyIn((await recordOf(cluster, two))?.data);
    await empty(two);
    for (const donor of [one, three]) await addLarge(donor);
    two.start();
    await untilReceiving(two);
    await two.crash();
    for (const { datadir } of [one, three]) await Deno.remove(join(datadir, LARGE.name));
    assert.deepEqual((await recordOf(cluster, two))?.data, {
      kind: "running",
      uuid,
      starting: true,
      floor,
    });
    await untilAllRegistered([one, three]);
    const id = acknowledged.length + 1;
    await insert(one, id);
    acknowledged.push(id);
    await Promise.all([one, three].map((member) => member.crash()));

    const done = await bootstraps(cluster);
    const log = logSince(two);
    two.start();
    await untilWaiting(
      two,
      "waiting for the others",
      ({ waitsFor }) => waitsFor.join() === "galera-1,galera-3",
    );
    assert.deepEqual((await recordOf(cluster, two))?.data, { kind: "torn", floor });
    for (const member of [one, three]) member.start();
    await untilAllRegistered(members);
    const [by] = (await bootstraps(cluster)).slice(done.length);
    assert.ok(by === "galera-1" || by === "galera-3", `${by} bootstrapped`);
    assertJoinedBySst(log());
    assert.equal((await recordOf(cluster, two))?.data.kind, "running");
    await assertNothingLost(members, acknowledged);
  });

  await step("a datadir is another cluster's: refused, the others go on without it", async () => {
    await stopInOrder();
    const before = await recordOf(cluster, one);
    copyIn(before?.data);
    await empty(one);
    await run("cp", "--archive", `${stranger.datadir}/.`, one.datadir);
    const foreign = await uuidIn(one);
    assert.notEqual(foreign, uuid);
    const done = await bootstraps(cluster);
    one.start();
    two.start();
    const refused = await untilWaiting(one, "refused", ({ rule }) => rule === 4);
    assert.equal(
      refused.reason,
      `This datadir belongs to another cluster: its UUID is ${foreign}, the cluster's is ${uuid}`,
    );
    assert.match(refused.person ?? "", /^Give this member the datadir that it had, or /);
    await untilWaitingFor(two, three);
    three.start();
    await untilAllRegistered([two, three]);
    assert.deepEqual(await bootstraps(cluster), [...done, "galera-3"]);

    const still = await untilWaiting(one, "refused by those that run", ({ rule }) => rule === 1);
    assert.match(
      still.reason,
      /^Cannot join without losing what this datadir holds, as it belongs/,
    );
    const { data, datadirId, instead } = (await recordOf(cluster, one))!;
    assert.deepEqual([data, datadirId], [before?.data, before?.datadirId]);
    assert.match(instead ?? "", new RegExp(`^a copy at ${foreign}:\\d+$`));
    assert.equal(await uuidIn(one), foreign);

    // As it says what to do.
    assert.match(still.person ?? "", /empty it, and start this member again/);
    await one.stop();
    await empty(one);
    one.start();
    await untilAllRegistered(members);
    await assertNothingLost(members, acknowledged);
  });

  await step("the newest copy is gone: nobody goes on without it until it is back", async () => {
    await stopInOrder();
    const done = await bootstraps(cluster);
    const aside = `${three.datadir}-aside`;
    await Deno.rename(three.datadir, aside);
    await three.prepare();
    for (const member of members) member.start();
    for (const member of members) {
      const { reason, person } = await untilWaiting(
        member,
        "waiting for the newest copy",
        ({ rule }) => rule === 7,
      );
      assert.match(reason, /^The newest copy known, .*, was galera-3's and is no longer there$/);
      // Of those that are left galera-2 has most.
      assert.match(
        person ?? "",
        /^Give galera-3 the datadir that it had, or .*`galera-keeper bootstrap --force --member galera-2`/,
      );
    }
    assert.deepEqual(await bootstraps(cluster), done);
    await three.stop();
    await Deno.remove(three.datadir, { recursive: true });
    await Deno.rename(aside, three.datadir);
    three.start();
    await untilAllRegistered(members);
    assert.deepEqual(await bootstraps(cluster), [...done, "galera-3"]);
    await assertNothingLost(members, acknowledged);
  });
});
