// needs: zookeeper galera
/** A keeper that is killed -9: its mariadbd does not live on, or the next keeper waits for it. */
import assert from "node:assert/strict";
import { listProcesses, programOf } from "../../lib/mariadb/processes.ts";
import { anyServer } from "../zookeeper/server.ts";
import { pause, Place, run } from "./place.ts";
import {
  AS_PROCESS_ONE,
  canBeOtherUser,
  canBeProcessOne,
  mariadbdUnder,
  processOneOf,
} from "./process_one.ts";

const options = { ignore: !canBeProcessOne() };

/** Waits until a process is no more, or a zombie. */
async function untilEnded(pid: number): Promise<void> {
  while ((await listProcesses()).some((process) => process.pid === pid)) await pause(50);
}

/** The option file that a mariadbd was started with. */
async function optionFileOf(pid: number): Promise<string> {
  const command = await Deno.readTextFile(`/proc/${pid}/cmdline`);
  const [, file] = /--defaults-extra-file=([^\0]+)/.exec(command) ?? [];
  assert.ok(file !== undefined, command);
  return file;
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** The servers that work in a place's datadir. */
async function serversOf(place: Place): Promise<readonly number[]> {
  const servers = (await listProcesses()).filter((one) => programOf(one) === "mariadbd");
  const folders = servers.map(({ pid }) => Deno.readLink(`/proc/${pid}/cwd`).catch(() => ""));
  const all = await Promise.all(folders);
  return servers.filter((_, index) => all[index] === place.datadir).map(({ pid }) => pid);
}

Deno.test("the thread that starts mariadbd is the keeper's first, which ends with it alone", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const keeper = place.start(place.args());
  await place.untilStage(keeper, "registered");
  // The kernel sends the parent-death signal when that thread ends, prctl(2).
  const children = `/proc/${keeper.pid}/task/${keeper.pid}/children`;
  const started = (await Deno.readTextFile(children)).trim().split(" ").map(Number);
  assert.ok(started.includes(await mariadbdUnder(keeper.pid)), `${started}`);
});

Deno.test(
  "a keeper killed as process 1 takes all with it, and the next one recovers",
  options,
  async () => {
    await using server = await anyServer();
    await using place = await Place.make(server.hosts);
    const keeper = place.start(place.args(), {}, AS_PROCESS_ONE);
    await place.untilStage(keeper, "registered");
    const pid = await processOneOf(keeper.pid);
    const mariadbd = await mariadbdUnder(pid);
    Deno.kill(pid, "SIGKILL");
    await keeper.finished;
    await untilEnded(mariadbd);
    const next = place.start(place.args(), {}, AS_PROCESS_ONE);
    await place.untilStage(next, "registered");
  },
);

Deno.test(
  "a keeper without root killed: mariadbd stops in order, and what it left goes at the next start",
  { ignore: !canBeOtherUser() },
  async () => {
    await using server = await anyServer();
    await using place = await Place.make(server.hosts);
    // A user who is nobody's root, but may read what we may: sources and packages, too.
    const [uid, gid] = [await run("id", "-u", "mysql"), await run("id", "-g", "mysql")];
    const user = [`--map-user=${uid.trim()}`, `--map-group=${gid.trim()}`];
    const within = ["unshare", "--user", ...user, "--"];
    await run("chown", "-R", "0:0", place.datadir, `${place.folder}/run`);
    const env = { MARIADB_ALLOW_EMPTY_ROOT_PASSWORD: "1" };
    const keeper = place.start(place.args(["--size=1"]), env, within);
    await place.untilStage(keeper, "registered");
    const mariadbd = await mariadbdUnder(keeper.pid);
    const file = await optionFileOf(mariadbd);
    assert.equal((await Deno.lstat(file)).mode! & 0o777, 0o600);
    keeper.kill("SIGKILL");
    await keeper.finished;
    await untilEnded(mariadbd);
    assert.match(await Deno.readTextFile(`${place.datadir}/grastate.dat`), /^seqno: +\d+$/m);
    assert.ok(await isThere(file), "nobody could take it away");

    const next = place.start(place.args(["--zookeeper=127.0.0.1:1"]), env, within);
    await place.untilStage(next, "connecting");
    assert.equal(await isThere(file.replace(/\/[^/]*$/, "")), false, "its folder is left");
    assert.equal(await isThere(file.replace(/\/[^/]*$/, "-tmp")), false, "its files are left");
  },
);

Deno.test("a mariadbd that outlived its keeper is waited for, and no second one starts", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const first = place.start(place.args());
  await place.untilStage(first, "registered");
  const mariadbd = await mariadbdUnder(first.pid);
  try {
    // As one that hangs in its shutdown: it hears the signal that the kernel sends, and does not end.
    Deno.kill(mariadbd, "SIGSTOP");
    first.kill("SIGSTOP");
    first.kill("SIGKILL");
    await first.finished;
    const next = place.start(place.args());
    await next.untilSaid(
      new RegExp(`Waiting for mariadbd, process ${mariadbd}, that still holds the datadir`),
    );
    assert.deepEqual(await serversOf(place), [mariadbd]);
    assert.equal((await place.status())?.stage, "inspecting");
    Deno.kill(mariadbd, "SIGCONT");
    await place.untilStage(next, "registered");
    const [now, ...others] = await serversOf(place);
    assert.ok(now !== undefined && now !== mariadbd && others.length === 0, `${now}, ${others}`);
  } finally {
    try {
      Deno.kill(mariadbd, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  }
});
