// needs: zookeeper galera
import assert from "node:assert/strict";
import type { Explanation } from "../../lib/operator/explain.ts";
import type { MemberStatus } from "../../lib/progress.ts";
import type { StatusReport } from "../../lib/operator/status.ts";
import { type Finished, keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";

/** What an operator types, on one cluster. */
function operatorOf({ zookeeper, root }: TestCluster) {
  const run = (command: string, ...args: readonly string[]): Promise<Finished> =>
    keeper([command, ...args, `--zookeeper=${zookeeper}`, `--root=${root}`]);
  return {
    run,
    async done(command: string, ...args: readonly string[]): Promise<string> {
      const { status, stdout, stderr } = await run(command, ...args);
      assert.deepEqual([status, stderr], [0, ""], stdout);
      return stdout;
    },
    /** What `status` advises, once it is on those members: a killed keeper is gone with its session. */
    async advised(...names: readonly string[]): Promise<StatusReport["advice"]> {
      for (let tries = 0;; tries++) {
        const { stdout } = await run("status", "--json");
        const { advice } = JSON.parse(stdout) as StatusReport;
        if (advice.flatMap(({ members }) => members).join() === names.join()) return advice;
        assert.ok(tries < 100, `no advice on ${names.join()}, but: ${stdout}`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    },
    async courses(...args: readonly string[]): Promise<Record<string, string>> {
      const { stdout } = await run("explain", "--json", ...args);
      const { members } = JSON.parse(stdout) as Explanation;
      // What keepers themselves decided is what the dry run says.
      assert.deepEqual(members.flatMap(({ keeper }) => keeper ?? []), []);
      return Object.fromEntries(
        members.map(({ name, course }) => [
          name,
          course.kind === "decides" ? course.decision.kind : course.kind,
        ]),
      );
    },
  };
}

/** Whether a member waits for another one whose keeper is gone. */
const waitsForGone = (name: string) => ({ decision }: MemberStatus) =>
  decision?.kind === "wait" && decision.waitsFor.includes(name) && decision.person !== null;

async function emptied({ datadir }: TestMember): Promise<void> {
  for await (const { name } of Deno.readDir(datadir)) {
    await Deno.remove(`${datadir}/${name}`, { recursive: true });
  }
}

async function idsOn(member: TestMember): Promise<number[]> {
  const rows = await member.query("SELECT id FROM app.t ORDER BY id");
  return rows.map(({ id }) => Number(id));
}

Deno.test("a person goes on without members that are gone, looks before, and pauses", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const [one, two, three] = cluster.members as [TestMember, TestMember, TestMember];
  const operator = operatorOf(cluster);
  for (const member of cluster.members) member.start();
  const [first] = await Promise.all(cluster.members.map((member) => member.untilRegistered()));
  const uuid = first!.uuid!;
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  await one.query("INSERT INTO app.t VALUES (1)");
  await operator.advised();

  // One of three that died at the same row is told to go on, whatever the others may hold.
  const force = ["--force", "--member=galera-1"];
  const running = await operator.run("bootstrap", ...force, `--confirm=${uuid}`);
  assert.equal(running.status, 77, running.stdout);
  assert.match(running.stderr, /galera-1, galera-2 and galera-3 run: a second primary /);
  await Promise.all(cluster.members.map((member) => member.crash()));
  one.start();
  await one.until("waiting for the others, which are gone", waitsForGone("galera-2"));
  const forced = await operator.done("bootstrap", ...force, `--confirm=${uuid}`, "--wait=5m");
  assert.match(forced, /\n {2}Whatever galera-2 committed after .*\n {2}Whatever galera-3 /);
  assert.match(forced, new RegExp(`\ngalera-1 is Primary, the cluster is ${uuid}\n$`));
  two.start();
  three.start();
  await Promise.all(cluster.members.map((member) => member.untilRegistered()));

  // The last one to run wrote what nobody else has, and died.
  await one.crash();
  await two.until("Primary without galera-1", ({ clusterSize }) => clusterSize === 2);
  await two.stop();
  await three.until("Primary alone", ({ clusterSize, primary }) => clusterSize === 1 && primary);
  const safe = await operator.advised("galera-1", "galera-2");
  assert.deepEqual(safe.map(({ needed }) => needed), [false, false]);
  await three.query("INSERT INTO app.t VALUES (2)");
  await three.crash();
  one.start();
  two.start();
  await Promise.all(
    [one, two].map((member) =>
      member.until("waiting for galera-3, which is gone", waitsForGone("galera-3"))
    ),
  );
  const [needed] = await operator.advised("galera-3");
  assert.equal(needed!.needed, true);
  assert.match(needed!.says, /^galera-3 died running .*: `galera-keeper forget galera-3`\.$/);
  assert.deepEqual(await operator.courses(), {
    "galera-1": "wait",
    "galera-2": "wait",
    "galera-3": "not-known",
  });
  const whatIf = await operator.courses("--what-if=galera-3=forgotten");
  assert.deepEqual(whatIf, { "galera-1": "wait", "galera-2": "bootstrap" });
  const wrong = await operator.run("forget", "galera-3", `--confirm=${crypto.randomUUID()}`);
  assert.equal(wrong.status, 64, wrong.stderr);
  assert.deepEqual(await operator.advised("galera-3"), [needed]);
  await operator.done("forget", "galera-3", `--confirm=${uuid}`);
  await Promise.all([one, two].map((member) => member.untilRegistered()));
  assert.deepEqual(await idsOn(one), [1]);

  // What it holds beyond is not lost: it is not let in.
  three.start();
  const refused = await three.until(
    "waiting for a person",
    ({ decision }) => decision?.kind === "wait" && decision.rule === 1 && decision.person !== null,
  );
  assert.match(refused.decision!.reason, /holds transactions that the cluster went on without/);
  const [person] = await operator.advised("galera-3");
  assert.match(person!.says, /^galera-3: Cannot join without losing .*: save what is needed of /);

  // What it is told to do, in a pause: the start waits, what runs serves on, a signal still stops.
  await three.stop();
  await emptied(three);
  await operator.done("pause");
  three.start();
  await three.until("paused", ({ decision }) => /^Paused since /.test(decision?.reason ?? ""));
  await one.query("INSERT INTO app.t VALUES (3)");
  assert.equal((await two.stop()).code, 0);
  const shown = await operator.run("status");
  assert.equal(shown.status, 1, shown.stdout);
  assert.match(shown.stdout, /^Degraded: keepers are paused; .*\nPaused since \S+ by /);
  await one.query("INSERT INTO app.t VALUES (4)");
  assert.equal((await three.status())?.stage, "waiting");
  await operator.done("resume");
  await three.untilRegistered();
  assert.deepEqual(await idsOn(three), [1, 3, 4]);
});
