import assert from "node:assert/strict";
import {
  arbitrate,
  type ArbitrationView,
  type Component,
  type RunningGarbd,
} from "../../lib/cluster/arbitrate.ts";
import type { Answer, Cluster, ClusterOnRecord, Registered } from "../../lib/cluster/view.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const OTHER = "0f821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const RUNNING: Cluster = {
  phase: "running",
  uuid: UUID,
  by: "g-1",
  attempt: "a1",
  forced: false,
  attempts: [],
};
const FOLLOWS = { uuid: UUID, attempt: "a1" };

function known(more: Partial<Cluster> = {}): ClusterOnRecord {
  return { kind: "known", cluster: { ...RUNNING, ...more } };
}

function member(number: number, kind: Answer["kind"] = "primary"): Registered {
  const answer = kind === "silent" || kind === "mismatch" ? { kind, problem: "no" } : { kind };
  return { address: `10.0.0.${number}`, name: `g-${number}`, answer };
}

function view(cluster: ClusterOnRecord, ...registered: readonly Registered[]) {
  return { registry: { paused: null, isStarting: false, cluster, registered } };
}

function starting(of: ReturnType<typeof view>) {
  return { registry: { ...of.registry, isStarting: true } };
}

function paused(of: ReturnType<typeof view>) {
  return { registry: { ...of.registry, paused: "by ops" } };
}

function on(more: Partial<ArbitrationView>): ArbitrationView {
  return {
    registry: null,
    arbitrators: ["arb"],
    garbd: null,
    putOffMs: 0,
    courtesyMs: 15_000,
    patienceMs: 45_000,
    ...more,
  };
}

function garbd(component: Component | null, withoutPrimaryMs = 0): RunningGarbd {
  return { follows: FOLLOWS, component, withoutPrimaryMs };
}

function primary(...names: readonly string[]): Component {
  return { primary: true, uuid: UUID, size: names.length, names };
}

const NOT_PRIMARY: Component = { primary: false, uuid: null, size: 1, names: [] };
const VOTES = primary("g-1", "arb", "g-2");

Deno.test("arbitrate() starts garbd against the members that answer as Primary, and not before", () => {
  const table: [Partial<ArbitrationView>, string, string][] = [
    [{}, "wait", "There is no connection to ZooKeeper"],
    [view({ kind: "none" }), "wait", "No cluster is on record yet"],
    [
      view({ kind: "unreadable", problem: "junk" }, member(1)),
      "wait",
      "The cluster is not readable: junk",
    ],
    [view(known({ phase: "bootstrapping" }), member(1)), "wait", "g-1 bootstraps the cluster"],
    [view(known()), "wait", "No member is registered"],
    [
      view(known(), member(1, "not-primary"), member(2, "silent"), member(3, "mismatch"), {
        ...member(4, "foreign"),
        name: null,
      }),
      "wait",
      "No registered member answers and is Primary",
    ],
    [paused(view(known(), member(1))), "wait", "Paused by ops"],
    [view(known(), member(1)), "start", "g-1 answers and is Primary"],
    [starting(view(known(), member(1))), "put-off", "A member starts, and goes first"],
    [
      { ...starting(view(known(), member(1))), putOffMs: 14_999 },
      "put-off",
      "A member starts, and goes first",
    ],
    [
      { ...starting(view(known(), member(1))), putOffMs: 15_000 },
      "start",
      "g-1 answers and is Primary",
    ],
    [starting(view(known())), "wait", "No member is registered"],
    [
      view(known(), member(1), member(2, "silent"), member(3)),
      "start",
      "g-1 and g-3 answer and are Primary",
    ],
  ];
  for (const [more, kind, reason] of table) {
    const step = arbitrate(on(more));
    assert.deepEqual([step.kind, step.reason], [kind, reason]);
  }
  const step = arbitrate(on(view(known(), member(1), member(2, "silent"), member(3))));
  assert(step.kind === "start");
  assert.deepEqual(step.members, ["10.0.0.1", "10.0.0.3"]);
  assert.deepEqual(step.follows, FOLLOWS);
});

Deno.test("arbitrate() leaves garbd alone, or stops it for a new decision", () => {
  const alone = primary("arb");
  const twoArbitrators = { garbd: garbd(primary("arb", "arb-2")), arbitrators: ["arb", "arb-2"] };
  const votes = garbd(VOTES);
  const lost = garbd(NOT_PRIMARY, 44_999);
  const table: [string, Partial<ArbitrationView>, "stay" | "stop"][] = [
    ["it votes", { ...view(known()), garbd: votes }, "stay"],
    ["it votes, nothing is on record", { ...view({ kind: "none" }), garbd: votes }, "stay"],
    [
      "it votes, the record is unreadable",
      { ...view({ kind: "unreadable", problem: "" }), garbd: votes },
      "stay",
    ],
    ["no connection, it votes", { garbd: votes }, "stay"],
    ["no connection, it is not Primary", { garbd: garbd(NOT_PRIMARY, 99_999) }, "stay"],
    ["no connection, it has only begun", { garbd: garbd(null, 99_999) }, "stay"],
    ["it votes, a member starts", { ...starting(view(known())), garbd: votes }, "stay"],
    ["it is left alone as Primary", { ...view(known(), member(1)), garbd: garbd(alone) }, "stop"],
    ["the same, no connection", { garbd: garbd(alone) }, "stop"],
    ["the same, paused", { ...paused(view(known())), garbd: garbd(alone) }, "stop"],
    ["only arbitrators are left", twoArbitrators, "stop"],
    [
      "a member beside two arbitrators",
      { ...twoArbitrators, garbd: garbd(primary("arb", "arb-2", "g-1")) },
      "stay",
    ],
    ["a member called as the arbitrator", { garbd: garbd(primary("arb", "arb")) }, "stay"],
    ["names are not known", { garbd: garbd({ ...VOTES, names: [] }) }, "stay"],
    ["another cluster of that name", { garbd: garbd({ ...VOTES, uuid: OTHER }) }, "stop"],
    ["another attempt", { ...view(known({ attempt: "a2" })), garbd: votes }, "stop"],
    [
      "another attempt, being bootstrapped",
      { ...view(known({ attempt: "a2", phase: "bootstrapping" })), garbd: votes },
      "stop",
    ],
    ["the same, paused", { ...paused(view(known({ attempt: "a2" }))), garbd: votes }, "stay"],
    ["another UUID", { ...view(known({ uuid: OTHER })), garbd: votes }, "stop"],
    ["not Primary, none registered", { ...view(known()), garbd: garbd(NOT_PRIMARY) }, "stop"],
    ["begun, none registered any more", { ...view(known()), garbd: garbd(null) }, "stop"],
    ["not Primary, as members", {
      ...view(known(), member(1, "not-primary")),
      garbd: garbd(NOT_PRIMARY, 99_999),
    }, "stay"],
    ["not Primary, members are", { ...view(known(), member(1)), garbd: lost }, "stay"],
    ["the same for too long", {
      ...view(known(), member(1)),
      garbd: { ...lost, withoutPrimaryMs: 45_000 },
    }, "stop"],
    ["begun, not there yet", { ...view(known(), member(1)), garbd: garbd(null, 9_000) }, "stay"],
  ];
  for (const [what, more, kind] of table) {
    const step = arbitrate(on(more));
    assert.equal(step.kind, kind, `${what}: ${step.reason}`);
    assert.match(step.reason, /^[A-Z].*[^.]$/);
  }
});
