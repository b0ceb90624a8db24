/** Which branch of a cluster's history a copy is on. */
import { comparePositions, formatPosition, isKnown } from "./position.ts";
import type { Attempt, Copy } from "./view.ts";

/**
 * The attempt that a copy's transactions went past, or null where the copy is a part of the
 * cluster's present history. A copy that lies beyond the beginning of a later attempt holds
 * transactions that the cluster went on without: joining by IST it would differ in silence.
 *
 * A copy whose own attempt is not known is held against all of them but the one that created the
 * cluster: that one began with nothing, so every copy with the cluster's UUID comes from it.
 */
export function leftBehindBy(copy: Copy, attempts: readonly Attempt[]): Attempt | null {
  if (!isKnown(copy.position)) return null;
  const own = attempts.findLastIndex((past) => past.attempt === copy.attempt);
  const created = attempts[0]?.seqno === 0n;
  const first = own >= 0 ? own + 1 : created ? 1 : 0;
  const beyond = (later: Attempt) =>
    later.uuid === copy.position.uuid &&
    comparePositions(copy.position, { uuid: later.uuid, seqno: later.seqno }) > 0;
  return attempts.slice(first).find(beyond) ?? null;
}

/**
 * Where a copy stands in the cluster's history: a part of the `present` one, `left-behind` on a branch
 * that the cluster went on without, or `unknown`: it lies beyond the beginning of an attempt that it
 * may or may not have followed, as its own is not known.
 */
export function branchOf(
  copy: Copy,
  attempts: readonly Attempt[],
): "present" | "left-behind" | "unknown" {
  if (leftBehindBy(copy, attempts) === null) return "present";
  return attempts.some(({ attempt }) => attempt === copy.attempt) ? "left-behind" : "unknown";
}

/** The sentence that says why such a copy cannot go on. */
export function explainBranch(copy: Copy, attempt: Attempt): string {
  return `its position ${formatPosition(copy.position)} lies beyond ${attempt.seqno}, where ` +
    `${attempt.by} bootstrapped later: it holds transactions that the cluster went on without`;
}
