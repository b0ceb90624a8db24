/**
 * A member whose address is no longer its machine's: a container gets another one where its network is
 * taken away and given back. Nobody reaches its server by the old one, and Galera aborts where it cannot
 * listen there.
 */
import type { Clock } from "./world.ts";

/** What the watch needs from outside. */
export interface Watched<Next> {
  /** What to go on with where the address is gone and there is another; null otherwise. */
  look(): Next | null;
  /** Whether ZooKeeper hears of this member now. */
  isConnected(): boolean;
  /** How long that has to last, in milliseconds: longer than a connection outlives its address. */
  readonly graceMs: number;
  readonly clock: Clock;
}

/** Between two looks, in milliseconds. */
const LOOK_MS = 1000;

/**
 * Waits until the address has gone for good, there is another one, and ZooKeeper is reached by that: one
 * that cannot be told to the others is no reason to stop a server that runs.
 *
 * @returns What to go on with.
 * @throws The signal's reason.
 */
export async function untilMoved<Next>(
  { look, isConnected, graceMs, clock }: Watched<Next>,
  signal: AbortSignal,
): Promise<Next> {
  let sinceMs: number | null = null;
  for (;;) {
    await clock.sleep(LOOK_MS, signal);
    const next = look();
    if (next === null || !isConnected()) {
      sinceMs = null;
      continue;
    }
    sinceMs ??= clock.nowMs();
    if (clock.nowMs() - sinceMs >= graceMs) return next;
  }
}
