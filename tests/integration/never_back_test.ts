// needs: zookeeper galera
// from source only
/** A member that does not come back, and what a person says then: with the commands that are advised. */
import assert from "node:assert/strict";
import type { StatusReport } from "../../lib/operator/status.ts";
import { keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import {
  assertJoinedByIst,
  assertNothingLost,
  bootstraps,
  empty,
  idsOn,
  inOrder,
  insert,
  logSince,
  startNew,
  untilAllRegistered,
  untilWaiting,
  untilWaitingFor,
} from "./outage.ts";

/** Runs a command on a cluster. @returns What it printed. */
async function command(cluster: TestCluster, ...args: readonly string[]): Promise<string> {
  const where = [`--zookeeper=${cluster.zookeeper}`, `--root=${cluster.root}`];
  const { status, stdout, stderr } = await keeper([...args, ...where]);
  // The status of `status` says how the cluster is.
  const isDone = status === 0 || args[0] === "status" && status <= 2;
  assert.ok(isDone, `${args.join(" ")}: ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** Waits until `status` advises something about a member. @returns The command in it, in words. */
async function untilAdvised(
  cluster: TestCluster,
  { name }: TestMember,
  needed: boolean,
): Promise<readonly string[]> {
  for (let tries = 0; tries < 300; tries++) {
    const report: StatusReport = JSON.parse(await command(cluster, "status", "--json"));
    const advice = report.advice.find(({ members }) => members.includes(name));
    const [, words] = /`galera-keeper ([^`]+)`/.exec(advice?.says ?? "") ?? [];
    if (advice?.needed === needed && words !== undefined) return words.split(" ");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`status does not advise anything about ${name}`);
}

Deno.test("the cluster goes on without a member as soon as a person says so", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  const uuid = await startNew(cluster);
  const acknowledged: number[] = [];
  let rows = 0;
  const write = async (member: TestMember) => {
    await insert(member, ++rows);
    acknowledged.push(rows);
  };
  const step = inOrder(t);

  await step("forgotten while the others serve, it holds up nobody after an outage", async () => {
    await write(three);
    await three.crash();
    await write(one);
    const advised = await untilAdvised(cluster, three, false);
    assert.deepEqual(advised, ["forget", "galera-3"]);
    // Where anything may be lost it would not be done without the cluster's UUID.
    assert.match(await command(cluster, ...advised), /\ngalera-3 is forgotten\n$/);

    await Promise.all([one, two].map((member) => member.crash()));
    for (const member of [one, two]) member.start();
    await untilAllRegistered([one, two]);
    // It may come back all the same: it holds nothing that the others do not.
    const log = logSince(three);
    three.start();
    const [{ uuid: now } = {}] = await untilAllRegistered(members);
    assert.equal(now, uuid);
    assertJoinedByIst(log());
    await assertNothingLost(members, acknowledged);
  });

  let lost = 0;
  await step("the last to serve is gone: the others go on without what only it held", async () => {
    await one.stop();
    await three.stop();
    await insert(two, lost = ++rows);
    await two.crash();
    const done = await bootstraps(cluster);
    for (const member of [one, three]) member.start();
    for (const member of [one, three]) {
      await untilWaitingFor(member, two, /^galera-2 died running /);
    }
    const advised = await untilAdvised(cluster, two, true);
    assert.deepEqual(advised, ["forget", "galera-2"]);
    assert.deepEqual(await bootstraps(cluster), done);
    const said = await command(cluster, ...advised, "--confirm", uuid);
    assert.match(said, new RegExp(`galera-2 committed after ${uuid}:\\d+`));
    await untilAllRegistered([one, three]);
    assert.equal((await bootstraps(cluster)).at(-1), "galera-3");
    await write(one);
    await assertNothingLost([one, three], acknowledged);
    assert.equal((await idsOn(one)).has(lost), false);
  });

  await step("it comes back: its copy is left alone until a person has emptied it", async () => {
    two.start();
    const { reason, person } = await untilWaiting(two, "refused", ({ rule }) => rule === 1);
    assert.match(reason, /it holds transactions that the cluster went on without$/);
    assert.match(person ?? "", /empty it, and start this member again/);
    assert.equal((await two.stop()).code, 0);
    await empty(two);
    two.start();
    await untilAllRegistered(members);
    await assertNothingLost(members, acknowledged);
    assert.equal((await idsOn(two)).has(lost), false);
  });

  await step("the newest copy is gone: the one that a person names bootstraps", async () => {
    const written = acknowledged.length;
    for (const member of members) {
      await write(three);
      await member.stop();
    }
    await empty(three);
    for (const member of members) member.start();
    // Before galera-2 is there the best that could act is galera-1.
    for (const member of members) await untilWaiting(member, "waiting", ({ rule }) => rule === 7);
    const advised = await untilAdvised(cluster, three, true);
    assert.deepEqual(advised, ["bootstrap", "--force", "--member", "galera-2"]);
    const said = await command(cluster, ...advised, "--confirm", uuid);
    assert.match(said, new RegExp(`\ngalera-2 is Primary, the cluster is ${uuid}\n$`));
    await untilAllRegistered(members);
    // What was written when galera-2 had gone was on that disk alone.
    await assertNothingLost(members, acknowledged.slice(0, written + 2));
    assert.equal((await idsOn(one)).has(rows), false);
  });
});
