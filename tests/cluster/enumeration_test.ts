/**
 * All views of up to three members over a small set of records and clusters, held against an oracle
 * that knows nothing of positions: it says of every copy which transactions are in it, and asks what
 * would be lost. It shares no code with lib/cluster.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide } from "../../lib/cluster/decide.ts";
import type {
  Answer,
  ClusterOnRecord,
  Decision,
  Held,
  SeenRecord,
  View,
} from "../../lib/cluster/view.ts";
import { addressOf, cluster, held, inWords, record, uuid } from "./views.ts";

/** A history: its transactions in their order. Two attempts of one cluster share how they began. */
const HISTORIES = {
  a1: ["t1", "t2", "t3"],
  a2: ["t1", "t2", "u3"],
  b: ["s1", "s2", "s3"],
} as const;
type History = keyof typeof HISTORIES;

/** What the oracle knows of a copy: on which histories it may be, and how many transactions it has. */
interface Facts {
  readonly histories: readonly History[];
  /** `any`: Galera's -1. */
  readonly length: number | "any";
}

/** A state of a member: what is on record in the words of views.ts, and what the oracle knows of it. */
interface State {
  readonly says: string;
  readonly kind: "data" | "none" | "torn" | "standalone" | "running" | "unreadable";
  /** The copy on record, or the floor. */
  readonly copy?: Facts;
  /** Its datadir holds something else by now. */
  readonly gone?: true;
  readonly safe?: true;
  /** It makes sense only where a second attempt is on record. */
  readonly branched?: true;
}

const on = (length: number | "any", ...histories: History[]): Facts => ({ histories, length });
const STATES: readonly State[] = [
  { says: "nothing", kind: "none" },
  { says: "standalone", kind: "standalone" },
  { says: "torn", kind: "torn" },
  { says: "torn A:2", kind: "torn", copy: on(2, "a1") },
  { says: "at A:1", kind: "data", copy: on(1, "a1") },
  { says: "at A:2", kind: "data", copy: on(2, "a1") },
  { says: "at A:2 safe", kind: "data", copy: on(2, "a1"), safe: true },
  { says: "at A:3", kind: "data", copy: on(3, "a1") },
  { says: "at A:3@a2", kind: "data", copy: on(3, "a2"), branched: true },
  { says: "at A:3@?", kind: "data", copy: on(3, "a1", "a2"), branched: true },
  { says: "at A:2 but empty", kind: "data", copy: on(2, "a1"), gone: true },
  { says: "torn A:3@a2", kind: "torn", copy: on(3, "a2"), branched: true },
  { says: "at B:3 safe", kind: "data", copy: on(3, "b"), safe: true },
  { says: "at A:-1 safe", kind: "data", copy: on("any", "a1"), safe: true },
  { says: "at ZERO:3 safe", kind: "data", copy: { histories: [], length: 3 }, safe: true },
  { says: "running", kind: "running" },
  { says: "running but empty", kind: "running", gone: true },
  { says: "running ?", kind: "running" },
  { says: "starting A:1", kind: "running", copy: on(1, "a1") },
  { says: "unreadable", kind: "unreadable" },
];
/** Those of which it matters whether their keeper is there. */
const AWAY = ["nothing", "standalone", "at A:2", "at A:2 safe", "at A:3", "running"];

/** What is on record of the cluster, and what the oracle knows of it. */
interface Ground {
  readonly says: string;
  readonly size: number | null;
  /** The history that the cluster went on with; null where no UUID is on record. */
  readonly history: History | null;
  readonly by?: string;
}
const GROUNDS: readonly Ground[] = [
  { says: "none", size: null, history: null },
  { says: "none", size: 2, history: null },
  { says: "none", size: 3, history: null },
  { says: "running A a1@0", size: null, history: "a1" },
  { says: "running A a1@0 a2@2", size: 3, history: "a2" },
  { says: "bootstrapping g1 ? a1@0", size: null, history: null, by: "g1" },
  { says: "bootstrapping g2 A a1@0", size: null, history: "a1", by: "g2" },
  { says: "bootstrapping g2 A a1@0 a2@2", size: null, history: "a2", by: "g2" },
  { says: "unreadable", size: 1, history: null },
];

interface Member extends State {
  readonly name: string;
  readonly present: boolean;
  readonly seen: SeenRecord;
  readonly self: { readonly held: Held; readonly attempt: string | null };
}

const isData = (says: string) => /^(standalone|at )/.test(says);

function member(name: string, state: State, present: boolean): Member {
  const [says = "", instead] = state.says.split(" but ");
  const text = instead ?? (isData(says) ? says : says.startsWith("torn") ? "torn" : "empty");
  return {
    ...state,
    name,
    present,
    seen: record(`${name} ${state.says}${present ? "" : " away"}`),
    self: held(text),
  };
}

/** Every state that a member can be in; null: it has never reported. */
function membersNamed(name: string): (Member | null)[] {
  const away = STATES.filter(({ says }) => AWAY.includes(says));
  return [
    null,
    ...STATES.map((one) => member(name, one, true)),
    ...away.map((one) => member(name, one, false)),
  ];
}

interface World {
  readonly ground: Ground;
  readonly cluster: ClusterOnRecord;
  readonly members: readonly Member[];
}

