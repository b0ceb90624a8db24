/**
 * Views in a few words, for truth tables of one line a case.
 *
 * | what | is written |
 * |---|---|
 * | copy | `A:10`, `A:10@a2` (its attempt; else the first, `a1`), `A:10@?` (its attempt is not known) |
 * | held | `empty`, `fresh`, `standalone`, `torn`, `at A:10`, `at A:10 safe` |
 * | record | `nothing`, `standalone`, `torn`, `torn A:10`, `at A:10 safe`, `running`, `running ?` (of an unknown cluster), `starting`, `starting A:10`, `starting unknown`, `first` (starting the first cluster), `unreadable`; then `but empty` (its datadir holds that instead), `away` (no keeper speaks for it) |
 * | records | `g1 at A:10 \| g2 nothing away` |
 * | cluster | `none`, `unreadable`, `running A a1@0 a2@10`, `bootstrapping g2 A a1@0`, `bootstrapping g2 ? a1@0`; each attempt is the name's and the seqno it began at |
 * | registered | `g2 primary \| g3 silent`; `10.0.0.9 foreign` |
 */
import { ZERO_UUID } from "../../lib/cluster/position.ts";
import type {
  Answer,
  Attempt,
  Cluster,
  ClusterOnRecord,
  Copy,
  Decision,
  Held,
  MemberRecord,
  RecordData,
  Registered,
  SeenRecord,
  View,
} from "../../lib/cluster/view.ts";

export const A = "aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d";
export const B = "bbbbbbbb-3cfa-11f0-8e36-8b4c6f203d4e";
const UUIDS: Readonly<Record<string, string>> = { A, B, ZERO: ZERO_UUID };

/** `A` to its UUID. */
export function uuid(letter: string): string {
  return UUIDS[letter] ?? fail("cluster", letter);
}

/** `A:10@a2`. */
export function copy(text: string): Copy {
  const match = /^(\w+):(-?\d+)(?:@(\w+|\?))?$/.exec(text) ?? fail("copy", text);
  const attempt = match[3] ?? "a1";
  return {
    position: { uuid: uuid(match[1]!), seqno: BigInt(match[2]!) },
    attempt: attempt === "?" ? null : attempt,
  };
}

/** What a datadir holds; the attempt in its id file is beside it. */
export function held(text: string): { readonly held: Held; readonly attempt: string | null } {
  const [kind, of, safe] = text.split(" ");
  switch (kind) {
    case "empty":
    case "fresh":
    case "standalone":
    case "torn":
      return { held: { kind }, attempt: null };
    case "at": {
      const { position, attempt } = copy(of ?? fail("held", text));
      return { held: { kind, position, safeToBootstrap: safe === "safe" }, attempt };
    }
  }
  return fail("held", text);
}

/** What a record says, without `but` and `away`. */
export function data(text: string): RecordData {
  const [kind, of, safe] = text.split(" ");
  switch (kind) {
    case "nothing":
    case "standalone":
      return { kind };
    case "torn":
      return { kind, floor: of === undefined ? null : copy(of) };
    case "at":
      return { kind, copy: copy(of ?? fail("data", text)), safeToBootstrap: safe === "safe" };
    case "running":
      return { kind, uuid: of === "?" ? null : uuid(of ?? "A"), starting: false, floor: null };
    case "starting": {
      const floor = of === undefined ? null : of === "unknown" ? of : copy(of);
      return { kind: "running", uuid: A, starting: true, floor };
    }
    case "first":
      return { kind: "running", uuid: null, starting: true, floor: null };
  }
  return fail("data", text);
}

/** `g1 at A:10 but empty away`. */
export function record(text: string): SeenRecord {
  const match = /^(\S+) (.+?)(?: but (.+?))?( away)?$/.exec(text) ?? fail("record", text);
  const [, name, says, instead, away] = match;
  if (name === undefined || says === undefined) return fail("record", text);
  if (says === "unreadable") return { kind: "unreadable", name, problem: "it holds nothing" };
  const record: MemberRecord = {
    name,
    serverId: 1,
    address: addressOf(name),
    datadirId: `datadir of ${name}`,
    data: data(says),
    instead: instead ?? null,
    insteadCopy: instead?.startsWith("at ") ? copy(instead.split(" ")[1]!) : null,
    lineage: [],
    http: null,
  };
  return { kind: "record", record, present: away === undefined };
}

