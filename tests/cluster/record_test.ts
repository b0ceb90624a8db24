import assert from "node:assert/strict";
import fc from "fast-check";
import {
  afterInspection,
  beforeSpawn,
  floorOf,
  type Found,
  joined,
  type Known,
  UNKNOWN_DATADIR,
} from "../../lib/cluster/record.ts";
import type { Copy, RecordData } from "../../lib/cluster/view.ts";
import { A, B, copy, data, held } from "./views.ts";

const BARE = { insteadCopy: null, lineage: [] };

/** What is on record, in the words of views.ts; the datadir's id is `d1` where nothing else is said. */
function known(text: string): Known | null {
  if (text === "never reported") return null;
  const [says = "", instead] = text.split(" but ");
  return { ...BARE, data: data(says), datadirId: "d1", instead: instead ?? null };
}

/** What an inspection found: `at A:10@a2 in d2`. */
function found(text: string): Found {
  const [says = "", datadirId] = text.split(" in ");
  return { ...held(says), datadirId: datadirId ?? "d1", lineage: [] };
}

/** A record in the words of views.ts. */
function inWords({ data, datadirId, instead }: Known): string {
  const where = datadirId === "d1" ? "" : ` in ${datadirId}`;
  return `${dataInWords(data)}${where}${instead === null ? "" : ` but ${instead}`}`;
}

function dataInWords(data: RecordData): string {
  switch (data.kind) {
    case "nothing":
    case "standalone":
      return data.kind;
    case "at":
      return `at ${copyInWords(data.copy)}${data.safeToBootstrap ? " safe" : ""}`;
    case "torn":
      return data.floor === null ? "torn" : `torn ${copyInWords(data.floor)}`;
    case "running": {
      if (!data.starting) return data.uuid === null ? "running ?" : `running ${letter(data.uuid)}`;
      if (data.uuid === null) return "first";
      if (data.floor === null || data.floor === "unknown") {
        return data.floor === null ? "starting" : "starting unknown";
      }
      return `starting ${copyInWords(data.floor)}`;
    }
  }
}

function copyInWords({ position, attempt }: Copy): string {
  const branch = attempt === "a1" ? "" : `@${attempt ?? "?"}`;
  return `${letter(position.uuid)}:${position.seqno}${branch}`;
}

function letter(uuid: string): string {
  return uuid === A ? "A" : uuid === B ? "B" : uuid;
}

/** What was on record, what was found, what is on record then. */
type Case = [before: string, found: string, after: string];

function check(cases: readonly Case[]): void {
  for (const [before, what, after] of cases) {
    const got = inWords(afterInspection(known(before), found(what)));
    assert.equal(got.replaceAll(A, "A").replaceAll(B, "B"), after, `${before} + ${what}`);
  }
}

const COPY_OF_A = "a copy of A at a position that is not known";
const CUT_OFF = "an SST that did not finish";
const ALIEN = "a database that never was in a cluster";

Deno.test("afterInspection() of a member without data takes what is there", () => {
  check([
    ["never reported", "empty", "nothing"],
    ["never reported", "fresh", "nothing"],
    ["never reported", "standalone", "standalone"],
    ["never reported", "torn", "torn"],
    ["never reported", "at A:5 safe in d2", "at A:5 safe in d2"],
    ["never reported", "at A:5@?", "at A:5@?"],
    ["nothing", "empty in d2", "nothing in d2"],
    ["nothing", "standalone", "standalone"],
    ["nothing", "torn", "torn"],
    ["nothing", "at A:5", "at A:5"],
    ["nothing", "at B:5 in d2", "at B:5 in d2"],
    ["standalone", "empty in d2", "nothing in d2"],
    ["standalone", "at A:5", "at A:5"],
    ["torn", "empty in d2", "nothing in d2"],
    ["torn", "torn", "torn"],
    ["torn", "at A:5 in d2", "at A:5 in d2"],
  ]);
});

