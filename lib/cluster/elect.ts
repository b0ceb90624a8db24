/** Rule 6's election: what all records amount to, and whose copy is the most advanced. */
import { attemptsOf, branchOf } from "./attempts.ts";
import { comparePositions, isKnown } from "./position.ts";
import { floorOf } from "./record.ts";
import type { Cluster, Copy, MemberRecord, SeenRecord, View } from "./view.ts";

/** A member whose datadir holds a copy that can be bootstrapped from. */
export interface Candidate {
  readonly name: string;
  readonly copy: Copy;
  readonly safeToBootstrap: boolean;
  /** Its keeper is there, so it can act. */
  readonly present: boolean;
}

/** The copy that nobody may fall short of. */
export interface Bar {
  readonly name: string;
  readonly copy: Copy;
  /** Its datadir still holds it, and its keeper is there. */
  readonly isThere: boolean;
  /** `unknown` where it cannot be told whether the cluster went on without it. */
  readonly branch: "present" | "unknown";
}

/** What all records amount to. */
export interface Evidence {
  /** Nobody holds or held data of a cluster, and every record can be read. */
  readonly empty: boolean;
  readonly candidates: readonly Candidate[];
  /** The highest copy known, whether it is still there or not. */
  readonly bar: Bar | null;
  /** No cluster is on record, and the copies tell of different bootstraps. */
  readonly diverged: boolean;
  /** The cluster UUIDs that are held or were held. */
  readonly uuids: readonly string[];
  /** Those whose data may be newer than what is written. */
  readonly running: readonly { readonly record: MemberRecord; readonly present: boolean }[];
  /** Those with a copy that does not say how far it goes. */
  readonly unknown: readonly string[];
  readonly standalone: readonly string[];
  readonly unreadable: readonly (SeenRecord & { readonly kind: "unreadable" })[];
}

/**
 * Weighs the records. Members of another cluster than the one on record do not count, nor do copies
 * on a branch that the cluster left behind.
 *
 * @param cluster The cluster on record; null where none is.
 */
export function weigh(view: View, cluster: Cluster | null): Evidence {
  const seen = view.records.filter((one) => one.kind === "record")
    .filter(({ record }) => !isStranger(record, cluster));
  const attempts = attemptsOf(cluster, seen.map(({ record }) => record));
  const candidates: Candidate[] = [];
  const copies: Bar[] = [];
  const unknown: string[] = [];
  for (const { record: { name, data, instead }, present } of seen) {
    const copy = floorOf(data);
    if (copy === null || copy === "unknown") continue;
    const branch = branchOf(copy, attempts ?? []);
    if (branch === "left-behind") continue;
    if (!isKnown(copy.position)) {
      unknown.push(name);
      continue;
    }
    const isThere = present && data.kind === "at" && instead === null;
    copies.push({ name, copy, isThere, branch });
    if (data.kind === "at" && instead === null && branch === "present") {
      candidates.push({ name, copy, safeToBootstrap: data.safeToBootstrap, present });
    }
  }
  const unreadable = view.records.filter((one) => one.kind === "unreadable");
  const uuids = [...new Set(copies.map(({ copy }) => copy.position.uuid))];
  return {
    empty: unreadable.length === 0 &&
      seen.every(({ record: { data } }) => data.kind === "nothing" || data.kind === "standalone"),
    candidates,
    diverged: attempts === null,
    bar: uuids.length === 1 ? highest(copies) : null,
    uuids,
    running: seen.filter(({ record }) => record.data.kind === "running"),
    unknown,
    standalone: seen.filter(({ record }) => record.data.kind === "standalone")
      .map(({ record }) => record.name),
    unreadable,
  };
}

/**
 * Who bootstraps: of the copies that reach the bar, one that its keeper can act on now, where there
 * is one; then safe to bootstrap; then the lowest name. All of those hold the same transactions, so
 * who of them is taken loses nothing; an absent one is waited for only where nobody has its equal.
 *
 * @param mine An unfinished bootstrap of one's own goes on: ties go to oneself.
 * @returns null where nobody reaches the bar.
 */
export function elect(evidence: Evidence, self: string, mine: boolean): Candidate | null {
  const { bar } = evidence;
  if (bar === null) return null;
  const top = evidence.candidates.filter(({ copy }) =>
    comparePositions(copy.position, bar.copy.position) >= 0
  );
  const own = top.find(({ name }) => name === self);
  if (mine && own !== undefined) return own;
  const order = (a: Candidate, b: Candidate) =>
    Number(b.present) - Number(a.present) ||
    Number(b.safeToBootstrap) - Number(a.safeToBootstrap) || (a.name < b.name ? -1 : 1);
  return top.toSorted(order)[0] ?? null;
}

/**
 * Whose copy a person may have the cluster go on with: the most advanced that somebody can act on, or,
 * where nobody can, that somebody could once its keeper is started.
 */
export function bestLeft({ candidates, bar }: Evidence): Candidate | null {
  if (bar === null) return null;
  return highest(candidates.filter(({ present }) => present)) ?? highest(candidates);
}

/** Whether a record speaks of another cluster's data only. */
export function isStranger({ data }: MemberRecord, cluster: Cluster | null): boolean {
  if (cluster?.uuid === undefined || cluster.uuid === null) return false;
  const uuid = uuidOf(data);
  return uuid !== null && uuid !== cluster.uuid;
}

function uuidOf(data: MemberRecord["data"]): string | null {
  switch (data.kind) {
    case "running":
      return data.uuid;
    case "at":
      return data.copy.position.uuid;
    case "torn":
      return data.floor?.position.uuid ?? null;
    case "nothing":
    case "standalone":
      return null;
  }
}

function highest<T extends { readonly copy: Copy }>(copies: readonly T[]): T | null {
  return copies.reduce<T | null>(
    (top, one) =>
      top === null || comparePositions(one.copy.position, top.copy.position) > 0 ? one : top,
    null,
  );
}
