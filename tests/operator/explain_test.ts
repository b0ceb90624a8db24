import assert from "node:assert/strict";
import { dryRun, type Scene } from "../../lib/cluster/dry_run.ts";
import { buildExplanation, renderExplanation } from "../../lib/operator/explain.ts";
import type { Decision } from "../../lib/cluster/view.ts";
import { Progress } from "../../lib/progress.ts";
import { cluster, record } from "../cluster/views.ts";

const A = "aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d";
const SCENE: Scene = {
  said: new Map(),
  sight: {
    storage: "persistent",
    paused: null,
    cluster: cluster("bootstrapping g2 A a1@0 a2@10"),
    records: ["g1 at A:9", "g2 at A:10@a1", "g3 at A:5 away", "g4 unreadable"].map(record),
    registered: [],
    serving: [],
  },
};

function explain(own: Decision | null, whatIf: readonly string[] = []) {
  const progress = new Progress("g2", "10.0.0.2", () => "");
  if (own !== null) progress.decide(own);
  return buildExplanation({
    root: "",
    scene: SCENE,
    courses: dryRun(SCENE),
    statuses: new Map([["g2", progress.status]]),
    whatIf,
  });
}

Deno.test("renderExplanation() shows the cluster with its attempts, and each member", () => {
  assert.deepEqual(renderExplanation(explain(null)), [
    `Cluster: ${A}, being bootstrapped by g2`,
    "  attempt a1: g1 began a new cluster",
    `  attempt a2: g2 bootstrapped ${A} at 10, from a1`,
    "g1 would wait (rule 3): g2 is bootstrapping the cluster",
    "  waits for: g2",
    "g2 would wait (rule 7): The record of g4 cannot be read: it holds nothing",
    "  a person is needed: Look at the znode members/g4 and delete it if it is not " +
    "galera-keeper's: a running keeper writes it anew.",
    "g3 (not there) would wait (rule 3): g2 is bootstrapping the cluster",
    "  waits for: g2",
    "g4: Its record cannot be read: it holds nothing",
  ]);
});

Deno.test("buildExplanation() shows what a keeper last decided only where that is something else", () => {
  const { members, root } = explain(null);
  assert.equal(root, "/");
  const course = members[1]!.course;
  assert.ok(course.kind === "decides");
  const other: Decision = { kind: "join", rule: 1, reason: "g1 answers", donors: ["10.0.0.1"] };
  const keeperOf = (...given: Parameters<typeof explain>) => explain(...given).members[1]!.keeper;
  assert.equal(keeperOf(course.decision), null);
  assert.deepEqual(keeperOf(other), other);
  assert.equal(keeperOf(other, ["g1=absent"]), null);
  assert.ok(
    renderExplanation(explain(other)).includes(
      "  its keeper last decided to join (rule 1): g1 answers",
    ),
  );
});