Deno.test("afterInspection() never lets a position be overwritten by less", () => {
  check([
    ["at A:10", "at A:10", "at A:10"],
    ["at A:10 safe", "at A:10", "at A:10"],
    ["at A:10", "at A:11 safe", "at A:11 safe"],
    ["at A:10", "at A:10 in d2", "at A:10 in d2"],
    ["at A:10", "at A:11 in d2", "at A:11 in d2"],
    ["at A:10", "at A:9", "at A:10 but a copy at A:9"],
    ["at A:10", "at A:9 in d2", "at A:10 but a copy at A:9"],
    ["at A:10", "at B:99 safe in d2", "at A:10 but a copy at B:99"],
    ["at A:10", "at B:99 safe", "at A:10 but a copy at B:99"],
    ["at A:10 safe", "empty in d2", "at A:10 safe but nothing"],
    ["at A:10", "empty", "at A:10 but nothing"],
    ["at A:10", "fresh in d2", "at A:10 but a fresh database"],
    ["at A:10", "standalone in d2", `at A:10 but ${ALIEN}`],
    ["at A:10", "at A:-1", `at A:10 but ${COPY_OF_A}`],
    [
      "at A:9007199254740993",
      "at A:9007199254740992",
      "at A:9007199254740993 but a copy at " +
      "A:9007199254740992",
    ],
    ["at A:9007199254740992", "at A:9007199254740993", "at A:9007199254740993"],

    // What is kept comes back with its datadir, or with as much data.
    ["at A:10 but nothing", "at A:10", "at A:10"],
    ["at A:10 but nothing", "at A:10 in d2", "at A:10 in d2"],
    ["at A:10 but nothing", "empty in d2", "at A:10 but nothing"],
    ["at A:10 but nothing", "at A:9 in d2", "at A:10 but a copy at A:9"],

    // A higher seqno in another datadir may be of a branch that the cluster went on without.
    ["at A:10@a2", "at A:12@a1 in d2", "at A:10@a2 but a copy at A:12"],
    ["at A:10@a2", "at A:12@? in d2", "at A:10@a2 but a copy at A:12"],
    ["at A:10@a2", "at A:12@a2 in d2", "at A:12@a2 in d2"],
    ["at A:10@a1", "at A:10@a2", "at A:10@a2"], // A bootstrap that crashed before its spawn.
  ]);
});

Deno.test("afterInspection() of a torn datadir keeps the old position as a floor", () => {
  check([
    ["at A:10 safe", "torn", "torn A:10"],
    ["at A:10@a2", "torn in d2", "torn A:10@a2 in d2"],
    ["at A:10 but nothing", "torn in d2", "torn A:10 in d2"],
    ["at A:10", "at ZERO:-1", "torn A:10"],
    ["at A:10", "at ZERO:99 safe", "torn A:10"],
    ["never reported", "at ZERO:-1 safe", "torn"],
    ["nothing", "at ZERO:99 safe", "torn"],
    ["torn A:10", "torn", "torn A:10"],
    ["torn A:10", "torn in d2", "torn A:10 in d2"],
    ["torn A:10", "empty in d2", "torn A:10 but nothing"],
    ["torn A:10", "fresh in d2", "torn A:10 but a fresh database"],
    ["torn A:10", "standalone in d2", `torn A:10 but ${ALIEN}`],
    ["torn A:10", "at A:9", "torn A:10 but a copy at A:9"],
    ["torn A:10", "at A:10", "at A:10"],
    ["torn A:10", "at A:11 in d2", "at A:11 in d2"],
    ["torn A:10", "at B:99 in d2", "torn A:10 but a copy at B:99"],
    ["torn A:10@a2", "at A:12@a1 in d2", "torn A:10@a2 but a copy at A:12"],
    ["torn A:10 but nothing", "torn", "torn A:10"],
  ]);
});

Deno.test("afterInspection() of a member that died running takes the position from that datadir alone", () => {
  check([
    ["running", "at A:10", "at A:10"],
    ["running", "at A:0", "at A:0"],
    ["running", "at A:10@a9 safe", "at A:10@a9 safe"],
    ["running", "at A:99 in d2", "running A but a copy at A:99"],
    ["running", "at B:99", "running A but a copy at B:99"],
    ["running", "at B:99 in d2", "running A but a copy at B:99"],
    ["running", "empty", "running A but nothing"],
    ["running", "empty in d2", "running A but nothing"],
    ["running", "fresh in d2", "running A but a fresh database"],
    ["running", "standalone in d2", `running A but ${ALIEN}`],
    ["running", "torn", `running A but ${CUT_OFF}`],
    ["running", "torn in d2", `running A but ${CUT_OFF}`],
    ["running", "at ZERO:-1", `running A but ${CUT_OFF}`],
    ["running", "at A:-1", `running A but ${COPY_OF_A}`],
    ["running but nothing", "at A:10", "at A:10"],
    ["running but nothing", "empty in d3", "running A but nothing"],
  ]);
});

Deno.test("afterInspection() of a member that another one put on record takes any datadir of its cluster", () => {
  const ran: Known = { ...BARE, data: joined(A), datadirId: UNKNOWN_DATADIR, instead: null };
  const cases: [found: string, after: string][] = [
    ["at A:10 in d7", "at A:10 in d7"],
    ["at B:10 in d7", "running A in unknown but a copy at B:10"],
    ["empty in d7", "running A in unknown but nothing"],
    ["torn in d7", `running A in unknown but ${CUT_OFF}`],
  ];
  for (const [what, after] of cases) {
    assert.equal(inWords(afterInspection(ran, found(what))).replaceAll(B, "B"), after, what);
  }
});