/** What the datadir of a member holds whose record is true. */
export function heldAsRecorded(text: string): string {
  const [, , says, instead] = /^(\S+) (.+?)(?: but (.+?))?( away)?$/.exec(text) ?? fail("", text);
  if (instead !== undefined) return instead;
  if (says === "nothing") return "empty";
  if (says?.startsWith("torn")) return "torn";
  if (says === "standalone" || says?.startsWith("at ")) return says;
  // What it is to hold has to be said: an inspection comes before every decision.
  return fail("record without what its datadir holds", text);
}

/** `running A a1@0 a2@10`, an attempt from the one before it or, `a3@5@a1`, from another one. */
export function cluster(text: string): ClusterOnRecord {
  const words = text.split(" ");
  const phase = words.shift();
  if (phase === "none") return { kind: "none" };
  if (phase === "unreadable") return { kind: "unreadable", problem: "it holds nothing" };
  if (phase !== "running" && phase !== "bootstrapping" && phase !== "forced") {
    return fail("cluster", text);
  }
  const by = phase !== "running" ? words.shift() : "g1";
  const letter = words.shift();
  const id = letter === "?" ? null : uuid(letter ?? "");
  const attempts = words.map((word, index): Attempt => {
    const [attempt, seqno, from] = word.split("@");
    const last = index === words.length - 1;
    return {
      attempt: attempt ?? fail("attempt", word),
      by: (last ? by : "g1") ?? fail("cluster", text),
      uuid: id,
      seqno: BigInt(seqno ?? fail("attempt", word)),
      from: from === "?" ? null : from ?? words[index - 1]?.split("@")[0] ?? null,
    };
  });
  const last = attempts.at(-1) ?? fail("cluster without an attempt", text);
  const known: Cluster = {
    phase: phase === "running" ? phase : "bootstrapping",
    uuid: id,
    by: last.by,
    attempt: last.attempt,
    attempts,
    forced: phase === "forced",
  };
  return { kind: "known", cluster: known };
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  primary: { kind: "primary" },
  "not-primary": { kind: "not-primary" },
  silent: { kind: "silent", problem: "connection refused" },
  mute: { kind: "mute" },
  mismatch: { kind: "mismatch", problem: "g9 answers there" },
  foreign: { kind: "foreign" },
};

/** `g2 primary`. */
export function registered(text: string): Registered {
  const [name, says] = text.split(" ");
  const answer = ANSWERS[says ?? ""] ?? fail("registered", text);
  if (answer.kind === "foreign") return { address: name!, name: null, answer };
  return { address: addressOf(name!), name: name!, answer };
}

/** What a case of a truth table is made of. */
export interface Scene {
  readonly cluster: string;
  readonly records: string;
  /** What datadirs hold, where their records do not say so. */
  readonly held?: Readonly<Record<string, string>>;
  readonly registered?: string;
  readonly size?: number;
  readonly storage?: "persistent" | "ephemeral";
  readonly paused?: string;
}

/** The view that one member has of a scene. */
export function viewOf(name: string, scene: Scene): View {
  const records = split(scene.records);
  const own = records.find((text) => text.startsWith(`${name} `));
  const said = scene.held?.[name] ?? (own === undefined ? "empty" : heldAsRecorded(own));
  return {
    self: { name, ...held(said) },
    size: scene.size ?? null,
    storage: scene.storage ?? "persistent",
    paused: scene.paused ?? null,
    cluster: cluster(scene.cluster),
    records: records.map(record),
    registered: split(scene.registered ?? "").map(registered)
      .filter((one) => one.name !== name),
  };
}

/** A decision in a few words: `bootstrap 6`, `join 1 10.0.0.2`, `wait 6 for g2`, `wait 7 for g2, person`. */
export function inWords(decision: Decision): string {
  const { kind, rule } = decision;
  switch (kind) {
    case "bootstrap":
      return `${kind} ${rule}`;
    case "join":
      return `${kind} ${rule} ${decision.donors.join(" ")}`;
    case "wait": {
      const whom = decision.waitsFor.length > 0 ? ` for ${decision.waitsFor.join(" ")}` : "";
      return `${kind} ${rule}${whom}${decision.person === null ? "" : ", person"}`;
    }
  }
}

/** `g2` to `10.0.0.2`. */
export function addressOf(name: string): string {
  return `10.0.0.${name.slice(1)}`;
}

function split(text: string): string[] {
  return text === "" ? [] : text.split(" | ");
}

function fail(what: string, text: string): never {
  throw new Error(`Not a ${what}: ${JSON.stringify(text)}`);
}