/** All worlds of up to three members. */
function* worlds(): Generator<World> {
  const [ones, twos, threes] = ["g1", "g2", "g3"].map(membersNamed);
  for (const ground of GROUNDS) {
    const onRecord = cluster(ground.says);
    const branched = ground.history === "a2";
    const fits = (one: Member | null) => !one?.branched || branched;
    for (const one of ones!.filter(fits)) {
      for (const two of twos!.filter(fits)) {
        for (const three of threes!.filter(fits)) {
          const members = [one, two, three].filter((one) => one !== null);
          yield { ground, cluster: onRecord, members };
        }
      }
    }
  }
}

function viewOf(world: World, { name, self }: Pick<Member, "name" | "self">): View {
  return {
    self: { name, ...self },
    size: world.ground.size,
    storage: "persistent",
    paused: null,
    cluster: world.cluster,
    records: world.members.map(({ seen }) => seen),
    registered: [],
  };
}

function transactions(history: History, length: number): readonly string[] {
  return HISTORIES[history].slice(0, length);
}

function within(some: readonly string[], all: readonly string[]): boolean {
  return some.every((one, index) => all[index] === one);
}

/** Whether a member's data is of another cluster than the one on record, and only of that. */
function isStranger({ copy }: State, { history }: Ground): boolean {
  return history !== null && copy !== undefined &&
    copy.histories.every((one) => one === "b" || history === "b");
}

/** Every content that a copy may have and that the cluster may still be missing. */
function mayBeNewest(copy: Facts, { history }: Ground): (readonly string[])[] {
  if (copy.length === "any") throw new Error("A position that is not known has no content");
  const { length } = copy;
  return copy.histories.map((one) => transactions(one, length))
    .filter((content) => history === null || within(content, HISTORIES[history]));
}

/**
 * Whether its keeper is to decide: one whose record says that it runs has a server, or is about to
 * record again what it found; one whose record cannot be read waits for a person before that.
 */
function decides({ kind, gone }: State): boolean {
  return kind !== "unreadable" && (kind !== "running" || gone === true);
}

/** What would be wrong with a bootstrap by this member; null where nothing is. */
function whatIsWrong(world: World, self: Member): string | null {
  const { ground, members } = world;
  if (ground.says === "unreadable") return "the cluster cannot be read";
  if (ground.by !== undefined && ground.by !== self.name) return "another bootstraps";
  if (members.some(({ kind }) => kind === "unreadable")) return "a record cannot be read";
  const counted = members.filter((one) => !isStranger(one, ground));
  if (counted.some(({ kind }) => kind === "running")) return "one may run, or has died running";
  if (counted.some(({ copy }) => copy?.length === "any")) return "a position is not known";
  if (counted.some(({ copy }) => copy?.histories.length === 0)) return "a UUID is no cluster's";
  if (!members.includes(self) || self.gone) return "its record does not say what it holds";
  if (isStranger(self, ground)) return "its data is another cluster's";
  const copies = counted.flatMap(({ copy }) => copy ?? []);
  return copies.length === 0 && counted.every(({ kind }) => kind !== "torn")
    ? wrongWithFirst(world, self)
    : wrongWithCopies(world, self, copies);
}

function wrongWithFirst({ ground, members }: World, self: Member): string | null {
  if (ground.history !== null) return "a cluster is on record, and its data is nowhere";
  if (ground.by === self.name) return null;
  if (ground.size === null || members.length < ground.size) return "not all have reported";
  const standalone = members.filter(({ kind }) => kind === "standalone");
  if (standalone.length > 1) return "two hold data of their own";
  if (standalone.length === 1 && self.kind !== "standalone") return "another one holds data";
  return null;
}

function wrongWithCopies(
  { ground, members }: World,
  self: Member,
  copies: readonly Facts[],
): string | null {
  const { history } = ground;
  if (self.kind !== "data" || self.copy === undefined) return "it holds no copy";
  const mine = self.copy.histories.map((one) => transactions(one, Number(self.copy!.length)));
  if (history !== null && !mine.every((one) => within(one, HISTORIES[history]))) {
    return "its copy is not a part of the cluster's history";
  }
  const needed = copies.flatMap((copy) => mayBeNewest(copy, ground));
  if (!needed.every((one) => mine.every((content) => within(one, content)))) {
    return "transactions would be lost";
  }
  const all = history !== null || ground.by === self.name || self.safe ||
    (ground.size !== null && members.length >= ground.size);
  return all ? null : "the members on record may not be all";
}

function assertSentence(decision: Decision, what: string): void {
  const odd = /undefined|null|NaN|\[object|\s{2}|[\r\n]|^\s|\s$|^$|[.;,:]$/;
  assert.ok(!odd.test(decision.reason), `${what}: ${decision.reason}`);
  if (decision.kind !== "wait" || decision.person === null) return;
  assert.match(decision.person, /^[A-Z][^\r\n]*\.$/, what);
  assert.ok(!/undefined|null|NaN|\[object/.test(decision.person), what);
}

function describe({ ground, members }: World): string {
  const records = members.map(({ name, says, present }) =>
    `${name} ${says}${present ? "" : " away"}`
  );
  return `${ground.says}, --size ${ground.size}: ${records.join(" | ")}`;
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
