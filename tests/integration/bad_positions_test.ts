// needs: zookeeper galera
// from source only
/**
 * Positions that are none, on a real datadir whose server was killed. The setting is the one that is
 * most eager to bootstrap, nothing on record and `--size=1`: who is refused here is refused anywhere.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ZERO_UUID } from "../../lib/cluster/position.ts";
import { findHolders } from "../../lib/mariadb/processes.ts";
import { anyServer } from "../zookeeper/server.ts";
import { give, grastate, Place, type Process, run, theLine } from "./place.ts";
import { noting, takeStarts, wrap } from "./wrapper.ts";

const OTHER = "7d932fdd-3cfa-11f0-8e36-8b4c6f203d4e";
/** Where there is this file, it is run in place of a recovery; `$POSITION` is the right one. */
const RECOVERY = 'test "$purpose" = recover -a -e "$HERE/recovery" && . "$HERE/recovery"';

/** What stands in the datadir or comes of a recovery, and what `run` makes of it. */
interface Bad {
  readonly name: string;
  /** Shell, in place of `mariadbd --wsrep-recover`. */
  readonly recovery?: string;
  readonly grastate?: (uuid: string) => string;
  /** What it ends with, in its one line; or what it waits for, for a person. */
  readonly refuses?: RegExp;
  readonly waits?: RegExp;
}

const say = (position: string) =>
  `echo "2026-11-22  3:04:05 0 [Note] WSREP: Recovered position: ${position}" >&2; exit 0`;
const NO_POSITION = /^Cannot recover the position of ".*": mariadbd --wsrep-recover ended: /;
const NO_SEQNO = new RegExp(NO_POSITION.source + "Not a seqno, -1 to 2\\^63 - 1 was expected: ");
const NO_UUID = new RegExp(NO_POSITION.source + "Not a UUID: ");
const CONTRADICTION =
  /^The datadir ".*" contradicts itself: grastate\.dat says cluster .*, the data /;
const CORRUPT = /^Cannot tell what the datadir holds as ".*grastate\.dat" is corrupt: Not a seqno/;
const TORN =
  /^Waiting: An SST was cut off, so there was a cluster, and no member holds a copy of it$/;

const RECOVERIES: readonly Bad[] = [
  {
    name: "a recovery that says nothing",
    recovery: "exit 0",
    refuses: new RegExp(NO_POSITION.source + "it said no position; "),
  },
  { name: "one cut in the UUID", recovery: say("${POSITION%%-*}"), refuses: /: Not a position, / },
  { name: "one cut before the seqno", recovery: say("${POSITION%:*}:"), refuses: NO_SEQNO },
  {
    name: "one cut in the line",
    recovery: 'printf "0 [Note] WSREP: Recovered position: $POSITION" >&2; exit 0',
    refuses: new RegExp(NO_POSITION.source + "it said no position; "),
  },
  {
    name: "one that died behind its line",
    recovery: `(${say("$POSITION")}); kill -9 $$`,
    refuses: new RegExp(NO_POSITION.source + "it exited by SIGKILL: "),
  },
  {
    name: "one that failed behind its line",
    recovery: `(${say("$POSITION")}); exit 1`,
    refuses: new RegExp(NO_POSITION.source + "it exited with status 1: "),
  },
  {
    name: "words",
    recovery: say("newest"),
    refuses: /: Not a position, UUID:SEQNO was expected: /,
  },
  {
    name: "bytes",
    recovery: `printf 'WSREP: Recovered position: \\377\\000\\001:7\\n'; exit 0`,
    refuses: NO_UUID,
  },
  {
    name: "two positions",
    recovery: `(${say("$POSITION")}); ${say("${POSITION}0")}`,
    refuses: new RegExp(NO_POSITION.source + "Different positions for one datadir: "),
  },
  {
    name: "positions of two clusters",
    recovery: `(${say("$POSITION")}); ${say(`${OTHER}:7`)}`,
    refuses: new RegExp(NO_POSITION.source + "Different positions for one datadir: "),
  },
  { name: "a seqno of -2", recovery: say("${POSITION%:*}:-2"), refuses: NO_SEQNO },
  {
    name: "a seqno of 2^63",
    recovery: say("${POSITION%:*}:9223372036854775808"),
    refuses: NO_SEQNO,
  },
  {
    name: "a seqno without end",
    recovery: say("${POSITION}" + "0".repeat(400)),
    refuses: NO_SEQNO,
  },
  { name: "a UUID and no seqno", recovery: say("${POSITION%:*}:-1"), refuses: CONTRADICTION },
  { name: "zeros and a seqno", recovery: say(`${ZERO_UUID}:999`), refuses: CONTRADICTION },
  { name: "another cluster's", recovery: say(`${OTHER}:999`), refuses: CONTRADICTION },
];

