/**
 * All small worlds: up to three members over a small set of records and clusters, and an oracle that
 * knows nothing of positions: it says of every copy which transactions are in it, and what would be
 * lost. It shares no code with lib/cluster.
 */
import type { ClusterOnRecord, Held, SeenRecord, View } from "../../lib/cluster/view.ts";
import { cluster, held, record } from "./views.ts";

/** A history: its transactions in their order. Two attempts of one cluster share how they began. */
export const HISTORIES = {
  a1: ["t1", "t2", "t3"],
  a2: ["t1", "t2", "u3"],
  b: ["s1", "s2", "s3"],
} as const;
export type History = keyof typeof HISTORIES;

/** What the oracle knows of a copy: on which histories it may be, and how many transactions it has. */
export interface Facts {
  readonly histories: readonly History[];
  /** `any`: Galera's -1. */
  readonly length: number | "any";
}

/** A state of a member: what is on record in the words of views.ts, and what the oracle knows of it. */
export interface State {
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
export const STATES: readonly State[] = [
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
export interface Ground {
  readonly says: string;
  readonly size: number | null;
  /** The history that the cluster went on with; null where no UUID is on record. */
  readonly history: History | null;
  readonly by?: string;
}
export const GROUNDS: readonly Ground[] = [
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

export interface Member extends State {
  readonly name: string;
  readonly present: boolean;
  readonly seen: SeenRecord;
  readonly self: { readonly held: Held; readonly attempt: string | null };
}

const isData = (says: string) => /^(standalone|at )/.test(says);

export function member(name: string, state: State, present: boolean): Member {
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

export interface World {
  readonly ground: Ground;
  readonly cluster: ClusterOnRecord;
  readonly members: readonly Member[];
}

/** All worlds of up to three members. */
export function* worlds(): Generator<World> {
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

export function viewOf(world: World, { name, self }: Pick<Member, "name" | "self">): View {
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

export function transactions(history: History, length: number): readonly string[] {
  return HISTORIES[history].slice(0, length);
}

export function within(some: readonly string[], all: readonly string[]): boolean {
  return some.every((one, index) => all[index] === one);
}

/** Whether a member's data is of another cluster than the one on record, and only of that. */
export function isStranger({ copy }: State, { history }: Ground): boolean {
  return history !== null && copy !== undefined &&
    copy.histories.every((one) => one === "b" || history === "b");
}

/** Every content that a copy may have and that the cluster may still be missing. */
export function mayBeNewest(copy: Facts, { history }: Ground): (readonly string[])[] {
  if (copy.length === "any") throw new Error("A position that is not known has no content");
  const { length } = copy;
  return copy.histories.map((one) => transactions(one, length))
    .filter((content) => history === null || within(content, HISTORIES[history]));
}

/**
 * Whether its keeper is to decide: one whose record says that it runs has a server, or is about to
 * record again what it found; one whose record cannot be read waits for a person before that.
 */
export function decides({ kind, gone }: State): boolean {
  return kind !== "unreadable" && (kind !== "running" || gone === true);
}

/** What would be wrong with a bootstrap by this member; null where nothing is. */
export function whatIsWrong(world: World, self: Member): string | null {
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
  const all = history !== null || ground.by === self.name || (self.safe && ground.size === null) ||
    (ground.size !== null && members.length >= ground.size);
  return all ? null : "the members on record may not be all";
}

/** A world in one line. */
export function describe({ ground, members }: World): string {
  const records = members.map(({ name, says, present }) =>
    `${name} ${says}${present ? "" : " away"}`
  );
  return `${ground.says}, --size ${ground.size}: ${records.join(" | ")}`;
}
