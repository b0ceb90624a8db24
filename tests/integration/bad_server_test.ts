// needs: zookeeper galera
/** What `run` does with a mariadbd that is not there, dies, or refuses it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { anyServer } from "../zookeeper/server.ts";
import { give, Place, run, theLine } from "./place.ts";

const UUID = "6b1c1f36-5d2c-11ef-9d3a-0242ac120002";

/** A datadir that looks like one of a cluster, stopped in order; nothing looks inside. */
async function pretend({ datadir }: Place): Promise<void> {
  await Deno.mkdir(join(datadir, "mysql"));
  await Deno.writeTextFile(join(datadir, "mysql", "user.frm"), "");
  await Deno.writeTextFile(
    join(datadir, "grastate.dat"),
    `# GALERA saved state\nversion: 2.1\nuuid:    ${UUID}\nseqno:   42\nsafe_to_bootstrap: 1\n`,
  );
  await give(datadir);
}

/** A folder for PATH with links to programs of this machine, and a `mariadbd` of the test's own. */
async function programs(place: Place, names: readonly string[], mariadbd?: string) {
  const folder = join(place.folder, "bin");
  await Deno.mkdir(folder);
  for (const name of names) {
    const path = await run("sh", "-c", `command -v ${name}`);
    await Deno.symlink(path.trim(), join(folder, name));
  }
  if (mariadbd !== undefined) {
    await Deno.writeTextFile(join(folder, "mariadbd"), `#!/bin/sh\n${mariadbd}\n`, { mode: 0o755 });
  }
  return folder;
}

const NEEDED = ["id", "ps", "ss", "setpriv", "readlink", "grep", "rsync", "sh"];

/** The record of this place's member. */
async function record(place: Place) {
  const { znodes } = await place.look();
  return JSON.parse(znodes[`${place.root}/members/alice`]!);
}

Deno.test("run without a program that it needs says which, and changes nothing", async (t) => {
  await using server = await anyServer();
  for (const missing of ["mariadbd", "ps", "grep", "rsync", "setpriv", "id"]) {
    await t.step(missing, async () => {
      await using place = await Place.make(server.hosts);
      await pretend(place);
      const there = NEEDED.filter((name) => name !== missing);
      const path = await programs(place, there, missing === "mariadbd" ? undefined : "exit 1");
      const before = await place.look();
      const finished = await place.start(place.args(), { PATH: path }).finished;
      assert.match(theLine(finished), new RegExp(`^Program not found: ${missing}\\b.*; install `));
      assert.equal(finished.status, 69);
      assert.deepEqual(await place.look(), before);
    });
  }
});

Deno.test("run ends as a mariadbd that dies at once does, with its last errors, and records the position", async (t) => {
  await using server = await anyServer();
  const dying =
    'for n in 1 2; do echo "2026-01-02  3:04:05 0 [ERROR] Cannot go on, reason $n" >&2; done\n';
  for (
    const [how, status] of [["exit 7", 7], ["exit 0", 0], ["kill -9 $$", 137], [
      "kill -6 $$",
      134,
    ]] as const
  ) {
    await t.step(how, async () => {
      await using place = await Place.make(server.hosts);
      await pretend(place);
      const path = await programs(place, [...NEEDED, "seq"], dying + how);
      const finished = await place.start(place.args(), { PATH: path }).finished;
      assert.equal(finished.status, status, finished.stderr);
      if (status !== 0) {
        assert.match(
          theLine(finished),
          /^mariadbd has exited .*: Cannot go on, reason 1 \| Cannot go on, reason 2$/,
        );
      }
      const { kind, copy, safeToBootstrap } = (await record(place)).data;
      assert.deepEqual([kind, copy.position, safeToBootstrap], [
        "at",
        { uuid: UUID, seqno: "42" },
        true,
      ]);
    });
  }
});

Deno.test("run with a wrong option for mariadbd says what mariadbd says of it", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const wrong = place.args([], ["--no-such-option=1"]);
  const finished = await place.start(wrong).finished;
  assert.match(theLine(finished), /unknown variable 'no-such-option=1'/);
  assert.notEqual(finished.status, 0);
  assert.deepEqual((await record(place)).data, { kind: "nothing" });

  // Mended, it goes on as if nothing had been.
  const process = place.start(place.args());
  await place.untilStage(process, "registered");
  process.kill("SIGTERM");
  assert.equal((await process.finished).status, 0);

  const again = await place.start(wrong).finished;
  // Galera's threads are running by then, and it may abort instead.
  const said =
    /^mariadbd has exited (with status 7|by SIGABRT): .*unknown variable 'no-such-option/;
  const [, how] = said.exec(theLine(again)) ?? [];
  assert.equal(again.status, how === "by SIGABRT" ? 134 : 7, again.stderr);
  assert.equal((await record(place)).data.kind, "at");
});

Deno.test("run with another password for root than the server's is refused, and the right one goes on", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const first = place.start(place.args(), { MARIADB_ROOT_PASSWORD: "the right one" });
  await place.untilStage(first, "registered");
  // As in MariaDB's image: by the password alone, whoever we are.
  await run(
    "mariadb",
    "--no-defaults",
    `--socket=${place.socket}`,
    "-e",
    "ALTER USER root@localhost IDENTIFIED BY 'the right one'",
  );
  first.kill("SIGTERM");
  assert.equal((await first.finished).status, 0);

  const wrong = await place.start(place.args(), { MARIADB_ROOT_PASSWORD: "the wrong one" })
    .finished;
  assert.match(
    theLine(wrong),
    /^MariaDB refuses the password of "root": MARIADB_ROOT_PASSWORD must be the one that /,
  );
  assert.equal(wrong.status, 78);
  const { data } = await record(place);
  assert.equal(data.kind, "at");

  const right = place.start(place.args(), { MARIADB_ROOT_PASSWORD: "the right one" });
  const { uuid } = await place.untilStage(right, "registered");
  assert.equal(uuid, data.copy.position.uuid);
  right.kill("SIGTERM");
  assert.equal((await right.finished).status, 0);
});
