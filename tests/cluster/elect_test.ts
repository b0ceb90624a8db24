import assert from "node:assert/strict";
import { elect, type Evidence, weigh } from "../../lib/cluster/elect.ts";
import { formatPosition } from "../../lib/cluster/position.ts";
import { A, viewOf } from "./views.ts";

const ON_RECORD = "running A a1@0";
const BRANCHED = "running A a1@0 a2@5";

function evidence(cluster: string, records: string): Evidence {
  const view = viewOf("g0", { cluster, records });
  return weigh(view, view.cluster.kind === "known" ? view.cluster.cluster : null);
}

/** What all amounts to, in a few words; what is empty is left out. */
function inWords(evidence: Evidence): string {
  const { empty, candidates, bar, uuids, running, unknown, standalone, unreadable } = evidence;
  const parts: [string, readonly string[]][] = [
    ["candidates", candidates.map(({ name }) => name)],
    ["bar", bar === null ? [] : [`${bar.name}:${bar.copy.position.seqno}`]],
    ["clusters", uuids.length < 2 ? [] : uuids.map((uuid) => uuid === A ? "A" : "B")],
    ["running", running.map(({ record }) => record.name)],
    ["unknown", unknown],
    ["standalone", standalone],
    ["unreadable", unreadable.map(({ name }) => name)],
  ];
  const said = parts.filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what} ${names.join(" ")}`);
  return [...empty ? ["empty"] : [], ...said].join(", ");
}

Deno.test("weigh() sums up what all records amount to", () => {
  const cases: [what: string, cluster: string, records: string, sum: string][] = [
    ["nobody has reported", "none", "", "empty"],
    ["nobody holds data", "none", "g1 nothing | g2 nothing away", "empty"],
    [
      "standalone data is no cluster's",
      "none",
      "g1 standalone | g2 nothing",
      "empty, standalone g1",
    ],
    ["torn: there was a cluster", "none", "g1 torn | g2 nothing", ""],
    ["who runs may hold anything", "none", "g1 first | g2 nothing", "running g1"],
    ["unreadable may hold anything", "none", "g1 unreadable | g2 nothing", "unreadable g1"],
    ["copies", "none", "g1 at A:9 | g2 at A:10", "candidates g1 g2, bar g2:10"],
    ["equal copies", "none", "g1 at A:9 | g2 at A:9", "candidates g1 g2, bar g1:9"],
    ["copies of two clusters", "none", "g1 at A:9 | g2 at B:5", "candidates g1 g2, clusters A B"],
    ["of the one on record", ON_RECORD, "g1 at A:9 | g2 at B:99", "candidates g1, bar g1:9"],
    ["of another than the one on record", ON_RECORD, "g1 at B:9 | g2 torn B:7", "empty"],
    ["a stranger that runs", ON_RECORD, "g1 running B | g2 at A:9", "candidates g2, bar g2:9"],
    ["one that runs in an unknown cluster", ON_RECORD, "g1 running ?", "running g1"],
    [
      "a lost disk is a bar",
      "none",
      "g1 at A:10 but empty | g2 at A:9",
      "candidates g2, bar g1:10",
    ],
    ["a torn one's floor is a bar", "none", "g1 torn A:10 | g2 at A:9", "candidates g2, bar g1:10"],
    [
      "a starter's floor is a bar",
      "none",
      "g1 starting A:10 | g2 at A:9",
      "candidates g2, bar g1:10, running g1",
    ],
    ["a starter whose floor is not known", "none", "g1 starting unknown", "running g1"],
    [
      "a lost disk counts as a cluster",
      "none",
      "g1 torn B:1 | g2 at A:9",
      "candidates g2, clusters B A",
    ],
    ["an old branch", BRANCHED, "g1 at A:9@a1 | g2 at A:7@a2", "candidates g2, bar g2:7"],
    ["an old branch alone", BRANCHED, "g1 at A:9@a1", ""],
    [
      "a branch nobody knows is a bar",
      BRANCHED,
      "g1 at A:9@? | g2 at A:7@a2",
      "candidates g2, bar g1:9",
    ],
    ["before any branch", BRANCHED, "g1 at A:5@? | g2 at A:4@a1", "candidates g1 g2, bar g1:5"],
    [
      "-1 is not known",
      "none",
      "g1 at A:-1 safe | g2 at A:9",
      "candidates g2, bar g2:9, unknown g1",
    ],
    ["a floor of -1 is not known", "none", "g1 torn A:-1", "unknown g1"],
    ["the zero UUID is not known", "none", "g1 at ZERO:9 safe", "unknown g1"],
    ["the zero UUID beside a cluster's", ON_RECORD, "g1 at ZERO:9 safe", "empty"],
  ];
  for (const [what, cluster, records, sum] of cases) {
    assert.equal(inWords(evidence(cluster, records)), sum, what);
  }
});

Deno.test("elect() takes the most advanced copy, then one that can act, the safe one, the lowest name", () => {
  type Case = [records: string, self: string, mine: boolean, elected: string | null];
  const cases: Case[] = [
    ["g1 at A:9", "g1", false, "g1"],
    ["g1 at A:9 | g2 at A:10", "g1", false, "g2"],
    ["g1 at A:9 safe | g2 at A:10", "g1", false, "g2"],
    ["g1 at A:9 | g2 at A:10 away", "g1", false, "g2"],
    ["g1 at A:9 | g2 at A:9 safe", "g1", false, "g2"],
    ["g1 at A:9 safe | g2 at A:9 safe", "g2", false, "g1"],
    ["g10 at A:9 | g9 at A:9", "g9", false, "g10"],
    ["g2 at A:9 | g1 at A:9", "g2", false, "g1"],
    ["g1 at A:9 safe away | g2 at A:9", "g2", false, "g2"],
    ["g1 at A:9 away | g2 at A:9 away", "g3", false, "g1"],
    ["g1 at A:9 | g2 torn A:10", "g1", false, null],
    ["g1 at A:9 | g2 at A:10 but empty", "g1", false, null],
    ["g1 at A:9 | g2 torn A:9", "g1", false, "g1"],
    ["g1 nothing", "g1", false, null],
    ["g1 at A:9 | g2 at B:9", "g1", false, null],
    ["g1 at A:9 safe | g2 at A:9", "g2", true, "g2"],
    ["g1 at A:9 safe | g2 at A:9", "g2", false, "g1"],
    ["g1 at A:10 | g2 at A:9 safe", "g2", true, "g1"],
    ["g1 at A:9 | g2 at A:9 but empty", "g2", true, "g1"],
    ["g1 at A:9007199254740993 | g2 at A:9007199254740992 safe", "g2", false, "g1"],
  ];
  for (const [records, self, mine, elected] of cases) {
    const got = elect(evidence("none", records), self, mine);
    assert.equal(got?.name ?? null, elected, `${records}, ${self}${mine ? ", mine" : ""}`);
  }
});

Deno.test("elect() hands out what its keeper is to act on", () => {
  const got = elect(evidence("none", "g1 at A:9 safe away | g2 at A:8"), "g2", false);
  assert.equal(got && formatPosition(got.copy.position), `${A}:9`);
  assert.equal(got?.present, false);
  assert.equal(got?.safeToBootstrap, true);
});
