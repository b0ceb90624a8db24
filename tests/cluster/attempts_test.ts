import assert from "node:assert/strict";
import { branchOf, explainBranch, leftBehindBy } from "../../lib/cluster/attempts.ts";
import type { Attempt } from "../../lib/cluster/view.ts";
import { cluster, copy } from "./views.ts";

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
});