const FILES: readonly Bad[] = [
  { name: "a seqno of -2", grastate: (uuid) => grastate(uuid, "-2"), refuses: CORRUPT },
  {
    name: "a seqno of 2^63",
    grastate: (uuid) => grastate(uuid, "9223372036854775808"),
    refuses: CORRUPT,
  },
  {
    name: "a seqno of 2^64 - 1, which is -1 without its sign",
    grastate: (uuid) => grastate(uuid, "18446744073709551615"),
    refuses: CORRUPT,
  },
  { name: "a UUID of zeros that is safe", grastate: () => grastate(ZERO_UUID, "-1"), waits: TORN },
  { name: "a UUID of zeros with a seqno", grastate: () => grastate(ZERO_UUID, "999"), waits: TORN },
  {
    name: "a UUID of zeros with Windows line ends",
    grastate: () => grastate(ZERO_UUID, "999").replaceAll("\n", "\r\n"),
    waits: TORN,
  },
  {
    name: "another cluster's UUID, its seqno to be recovered",
    grastate: () => grastate(OTHER, "-1"),
    refuses: CONTRADICTION,
  },
];

/** The keeper and its mariadbd are gone at once. */
async function cutPower(place: Place, process: Process): Promise<void> {
  const { servers } = await findHolders(place.datadir);
  process.kill("SIGKILL");
  for (const { pid } of servers) Deno.kill(pid, "SIGKILL");
  await process.finished;
}

async function sql({ socket }: Place, statement: string): Promise<string> {
  return await run("mariadb", "--no-defaults", `--socket=${socket}`, "-N", "-B", "-e", statement);
}

/** How a start ended; fails where it does not, but serves. */
async function endOf(place: Place, process: Process) {
  const serving = place.untilStage(process, "registered").then(
    () => assert.fail(`It has bootstrapped:\n${process.stderr}`),
    () => process.finished,
  );
  return await Promise.race([process.finished, serving]);
}

/** Runs one row, and sees that nothing was started and nothing put on record that others go by. */
async function meet(place: Place, bad: Bad, env: Readonly<Record<string, string>>): Promise<void> {
  const file = join(place.datadir, "grastate.dat");
  const before = await Deno.readTextFile(file);
  if (bad.grastate !== undefined) {
    const [, uuid = ""] = /uuid: +(\S+)/.exec(before) ?? [];
    await Deno.writeTextFile(file, bad.grastate(uuid));
  }
  const written = await Deno.readTextFile(file);
  const recovery = join(place.folder, "wrapped", "recovery");
  if (bad.recovery !== undefined) await Deno.writeTextFile(recovery, bad.recovery);
  await place.forget();
  try {
    const process = place.start(place.args(), env);
    if (bad.waits !== undefined) {
      const { doing, decision } = await place.untilStage(process, "waiting");
      assert.match(String(doing), bad.waits);
      assert.equal(typeof (decision as { person?: unknown }).person, "string");
      process.kill("SIGTERM");
    }
    const finished = await endOf(place, process);
    if (bad.refuses !== undefined) assert.match(theLine(finished), bad.refuses);
    assert.equal(finished.status !== 0, bad.refuses !== undefined, finished.stderr);
    assert.deepEqual((await takeStarts(place.folder)).filter((what) => what !== "recover"), []);
    const { znodes } = await place.look();
    assert.equal(znodes[`${place.root}/cluster`], undefined);
    assert.equal(await Deno.readTextFile(file), written);
  } finally {
    await Deno.writeTextFile(file, before);
    if (bad.recovery !== undefined) await Deno.remove(recovery);
  }
}

Deno.test("run bootstraps from no position that is none, and goes on from the one that is", async (t) => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const first = place.start(place.args());
  const { uuid } = await place.untilStage(first, "registered");
  await sql(place, "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY)");
  await sql(place, "INSERT INTO app.t VALUES (1)");
  await cutPower(place, first);
  assert.match(await Deno.readTextFile(join(place.datadir, "grastate.dat")), /^seqno: +-1$/m);

  const PATH = await wrap(place.folder, "mariadbd", noting(`POSITION=${uuid}:4\n${RECOVERY}`));
  for (const bad of RECOVERIES) {
    await t.step(`recovery: ${bad.name}`, () => meet(place, bad, { PATH }));
  }
  for (const bad of FILES) {
    await t.step(`grastate.dat: ${bad.name}`, () => meet(place, bad, { PATH }));
  }

  await t.step(
    "the right one, said twice, in a file with Windows line ends and lines of others",
    async () => {
      await place.forget();
      const text = `\r\n# by hand\nfoo: bar\ncert_index:\n\n${
        grastate(String(uuid), "-1", 0)
      }#\nend`;
      await Deno.writeTextFile(join(place.datadir, "grastate.dat"), text.replaceAll("\n", "\r\n"));
      // A known hang: Galera waits for ever for what an empty one does not say.
      await Deno.writeTextFile(join(place.datadir, "gvwstate.dat"), "");
      await give(place.datadir);
      const doubled = 'said=$("$REAL" "$@" 2>&1); printf "%s\\n%s\\n" "$said" "$said"; exit 0';
      await Deno.writeTextFile(join(place.folder, "wrapped", "recovery"), doubled);
      const process = place.start(place.args(), { PATH });
      const status = await place.untilStage(process, "registered");
      assert.equal(status.uuid, uuid);
      assert.equal(await sql(place, "SELECT id FROM app.t"), "1\n");
      assert.deepEqual(await takeStarts(place.folder), ["recover", "bootstrap"]);
      await assert.rejects(Deno.stat(join(place.datadir, "gvwstate.dat")), Deno.errors.NotFound);
      process.kill("SIGTERM");
      assert.equal((await process.finished).status, 0);
    },
  );
});