Deno.test("afterInspection() of a member that died between spawn and registration", () => {
  check([
    // It began the first cluster.
    ["first", "empty", "nothing"],
    ["first", "fresh", "nothing"],
    ["first", "standalone", "standalone"],
    ["first", "at A:1", "at A:1"],
    ["first", "at A:1 in d2", "first but a copy at A:1"],
    ["first", "empty in d2", "first but nothing"],
    // It joined with nothing.
    ["starting", "empty", "nothing"],
    ["starting", "torn", "torn"],
    ["starting", "at A:99", "at A:99"],
    ["starting", "at B:99", "starting but a copy at B:99"],
    // It had a copy: what there is now goes at least as far, or the copy stays a floor.
    ["starting A:10", "at A:10", "at A:10"],
    ["starting A:10", "at A:11", "at A:11"],
    ["starting A:10", "at A:9", "starting A:10 but a copy at A:9"],
    ["starting A:10", "at B:99", "starting A:10 but a copy at B:99"],
    ["starting A:10", "torn", "torn A:10"],
    ["starting A:10@a2", "torn in d2", "torn A:10@a2 in d2"],
    ["starting A:10", "at ZERO:-1", "torn A:10"],
    ["starting A:10", "empty", "starting A:10 but nothing"],
    ["starting A:10", "empty in d2", "starting A:10 but nothing"],
    ["starting A:10", "at A:-1", `starting A:10 but ${COPY_OF_A}`],
    // It had died running before, and what it had then is still not known.
    ["starting unknown", "torn", `starting unknown but ${CUT_OFF}`],
    ["starting unknown", "empty", "starting unknown but nothing"],
    ["starting unknown", "at A:99 in d2", "starting unknown but a copy at A:99"],
  ]);
});

Deno.test("afterInspection() of a position that is not known says that it may be newest", () => {
  check([
    ["never reported", "at A:-1", `running A but ${COPY_OF_A}`],
    ["nothing", "at A:-1 safe", `running A but ${COPY_OF_A}`],
    ["torn", "at A:-1", `running A but ${COPY_OF_A}`],
    ["starting", "at A:-1", `running A but ${COPY_OF_A}`],
    [`running but ${COPY_OF_A}`, "at A:10", "at A:10"],
  ]);
});

Deno.test("beforeSpawn() keeps what the record knew until the member is registered", () => {
  const cases: [before: string, uuid: string | null, after: string][] = [
    ["nothing", null, "first"],
    ["standalone", null, "first"],
    ["nothing", A, "starting"],
    ["torn", A, "starting"],
    ["torn A:10", A, "starting A:10"],
    ["at A:10@a2", A, "starting A:10@a2"],
    ["running", A, "starting unknown"],
    ["starting", A, "starting"],
    ["starting A:10", A, "starting A:10"],
    ["starting unknown", A, "starting unknown"],
    // Another cluster's copy, given up by whoever emptied the datadir, is no floor in this one.
    ["at B:99", A, "starting"],
    ["torn B:99", A, "starting"],
  ];
  for (const [before, uuid, after] of cases) {
    assert.equal(dataInWords(beforeSpawn(data(before), uuid)), after, before);
  }
  assert.equal(dataInWords(joined(A)), "running A");
});

Deno.test("floorOf() is the newest copy that a record speaks of", () => {
  const cases: [record: string, floor: Copy | "unknown" | null][] = [
    ["nothing", null],
    ["standalone", null],
    ["torn", null],
    ["torn A:9", copy("A:9")],
    ["at A:9@a2", copy("A:9@a2")],
    ["running", "unknown"],
    ["running ?", "unknown"],
    ["first", null],
    ["starting", null],
    ["starting A:9", copy("A:9")],
    ["starting unknown", "unknown"],
  ];
  for (const [record, floor] of cases) assert.deepEqual(floorOf(data(record)), floor, record);
});

/** One step of a history: an inspection that finds something, a spawn, or a registration. */
type Step = (before: Known | null) => Known;
const inspect = (what: string): Step => (before) => afterInspection(before, found(what));
const spawn = (datadirId: string, uuid: string | null = A): Step => (before) => ({
  ...BARE,
  data: beforeSpawn(before!.data, uuid),
  datadirId,
  instead: null,
});
const register = (datadirId: string): Step => () => ({
  ...BARE,
  data: joined(A),
  datadirId,
  instead: null,
});

