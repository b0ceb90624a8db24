// needs: zookeeper galera
import assert from "node:assert/strict";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster } from "./harness.ts";

Deno.test("run forms a cluster of three, one at a time, and it comes back after an ordered stop", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  for (const member of members) member.start();
  const statuses = await Promise.all(members.map((member) => member.untilRegistered()));

  const uuid = statuses[0]!.uuid;
  assert.deepEqual(statuses.map((status) => status.uuid), [uuid, uuid, uuid]);
  assert.deepEqual(statuses.map(({ serverId }) => serverId).toSorted(), [1, 2, 3]);
  assert.equal(statuses.filter(({ decision }) => decision?.kind === "bootstrap").length, 1);
  assert.equal(statuses.filter(({ decision }) => decision?.kind === "join").length, 2);

  await members[0]!.query("CREATE DATABASE app");
  await members[0]!.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  await members[1]!.query("INSERT INTO app.t VALUES (1), (2)");
  await members[2]!.query("SET SESSION wsrep_sync_wait = 1");
  assert.equal((await members[2]!.query("SELECT COUNT(*) AS n FROM app.t"))[0]!.n, 2);

  const settings = await members[2]!.query(
    "SHOW VARIABLES WHERE Variable_name IN ('binlog_format', 'wsrep_gtid_domain_id')",
  );
  assert.deepEqual(settings.map((row) => row.Value).toSorted(), ["1", "ROW"]);

  for (const member of members) assert.equal((await member.stop()).code, 0, member.log);
  for (const member of members.toReversed()) member.start();
  const again = await Promise.all(members.map((member) => member.untilRegistered()));
  assert.deepEqual(again.map((status) => status.uuid), [uuid, uuid, uuid]);
  assert.deepEqual(
    again.map(({ serverId }) => serverId),
    statuses.map(({ serverId }) => serverId),
  );
  assert.equal(again.find(({ decision }) => decision?.kind === "bootstrap")?.member, "galera-3");
  assert.equal((await members[0]!.query("SELECT COUNT(*) AS n FROM app.t"))[0]!.n, 2);
});
