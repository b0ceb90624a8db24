// needs: zookeeper galera
// from source only
/**
 * The ten that hurt most elsewhere (their issues are named at each test), and what holds each here:
 *
 * | pain | test |
 * |---|---|
 * | 1. a node whose SST had been aborted was elected | lost_disk_test.ts |
 * | 2. the zero UUID was flagged safe | here |
 * | 3. an empty DNS answer, a datadir cleared, the wrong one bootstrapped | here |
 * | 4. a left-over setting let two bootstrap, the first bootstrapper could not restart | here |
 * | 5. a parallel shutdown, several safe to bootstrap | stops_test.ts |
 * | 6. killed during its SST, for ever | pains_sst_test.ts |
 * | 7. a stale mark of an SST or a pid file, an endless wait | stops_test.ts |
 * | 8. power loss, every seqno -1 and no one safe | outage_test.ts |
 * | 9. a restart loop starves the recovery | here, startup_test.ts |
 * | 10. no recovery after an SST of terabytes | pains_sst_test.ts, startup_test.ts |
 *
 * The decision alone is held by the table of ten pains in cluster/decide_test.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ZERO_UUID } from "../../lib/cluster/position.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { addresses, replacing } from "./mounts.ts";
import { NameServer } from "./name_server.ts";
import {
  assertNothingLost,
  bootstraps,
  claimToBeLast,
  insert,
  isSafe,
  leave,
  recordOf,
  startNew,
  untilAllRegistered,
  untilWaiting,
} from "./outage.ts";
import { grastate } from "./place.ts";
import { noting, takeStarts, wrap } from "./wrapper.ts";

/** Takes all znodes of a cluster away. */
async function forget(cluster: TestCluster): Promise<void> {
  await using session = await cluster.session();
  await session.deleteRecursive(cluster.root);
}

// mariadb-operator #1701: a node with the zero UUID was flagged safe to bootstrap.
Deno.test("pain 2: the zero UUID that says safe and a high seqno begins nothing, and joins by SST", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 2);
  const [one, two] = cluster.members as [TestMember, TestMember];
  const uuid = await startNew(cluster);
  await two.stop();
  await insert(one, 1);
  await one.stop();
  // Nothing tells of a cluster but the datadirs, and each may begin as soon as it comes.
  await forget(cluster);
  await leave(two, { "grastate.dat": grastate(ZERO_UUID, "999999", 1) });
  const ones = await Deno.readTextFile(join(one.datadir, "grastate.dat"));
  await leave(one, { "grastate.dat": ones.replace("bootstrap: 1", "bootstrap: 0") });
  assert.deepEqual([await isSafe(one), await isSafe(two)], [false, true]);

  two.start({ size: 1 });
  const wait = await untilWaiting(two, "a person", ({ person }) => person !== null);
  assert.match(wait.reason, /^An SST was cut off, so there was a cluster, and no member holds a /);
  assert.deepEqual((await recordOf(cluster, two))?.data, { kind: "torn", floor: null });
  one.start({ size: 1 });
  const statuses = await untilAllRegistered(cluster.members);
  assert.equal(statuses[0]!.uuid, uuid);
  assert.deepEqual(statuses.map(({ decision }) => decision?.kind), ["bootstrap", "join"]);
  await assertNothingLost(cluster.members, [1]);
});

/** All files below a folder: name, kind, owner, size, time of change. */
async function tree(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command("find", {
    args: [folder, "-printf", "%P %y %u %s %T@\n"],
  }).output();
  return new TextDecoder().decode(stdout).split("\n").toSorted().join("\n");
}

// bitnami-docker-mariadb-galera #22: the DNS answer was empty, so the pod took itself for the first,
// cleared its datadir and bootstrapped.
Deno.test("pain 3: a name without an address is no reason to bootstrap, nor to touch a datadir", async () => {
  await using servers = await startServers();
  const [address = "", resolver = ""] = addresses(2);
  await using names = await NameServer.on(resolver);
  const file = await Deno.makeTempFile({ prefix: "gk-resolv-" });
  await Deno.writeTextFile(file, `nameserver ${resolver}\noptions timeout:5 attempts:2\n`);
  try {
    const command = replacing({ "/etc/resolv.conf": file });
    await using cluster = await TestCluster.prepare(servers.hosts, [{ address, command }]);
    const [one] = cluster.members as [TestMember];
    const [host = "", port = ""] = servers.hosts.split(":");
    const PATH = await wrap(join(one.datadir, ".."), "mariadbd", noting());
    const start = () =>
      one.start({ size: 1, options: [`--zookeeper=zookeeper.test:${port}`], env: { PATH } });

    // With an empty datadir, and with one that has all there is: nobody else was ever seen.
    start();
    for (const says of ["empty", "unknown"]) await names.say(says, 4);
    assert.equal((await one.status())?.stage, "connecting");
    names.says = host;
    const { uuid } = await one.untilRegistered();
    await one.query("CREATE DATABASE app");
    await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
    await insert(one, 1);
    await one.stop();
    await takeStarts(join(one.datadir, ".."));
    await forget(cluster);

    const before = await tree(one.datadir);
    names.says = "empty";
    start();
    for (const says of ["empty", "unknown", "empty"]) await names.say(says, 4);
    const { stage, doing } = await one.until("connecting", ({ stage }) => stage === "connecting");
    assert.match(`${stage}: ${doing}`, /^connecting: .*ZooKeeper/);
    assert.deepEqual(await takeStarts(join(one.datadir, "..")), []);
    // Its id has been touched, as on each look.
    const others = (text: string) => text.replace(/^galera-keeper\.json .*$/m, "");
    assert.equal(others(await tree(one.datadir)), others(before));
    names.says = host;
    assert.equal((await one.untilRegistered()).uuid, uuid);
    await assertNothingLost([one], [1]);
  } finally {
    await Deno.remove(file);
  }
});

