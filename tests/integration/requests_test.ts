// needs: zookeeper galera
import assert from "node:assert/strict";
import type { Request } from "../../lib/cluster/requests.ts";
import { parseRequest } from "../../lib/znodes.ts";
import { type Finished, keeper, startKeeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { isServing, Load, pause, serverOf, until } from "./load.ts";

/** What a person asks of all members of one cluster. */
function askerOf({ zookeeper, root }: TestCluster) {
  const where = [`--zookeeper=${zookeeper}`, `--root=${root}`];
  const run = (...args: readonly string[]): Promise<Finished> => keeper([...args, ...where]);
  return {
    run,
    /** A command that is to be done. @returns Its lines. */
    async done(...args: readonly string[]): Promise<readonly string[]> {
      const { status, stdout, stderr } = await run(...args);
      assert.deepEqual([status, stderr], [0, ""], stdout);
      return stdout.trimEnd().split("\n");
    },
    start: (...args: readonly string[]) => startKeeper([...args, ...where]),
  };
}

async function standing(cluster: TestCluster): Promise<Request> {
  await using session = await cluster.session();
  return parseRequest((await session.get(`${cluster.root}/control/requests/current`)).data);
}

function serversOf({ members }: TestCluster) {
  return Promise.all(members.map(serverOf));
}

/** Looks all the time how many serve. @returns The fewest. */
async function fewestServing({ members }: TestCluster, during: Promise<unknown>): Promise<number> {
  let isOver = false;
  during.finally(() => isOver = true).catch(() => {});
  let fewest = members.length;
  while (!isOver) {
    const serving = await Promise.all(members.map(isServing));
    fewest = Math.min(fewest, serving.filter((one) => one).length);
    await pause(50);
  }
  return fewest;
}

async function safeOnes({ members }: TestCluster): Promise<readonly string[]> {
  const safe = await Promise.all(members.map(async ({ name, datadir }) => {
    const text = await Deno.readTextFile(`${datadir}/grastate.dat`);
    return /safe_to_bootstrap: 1/.test(text) ? [name] : [];
  }));
  return safe.flat();
}

Deno.test("members restart in turn under load, stop in order, and start again", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const { members } = cluster;
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  const person = askerOf(cluster);
  // Without its folder for temporary files a mariadbd does not start.
  const tmpdir = `${two.datadir}/../tmp`;
  await Deno.mkdir(tmpdir);
  await Deno.chmod(tmpdir, 0o777);
  const startOf = (member: TestMember) =>
    member.start(member === two ? { mariadbd: [`--tmpdir=${tmpdir}`] } : {});
  members.forEach(startOf);
  await Promise.all(members.map((member) => member.untilRegistered()));
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  await using load = new Load(members);

  // All in turn: at any time two of three serve.
  const first = await serversOf(cluster);
  const rolling = person.done("restart", "--rolling");
  assert.equal(await fewestServing(cluster, rolling), 2);
  assert.deepEqual((await rolling).filter((line) => !line.startsWith("Waiting for ")), [
    "Asked to restart in turn: galera-1, galera-2, galera-3",
    ...[one, two, three].flatMap(({ name }, at) => [
      `${name} holds the start-up lock and stops`,
      `${name} has stopped and starts again`,
      `${name} is restarted, registered and Synced (${at + 1} of 3)`,
    ]),
    "Done",
  ]);
  const second = await serversOf(cluster);
  assert.ok(second.every((pid, at) => pid !== undefined && pid !== first[at]));

  // One that fails: nobody after it is touched, and what is mended goes on.
  await Deno.remove(tmpdir);
  const failed = await person.run("restart", "--only=galera-2,galera-3");
  assert.equal(failed.status, 75, failed.stderr);
  assert.match(failed.stderr, /galera-2 failed, and nobody after it is touched: mariadbd has exi/);
  assert.notEqual((await two.ended()).code, 0);
  const refused = await person.run("stop", "--all");
  assert.equal(refused.status, 77, refused.stdout);
  assert.match(
    refused.stderr,
    /Refused: Restart in turn, .* stands still, 0 of 2 done, as galera-2 /,
  );
  const shown = await person.run("status");
  assert.equal(shown.status, 1, shown.stdout);
  assert.match(
    shown.stdout,
    /^Degraded: the restart stands still; galera-2 .*\nRestart in turn, .* stands still, 0 of 2 done, .*`galera-keeper restart --resume`/,
  );
  await Deno.mkdir(tmpdir);
  await Deno.chmod(tmpdir, 0o777);
  startOf(two);
  await two.untilRegistered();
  const mended = await serversOf(cluster);
  assert.deepEqual([mended[0], mended[2]], [second[0], second[2]]);
  await person.done("restart", "--resume");
  const third = await serversOf(cluster);
  assert.deepEqual(third.slice(0, 2), mended.slice(0, 2));
  assert.notEqual(third[2], mended[2]);

  // A keeper that is killed in its turn goes on with it.
  const only = person.done("restart", "--only", "galera-1");
  await until("its turn", async () => (await standing(cluster)).current?.member === "galera-1");
  one.signal("SIGKILL");
  await one.ended();
  startOf(one);
  assert.equal((await only).at(-1), "Done");
  assert.notEqual((await serversOf(cluster))[0], third[0]);

  // All stop, also when whoever asked does not wait for it; the last one is known.
  const stop = person.start("stop", "--all");
  await until("the first one stops", async () => (await standing(cluster)).kind === "stop");
  stop.kill("SIGINT");
  const { code, stdout } = await stop.output();
  assert.equal(code, 130);
  assert.match(new TextDecoder().decode(stdout), /What was asked goes on without this command: /);
  await Promise.all(
    members.map((member) =>
      member.until("stopped", ({ stage, decision }) =>
        stage === "waiting" &&
        /^Paused since .*`galera-keeper stop --all`/.test(decision?.reason ?? ""))
    ),
  );
  assert.deepEqual(await serversOf(cluster), [undefined, undefined, undefined]);
  const { members: order, done } = await standing(cluster);
  assert.deepEqual(done, order);
  assert.deepEqual(await safeOnes(cluster), [order.at(-1)]);
  await person.done("resume");
  await Promise.all(members.map((member) => member.untilRegistered()));

  const acknowledged = await load.stop();
  assert.ok(acknowledged.length > 100, `clients got nowhere: ${acknowledged.length}`);
  for (const member of members) {
    const rows = await member.query("SELECT id FROM app.t");
    const there = new Set(rows.map(({ id }) => Number(id)));
    assert.deepEqual(acknowledged.filter((id) => !there.has(id)), [], member.name);
  }
});
