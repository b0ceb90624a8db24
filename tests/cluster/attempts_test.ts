import assert from "node:assert/strict";
import fc from "fast-check";
import {
  attemptsOf,
  begin,
  branchOf,
  explainBranch,
  leftBehindBy,
  sharedUntil,
} from "../../lib/cluster/attempts.ts";
import type { Attempt } from "../../lib/cluster/view.ts";
import { A, cluster, copy, record } from "./views.ts";

/** The attempts of `running A a1@0 a2@10`. */
function attempts(text: string): readonly Attempt[] {
  const seen = cluster(text);
  return seen.kind === "known" ? seen.cluster.attempts : [];
}

const ONE = attempts("running A a1@0");
const TWO = attempts("running A a1@0 a2@10");
const THREE = attempts("running A a1@0 a2@10 a3@20");
/** A cluster that was there before galera-keeper. */
const ADOPTED = attempts("running A a1@20");
/** A person went back: the third began before the second. */
const BACK = attempts("running A a1@0 a2@10 a3@5");
/** A person had the cluster go on with an old branch: the third began in the first. */
const OLD_BRANCH = attempts("running A a1@0 a2@10 a3@20@a1");
/** It began from a copy that does not say what it followed. */
const FROM_UNKNOWN = attempts("running A a1@0 a2@10@?");
const FROM_UNKNOWN_LATER = attempts("running A a1@0 a9@5 a2@10@?");
const UNFINISHED = attempts("bootstrapping g1 ? a1@0");
const HUGE = attempts("running A a1@0 a2@9223372036854775806");

Deno.test("leftBehindBy() names the later attempt that a copy lies beyond", () => {
  type Case = [copy: string, attempts: readonly Attempt[], later: string | null, branch: string];
  const cases: Case[] = [
    ["A:5@a1", [], null, "present"],
    ["A:5@?", [], null, "present"],
    ["A:0@a1", ONE, null, "present"],
    ["A:99@a1", ONE, null, "present"],
    ["A:9@a1", TWO, null, "present"],
    ["A:10@a1", TWO, null, "present"],
    ["A:11@a1", TWO, "a2", "left-behind"],
    ["A:10@a2", TWO, null, "present"],
    ["A:99@a2", TWO, null, "present"],
    ["A:15@a1", THREE, "a2", "left-behind"],
    ["A:99@a1", THREE, "a2", "left-behind"],
    ["A:20@a2", THREE, null, "present"],
    ["A:21@a2", THREE, "a3", "left-behind"],
    ["A:21@a3", THREE, null, "present"],
    ["A:5@a1", BACK, null, "present"],
    ["A:6@a1", BACK, "a3", "left-behind"],
    ["A:8@a2", BACK, "a3", "left-behind"],
    ["A:11@a2", BACK, "a3", "left-behind"],
    ["A:11@a3", BACK, null, "present"],
    ["A:10@a2", OLD_BRANCH, null, "present"],
    ["A:15@a2", OLD_BRANCH, "a3", "left-behind"],
    ["A:25@a2", OLD_BRANCH, "a3", "left-behind"],
    ["A:15@a1", OLD_BRANCH, null, "present"],
    ["A:21@a1", OLD_BRANCH, "a3", "left-behind"],
    ["A:99@a3", OLD_BRANCH, null, "present"],
    ["A:9@a1", FROM_UNKNOWN, null, "present"],
    ["A:11@a1", FROM_UNKNOWN, "a2", "unknown"],
    ["A:11@a2", FROM_UNKNOWN, null, "present"],
    ["A:10@a2", FROM_UNKNOWN_LATER, null, "present"],
    ["A:9@a2", FROM_UNKNOWN_LATER, "a9", "unknown"],
    ["A:10@?", FROM_UNKNOWN_LATER, "a9", "unknown"],
    // An attempt that is not known is held against all but the one that created the cluster.
    ["A:0@?", ONE, null, "present"],
    ["A:99@?", ONE, null, "present"],
    ["A:10@?", TWO, null, "present"],
    ["A:11@?", TWO, "a2", "unknown"],
    ["A:11@a9", TWO, "a2", "unknown"],
    ["A:20@?", ADOPTED, null, "present"],
    ["A:21@?", ADOPTED, "a1", "unknown"],
    // A first bootstrap that is not finished has no UUID, and nothing to be compared with.
    ["A:1@a1", UNFINISHED, null, "present"],
    ["A:1@?", UNFINISHED, null, "present"],
    // Another cluster's history says nothing about a copy, nor do positions that say nothing.
    ["B:99@a1", TWO, null, "present"],
    ["ZERO:99@a1", TWO, null, "present"],
    ["A:-1@a1", TWO, null, "present"],
    // Beyond what a double holds.
    ["A:9223372036854775806@a1", HUGE, null, "present"],
    ["A:9223372036854775807@a1", HUGE, "a2", "left-behind"],
    ["A:9223372036854775807@a2", HUGE, null, "present"],
  ];
  for (const [text, past, later, branch] of cases) {
    const what = `${text} ${past.map(({ attempt, seqno }) => `${attempt}@${seqno}`).join(" ")}`;
    assert.equal(leftBehindBy(copy(text), past)?.attempt ?? null, later, what);
    assert.equal(branchOf(copy(text), past), branch, what);
  }
});

Deno.test("leftBehindBy() does not compare positions of the zero UUID", () => {
  const zero = attempts("running ZERO a1@0 a2@10");
  assert.equal(leftBehindBy(copy("ZERO:11@a1"), zero), null);
});