Deno.test("a history of crashes and of other people's disks does not lose the newest copy", () => {
  const lives: [what: string, steps: Step[], after: string][] = [
    ["a life without faults", [
      inspect("empty"),
      spawn("d1"),
      register("d1"),
      inspect("at A:10"),
      spawn("d1"),
      register("d1"),
      inspect("at A:20 safe"),
    ], "at A:20 safe"],
    ["stopped, disk lost, joined, crashed in the SST, twice", [
      inspect("at A:10"),
      inspect("empty in d2"),
      spawn("d2"),
      inspect("torn in d2"),
      spawn("d2"),
      inspect("torn in d2"),
    ], "torn A:10 in d2"],
    ["stopped, a stranger's volume, emptied, joined, crashed before the SST began", [
      inspect("at A:10"),
      inspect("at B:99 in d2"),
      inspect("empty in d2"),
      spawn("d2"),
      inspect("empty in d2"),
    ], "starting A:10 in d2 but nothing"],
    ["died running, disk lost, joined, crashed in the SST, disk emptied again", [
      register("d1"),
      inspect("empty in d2"),
      spawn("d2"),
      inspect("torn in d2"),
      inspect("empty in d3"),
    ], "starting unknown in d2 but nothing"],
    ["died running, disk lost, an old backup, and then the disk is found again", [
      register("d1"),
      inspect("empty in d2"),
      inspect("at A:9 in d3"),
      inspect("at A:30"),
    ], "at A:30"],
    ["stopped, a backup, then a stranger's volume, then its own again", [
      inspect("at A:10"),
      inspect("at A:9 in d2"),
      inspect("at B:99 in d3"),
      inspect("at A:10"),
    ], "at A:10"],
    ["a stranger from the start, emptied, joined, crashed when the SST was through", [
      inspect("at B:99 in d1"),
      inspect("empty in d2"),
      spawn("d2"),
      inspect("at A:10 in d2"),
    ], "at A:10 in d2"],
    ["the first bootstrap, crashed before and after it had a UUID", [
      inspect("empty"),
      spawn("d1", null),
      inspect("fresh"),
      spawn("d1", null),
      inspect("at A:1"),
    ], "at A:1"],
    ["a person's backup of the same attempt with more than was on record", [
      inspect("at A:10"),
      inspect("empty in d2"),
      inspect("at A:12 in d3"),
    ], "at A:12 in d3"],
  ];
  for (const [what, steps, after] of lives) {
    const known = steps.reduce<Known | null>((before, step) => step(before), null);
    assert.equal(inWords(known!).replaceAll(A, "A").replaceAll(B, "B"), after, what);
  }
});

Deno.test("afterInspection() forgets no copy and no running member, whatever is found", () => {
  const records = ["nothing", "standalone", "torn", "torn A:10", "at A:10", "at A:10@a2", "running"]
    .concat(["running ?", "first", "starting", "starting A:10", "starting unknown"]);
  const finds = [
    "empty",
    "fresh",
    "standalone",
    "torn",
    "at A:9",
    "at A:10",
    "at A:11@a2",
    "at A:-1",
  ]
    .concat(["at B:99 safe", "at ZERO:-1 safe", "at A:11@?"]);
  const step = fc.tuple(fc.constantFrom(...finds), fc.constantFrom("d1", "d2"));
  fc.assert(fc.property(
    fc.constantFrom(...records),
    fc.constantFrom("d1", UNKNOWN_DATADIR),
    fc.constantFrom(null, "nothing"),
    fc.array(step, { maxLength: 5 }),
    (start, recorded, instead, steps) => {
      let before: Known = { ...BARE, data: data(start), datadirId: recorded, instead };
      for (const [what, datadirId] of steps) {
        const after = afterInspection(before, found(`${what} in ${datadirId}`));
        assertKept(before, after, `${start} ${what}`);
        assert.deepEqual(
          afterInspection(after, found(`${what} in ${datadirId}`)),
          after,
          "looking again changes nothing",
        );
        before = after;
      }
    },
  ));
});

/** Written down again from the design, without a look at how record.ts does it. */
function assertKept(before: Known, after: Known, what: string): void {
  const was = before.data;
  const seqnoAfter = after.data.kind === "at"
    ? after.data.copy.position.seqno
    : after.data.kind === "torn"
    ? after.data.floor?.position.seqno
    : undefined;
  const floor = was.kind === "at" ? was.copy : was.kind === "torn" ? was.floor : null;
  if (floor !== null) {
    assert.ok(seqnoAfter !== undefined && seqnoAfter >= floor.position.seqno, what);
  }
  if (was.kind === "running" && !was.starting && after.data.kind !== "running") {
    if (before.datadirId !== UNKNOWN_DATADIR) assert.equal(after.datadirId, before.datadirId, what);
    assert.equal(after.data.kind, "at", what);
  }
  if (was.kind === "running" && was.starting && was.floor !== null) {
    const kept = after.data.kind === "running" && JSON.stringify(was, big) ===
        JSON.stringify(after.data, big);
    assert.ok(kept || was.floor !== "unknown" && seqnoAfter! >= was.floor.position.seqno, what);
  }
}

function big(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
