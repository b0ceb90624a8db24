/**
 * Virtual time: nothing waits for real. When no microtask is left to run, the next timer is due.
 */
import { setImmediate } from "node:timers";

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  canceled: boolean;
}

/** Takes a timer back. */
export type Cancel = () => void;

/** Timers in the order they are due; those due at one instant in the order they were set. */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Timer[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs something after a time. */
  after(durationMs: number, run: () => void): Cancel {
    const timer: Timer = {
      dueMs: this.#nowMs + Math.max(0, durationMs),
      order: this.#order++,
      run,
      canceled: false,
    };
    this.#push(timer);
    return () => timer.canceled = true;
  }

  /**
   * Lets time pass until a condition holds or so much has passed.
   *
   * @param afterStep Runs after each timer and all that came of it.
   * @returns Whether the condition holds.
   */
  async run(
    durationMs: number,
    until: () => boolean = () => false,
    afterStep: () => void = () => {},
  ): Promise<boolean> {
    const endMs = this.#nowMs + durationMs;
    await settled();
    for (;;) {
      if (until()) return true;
      const timer = this.#heap[0];
      if (timer === undefined || timer.dueMs > endMs) {
        this.#nowMs = endMs;
        return false;
      }
      this.#pop();
      if (timer.canceled) continue;
      this.#nowMs = timer.dueMs;
      timer.run();
      await settled();
      afterStep();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(heap[parent]!, timer)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** All microtasks have run: the event loop turns only when none is left. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