Deno.test("explainBranch() says where and by whom the cluster went on", () => {
  assert.equal(
    explainBranch(copy("A:11@a1"), TWO[1]!),
    "its position aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d:11 lies beyond 10, where g1 bootstrapped " +
      "later: it holds transactions that the cluster went on without",
  );
  assert.equal(
    explainBranch(copy("A:15@a2"), OLD_BRANCH[2]!),
    "its copy at aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d:15 followed a bootstrap that the cluster went " +
      "on without when g1 bootstrapped at 20",
  );
});

/** What an attempt began with and what came to it, each transaction by a name of its own. */
interface Life {
  readonly attempt: Attempt;
  readonly transactions: readonly string[];
}

/** Bootstraps from any copy that there ever was, as a person might choose them. */
function liveOn(steps: readonly { from: number; length: number; more: number }[]): readonly Life[] {
  const lives: Life[] = [];
  for (const [index, { from, length, more }] of steps.entries()) {
    const before = lives[from % Math.max(1, lives.length)];
    const held = before?.transactions.slice(0, length % (before.transactions.length + 1)) ?? [];
    const attempt = `a${index}`;
    const seqno = BigInt(held.length);
    lives.push({
      attempt: { attempt, by: "g1", uuid: A, seqno, from: before?.attempt.attempt ?? null },
      transactions: [...held, ...Array.from({ length: more }, (_, i) => `${attempt}:${i}`)],
    });
  }
  return lives;
}

const anyLives = fc.array(
  fc.record({ from: fc.nat(5), length: fc.nat(12), more: fc.nat(4) }),
  { minLength: 1, maxLength: 6 },
).map(liveOn);

Deno.test("branchOf() tells a part of the present history from all else, whoever was bootstrapped", () => {
  fc.assert(
    fc.property(anyLives, fc.nat(5), fc.nat(12), fc.boolean(), (lives, of, length, isLabelled) => {
      const { attempt: { attempt }, transactions } = lives[of % lives.length]!;
      const seqno = length % (transactions.length + 1);
      const held = transactions.slice(0, seqno);
      const present = lives.at(-1)!.transactions;
      const isPart = held.every((one, index) => present[index] === one);
      const position = { uuid: A, seqno: BigInt(seqno) };
      const past = lives.map((life) => life.attempt);
      if (isLabelled) {
        const branch = branchOf({ position, attempt }, past);
        assert.equal(branch, isPart ? "present" : "left-behind");
        const apart = held.findIndex((one, index) => present[index] !== one);
        assert.equal(sharedUntil({ position, attempt }, past), isPart ? null : BigInt(apart));
      } else if (branchOf({ position, attempt: null }, past) === "present") {
        assert.ok(isPart, "a copy without an attempt passed for a part");
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("sharedUntil() reckons with the earliest that two may have parted at", () => {
  // Neither copy said what it followed: the third began before the second.
  const past = attempts("running A a1@0 a2@263@? a3@168@?");
  assert.equal(sharedUntil(copy("A:396@a2"), past), 168n);
  assert.equal(sharedUntil(copy("A:439@?"), past), 168n);
  assert.equal(sharedUntil(copy("A:168@a1"), past), null);
});

Deno.test("attemptsOf() takes the cluster's, else the longest lineage that all others are a part of", () => {
  const lineage = (text: string, name: string, past: readonly Attempt[]) => {
    const seen = record(`${name} ${text}`);
    if (seen.kind !== "record") throw new Error(text);
    return { ...seen.record, lineage: past };
  };
  const known = cluster("running A a1@0 a2@10");
  if (known.kind !== "known") throw new Error("not known");
  const [first, second] = [lineage("at A:9", "g1", ONE), lineage("at A:12@a2", "g2", TWO)];
  assert.deepEqual(attemptsOf(known.cluster, [first]), TWO);
  assert.deepEqual(attemptsOf(null, []), []);
  assert.deepEqual(attemptsOf(null, [first, second]), TWO);
  assert.deepEqual(attemptsOf(null, [second, first]), TWO);
  const other = attempts("running A a1@0 a9@5");
  assert.equal(attemptsOf(null, [second, lineage("at A:9@a9", "g3", other)]), null);
});

Deno.test("begin() goes on with the history of what it begins with, or starts a new one", () => {
  const known = cluster("running A a1@0");
  if (known.kind !== "known") throw new Error("not known");
  const rest = { by: "g2", attempt: "a2", forced: false, records: [], lineage: [] };
  const goesOn = begin({ ...rest, onRecord: known, copy: copy("A:10@a1") });
  assert.deepEqual(goesOn, {
    phase: "bootstrapping",
    uuid: A,
    by: "g2",
    attempt: "a2",
    attempts: [...ONE, { attempt: "a2", by: "g2", uuid: A, seqno: 10n, from: "a1" }],
    forced: false,
  });
  const created = { attempt: "a2", by: "g2", uuid: null, seqno: 0n, from: null };
  assert.deepEqual(begin({ ...rest, onRecord: known, copy: null }).attempts, [created]);
  const none = { kind: "none" } as const;
  const told = record("g1 at A:9");
  if (told.kind !== "record") throw new Error("not a record");
  const records = [{ ...told, record: { ...told.record, lineage: ONE } }];
  const emptied = begin({ ...rest, onRecord: none, records, copy: copy("A:10@a1") });
  assert.deepEqual(emptied.attempts, goesOn.attempts);
  const long = Array.from({ length: 150 }, (_, i) => ({ ...ONE[0]!, attempt: `b${i}` }));
  const onRecord = { ...known, cluster: { ...known.cluster, attempts: long } };
  const cut = begin({ ...rest, onRecord, copy: copy("A:10@a1") });
  assert.equal(cut.attempts.length, 101);
});
