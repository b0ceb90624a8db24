/** From "told to stop" to "stop now": a member that serves goes on for a while, so that its clients leave first. */
import type { Member } from "./member.ts";

/** How somebody is told to stop. */
export interface Told {
  /** Aborted when it is to stop. */
  readonly signal: AbortSignal;
  /** Aborted when that is said once more: a drain ends at once. */
  readonly again: AbortSignal;
}

/** What is left of a stop once the drain is over; its disposal ends the wait. */
export interface Drained extends Disposable {
  /** Aborted, with the reason of the one that told it, when the member is to stop now. */
  readonly signal: AbortSignal;
}

/**
 * Turns "told to stop" into "stop now": `drainMs` later for a member that serves, not ready from the
 * beginning, looked after all the while; at once for one that starts, waits, or is in no primary
 * component, as nobody is served by it.
 */
export function afterDrain(member: Member, { signal, again }: Told): Drained {
  const now = new AbortController();
  const ended = new AbortController();
  const told = async () => {
    const { drainMs } = member.timing;
    if (drainMs > 0 && member.progress.serves) {
      member.progress.drain(
        `Told to stop: not ready any more, serving on for ${drainMs / 1000} s for clients to leave`,
      );
      await member.world.clock.sleep(drainMs, AbortSignal.any([again, ended.signal]))
        .catch(() => {}); // Said again, or it is over by itself.
    }
    now.abort(signal.reason);
  };
  if (signal.aborted) told();
  else signal.addEventListener("abort", told, { once: true, signal: ended.signal });
  return { signal: now.signal, [Symbol.dispose]: () => ended.abort() };
}
