/**
 * What a member's record says after an inspection of its datadir.
 *
 * A record only ever grows: what `running` or `at` says is never overwritten by nothing, by less
 * data, or by another cluster's (design.md, "record"). A lost disk or a stranger's volume does not
 * erase what the cluster knows.
 */
import { comparePositions, formatPosition, isKnown, ZERO_UUID } from "./position.ts";
import type { Attempt, Copy, Held, MemberRecord, RecordData } from "./view.ts";

/**
 * The datadir id in a record that another member wrote, after the ensemble was emptied: it knew that
 * this member ran, not on which datadir. The first copy of the cluster that reports is taken for it.
 */
export const UNKNOWN_DATADIR = "unknown";

/** What an inspection found, as far as the record is concerned. */
export interface Found {
  readonly held: Held;
  readonly datadirId: string;
  readonly attempt: string | null;
  /** The attempts that led to that one, itself included; from the datadir's id file, too. */
  readonly lineage: readonly Attempt[];
}

/** The part of a record that an inspection changes. */
export type Known = Pick<
  MemberRecord,
  "data" | "datadirId" | "instead" | "insteadCopy" | "lineage"
>;

/**
 * What is on record after an inspection.
 *
 * @param before What was on record; null for a member that never reported.
 * @param inspected What its datadir holds now.
 */
export function afterInspection(before: Known | null, inspected: Found): Known {
  const found = { ...inspected, held: withoutHistory(inspected.held) ? TORN : inspected.held };
  if (before === null) return accept(found, null);
  switch (before.data.kind) {
    case "nothing":
    case "standalone":
      return accept(found, null);
    case "at":
      return afterCopy(before, before.data.copy, found);
    case "torn":
      return before.data.floor === null
        ? accept(found, null)
        : afterTorn(before, before.data.floor, found);
    case "running":
      return afterRunning(before, before.data, found);
  }
}

/** What is on record once a `mariadbd` is about to be spawned. */
export function beforeSpawn(before: RecordData, clusterUuid: string | null): RecordData {
  const known = floorOf(before);
  // What was of another cluster was given up by whoever emptied the datadir; here it would only be
  // a bar that nothing of this cluster can reach.
  const foreign = known !== null && known !== "unknown" && clusterUuid !== null &&
    known.position.uuid !== clusterUuid;
  return { kind: "running", uuid: clusterUuid, starting: true, floor: foreign ? null : known };
}

/** What is on record once a member has joined. */
export function joined(clusterUuid: string): RecordData {
  return { kind: "running", uuid: clusterUuid, starting: false, floor: null };
}

/** The newest copy that a record speaks of; `unknown` where it may be newer than anything written. */
export function floorOf(data: RecordData): Copy | "unknown" | null {
  switch (data.kind) {
    case "nothing":
    case "standalone":
      return null;
    case "at":
      return data.copy;
    case "torn":
      return data.floor;
    case "running":
      return data.starting ? data.floor : "unknown";
  }
}

const TORN: Held = { kind: "torn" };

/** The zero UUID stands for no history: a datadir that never joined, or whose SST did not finish. */
function withoutHistory(held: Held): boolean {
  return held.kind === "at" && held.position.uuid === ZERO_UUID;
}

function afterCopy(before: Known, copy: Copy, found: Found): Known {
  switch (found.held.kind) {
    case "at":
      return reaches(found, copy) && sameBranch(before, copy, found)
        ? accept(found, null)
        : keep(before, found);
    case "torn":
      return accept(found, copy);
    case "empty":
    case "fresh":
    case "standalone":
      return keep(before, found);
  }
}

function afterTorn(before: Known, floor: Copy, found: Found): Known {
  switch (found.held.kind) {
    case "at":
      return reaches(found, floor) && sameBranch(before, floor, found)
        ? accept(found, null)
        : keep(before, found);
    case "torn":
      return accept(found, floor);
    case "empty":
    case "fresh":
    case "standalone":
      return keep(before, found);
  }
}

function afterRunning(
  before: Known,
  data: RecordData & { readonly kind: "running" },
  found: Found,
): Known {
  const sameDatadir = found.datadirId === before.datadirId;
  const hadNothing = data.starting && data.floor === null;
  switch (found.held.kind) {
    case "at": {
      const ofThisCluster = data.uuid === null || data.uuid === found.held.position.uuid;
      const behind = data.floor === "unknown" ||
        (data.floor !== null && !reaches(found, data.floor));
      const thatDatadir = sameDatadir || before.datadirId === UNKNOWN_DATADIR;
      return thatDatadir && ofThisCluster && !behind ? accept(found, null) : keep(before, found);
    }
    case "torn":
      // Only a start that had a known floor can be told from a newest copy that was torn.
      return data.starting && data.floor !== "unknown"
        ? accept(found, data.floor)
        : keep(before, found);
    case "empty":
    case "fresh":
    case "standalone":
      return sameDatadir && hadNothing ? accept(found, null) : keep(before, found);
  }
}

/** Whether what was found is of the copy's cluster and goes at least as far. */
function reaches(found: Found, copy: Copy): boolean {
  return found.held.kind === "at" && found.held.position.uuid === copy.position.uuid &&
    comparePositions(found.held.position, copy.position) >= 0;
}

/**
 * Whether what was found followed the same bootstrap. The same datadir did, whatever its id file says
 * by now; in another one a higher seqno may be of a branch that the cluster went on without.
 */
function sameBranch(before: Known, copy: Copy, found: Found): boolean {
  return found.datadirId === before.datadirId || found.attempt === copy.attempt;
}

function accept(found: Found, floor: Copy | null): Known {
  const { held, datadirId, lineage } = found;
  const instead = held.kind === "at" && !isKnown(held.position) ? describeHeld(held) : null;
  return { data: asData(found, floor), datadirId, instead, insteadCopy: null, lineage };
}

function asData({ held, attempt }: Found, floor: Copy | null): RecordData {
  switch (held.kind) {
    case "empty":
    case "fresh":
      return { kind: "nothing" };
    case "standalone":
      return { kind: "standalone" };
    case "torn":
      return { kind: "torn", floor };
    case "at":
      // Galera's -1 may stand for any seqno: what it is a copy of may be newest.
      if (!isKnown(held.position)) {
        return { kind: "running", uuid: held.position.uuid, starting: false, floor: null };
      }
      return {
        kind: "at",
        copy: { position: held.position, attempt },
        safeToBootstrap: held.safeToBootstrap,
      };
  }
}

/** Keeps all that was on record, the id of the datadir that held it too, and notes what is there. */
function keep(before: Known, found: Found): Known {
  const { held, attempt } = found;
  const isCopy = held.kind === "at" && isKnown(held.position);
  const insteadCopy = isCopy ? { position: held.position, attempt } : null;
  return { ...before, instead: describeHeld(held), insteadCopy };
}

/** What a datadir holds, in a few words that fit behind "its datadir now holds". */
export function describeHeld(held: Held): string {
  switch (held.kind) {
    case "empty":
      return "nothing";
    case "fresh":
      return "a fresh database";
    case "standalone":
      return "a database that never was in a cluster";
    case "torn":
      return "an SST that did not finish";
    case "at":
      return isKnown(held.position)
        ? `a copy at ${formatPosition(held.position)}`
        : `a copy of ${held.position.uuid} at a position that is not known`;
  }
}
