/** Something to wait for that comes again and again, and is not missed between two waits. */
import type { Clock } from "./world.ts";

/**
 * News, and who waits for them. A wait leaves nothing behind: who waits a second again and again for
 * news that do not come would else be a promise's listener more each time, for months.
 */
export class News {
  #isTold = false;
  readonly #waiting = new Set<() => void>();

  /** What has come so far is known; what comes from now on ends the next wait. */
  forget(): void {
    this.#isTold = false;
  }

  /** There are news. */
  tell(): void {
    this.#isTold = true;
    for (const wake of this.#waiting) wake();
  }

  /**
   * Waits for news.
   *
   * @param atMostMs How long; null: as long as it takes.
   * @throws The signal's reason.
   */
  async wait(clock: Clock, atMostMs: number | null, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isTold) return;
    const ended = new AbortController();
    const end = () => ended.abort();
    this.#waiting.add(end);
    signal.addEventListener("abort", end);
    try {
      if (atMostMs === null) {
        await new Promise((resolve) => ended.signal.addEventListener("abort", resolve));
      } else await clock.sleep(atMostMs, ended.signal).catch(() => {});
    } finally {
      this.#waiting.delete(end);
      signal.removeEventListener("abort", end);
    }
    signal.throwIfAborted();
  }
}