/** As a chart or an image of others would have left it. */
const LEFT_OVER = "[mysqld]\nwsrep_new_cluster=ON\nwsrep_cluster_address=gcomm://\n";
const LEFT_OVER_VARIABLES = {
  MARIADB_GALERA_CLUSTER_BOOTSTRAP: "yes",
  MARIADB_GALERA_FORCE_SAFETOBOOTSTRAP: "yes",
  MARIADB_GALERA_CLUSTER_ADDRESS: "gcomm://",
  WSREP_NEW_CLUSTER: "1",
  _WSREP_NEW_CLUSTER: "--wsrep-new-cluster",
  MYSQLD_OPTS: "--wsrep-new-cluster",
};

// mariadb-operator PR #1627: a left-over bootstrap setting let two pods bootstrap;
// bitnami-docker-mariadb-galera #52: the first bootstrapper could not restart.
Deno.test("pain 4: left-over settings to bootstrap, everywhere, let one bootstrap; the first to do so restarts", async () => {
  await using servers = await startServers();
  const folder = await Deno.makeTempDir({ prefix: "gk-etc-" });
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(join(folder, "my.cnf"), LEFT_OVER);
  try {
    const command = replacing({ "/etc/mysql": folder });
    const places = addresses(2).map((address) => ({ address, command }));
    await using cluster = await TestCluster.prepare(servers.hosts, places);
    const { members } = cluster;
    const options = { size: 2, env: LEFT_OVER_VARIABLES };
    const start = (member: TestMember) => member.start(options);
    const uuid = await startNew(cluster, options);
    const [by, ...more] = await bootstraps(cluster);
    assert.deepEqual(more, []);
    const first = members.find(({ name }) => name === by)!;
    await insert(first, 1);

    assert.equal((await first.stop()).code, 0);
    start(first);
    const again = await first.untilRegistered();
    assert.deepEqual([again.uuid, again.decision?.kind], [uuid, "join"]);

    await Promise.all(members.map((member) => member.stop()));
    await claimToBeLast(members);
    assert.deepEqual(await Promise.all(members.map(isSafe)), [true, true]);
    members.forEach(start);
    assert.equal((await untilAllRegistered(members))[0]!.uuid, uuid);
    assert.equal((await bootstraps(cluster)).length, 2);
    await assertNothingLost(members, [1]);

    // Where it is said to us it is refused.
    await first.stop();
    for (const option of ["--wsrep-new-cluster", "--wsrep_cluster_address=gcomm://"]) {
      first.start({ size: 2, mariadbd: [option] });
      assert.equal((await first.ended()).code, 78, first.log);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

// mariadb-operator #1082: members that restarted in a loop kept the recovery from coming to an end.
Deno.test("pain 9: a member whose mariadbd dies at each start holds up no recovery of the others", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  const uuid = await startNew(cluster);
  await insert(one, 1);
  await three.crash();
  await insert(two, 2);
  await Promise.all([one, two].map((member) => member.crash()));

  // It can say where it is, and dies whenever it is to serve.
  const folder = join(three.datadir, "..");
  const dying = 'test "$purpose" = recover || exit 7';
  const PATH = await wrap(folder, "mariadbd", noting(dying));
  let isOver = false, ends = 0;
  const loop = (async () => {
    while (!isOver) {
      three.start({ env: { PATH } });
      const { code } = await three.ended();
      ends++;
      if (!isOver) assert.equal(code, 7, three.log);
    }
  })();
  try {
    await untilWaiting(three, "the others", ({ waitsFor }) => waitsFor.length === 2);
    for (const member of [one, two]) member.start();
    for (const status of await untilAllRegistered([one, two])) assert.equal(status.uuid, uuid);
    // It goes on all the while, and others can be started beside it.
    const before = ends;
    while (ends < before + 3) await new Promise((resolve) => setTimeout(resolve, 200));
    await two.stop();
    two.start();
    await two.untilRegistered();
    await insert(two, 3);
  } finally {
    isOver = true;
    three.signal("SIGTERM");
    await loop;
  }
  const starts = await takeStarts(folder);
  assert.ok(starts.filter((what) => what === "join").length >= 3, starts.join(" "));
  assert.ok(!starts.includes("bootstrap"), starts.join(" "));
  // Whoever restarts it: from the second failure on it waits before it takes the lock, ever longer.
  const waits = [
    ...three.log.matchAll(/failed to start (\d+) times in a row, next try in (\d+) s/g),
  ]
    .map(([, failed, seconds]) => ({ failed: Number(failed), seconds: Number(seconds) }));
  assert.deepEqual(waits.map(({ failed }) => failed), waits.map((_, index) => index + 2));
  assert.ok(waits.length >= 2, three.log);
  for (const { failed, seconds } of waits) {
    assert.ok(seconds <= 2 ** (failed - 2) && seconds >= 2 ** (failed - 2) * 3 / 4);
  }
  three.start();
  await untilAllRegistered(members);
  await assertNothingLost(members, [1, 2, 3]);
});
