// needs: zookeeper galera
import assert from "node:assert/strict";
import * as mariadb from "mariadb";
import type { Grastate } from "../../lib/cluster/position.ts";
import { readGrastate } from "../../lib/mariadb/grastate.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { assertNothingLost, emptyEnsemble } from "./outage.ts";

/** Inserts rows one after the other until it is cut off; gives those that were acknowledged. */
async function insertUntilCut(member: TestMember, firstId: number): Promise<number[]> {
  const acknowledged: number[] = [];
  const connection = await mariadb.createConnection({
    socketPath: member.socket,
    user: "root",
    socketTimeout: 5000,
  });
  // It is cut off in the end: that comes as an event, too.
  connection.on("error", () => {});
  try {
    for (let id = firstId;; id += 10) {
      await connection.query("INSERT INTO app.t VALUES (?)", [id]);
      acknowledged.push(id);
    }
  } catch {
    connection.destroy();
    return acknowledged;
  }
}

// bitnami/charts PR #3214: after a power loss every seqno was -1 and no one safe to bootstrap.
Deno.test("pain 8: no acknowledged row is lost when all members are killed under load and no one is safe, twice, and ZooKeeper is emptied", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  for (const member of members) member.start();
  const [first] = await Promise.all(members.map((member) => member.untilRegistered()));
  await members[0]!.query("CREATE DATABASE app");
  await members[0]!.query("CREATE TABLE app.t (id INT PRIMARY KEY)");

  const acknowledged: number[] = [];
  for (const round of [1, 2]) {
    const writers = members.map((member, index) =>
      insertUntilCut(member, round * 1_000_000 + index)
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await Promise.all(members.map((member) => member.crash()));
    acknowledged.push(...(await Promise.all(writers)).flat());
    for (const { datadir } of members) {
      const { uuid: _, ...says } = await readGrastate(datadir) as Grastate;
      assert.deepEqual(says, { seqno: -1n, safeToBootstrap: false });
    }

    // The last one comes later: nobody may go on without what only it may hold.
    members[0]!.start();
    members[1]!.start();
    const waiting = await members[0]!.until(
      "waiting for galera-3",
      ({ decision }) => decision?.kind === "wait" && decision.waitsFor.includes("galera-3"),
    );
    assert.equal(waiting.primary, false);
    members[2]!.start();
    const statuses = await Promise.all(members.map((member) => member.untilRegistered()));
    assert.deepEqual(statuses.map(({ uuid }) => uuid), Array(3).fill(first!.uuid));
    await assertNothingLost(members, acknowledged);
  }
  assert.ok(acknowledged.length > 50, `only ${acknowledged.length} rows were written`);

  // What ZooKeeper has forgotten, running members put back: all of it, by themselves.
  await emptyEnsemble(servers);
  await Promise.all(members.map((member) => member.untilRegistered()));
  const { cluster: known, records } = await cluster.untilOnRecord(3);
  assert.equal(known.uuid, first!.uuid);
  assert.equal(known.phase, "running");
  assert.deepEqual(records.map(({ data }) => data.kind), ["running", "running", "running"]);
});
