// needs: zookeeper galera
// from source only
/** Members that were stopped in order, at the same instant, and together with ZooKeeper. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import {
  assertJoinedByIst,
  assertNothingLost,
  bootstraps,
  claimToBeLast,
  inOrder,
  insert,
  isSafe,
  leave,
  logSince,
  onRecord,
  recordOf,
  startNew,
  untilAllRegistered,
  untilWaitingFor,
} from "./outage.ts";

/** What Galera found beside the data when it was started: whether it may bootstrap. */
function safeWhenStarted(log: string): boolean {
  const [, safe] = /Found saved state: .*, safe_to_bootstrap: (\d)/.exec(log) ?? [];
  assert(safe, log);
  return safe === "1";
}

Deno.test("stopped members come back as the cluster that they were, in whatever order", async (t) => {
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
  const step = inOrder(t);

  await step("in order: the last to stop bootstraps, the others wait for it by name", async () => {
    for (const member of members) {
      await write(three);
      assert.equal((await member.stop()).code, 0);
    }
    const before = await bootstraps(cluster);
    const logs = [one, two].map(logSince);
    for (const member of [one, two]) member.start();
    for (const member of [one, two]) {
      await untilWaitingFor(member, three, /^galera-3 has not come back: /);
    }
    const last = logSince(three);
    three.start();
    const statuses = await untilAllRegistered(members);
    assert.equal(statuses[0]!.uuid, uuid);
    assert.deepEqual(await bootstraps(cluster), [...before, "galera-3"]);
    for (const log of logs) assertJoinedByIst(log());
    assert.deepEqual([...logs, last].map((log) => safeWhenStarted(log())), [false, false, true]);
    await assertNothingLost(members, acknowledged);
  });

  // 5: kubeblocks-addons PR #2731, several were safe to bootstrap after a parallel shutdown; 7:
  // mariadb-operator #425, a stale sst_in_progress or pid file kept members waiting for ever.
  const atOnce = "pain 5: at the same instant, all safe to bootstrap as they say: one does; " +
    "pain 7: marks of an SST and pid files of old keep nobody waiting";
  await step(atOnce, async () => {
    for (const member of members) await write(member);
    const before = await bootstraps(cluster);
    for (const { code } of await Promise.all(members.map((member) => member.stop()))) {
      assert.equal(code, 0);
    }
    await claimToBeLast(members);
    // Of these files, one makes a cluster by itself, an empty one has kept servers from starting.
    await leave(one, { "gvwstate.dat": "" });
    await leave(two, { "gvwstate.dat": GVWSTATE, "sst_in_progress": "", "galera-2.pid": "1\n" });
    for (const member of members) member.start();
    const statuses = await untilAllRegistered(members);
    assert.equal(statuses[0]!.uuid, uuid);
    assert.equal((await bootstraps(cluster)).length, before.length + 1);
    assert.deepEqual(
      statuses.map(({ decision }) => decision?.kind).toSorted(),
      ["bootstrap", "join", "join"],
    );
    for (const { datadir } of [one, two]) {
      for (const name of ["gvwstate.dat", "sst_in_progress"]) {
        await assert.rejects(Deno.stat(join(datadir, name)), Deno.errors.NotFound, name);
      }
    }
    await assertNothingLost(members, acknowledged);
  });

  await step("with ZooKeeper: members that are back first wait for it, alive", async () => {
    await servers.servers[0]!.kill();
    for (const member of members) await write(member);
    // Told to stop it stops, whether or not it can say so to anybody.
    assert.equal((await one.stop()).code, 0);
    await write(three);
    await Promise.all([two, three].map((member) => member.crash()));
    assert.deepEqual(await Promise.all(members.map(isSafe)), [false, false, false]);

    const logs = members.map(logSince);
    one.start();
    two.start();
    for (const member of [one, two]) {
      const { primary } = await member.until("connecting", ({ doing }) => /ZooKeeper/.test(doing));
      assert.equal(primary, false);
    }
    await servers.restart();
    for (const member of [one, two]) {
      await untilWaitingFor(member, three, /^galera-3 died running /);
    }
    assert.deepEqual(await Promise.all(members.map(isSafe)), [false, false, false]);
    three.start();
    const statuses = await untilAllRegistered(members);
    assert.equal(statuses[0]!.uuid, uuid);
    await assertNothingLost(members, acknowledged);
    const bootstrapped = statuses.map(({ decision }) => decision?.kind === "bootstrap");
    assert.deepEqual(logs.map((log) => safeWhenStarted(log())), bootstrapped);
    for (const [index, log] of logs.entries()) {
      if (!bootstrapped[index]) assertJoinedByIst(log());
    }
  });

  await step("with a drain: it serves, not ready, until that is over or told again", async () => {
    for (const again of [false, true]) {
      assert.equal((await one.stop()).code, 0);
      one.start({ options: [again ? "--drain=1h" : "--drain=2s"] });
      await untilAllRegistered(members);
      const log = logSince(one);
      one.signal("SIGTERM");
      const { readyAt, synced } = await one.until("draining", ({ stage }) => stage === "draining");
      assert.deepEqual([readyAt, synced], [null, true]);
      if (again) {
        const probe = await fetch(`http://${one.address}:8008/readyz`, {
          headers: { connection: "close" },
        });
        assert.equal(probe.status, 503, await probe.text());
        await insert(one, acknowledged.length + 1);
        acknowledged.push(acknowledged.length + 1);
        assert.ok((await onRecord(cluster)).nodes.some(({ address }) => address === one.address));
        // However often, the database's own shutdown is waited for.
        for (let times = 0; times < 3; times++) one.signal("SIGTERM");
      }
      assert.equal((await one.ended()).code, 0, one.log);
      assert.match(log(), /mariadbd: .*: Shutdown complete/);
      assert.equal((await recordOf(cluster, one))?.data.kind, "at");
      one.start();
      await untilAllRegistered(members);
    }
    await assertNothingLost(members, acknowledged);
  });
});

/** As Galera writes it: who it was, and who else was there. */
const GVWSTATE = `my_uuid: 6b1c1f36-5d2c-11ef-9d3a-0242ac120002
#vwbeg
view_id: 3 6b1c1f36-5d2c-11ef-9d3a-0242ac120002 3
bootstrap: 0
member: 6b1c1f36-5d2c-11ef-9d3a-0242ac120002 0
#vwend
`;
