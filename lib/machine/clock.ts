/** The real clock. */
import { setTimeout } from "node:timers/promises";
import type { Clock } from "../world.ts";

/** Monotonic time and real waits. */
export const REAL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  now: () => new Date().toISOString(),
  async sleep(durationMs, signal) {
    signal?.throwIfAborted();
    try {
      await setTimeout(durationMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
