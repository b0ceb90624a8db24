/** From "told to stop" to "stop now": a member that serves goes on for a while, so that its clients leave first. */
import type { Member } from "./member.ts";

/** How somebody is told to stop. */
export interface Told {
  /** Aborted when it is to stop. */
  readonly signal: AbortSignal;
  /** Aborted when that is said once more: a drain ends at once, or is none where both are said together. */
  readonly again: AbortSignal;
}

/** What is left of a stop once the drain is over; its disposal ends the wait. */
export interface Drained extends Disposable {
  /** Aborted, with the reason of the one that told it, when the member is to stop now. */
  readonly signal: AbortSignal;
}

/**
 * A member that serves is not ready from now on.
 *
 * @param why What has it stop, in two or three words.
 * @returns For how long it serves on, in milliseconds: 0 for one that starts, waits, or is in no primary
 *   component, as nobody is served by it.
 */
export function beginDrain({ progress, timing: { drainMs } }: Member, why: string): number {
  if (drainMs === 0 || !progress.serves) return 0;
  const seconds = drainMs / 1000;
  progress.drain(`${why}: not ready any more, serving on for ${seconds} s for clients to leave`);
  return drainMs;
}

/**
 * Turns "told to stop" into "stop now": once a drain is over for a member that serves, looked after all
 * the while; at once for another one.
 */
export function afterDrain(member: Member, { signal, again }: Told): Drained {
  const now = new AbortController();
  const ended = new AbortController();
  const told = async () => {
    const drainMs = again.aborted ? 0 : beginDrain(member, "Told to stop");
    if (drainMs > 0) {
      await member.world.clock.sleep(drainMs, AbortSignal.any([again, ended.signal]))
        .catch(() => {}); // Said again, or it is over by itself.
    }
    now.abort(signal.reason);
  };
  if (signal.aborted) told();
  else signal.addEventListener("abort", told, { once: true, signal: ended.signal });
  return { signal: now.signal, [Symbol.dispose]: () => ended.abort() };
}
