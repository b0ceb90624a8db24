/** The states of a session, told to all who ask. */

import type { SessionState } from "./ensemble.ts";

/** Keeps the present state and passes each change on, in order, to every iteration. */
export class StateFeed {
  #state: SessionState;
  #hasEnded = false;
  readonly #listeners = new Set<(state: SessionState | null) => void>();

  constructor(state: SessionState) {
    this.#state = state;
  }

  /** The present one. */
  get state(): SessionState {
    return this.#state;
  }

  /** Whether no other state can follow. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Goes to another state; `lost` is the last one. The same state again changes nothing. */
  set(state: SessionState): void {
    if (this.#hasEnded || state === this.#state) return;
    this.#state = state;
    this.#tell(state);
    if (state === "lost") this.end();
  }

  /** Ends all iterations, without another state. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#tell(null);
    this.#listeners.clear();
  }

  #tell(state: SessionState | null): void {
    for (const listener of this.#listeners) listener(state);
  }

  /**
   * The states from now on, the present one first. Ends after `lost`, after `end()`, and when the
   * signal is aborted. Whoever is slow misses none.
   */
  async *iterate(signal?: AbortSignal): AsyncGenerator<SessionState, void, void> {
    const queue: (SessionState | null)[] = [this.#state];
    let wake = () => {};
    const put = (state: SessionState | null) => {
      queue.push(state);
      wake();
    };
    const stop = () => put(null);
    if (this.#hasEnded) queue.push(null);
    else this.#listeners.add(put);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) return;
        const next = queue.shift();
        if (next === null) return;
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      this.#listeners.delete(put);
      signal?.removeEventListener("abort", stop);
    }
  }
}
