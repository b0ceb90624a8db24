/** All views of up to three members over a small set of records and clusters, held against an oracle. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide } from "../../lib/cluster/decide.ts";
import type { Answer, Decision, View } from "../../lib/cluster/view.ts";
import { addressOf, cluster, held, inWords, uuid } from "./views.ts";
import {
  decides,
  describe,
  GROUNDS,
  HISTORIES,
  type Member,
  member,
  STATES,
  transactions,
  viewOf,
  whatIsWrong,
  within,
  type World,
  worlds,
} from "./worlds.ts";

function assertSentence(decision: Decision, what: string): void {
  const odd = /undefined|null|NaN|\[object|\s{2}|[\r\n]|^\s|\s$|^$|[.;,:]$/;
  assert.ok(!odd.test(decision.reason), `${what}: ${decision.reason}`);
  if (decision.kind !== "wait" || decision.person === null) return;
  assert.match(decision.person, /^[A-Z][^\r\n]*\.$/, what);
  assert.ok(!/undefined|null|NaN|\[object/.test(decision.person), what);
}

Deno.test("decide() loses nothing, contradicts nobody and leaves nobody waiting, in all small worlds", () => {
  let seen = 0, begun = 0;
  for (const world of worlds()) {
    seen++;
    const told = new Map<Member, Decision>();
    for (const one of world.members) {
      if (one.present && decides(one)) told.set(one, decide(viewOf(world, one)));
    }
    const starters = [...told].filter(([, { kind }]) => kind === "bootstrap").map(([one]) => one);
    begun += starters.length;
    const wrong = starters.map((one) => whatIsWrong(world, one)).filter((why) => why !== null);
    const what = () => {
      const all = [...told].map(([{ name }, one]) => `${name}: ${inWords(one)}`);
      return `${describe(world)} → ${all.join("; ")}`;
    };
    if (wrong.length > 0) assert.fail(`${wrong[0]}: ${what()}`);
    if (starters.length > 1 && !starters.every(({ kind }) => kind === "none")) {
      assert.fail(`two would bootstrap: ${what()}`);
    }
    for (const decision of told.values()) assertSentence(decision, describe(world));
    // Whoever could go on without a loss is not left waiting.
    const able = [...told.keys()].filter((one) => whatIsWrong(world, one) === null);
    if (able.length > 0 && starters.length === 0) assert.fail(`nobody goes on: ${what()}`);
    const idle = idleFor(world, told);
    if (idle !== null) assert.fail(`${idle} waits for nothing: ${what()}`);
  }
  assert.ok(seen > 100_000 && begun > 10_000, `${seen} worlds, ${begun} bootstraps`);
});

/** Who waits for something that nothing will bring about and says nothing of a person; null: nobody. */
function idleFor(world: World, told: ReadonlyMap<Member, Decision>): string | null {
  const { ground, members } = world;
  // More members are to come: that they start is not these ones' business.
  if (ground.size !== null && members.length < ground.size) return null;
  const ends = (one: Member | undefined, before: readonly Member[]): boolean => {
    if (one === undefined || !one.present || before.includes(one)) return false;
    const decision = told.get(one);
    if (decision?.kind !== "wait" || decision.person !== null) return true;
    const next = decision.waitsFor.map((name) => members.find((member) => member.name === name));
    return next.length > 0 && next.every((other) => ends(other, [...before, one]));
  };
  return [...told.keys()].find((one) => !ends(one, []))?.name ?? null;
}

/** What a datadir may hold that its record says nothing of. */
const HELD = [
  "empty",
  "fresh",
  "standalone",
  "torn",
  "at A:1",
  "at A:3",
  "at A:2 safe",
  "at A:3@a2",
]
  .concat(["at A:3@?", "at B:3 safe", "at A:-1 safe", "at ZERO:3 safe"]);

