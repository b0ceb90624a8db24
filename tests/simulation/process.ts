/** One run of a keeper: what reaches it from outside stops when it is killed, and waits while it is paused. */
import type { Clock } from "../../lib/world.ts";
import type { VirtualTime } from "./clock.ts";

/** One direction of a way. */
export type Direction = "to the ensemble" | "from the ensemble";

/** A way between a machine and the ensemble: open, cut, or cut in one direction; fast or slow. */
export class Link {
  readonly #cut = new Set<Direction>();
  /** The most that a message takes longer than usual, in milliseconds. */
  slowMs = 0;
  /** Told when it is cut or healed. */
  readonly onChange = new Set<() => void>();

  get up(): boolean {
    return this.#cut.size === 0;
  }

  /** Whether messages get through that way. */
  passes(direction: Direction): boolean {
    return !this.#cut.has(direction);
  }

  /** Cuts or heals it, in both directions where none is named. */
  set(up: boolean, ...directions: readonly Direction[]): void {
    const was = [...this.#cut].join();
    const which = directions.length > 0
      ? directions
      : ["to the ensemble", "from the ensemble"] as const;
    for (const one of which) {
      if (up) this.#cut.delete(one);
      else this.#cut.add(one);
    }
    if ([...this.#cut].join() === was) return;
    for (const listener of [...this.onChange]) listener();
  }
}

/** A process that can be killed and paused. */
export class SimProcess {
  readonly #time: VirtualTime;
  #alive = true;
  #paused = false;
  readonly #held: (() => void)[] = [];
  /** When it last went on after it had stood still. */
  resumedAtMs = -1;
  /** Told when it is paused, resumed or killed. */
  readonly onChange = new Set<() => void>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Something from outside reaches it: now, once it goes on, or never. */
  deliver(event: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#held.push(event);
    else event();
  }

  /** kill -9. */
  kill(): void {
    this.#alive = false;
    this.#held.length = 0;
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.onChange]) listener();
  }

  /** SIGSTOP. */
  pause(): void {
    this.#paused = true;
    this.#tell();
  }

  /** SIGCONT. */
  resume(): void {
    this.#paused = false;
    this.resumedAtMs = this.#time.nowMs;
    this.#tell();
    for (const event of this.#held.splice(0)) this.deliver(event);
  }

  /** A promise that settles a while from now, as far as the process lives to see it. */
  later<T>(durationMs: number, value: () => T, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = this.#time.after(durationMs, () =>
        this.deliver(() => {
          signal?.removeEventListener("abort", abort);
          try {
            resolve(value());
          } catch (error) {
            reject(error);
          }
        }));
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** The clock as this process sees it. */
  get clock(): Clock {
    return {
      nowMs: () => this.#time.nowMs,
      now: () => new Date(this.#time.nowMs).toISOString(),
      sleep: (durationMs, signal) => this.later(durationMs, () => {}, signal),
    };
  }
}
