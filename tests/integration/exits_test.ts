// needs: zookeeper galera
/** How `run` ends: told to, in every stage; with its mariadbd; killed. What it leaves behind. */
import assert from "node:assert/strict";
import { anyServer } from "../zookeeper/server.ts";
import { pause, Place, type Process, run, untilNobodyUses, usersOf, type Znodes } from "./place.ts";

const STOPS = ["SIGTERM", "SIGINT"] as const;

/** The mariadbd of a place: its process and its option file. */
async function mariadbdOf(place: Place): Promise<{ readonly pid: number; readonly file: string }> {
  for (const line of (await run("ps", "-e", "-ww", "-o", "pid=,args=")).split("\n")) {
    const [, pid, file] = /^\s*(\d+) \S*mariadbd --defaults-extra-file=(\S+)/.exec(line) ?? [];
    if (pid === undefined || file === undefined) continue;
    const text = await Deno.readTextFile(file).catch(() => "");
    if (text.includes(place.datadir)) return { pid: Number(pid), file };
  }
  throw new Error(`No mariadbd works in ${place.datadir}`);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Nothing is left that a member which does not run has no use for. */
async function assertNothingLeft(place: Place, member: string, file?: string): Promise<Znodes> {
  assert.deepEqual(await usersOf(place.folder), []);
  assert.equal(await isThere(place.socket), false, "The socket is left");
  if (file !== undefined) assert.equal(await isThere(file), false, "The option file is left");
  const { znodes } = await place.look();
  assert.equal(znodes[`${place.root}/members/${member}/owner`], undefined);
  assert.equal(znodes[`${place.root}/nodes/${place.address}`], undefined);
  const contenders = Object.entries(znodes)
    .filter(([path, data]) => path.startsWith(`${place.root}/bootstrap/`) && data === member);
  assert.deepEqual(contenders, []);
  return znodes;
}

/** What the record of a member says of its data. */
function dataOf(znodes: Znodes, place: Place, member: string) {
  return JSON.parse(znodes[`${place.root}/members/${member}`]!).data;
}

/** Waits until a place's znode has gone, as its session ends. */
async function untilGone(place: Place, path: string): Promise<void> {
  await using session = await place.session();
  while (await session.exists(place.root + path) !== null) await pause(100);
}

async function sql(place: Place, statement: string): Promise<string> {
  const { socket } = place;
  return await run("mariadb", "--no-defaults", `--socket=${socket}`, "-N", "-B", "-e", statement);
}

/** Waits until a state transfer is under way into a place. */
async function untilTransferring(process: Process): Promise<void> {
  await process.untilSaid(/requested state transfer from .* Selected /);
}

Deno.test("run told to stop while it connects or waits exits 0 and leaves nothing", async (t) => {
  await using server = await anyServer();
  for (const signal of STOPS) {
    await t.step(`${signal} while no ZooKeeper is there`, async () => {
      await using place = await Place.make(server.hosts);
      const process = place.start(place.args([`--zookeeper=${place.address}:2181`]));
      await place.untilStage(process, "connecting");
      await process.untilSaid(/ZooKeeper/);
      process.kill(signal);
      const { status, stderr } = await process.finished;
      assert.equal(status, 0, stderr);
      assert.match(stderr, new RegExp(`${signal}: stopping`));
      assert.deepEqual((await place.look()).znodes, {});
    });

    await t.step(`${signal} while it waits for others`, async () => {
      await using place = await Place.make(server.hosts);
      const process = place.start(place.args(["--size=2"]));
      await place.untilStage(process, "waiting");
      process.kill(signal);
      const { status, stderr } = await process.finished;
      assert.equal(status, 0, stderr);
      const znodes = await assertNothingLeft(place, "alice");
      assert.deepEqual(dataOf(znodes, place, "alice"), { kind: "nothing" });
    });

    await t.step(`${signal} while it waits for the lock`, async () => {
      await using place = await Place.make(server.hosts);
      await using session = await place.session();
      const lock = `${place.root}/bootstrap/${"0".repeat(32)}__lock__0000000000`;
      await session.ensurePath(`${place.root}/bootstrap`);
      await session.create(lock, "another", { mode: "ephemeral" });
      const process = place.start(place.args());
      await place.untilStage(process, "locking");
      process.kill(signal);
      const { status, stderr } = await process.finished;
      assert.equal(status, 0, stderr);
      const znodes = await assertNothingLeft(place, "alice");
      assert.equal(znodes[lock], "another");
    });
  }

  await t.step("SIGTERM while it initialises its datadir", async () => {
    await using place = await Place.make(server.hosts);
    const process = place.start(place.args());
    await process.untilSaid(/Initialising the datadir/);
    process.kill("SIGTERM");
    const { status, stderr } = await process.finished;
    assert.equal(status, 0, stderr);
    const znodes = await assertNothingLeft(place, "alice");
    assert.deepEqual(dataOf(znodes, place, "alice"), { kind: "nothing" });
  });
});

Deno.test("a member stopped or killed at any time leaves nothing, and comes back", async (t) => {
  await using server = await anyServer();
  await using alice = await Place.make(server.hosts);
  await using bob = await Place.make(server.hosts, alice.root);
  let first = alice.start(alice.args());
  const { uuid } = await alice.untilStage(first, "registered");
  await sql(alice, "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY)");
  await sql(alice, "INSERT INTO app.t VALUES (1)");

  for (const signal of STOPS) {
    await t.step(`${signal} in the middle of an SST`, async () => {
      const process = bob.start(bob.args(["--member=bob"]));
      await untilTransferring(process);
      const { file } = await mariadbdOf(bob);
      process.kill(signal);
      const { status, stderr } = await process.finished;
      assert.equal(status, 0, stderr);
      const znodes = await assertNothingLeft(bob, "bob", file);
      assert.match(dataOf(znodes, bob, "bob").kind, /^(nothing|torn)$/);
      assert.equal((await alice.status())?.stage, "registered");
    });
  }

  await t.step("SIGINT while it serves, after a join that was cut off twice", async () => {
    const process = bob.start(bob.args(["--member=bob"]));
    await bob.untilStage(process, "registered");
    assert.equal(await sql(bob, "SELECT id FROM app.t"), "1\n");
    const { file } = await mariadbdOf(bob);
    process.kill("SIGINT");
    process.kill("SIGTERM");
    const { status, stderr } = await process.finished;
    assert.equal(status, 0, stderr);
    const { kind, copy } = dataOf(await assertNothingLeft(bob, "bob", file), bob, "bob");
    assert.deepEqual([kind, copy.position.uuid], ["at", uuid]);
  });

  await t.step(
    "mariadbd killed: the keeper ends as it did, and the next one recovers",
    async () => {
      const { pid, file } = await mariadbdOf(alice);
      await sql(alice, "INSERT INTO app.t VALUES (2)");
      Deno.kill(pid, "SIGKILL");
      const { status, stderr } = await first.finished;
      assert.equal(status, 137, stderr);
      assert.match(stderr, /^galera-keeper: mariadbd has exited by SIGKILL: /m);
      await Deno.remove(alice.socket); // What was killed cannot remove it.
      const znodes = await assertNothingLeft(alice, "alice", file);
      const { kind, copy } = dataOf(znodes, alice, "alice");
      assert.deepEqual([kind, copy.position.uuid], ["at", uuid]);

      first = alice.start(alice.args());
      assert.equal((await alice.untilStage(first, "registered")).uuid, uuid);
      assert.equal(await sql(alice, "SELECT id FROM app.t"), "1\n2\n");
    },
  );

  await t.step("the keeper killed: mariadbd ends by itself, the next one copes", async () => {
    const { file } = await mariadbdOf(alice);
    first.kill("SIGKILL");
    assert.equal((await first.finished).status, 137);
    await untilNobodyUses(file);
    await untilGone(alice, `/nodes/${alice.address}`);
    await untilGone(alice, "/members/alice/owner");
    assert.equal(dataOf((await alice.look()).znodes, alice, "alice").kind, "running");

    first = alice.start(alice.args());
    assert.equal((await alice.untilStage(first, "registered")).uuid, uuid);
    assert.equal(await sql(alice, "SELECT id FROM app.t"), "1\n2\n");
    const now = await mariadbdOf(alice);
    assert.equal(now.file, file, "The option file of the one before is left");
    first.kill("SIGTERM");
    const { status, stderr } = await first.finished;
    assert.equal(status, 0, stderr);
    const znodes = await assertNothingLeft(alice, "alice", now.file);
    const { kind, copy } = dataOf(znodes, alice, "alice");
    assert.deepEqual([kind, copy.position.uuid], ["at", uuid]);
  });
});

Deno.test("run with WSREP_ON=OFF is a plain mariadbd, which no ZooKeeper is asked for", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const args = place.args(["--zookeeper=127.0.0.1:1"]);
  for (const signal of STOPS) {
    const process = place.start(args, { WSREP_ON: "OFF" });
    await process.untilSaid(
      /mariadbd: ready for connections\.[^]*socket: '[^']*\/run\/mysqld\.sock'/,
    );
    assert.equal(await sql(place, "SELECT @@wsrep_on"), "0\n");
    const { file } = await mariadbdOf(place);
    process.kill(signal);
    const { status, stderr } = await process.finished;
    assert.equal(status, 0, stderr);
    assert.deepEqual(await assertNothingLeft(place, "alice", file), {});
  }
  const process = place.start(args, { WSREP_ON: "OFF" });
  await process.untilSaid(
    /mariadbd: ready for connections\.[^]*socket: '[^']*\/run\/mysqld\.sock'/,
  );
  Deno.kill((await mariadbdOf(place)).pid, "SIGKILL");
  assert.equal((await process.finished).status, 137);
});
