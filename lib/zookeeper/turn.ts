/**
 * Whose turn it is at a lock: pure functions on the names below the lock's path, the decision of the
 * recipe in `lock.ts`.
 */

/**
 * A contender, by kazoo's rule: whatever ends in the mark and a number. The server writes the number
 * with "%010d"; after 2^31 contenders it is negative, its sign counted among the ten places.
 */
const CONTENDER = /__lock__(\d{10}|-\d{9,10})$/;

/** What a contender is to do, given the znodes below the lock's path. */
export type Turn =
  /** No contender is ahead: the lock is held. */
  | { readonly turn: "held" }
  /**
   * Watch this one. Where it is the first of all, the lock is held once it is gone: nobody can come
   * in ahead.
   */
  | { readonly turn: "wait"; readonly watch: string; readonly isFirst: boolean }
  /** The contender's own znode is not there: it must start over. */
  | { readonly turn: "gone" };

function sequenceOf(child: string): number | null {
  const digits = CONTENDER.exec(child)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Whether `a` was numbered before `b`: by their distance in 32 bits, so that an overflow changes nothing. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/**
 * Which turn it is for a contender: pure, and total.
 *
 * Znodes that are not contenders of this kind of lock (kazoo's `__rlock__`, Curator's, anything) do
 * not count, as in kazoo.
 *
 * @param children The names below the lock's path, in any order.
 * @param own The contender's own name.
 */
export function turnOf(children: readonly string[], own: string): Turn {
  const ownSequence = sequenceOf(own);
  if (ownSequence === null || !children.includes(own)) return { turn: "gone" };
  let watch: string | undefined;
  let watchSequence = 0;
  let ahead = 0;
  for (const child of children) {
    const sequence = sequenceOf(child);
    if (sequence === null || !isBefore(sequence, ownSequence)) continue;
    ahead++;
    if (watch === undefined || isBefore(watchSequence, sequence)) {
      watch = child;
      watchSequence = sequence;
    }
  }
  return watch === undefined ? { turn: "held" } : { turn: "wait", watch, isFirst: ahead === 1 };
}

/** The contenders among the znodes below a lock's path, the holder first. */
export function inOrder(children: readonly string[]): readonly string[] {
  return children
    .flatMap((child) => {
      const sequence = sequenceOf(child);
      return sequence === null ? [] : [{ child, sequence }];
    })
    .sort((a, b) => (a.sequence - b.sequence) | 0)
    .map(({ child }) => child);
}
