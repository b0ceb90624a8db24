/** Ends what runs when the terminal or the orchestrator asks for it. */

import { KeeperError } from "../errors.ts";

/** The signals that ask us to stop, and what they add to 128 in an exit status. */
const NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGQUIT: 3, SIGHUP: 1 } as const;

/** A signal that asks us to stop. */
export type StopSignal = keyof typeof NUMBERS;

/** A signal ended us before we were done: exit status 128 + its number. */
export class InterruptedError extends KeeperError {
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`Stopped by ${signal}`, 128 + NUMBERS[signal]);
    this.signal = signal;
  }
}

/**
 * Runs something that a signal may end.
 *
 * @param body Gets a signal that is aborted, with an `InterruptedError`, at the first of them;
 *   `onAgain` takes what to do at each one after it.
 */
export async function interruptible<T>(
  body: (signal: AbortSignal, onAgain: (listener: () => void) => void) => Promise<T>,
  signals: readonly StopSignal[] = ["SIGINT", "SIGTERM"],
): Promise<T> {
  const stop = new AbortController();
  let again = () => {};
  const listeners = signals.map((name) => {
    const listener = () => {
      if (stop.signal.aborted) again();
      else stop.abort(new InterruptedError(name));
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  try {
    return await body(stop.signal, (listener) => again = listener);
  } finally {
    for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
  }
}

/** The signals that end what was started to run for good. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const satisfies readonly StopSignal[];

/** What signals that stop us come to. */
export interface StopSignals extends Disposable {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** Aborted by the second. */
  readonly again: AbortSignal;
}

/**
 * Turns the signals that stop us into `AbortSignal`s; to obey one is no error.
 *
 * @param onStop Called at the first and at the second.
 */
export function stopSignals(
  onStop: (name: StopSignal, isAgain: boolean) => void,
): StopSignals {
  const controller = new AbortController();
  const again = new AbortController();
  const stops = STOP_SIGNALS.map((name) => {
    const stop = () => {
      if (again.signal.aborted) return;
      const isAgain = controller.signal.aborted;
      onStop(name, isAgain);
      (isAgain ? again : controller).abort(new Error(`Told to stop by ${name}`));
    };
    Deno.addSignalListener(name, stop);
    return [name, stop] as const;
  });
  return {
    signal: controller.signal,
    again: again.signal,
    [Symbol.dispose]: () => stops.forEach(([name, stop]) => Deno.removeSignalListener(name, stop)),
  };
}
