// needs: zookeeper galera
/** A cluster that is run by hand is taken over while clients write: one member adopted, then one at a time. */
import assert from "node:assert/strict";
import { keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { BY_HAND_NAME, ByHand } from "./by_hand.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { Load, PrimaryWatch, until } from "./load.ts";
import {
  assertJoinedByIst,
  assertNothingLost,
  bootstraps,
  inOrder,
  insert,
  logSince,
  onRecord,
  recordOf,
  untilAllRegistered,
} from "./outage.ts";

const NAMED = [`--cluster-name=${BY_HAND_NAME}`];

Deno.test("a cluster that was run by hand and is stopped goes on under keepers that know how many there are", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one] = members as [TestMember];
  await using byHand = new ByHand(members);
  await byHand.startAll();
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const [row] = await one.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'");
  const acknowledged: number[] = [];
  for (const [at, member] of members.entries()) {
    await insert(member, at);
    acknowledged.push(at);
    // Whoever stays has a row that the others lack.
    await byHand.stop(member);
  }
  for (const member of members) member.start({ size: 3, options: NAMED });
  const [status] = await untilAllRegistered(members);
  assert.equal(status!.uuid, row!["Value"]);
  await assertNothingLost(members, acknowledged);
  assert.deepEqual(await bootstraps(cluster), ["galera-3"]);
});

Deno.test("a cluster run by hand is taken over, one member at a time, under writing clients", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  await using byHand = new ByHand(members);
  await byHand.startAll();
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const [row] = await one.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'");
  const uuid = row!["Value"];
  await using load = new Load(members);
  await using watch = new PrimaryWatch(members);
  const step = inOrder(t);
  const ask = (...args: readonly string[]) =>
    keeper([...args, `--zookeeper=${cluster.zookeeper}`, `--root=${cluster.root}`]);

  await step(
    "what would not be this member under run is refused, and nothing is written",
    async () => {
      const table: [readonly string[], number, RegExp][] = [
        [
          [],
          78,
          /mariadbd calls it "my_wsrep_cluster" .*: give --cluster-name my_wsrep_cluster, here/,
        ],
        [
          [...NAMED, "--member=alice"],
          78,
          /mariadbd calls itself "galera-1" .*: give --member galera-1/,
        ],
        [
          [...NAMED, "--size=4"],
          77,
          /Not adopted: 3 of 4 members are in this server's Galera view/,
        ],
        [[...NAMED, `--datadir=${one.datadir}/app`], 69, /No mariadbd runs on the datadir/],
      ];
      for (const [options, status, line] of table) {
        const from = one.log.length;
        one.adopt({ options });
        const { code } = await one.ended();
        assert.equal(code, status, one.log.slice(from));
        assert.match(one.log.slice(from), line);
      }
      assert.equal((await onRecord(cluster)).cluster.kind, "none");
      assert.equal((await onRecord(cluster)).records.length, 0);
    },
  );

  await step("adopted, it is a member, and all of its view are on record", async () => {
    one.adopt({ options: [...NAMED, "--size=3"] });
    const status = await one.untilRegistered();
    assert.equal(status.adopted, true);
    assert.match(one.log, /galera-keeper run needs --provider-options gcache\.size=32M/);
    assert.equal(status.uuid, uuid);
    const { cluster: known } = await onRecord(cluster);
    assert.equal(known.kind === "known" ? known.cluster.uuid : null, uuid);
    for (const member of members) {
      assert.equal((await recordOf(cluster, member))?.data.kind, "running", member.name);
    }
  });

  await step("status says so, and what would stop it is refused", async () => {
    const status = await ask("status");
    assert.equal(status.status, 1, status.stdout);
    assert.match(status.stdout, /^galera-1 .* Synced, adopted /m);
    assert.match(status.stdout, /^galera-2 .* runs, without a keeper /m);
    assert.match(
      (await ask("explain")).stdout,
      /galera-1 runs: It is adopted, registered and Primary/,
    );
    assert.match((await ask("log")).stdout, /galera-1 .*Adopted, started by others/);
    for (const what of [["restart", "--rolling"], ["stop", "--all"], ["forget", "galera-2"]]) {
      const refused = await ask(...what);
      assert.equal(refused.status, 77, `${what}: ${refused.stderr}`);
    }
  });

  await step("one after the other is stopped by hand and started by a keeper", async () => {
    for (const member of [three, two, one]) {
      await byHand.stop(member);
      if (member === one) {
        assert.equal((await one.ended()).code, 0);
        assert.match(one.log, /mariadbd has ended; its record says that it runs/);
      }
      const log = logSince(member);
      member.start({ size: null, options: NAMED });
      await member.untilRegistered();
      assertJoinedByIst(log());
      const { length } = watch.take().filter((primary) => primary.length < 2);
      assert.equal(length, 0, `fewer than two were Primary while ${member.name} was away`);
    }
  });

  await step("no row is lost, and nobody bootstrapped", async () => {
    const [status] = await untilAllRegistered(members);
    assert.equal(status!.uuid, uuid);
    assert.equal(status!.adopted, false);
    const before = load.count;
    await until("all go on writing", () => load.count > before + 30);
    await assertNothingLost(members, await load.stop());
    assert.deepEqual(await bootstraps(cluster), ["galera-1"]);
    // Its keeper looks once a second: a member that has been a donor may still be told of as one.
    await until("status says that all is well", async () => (await ask("status")).status === 0);
    for (const { code } of [await two.stop(), await three.stop(), await one.stop()]) {
      assert.equal(code, 0);
    }
  });
});
