/** Something to wait for that comes again and again, and is not missed between two waits. */
import type { Clock } from "../world.ts";

/** News, and who waits for them. */
export class News {
  #come = Promise.withResolvers<void>();

  /** What has come so far is known; what comes from now on ends the next wait. */
  forget(): void {
    this.#come = Promise.withResolvers();
  }

  /** There are news. */
  tell(): void {
    this.#come.resolve();
  }

  /**
   * Waits for news.
   *
   * @param atMostMs How long; null: as long as it takes.
   * @throws The signal's reason.
   */
  async wait(clock: Clock, atMostMs: number | null, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const either = AbortSignal.any([signal, woken.signal]);
    const aborted = new Promise<void>((resolve) => {
      either.addEventListener("abort", () => resolve(), { once: true });
    });
    const slept = atMostMs === null ? aborted : clock.sleep(atMostMs, either).catch(() => {});
    await Promise.race([this.#come.promise, slept]);
    woken.abort();
    signal.throwIfAborted();
  }
}