Deno.test("decide() never bootstraps on a record that does not say what the datadir holds", () => {
  const selves = HELD.map((text) => ({ text, self: held(text) }));
  const says = (one: Member | undefined) =>
    one === undefined ? "" : one.says === "nothing" ? "empty fresh" : one.says;
  let seen = 0;
  for (const world of worlds()) {
    if (world.members.length > 2) continue;
    const one = world.members.find(({ name }) => name === "g1");
    for (const { text, self } of selves) {
      seen++;
      const decision = decide(viewOf(world, { name: "g1", self }));
      assertSentence(decision, describe(world));
      if (decision.kind !== "bootstrap") continue;
      const same = one !== undefined && !one.gone && says(one).split(" ").slice(0, 2).join(" ")
        .includes(text.replace(" safe", "").replace(/@.*/, ""));
      assert.ok(same, `${describe(world)}, g1 holds ${text}: ${inWords(decision)}`);
    }
  }
  assert.ok(seen > 50_000, `${seen} views`);
});

Deno.test("decide() bootstraps beside no registered member, and joins only what loses nothing", () => {
  const answers: readonly Answer[] = [
    { kind: "primary" },
    { kind: "not-primary" },
    { kind: "silent", problem: "connection refused" },
    { kind: "mismatch", problem: "g9 answers there" },
    { kind: "foreign" },
  ];
  let joins = 0;
  for (const world of worlds()) {
    if (world.members.length !== 2 || world.members[0]?.name !== "g1") continue;
    const one = world.members[0];
    for (const answer of answers) {
      const name = answer.kind === "foreign" ? null : "g2";
      const registered = [{ address: addressOf("g2"), name, answer }];
      const decision = decide({ ...viewOf(world, one), registered });
      const what = `${describe(world)}, g2 ${answer.kind}: ${inWords(decision)}`;
      assertSentence(decision, what);
      assert.notEqual(decision.kind, "bootstrap", what);
      assert.equal(
        decision.kind === "join",
        answer.kind === "primary" && mayJoin(world, one),
        what,
      );
      if (decision.kind === "join") joins++;
    }
  }
  assert.ok(joins > 100, `${joins} joins`);
});

/** Whether nothing that this member holds is missing in the cluster that runs. */
function mayJoin({ ground, cluster }: World, self: Member): boolean {
  const { history } = ground;
  const runs = cluster.kind === "known" && cluster.cluster.phase === "running";
  if (!runs || history === null) return false;
  if (self.gone) return true;
  switch (self.kind) {
    case "none":
    case "torn":
    case "running": // Held is empty here: its disk was lost.
    case "unreadable":
      return true;
    case "standalone":
      return false;
    case "data": {
      const { histories, length } = self.copy!;
      if (histories.length === 0 || histories.includes("b")) return false;
      return length === "any" ||
        histories.every((one) => within(transactions(one, length), HISTORIES[history]));
    }
  }
}

