// needs: zookeeper galera arbitrator
// from source only
import assert from "node:assert/strict";
import { keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestArbitrator } from "./arbitrator.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { assertOneHistory, isServing, Load, PrimaryWatch, until } from "./load.ts";
import { canMakeNetworks, TestNetwork } from "./network.ts";
import { assertNothingLost, startNew, untilAllRegistered, untilWaitingFor } from "./outage.ts";

Deno.test("an arbitrator keeps one of two members Primary, and holds up nothing", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 2);
  const [one, two] = cluster.members as [TestMember, TestMember];
  // It comes first, and waits.
  await using arbitrator = new TestArbitrator(cluster);
  await arbitrator.until("it is registered", () => arbitrator.onRecord());
  for (const member of cluster.members) member.start({ size: 2 });
  await Promise.all(cluster.members.map((member) => member.untilRegistered()));
  const first = await arbitrator.untilVotes();
  const ofThree = () =>
    one.until("three in the view", ({ primary, clusterSize }) => primary && clusterSize === 3);
  await ofThree();
  const [, file = ""] = /\/garbd --cfg (\S+)$/.exec(first.command) ?? [];
  assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600, first.command);
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const shown = await keeper(["status", ...arbitrator.args.slice(1, 4)]);
  assert.match(
    shown.stdout,
    new RegExp(
      `\nArbitrator: arb, ${arbitrator.address}, votes since \\S+, with galera-[12], galera-[12]\n`,
    ),
  );

  // It tells probes and Prometheus so.
  const told = async (path: string) => {
    const response = await fetch(`http://${arbitrator.address}:8008${path}`, {
      headers: { connection: "close" },
    });
    return [response.status, await response.text()] as const;
  };
  assert.deepEqual(await told("/readyz"), [200, "The arbitrator votes.\r\n"]);
  assert.match((await told("/metrics"))[1], /^galera_keeper_ready 1$/m);

  // Its garbd dies: another one takes its place. A second arbitrator of its name is refused.
  const second = keeper([...arbitrator.args, "--http=off"]);
  Deno.kill(first.pid, "SIGKILL");
  await arbitrator.untilVotes(first);
  await ofThree();
  const { status, stderr } = await second;
  assert.equal(status, 69, stderr);
  assert.match(stderr, /galera-keeper: Another arbitrator is registered as arb: .*: stop it first/);

  // One of two members dies: the other one serves on.
  await two.crash();
  await one.until("the dead one is out", ({ clusterSize }) => clusterSize === 2);
  await one.query("INSERT INTO app.t VALUES (1)");
  assert.equal((await one.status())?.primary, true);
  two.start({ size: 2 });
  await two.untilRegistered();
  await ofThree();

  // ZooKeeper's data is lost: the arbitrator is in the members' view, but gets no record as one.
  {
    await using session = await cluster.session();
    await session.deleteRecursive(cluster.root);
  }
  const { records } = await cluster.untilOnRecord(2);
  assert.deepEqual(records.map(({ name }) => name).toSorted(), ["galera-1", "galera-2"]);
  await arbitrator.untilVotes();

  // Both die: the arbitrator lives, and the cluster forms by the rules without it.
  const before = await arbitrator.onRecord();
  await Promise.all([one.crash(), two.crash()]);
  for (const member of [one, two]) member.start({ size: 2 });
  await Promise.all([one.untilRegistered(), two.untilRegistered()]);
  await arbitrator.until("it follows the new attempt", async () => {
    const now = await arbitrator.onRecord();
    return now !== null && now.primary && now.attempt !== before!.attempt;
  });
  await ofThree();
  assert.deepEqual((await two.query("SELECT id FROM app.t")).map(({ id }) => id), [1]);

  // Told to stop it leaves nothing behind, and the members go on.
  const stopped = await arbitrator.stop();
  assert.deepEqual([stopped.status, stopped.signal], [0, null], stopped.stderr);
  assert.deepEqual([await arbitrator.onRecord(), await arbitrator.garbd()], [null, null]);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  await one.until("it has left", ({ primary, clusterSize }) => primary && clusterSize === 2);

  // Without it the same death ends the service.
  await two.crash();
  await one.until("not Primary", ({ primary }) => !primary);
});

Deno.test({
  name:
    "one of two members serves on with an arbitrator, both unseen by ZooKeeper; the other waits",
  ignore: !canMakeNetworks(),
  async fn() {
    await using network = await TestNetwork.make(3);
    await using servers = await startServers({ address: network.address });
    await using cluster = await TestCluster.prepare(servers.hosts, network.places.slice(0, 2));
    const { members } = cluster;
    const [one, two] = members as [TestMember, TestMember];
    await using arbitrator = new TestArbitrator(cluster, network.places[2]);
    await startNew(cluster);
    const garbd = await arbitrator.untilVotes();
    await using load = new Load(members);
    await using watch = new PrimaryWatch(members);

    await network.cut("control", 1, 3);
    await network.cut("data", 2);
    const { reason } = await untilWaitingFor(two, one);
    assert.equal(reason, "galera-1 died running and has not come back; its data may be newest");
    assert.equal(await isServing(two), false);
    watch.take();
    const before = load.count;
    await until("rows are written to the other one", () => load.count > before + 10);
    const looks = watch.take();
    assert(looks.length > 0 && looks.every((primary) => primary.join() === one.name));

    await network.heal("data", 2);
    await network.heal("control", 1, 3);
    await untilAllRegistered(members);
    await arbitrator.until("it votes with both", async () => {
      const now = await arbitrator.onRecord();
      return now?.members.length === 2;
    });
    assert.equal((await arbitrator.garbd())?.pid, garbd.pid, "garbd was left alone");
    await assertNothingLost(members, await load.stop());
    assertOneHistory(members);
  },
});
