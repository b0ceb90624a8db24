/** When to ping a server, and when to give it up. */

/** What a heartbeat asks of its owner. */
export interface HeartbeatListener {
  /** Some time has gone by, at most as long as the server may say nothing. */
  onCheck(): void;
  /** Nothing was sent for so long that the server would begin to miss us. */
  onQuiet(): void;
  /** The server said nothing for `silentMs` milliseconds. */
  onSilence(silentMs: number): void;
}

/**
 * One timer for a connection: `heard` and `sent` only note the time, so that they cost nothing for
 * each request.
 */
export class Heartbeat {
  readonly #listener: HeartbeatListener;
  readonly #now: () => number;
  #silenceMs = 0;
  #quietMs = 0;
  #heardMs = 0;
  #sentMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param now Milliseconds of a clock that never goes back. */
  constructor(listener: HeartbeatListener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
  }

  /**
   * Begins anew.
   *
   * @param silenceMs How long the server may say nothing, in milliseconds.
   * @param quietMs After how long without a request to ping, in milliseconds; Infinity for never.
   */
  start(silenceMs: number, quietMs: number): void {
    clearTimeout(this.#timer);
    this.#silenceMs = silenceMs;
    this.#quietMs = quietMs;
    this.#heardMs = this.#sentMs = this.#now();
    this.#arm();
  }

  /** Ends: the listener is not called any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The server said something. */
  heard(): void {
    this.#heardMs = this.#now();
  }

  /** Something was sent to the server. */
  sent(): void {
    this.#sentMs = this.#now();
  }

  #arm(): void {
    const dueMs = Math.min(this.#heardMs + this.#silenceMs, this.#sentMs + this.#quietMs);
    this.#timer = setTimeout(this.#onTimer, Math.max(dueMs - this.#now(), 1));
  }

  readonly #onTimer = (): void => {
    const now = this.#now();
    if (now - this.#heardMs >= this.#silenceMs) return this.#lastChance(now - this.#heardMs);
    if (now - this.#sentMs >= this.#quietMs) {
      this.#sentMs = now;
      this.#listener.onQuiet();
    }
    this.#arm();
    this.#listener.onCheck();
  };

  /**
   * What the server said may lie unread, where this process was stopped or busy for long: it gets
   * one more turn of the event loop.
   */
  #lastChance(silentMs: number): void {
    const heardMs = this.#heardMs;
    this.#timer = setTimeout(() => {
      if (heardMs === this.#heardMs) this.#listener.onSilence(silentMs);
      else this.#arm();
    }, 10);
  }
}
