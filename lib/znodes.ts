/**
 * What our znodes hold: JSON with `v: 1`, seqnos as decimal strings. Read strictly: what is not of
 * this shape is somebody else's, and no decision rests on a guess about it.
 */
import * as v from "valibot";
import type { Sighting } from "./cluster/adopt.ts";
import type { Request } from "./cluster/requests.ts";
import type { Cluster, Decision, MemberRecord } from "./cluster/view.ts";
import { attemptsSchema, name, seqno, stringify, uuid, words } from "./schemas.ts";
import { oneLine, shown } from "./settings/shown.ts";

/** How much is said of what is wrong with one, in characters. */
const LONGEST_PROBLEM = 300;

/** A znode holds something that is not what galera-keeper writes there. */
export class ZnodeError extends Error {
  override readonly name = "ZnodeError";
}

/** A registered member: `nodes/<address>`. */
export interface Node {
  readonly member: string;
  readonly datadirId: string;
  readonly uuid: string;
  /** Its keeper keeps this true. */
  readonly primary: boolean;
  /** Where its `/status` is, `host:port`; null where it offers none. */
  readonly http: string | null;
  /** Bytes of data, for the percentage of an SST from it. */
  readonly dataBytes: number;
  /** When it registered, ISO 8601; for people, no decision rests on it. */
  readonly since: string;
  /**
   * Others started its server, and none of ours stops it: the members of its Galera view by name, some of
   * which may have no keeper either. Absent where its keeper started it.
   */
  readonly adopted?: readonly string[];
}

/** An arbitrator: `arbitrators/<name>`. No decision of a member's looks at it: it holds no data. */
export interface Arbitrator {
  readonly name: string;
  readonly address: string;
  /** The cluster whose members it was started against; null while none runs. */
  readonly uuid: string | null;
  /** The attempt that was on record then; null while none runs. */
  readonly attempt: string | null;
  /** It votes in a primary component, by its own word. */
  readonly primary: boolean;
  /** The members in that component, by name; empty where it does not vote. */
  readonly members: readonly string[];
  /** Since when that is so, ISO 8601; for people, no decision rests on it. */
  readonly since: string;
}

/** What a member decided, or what became of it: an entry of `decisions/<name>`. */
export interface Noted {
  /** ISO 8601; for people, no decision rests on it. */
  readonly at: string;
  /** What was decided, or an event. */
  readonly kind: Decision["kind"] | "event";
  /** The rule that decided it; null for an event. */
  readonly rule: number | null;
  /** Why, or what happened: one sentence. */
  readonly reason: string;
  /** What a person is to do; null where none is needed. */
  readonly person: string | null;
}

const copy = v.object({
  position: v.object({ uuid, seqno }),
  attempt: v.nullable(name),
});

const clusterSchema = v.object({
  v: v.literal(1),
  phase: v.picklist(["bootstrapping", "running"]),
  uuid: v.nullable(uuid),
  by: name,
  attempt: name,
  attempts: attemptsSchema,
  forced: v.optional(v.boolean(), false),
});

const recordSchema = v.object({
  v: v.literal(1),
  serverId: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 32 - 1))),
  address: name,
  datadirId: name,
  data: v.variant("kind", [
    v.object({
      kind: v.literal("running"),
      uuid: v.nullable(uuid),
      starting: v.boolean(),
      floor: v.nullable(v.union([v.literal("unknown"), copy])),
    }),
    v.object({ kind: v.literal("at"), copy, safeToBootstrap: v.boolean() }),
    v.object({ kind: v.literal("nothing") }),
    v.object({ kind: v.literal("torn"), floor: v.nullable(copy) }),
    v.object({ kind: v.literal("standalone") }),
  ]),
  instead: v.nullable(words),
  insteadCopy: v.optional(v.nullable(copy), null),
  lineage: v.optional(attemptsSchema, []),
  http: v.optional(v.nullable(name), null),
});

const pauseSchema = v.object({
  v: v.literal(1),
  by: words,
  since: words,
  stops: v.optional(v.boolean(), false),
});

const requestSchema = v.object({
  v: v.literal(1),
  id: name,
  kind: v.picklist(["restart", "stop"]),
  by: words,
  since: words,
  members: v.array(name),
  outage: v.boolean(),
  done: v.array(name),
  current: v.nullable(v.object({
    member: name,
    datadirId: name,
    state: v.picklist(["stopping", "starting"]),
  })),
  failed: v.nullable(v.object({ member: name, why: words })),
  canceled: v.nullable(words),
});

