import assert from "node:assert/strict";
import { type Position, ZERO_UUID } from "../../lib/cluster/position.ts";
import { type Content, judge, judgeRecovered, type Knowledge } from "../../lib/mariadb/content.ts";
import { ConfigError } from "../../lib/errors.ts";

const A = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const B = "7d932fdd-3cfa-11f0-8e36-8b4c6f203d4e";
const NOTHING: Content = {
  datadir: "/data",
  hasSystemTables: false,
  hasEngineFiles: false,
  schemas: [],
  sstRemains: [],
  dataBytes: 0,
  owners: new Map(),
};
const FRESH: Content = { ...NOTHING, hasSystemTables: true, hasEngineFiles: true };
const FULL: Content = { ...FRESH, schemas: ["shop"] };
const HALF: Content = { ...NOTHING, hasEngineFiles: true, schemas: ["shop"] };
const at = (uuid: string, seqno: bigint, safeToBootstrap = false) => ({
  uuid,
  seqno,
  safeToBootstrap,
});
const ZERO = at(ZERO_UUID, -1n);
const marked = (content: Content, ...sstRemains: string[]) => ({ ...content, sstRemains });

/** What the verdict amounts to, in a word or two. */
function verdict(
  content: Content,
  grastate: Knowledge["grastate"],
  more: Partial<Knowledge> = {},
): string {
  try {
    const found = judge({ content, grastate, initialising: false, attempted: false, ...more });
    if ("ask" in found) return `ask ${found.ask.uuid === A ? "A" : "B"}`;
    const { held, problem } = found;
    const position = held.kind === "at"
      ? ` ${held.position.seqno}${held.safeToBootstrap ? " safe" : ""}`
      : "";
    return `${held.kind}${position}${problem === undefined ? "" : "!"}`;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return "person";
  }
}

Deno.test("judge() says what a datadir holds", () => {
  const table: [string, Content, Knowledge["grastate"], string][] = [
    ["nothing", NOTHING, "missing", "empty"],
    ["a joiner killed before its SST", NOTHING, ZERO, "empty"],
    ["the same, by hand", NOTHING, "blank", "empty"],
    ["marks of an SST that touched nothing", marked(NOTHING, "sst_in_progress"), ZERO, "empty"],
    ["emptied by mariabackup's SST", marked(NOTHING, ".sst"), ZERO, "torn"],
    ["data gone, grastate.dat left", NOTHING, at(A, 7n, true), "empty!"],
    ["data gone, crashed", NOTHING, at(A, -1n), "empty!"],
    ["initialised", FRESH, "missing", "fresh"],
    ["a user's schema", FULL, "missing", "standalone"],
    ["SST cut by kill -9, marks cleaned up", FULL, ZERO, "torn"],
    ["SST cut into a fresh one", FRESH, ZERO, "torn"],
    ["SST cut before mysql came", HALF, ZERO, "torn"],
    ["SST cut, started by hand", marked(FULL, "wsrep_sst.pid"), "blank", "torn"],
    ["SST cut, grastate.dat gone", marked(FULL, "rsync_sst.conf"), "missing", "torn"],
    ["zero UUID and a seqno", FULL, at(ZERO_UUID, 9n, true), "torn"],
    ["stopped in order", FULL, at(A, 7n), "at 7"],
    ["stopped last", FULL, at(A, 7n, true), "at 7 safe"],
    ["no schema of a user's, in a cluster", FRESH, at(A, 0n), "at 0"],
    ["stale marks, stopped in order", marked(FULL, "sst_in_progress"), at(A, 7n), "at 7"],
    ["crashed", FULL, at(A, -1n), "ask A"],
    ["crashed before its SST began", marked(FULL, "sst_in_progress"), at(A, -1n), "ask A"],
    ["grastate.dat truncated", FULL, "blank", "person"],
    ["half a database, never in a cluster", HALF, "missing", "person"],
    ["half a database of a cluster", HALF, at(A, 7n), "person"],
    ["folders of something else", { ...NOTHING, schemas: ["photos"] }, "missing", "person"],
  ];
  for (const [what, content, grastate, expected] of table) {
    assert.equal(verdict(content, grastate), expected, what);
  }
});

Deno.test("judge() takes an unfinished initialisation for empty, whatever is there", () => {
  for (const content of [NOTHING, FRESH, FULL, HALF]) {
    assert.equal(verdict(content, "missing", { initialising: true }), "empty");
  }
});

Deno.test("judge() takes the empty grastate.dat of a bootstrap that died young for none", () => {
  assert.equal(verdict(FRESH, "blank", { attempted: true }), "fresh");
  assert.equal(verdict(FULL, "blank", { attempted: true }), "standalone");
  assert.equal(verdict(marked(FULL, ".sst"), "blank", { attempted: true }), "torn");
});

Deno.test("judgeRecovered() believes the data where it is of the same cluster, and never guesses", () => {
  const recovered = (position: Position, content = FULL) => {
    try {
      const { held, problem } = judgeRecovered(content, { ask: at(A, -1n, true) }, position);
      const seqno = held.kind === "at" ? ` ${held.position.seqno} ${held.safeToBootstrap}` : "";
      return `${held.kind}${seqno}${problem === undefined ? "" : "!"}`;
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return "person";
    }
  };
  assert.equal(recovered(at(A, 9n)), "at 9 false");
  assert.equal(recovered(at(A, 0n)), "at 0 false");
  assert.equal(recovered(at(B, 9n)), "person");
  assert.equal(recovered(at(B, -1n)), "person");
  assert.equal(recovered(at(ZERO_UUID, -1n)), "standalone!");
  assert.equal(recovered(at(ZERO_UUID, -1n), FRESH), "fresh!");
  // Half a position: neither a history nor none.
  assert.equal(recovered(at(A, -1n)), "person");
  assert.equal(recovered(at(A, -1n), FRESH), "person");
  assert.equal(recovered(at(ZERO_UUID, 0n)), "person");
  assert.equal(recovered(at(ZERO_UUID, 9n), FRESH), "person");
});
