/** Which branch of a cluster's history a copy is on. */
import { comparePositions, formatPosition, isKnown, type Position } from "./position.ts";
import type { Attempt, Cluster, ClusterOnRecord, Copy, MemberRecord, SeenRecord } from "./view.ts";

/**
 * Where a copy stands in the cluster's history: a part of the `present` one, `left-behind` on a branch
 * that the cluster went on without, or `unknown`: it lies beyond the beginning of an attempt that it
 * may or may not have followed.
 */
export type Branch = "present" | "left-behind" | "unknown";

/**
 * The attempt that a copy's transactions went past, or null where the copy is a part of the
 * cluster's present history. A copy that lies beyond the beginning of a later attempt holds
 * transactions that the cluster went on without: joining by IST it would differ in silence.
 *
 * A copy whose own attempt is not known is held against all of them but the one that created the
 * cluster: that one began with nothing, so every copy with the cluster's UUID comes from it.
 */
export function leftBehindBy(copy: Copy, attempts: readonly Attempt[]): Attempt | null {
  return locate(copy, attempts).later;
}

/** Where a copy stands in the cluster's history. */
export function branchOf(copy: Copy, attempts: readonly Attempt[]): Branch {
  return locate(copy, attempts).branch;
}

/**
 * How far a copy that is no part of the cluster's present history goes along with it, as far as that
 * is known: a seqno; null where it is a part of it.
 */
export function sharedUntil(copy: Copy, attempts: readonly Attempt[]): bigint | null {
  return locate(copy, attempts).until;
}

/** The sentence that says why such a copy cannot go on. */
export function explainBranch(copy: Copy, attempt: Attempt): string {
  const position = formatPosition(copy.position);
  return isBeyond(copy.position, attempt)
    ? `its position ${position} lies beyond ${attempt.seqno}, where ${attempt.by} bootstrapped ` +
      "later: it holds transactions that the cluster went on without"
    : `its copy at ${position} followed a bootstrap that the cluster went on without when ` +
      `${attempt.by} bootstrapped at ${attempt.seqno}`;
}

/**
 * The attempts to judge copies by: those of the cluster on record; where none is, the longest lineage
 * that the records tell of.
 *
 * @returns null where the records tell of different ones: neither is known to have come later.
 */
export function attemptsOf(
  cluster: Cluster | null,
  records: readonly MemberRecord[],
): readonly Attempt[] | null {
  if (cluster !== null) return cluster.attempts;
  const lineages = records.map(({ lineage }) => lineage);
  const longest = lineages.reduce((one, other) => other.length > one.length ? other : one, []);
  const known = new Set(longest.map(({ attempt }) => attempt));
  return lineages.every((lineage) => lineage.every(({ attempt }) => known.has(attempt)))
    ? longest
    : null;
}

/** A znode holds a megabyte; a hundred outages ago nobody's copy is from. */
const MAX_ATTEMPTS = 100;

/** `cluster` as it says that a member bootstraps. */
export function begin(beginning: {
  readonly onRecord: ClusterOnRecord;
  readonly records: readonly SeenRecord[];
  /** The attempts that its own datadir knows of, for where the records tell of different ones. */
  readonly lineage: readonly Attempt[];
  readonly by: string;
  /** What it begins with; null for a new cluster. */
  readonly copy: Copy | null;
  /** A new random one. */
  readonly attempt: string;
  readonly forced: boolean;
}): Cluster {
  const { onRecord, records, lineage, by, copy, attempt, forced } = beginning;
  const before = onRecord.kind === "known" ? onRecord.cluster : null;
  const known = records.filter((seen) => seen.kind === "record").map(({ record }) => record);
  const past = attemptsOf(before, known) ?? lineage;
  const uuid = copy?.position.uuid ?? null;
  // With ephemeral storage the cluster on record may be one whose members are all gone.
  const goesOn = copy !== null &&
    (before === null || before.uuid === null || before.uuid === uuid);
  const begun: Attempt = {
    attempt,
    by,
    uuid,
    seqno: copy?.position.seqno ?? 0n,
    from: copy?.attempt ?? null,
  };
  return {
    phase: "bootstrapping",
    uuid,
    by,
    attempt,
    attempts: [...goesOn ? past.slice(-MAX_ATTEMPTS) : [], begun],
    forced,
  };
}

interface Located {
  readonly branch: Branch;
  readonly later: Attempt | null;
  /** The last seqno that it shares with the present history; null where it shares all. */
  readonly until: bigint | null;
}

const PRESENT: Located = { branch: "present", later: null, until: null };

function locate(copy: Copy, all: readonly Attempt[]): Located {
  const { position } = copy;
  if (!isKnown(position)) return PRESENT;
  const attempts = all.filter(({ uuid }) => uuid === position.uuid);
  const own = originOf(copy.attempt, position, attempts);
  // The present history is the last attempt and what that came from, back to the beginning. A copy
  // is a part of it up to where the next attempt of that line began.
  const line = lineOf(attempts);
  let until: bigint | null = null;
  for (let one: Attempt | null = own; one !== null; one = parentOf(one, attempts)) {
    const index = line.indexOf(one);
    if (index < 0) {
      until = one.seqno;
      continue;
    }
    const next = line[index - 1];
    if (next === undefined || (one === own && !isBeyond(position, next))) return PRESENT;
    return { branch: "left-behind", later: next, until: lower(until, next.seqno) };
  }
  // It cannot be told where it branched off: only what no attempt began before is safe.
  const passed = attempts.filter((one) => !isCreation(one, attempts) && isBeyond(position, one));
  const [later] = passed;
  if (later === undefined) return PRESENT;
  const least = passed.reduce<bigint>((until, { seqno }) => lower(until, seqno), later.seqno);
  return { branch: "unknown", later, until: least };
}

/** The lower of two seqnos, the first of which may be none. */
export function lower(one: bigint | null, other: bigint): bigint {
  return one !== null && one < other ? one : other;
}

function isBeyond(position: Position, { seqno }: Attempt): boolean {
  return comparePositions(position, { uuid: position.uuid, seqno }) > 0;
}

/** The last attempt and those that it came from, the last one first. */
function lineOf(attempts: readonly Attempt[]): readonly Attempt[] {
  const line: Attempt[] = [];
  for (
    let one = attempts.at(-1) ?? null;
    one !== null && !line.includes(one);
    one = parentOf(one, attempts)
  ) line.push(one);
  return line;
}

/** The attempt whose history an attempt began in. */
function parentOf(one: Attempt, attempts: readonly Attempt[]): Attempt | null {
  const { uuid, seqno } = one;
  if (uuid === null) return null;
  return originOf(one.from, { uuid, seqno }, attempts.slice(0, attempts.indexOf(one)));
}

/**
 * The attempt that wrote the transaction at a position, seen from one that has it: what does not lie
 * beyond an attempt's beginning comes from the one before.
 */
function originOf(
  attempt: string | null,
  position: Position,
  attempts: readonly Attempt[],
): Attempt | null {
  let rest = attempts;
  let name = attempt;
  for (;;) {
    const index = rest.findLastIndex((one) => one.attempt === name);
    const found = rest[index];
    if (found === undefined) return null;
    if (isBeyond(position, found) || isCreation(found, attempts)) return found;
    // What it began with is its own where nobody knows whose it was before.
    if (found.from === null && position.seqno === found.seqno) return found;
    rest = rest.slice(0, index);
    name = found.from;
  }
}

/** Whether an attempt created the cluster: it began with nothing. */
function isCreation(one: Attempt, attempts: readonly Attempt[]): boolean {
  return one === attempts[0] && one.seqno === 0n;
}