const nodeSchema = v.object({
  v: v.literal(1),
  member: name,
  datadirId: name,
  uuid,
  primary: v.boolean(),
  http: v.nullable(name),
  dataBytes: v.pipe(v.number(), v.minValue(0)),
  since: words,
  adopted: v.exactOptional(v.array(name)),
});

const sightingSchema = v.object({
  v: v.literal(1),
  attempt: name,
  servers: v.array(name),
});

const arbitratorSchema = v.object({
  v: v.literal(1),
  name,
  address: name,
  uuid: v.nullable(uuid),
  attempt: v.nullable(name),
  primary: v.boolean(),
  members: v.array(name),
  since: words,
});

const decisionsSchema = v.object({
  v: v.literal(1),
  entries: v.array(v.object({
    at: words,
    kind: v.picklist(["bootstrap", "join", "wait", "event"]),
    rule: v.nullable(v.number()),
    reason: words,
    person: v.nullable(words),
  })),
});

/** @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseCluster(data: Uint8Array): Cluster {
  const { v: _, ...cluster } = parse(clusterSchema, data);
  if (cluster.phase === "running" && cluster.uuid === null) {
    throw new ZnodeError("it says running without a UUID");
  }
  return cluster;
}

/** @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseRecord(member: string, data: Uint8Array): MemberRecord {
  const { v: _, ...record } = parse(recordSchema, data);
  return { name: member, ...record };
}

/** A registered member, or null where the child is not one of ours (the lab writes an empty value). */
export function parseNode(data: Uint8Array): Node | null {
  try {
    const { v: _, ...node } = parse(nodeSchema, data);
    return node;
  } catch (error) {
    if (error instanceof ZnodeError) return null;
    throw error;
  }
}

/** @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseArbitrator(data: Uint8Array): Arbitrator {
  const { v: _, ...arbitrator } = parse(arbitratorSchema, data);
  return arbitrator;
}

/** @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseSighting(data: Uint8Array): Sighting {
  const { v: _, ...sighting } = parse(sightingSchema, data);
  return sighting;
}

/** A member's decisions, the newest last. @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseDecisions(data: Uint8Array): readonly Noted[] {
  return parse(decisionsSchema, data).entries;
}

/** What `control/pause` says, in a few words; whatever it holds, its being there pauses. */
export function parsePause(data: Uint8Array): string {
  try {
    const { by, since, stops } = parse(pauseSchema, data);
    return `since ${since} by ${by}${
      stops ? ", who had all stopped: `galera-keeper stop --all`" : ""
    }`;
  } catch (error) {
    if (error instanceof ZnodeError) return "by a znode that is not galera-keeper's";
    throw error;
  }
}

/** A pause: who had all starts pause, and since when, ISO 8601. */
export interface Pause {
  readonly by: string;
  readonly since: string;
  /** It came with a stop of all. */
  readonly stops?: boolean;
}

/** As it is written to `control/pause`. */
export function formatPause(pause: Pause): string {
  return format(pause);
}

/** @throws {ZnodeError} When it is not what galera-keeper writes. */
export function parseRequest(data: Uint8Array): Request {
  const { v: _, ...request } = parse(requestSchema, data);
  return request;
}

/** As it is written to `control/requests/current`. */
export function formatRequest(request: Request): string {
  return format(request);
}

/** As it is written to `cluster`. */
export function formatCluster(cluster: Cluster): string {
  return format(cluster);
}

/** As it is written to `members/<name>`; the name is in the path. */
export function formatRecord({ name: _, ...record }: MemberRecord): string {
  return format(record);
}

/** As it is written to `nodes/<address>`. */
export function formatNode(node: Node): string {
  return format(node);
}

/** As it is written to `arbitrators/<name>`. */
export function formatArbitrator(arbitrator: Arbitrator): string {
  return format(arbitrator);
}

/** As it is written to `adoption`. */
export function formatSighting(sighting: Sighting): string {
  return format(sighting);
}

/** As it is written to `decisions/<name>`. */
export function formatDecisions(entries: readonly Noted[]): string {
  return format({ entries });
}

function parse<T extends v.GenericSchema>(schema: T, data: Uint8Array): v.InferOutput<T> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (error) {
    throw new ZnodeError(`it holds ${preview(data)} where JSON was expected`, { cause: error });
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const where = v.getDotPath(issue) ?? "the whole";
  throw new ZnodeError(oneLine(`${where}: ${issue.message}`, LONGEST_PROBLEM));
}

function format(value: object): string {
  return stringify({ v: 1, ...value });
}

function preview(data: Uint8Array): string {
  if (data.length === 0) return "nothing";
  const text = new TextDecoder().decode(data.subarray(0, 40));
  return shown(data.length > 40 ? `${text}…` : text);
}