/** Any view at all, from what could never be read from a registry. */
function anyView(): fc.Arbitrary<View> {
  const name = fc.oneof(fc.constantFrom("g1", "g2", "g3"), fc.string({ unit: "binary" }));
  const id = fc.oneof(fc.constantFrom(uuid("A"), uuid("B"), uuid("ZERO")), fc.string());
  const seqno = fc.oneof(
    fc.constantFrom(-1n, 0n, 1n, 2n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n),
    fc.bigInt(),
  );
  const attempt = fc.option(fc.constantFrom("a1", "a2", ""));
  const position = fc.record({ uuid: id, seqno });
  const copy = fc.record({ position, attempt });
  const kind = <K extends string>(one: K) => fc.constant(one);
  const data = fc.oneof(
    fc.record({ kind: fc.constantFrom("nothing" as const, "standalone" as const) }),
    fc.record({ kind: kind("torn"), floor: fc.option(copy) }),
    fc.record({ kind: kind("at"), copy, safeToBootstrap: fc.boolean() }),
    fc.record({
      kind: kind("running"),
      uuid: fc.option(id),
      starting: fc.boolean(),
      floor: fc.oneof(fc.constant(null), fc.constant("unknown" as const), copy),
    }),
  );
  const attempts = fc.array(
    fc.record({
      attempt: fc.oneof(fc.constantFrom("a1", "a2"), fc.string()),
      by: name,
      uuid: fc.option(id),
      seqno,
      from: fc.option(fc.constantFrom("a1", "a2", "")),
    }),
    { maxLength: 4 },
  );
  const problem = fc.string({ unit: "binary" });
  const record = fc.record({
    kind: kind("record"),
    present: fc.boolean(),
    record: fc.record({
      name,
      serverId: fc.option(fc.nat()),
      address: fc.string(),
      datadirId: fc.string(),
      data,
      instead: fc.option(fc.string({ unit: "binary" })),
      insteadCopy: fc.option(copy),
      lineage: attempts,
      http: fc.option(fc.string()),
    }),
  });
  const answer = fc.oneof(
    fc.record({ kind: fc.constantFrom("primary" as const, "not-primary" as const) }),
    fc.record({ kind: fc.constantFrom("silent" as const, "mismatch" as const), problem }),
    fc.record({ kind: kind("foreign") }),
  );
  return fc.record({
    self: fc.record({
      name,
      attempt,
      held: fc.oneof(
        fc.record({ kind: fc.constantFrom("empty", "fresh", "standalone", "torn") }),
        fc.record({ kind: kind("at"), position, safeToBootstrap: fc.boolean() }),
      ),
    }),
    size: fc.option(fc.integer({ min: 0, max: 5 })),
    storage: fc.constantFrom("persistent", "ephemeral"),
    paused: fc.option(fc.string({ unit: "binary" }), { freq: 10 }),
    cluster: fc.oneof(
      fc.record({ kind: kind("none") }),
      fc.record({ kind: kind("unreadable"), problem }),
      fc.record({
        kind: kind("known"),
        cluster: fc.record({
          phase: fc.constantFrom("bootstrapping" as const, "running" as const),
          uuid: fc.option(id),
          by: name,
          attempt: fc.string(),
          attempts,
          forced: fc.boolean(),
        }),
      }),
    ),
    records: fc.array(
      fc.oneof(
        { weight: 5, arbitrary: record },
        { weight: 1, arbitrary: fc.record({ kind: kind("unreadable"), name, problem }) },
      ),
      { maxLength: 5 },
    ),
    registered: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: fc.array(fc.record({ address: fc.string(), name: fc.option(name), answer })),
      },
    ),
  });
}

Deno.test("decide() of any view at all is a decision, its reason is one line", () => {
  fc.assert(
    fc.property(anyView(), (view) => {
      const decision = decide(view);
      assert.ok(!/[\r\n\u0085\u2028\u2029\0]/.test(decision.reason), decision.reason);
      if (decision.kind === "wait" && decision.person !== null) {
        assert.ok(!/[\r\n\u0085\u2028\u2029\0]/.test(decision.person), decision.person);
      }
      assert.deepEqual(decide(view), decision, "the same view gives the same decision");
      if (decision.kind !== "bootstrap") return;
      assert.equal(view.registered.length, 0);
      assert.notEqual(view.cluster.kind, "unreadable");
      assert.ok(view.records.every(({ kind }) => kind === "record"));
      const { held } = view.self;
      if (held.kind === "at") {
        assert.ok(held.position.seqno >= 0n && held.position.uuid !== uuid("ZERO"));
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("decide() does not depend on the order of the records", () => {
  const texts = STATES.filter(({ branched }) => !branched).map(({ says }) => says);
  const scene = fc.tuple(
    fc.constantFrom(...GROUNDS),
    fc.array(fc.constantFrom(...texts), { minLength: 3, maxLength: 3 }),
    fc.constantFrom(1, 2),
  );
  fc.assert(fc.property(scene, ([ground, says, shift]) => {
    const members = says.map((text, index) =>
      member(`g${index + 1}`, STATES.find((one) => one.says === text)!, true)
    );
    const other = members.map((_, index) => members[(index + shift) % 3]!);
    const world = { ground, cluster: cluster(ground.says), members };
    for (const one of members) {
      const before = decide(viewOf(world, one));
      const after = decide(viewOf({ ...world, members: other }, one));
      assert.deepEqual([after.kind, after.rule], [before.kind, before.rule], describe(world));
    }
  }));
});
