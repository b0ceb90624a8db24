/** Ends what runs when the terminal or the orchestrator asks for it. */

import { KeeperError } from "../errors.ts";

/** The signals that ask us to stop, and what they add to 128 in an exit status. */
const NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGQUIT: 3, SIGHUP: 1 } as const;

/** A signal that asks us to stop. */
export type StopSignal = keyof typeof NUMBERS;

/** The signals that end what was started to run for good. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const satisfies readonly StopSignal[];

/** A signal ended us before we were done: exit status 128 + its number. */
export class InterruptedError extends KeeperError {
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`Stopped by ${signal}`, exitStatusOf(signal));
    this.signal = signal;
  }
}

function exitStatusOf(signal: StopSignal): number {
  return 128 + NUMBERS[signal];
}

/** Whether this is the program, guarded by {@link guardSignals}, and not a test's process. */
let isGuarded = false;
/** How many listen to a signal that asks us to stop. */
let listeners = 0;
/** Somebody did and is done: all that is left is to exit, with the status that came of it. */
let isEnding = false;

/**
 * Decides for the whole program what a signal does while nothing listens to it. Without this the
 * kernel would: a process 1 loses a signal that comes before its listener is there, and one that comes
 * a second time as the program exits would take the place of its exit status.
 *
 * @param exit Ends the program.
 */
export function guardSignals(exit: (status: number) => void = Deno.exit): void {
  isGuarded = true;
  for (const name of STOP_SIGNALS) {
    Deno.addSignalListener(name, () => {
      if (listeners === 0 && !isEnding) exit(exitStatusOf(name));
    });
  }
  // Of no meaning to us; unheard they would end us. Deno itself opens its debugger's port on SIGUSR1,
  // on 127.0.0.1, where the program runs from source on 2.9.2 or later; a compiled one does not.
  for (const name of ["SIGUSR1", "SIGUSR2"] as const) Deno.addSignalListener(name, () => {});
}

/** Listens to signals that ask us to stop. @returns Ends it. */
function listen(names: readonly StopSignal[], listener: (name: StopSignal) => void): () => void {
  const added = names.map((name) => {
    const listenerOf = () => listener(name);
    Deno.addSignalListener(name, listenerOf);
    return [name, listenerOf] as const;
  });
  listeners++;
  return () => {
    listeners--;
    isEnding = true;
    for (const [name, listenerOf] of added) Deno.removeSignalListener(name, listenerOf);
  };
}

/**
 * Runs something that a signal may end.
 *
 * @param body Gets a signal that is aborted, with an `InterruptedError`, at the first of them;
 *   `onAgain` takes what to do at each one after it.
 */
export async function interruptible<T>(
  body: (signal: AbortSignal, onAgain: (listener: () => void) => void) => Promise<T>,
  signals: readonly StopSignal[] = STOP_SIGNALS,
): Promise<T> {
  const stop = new AbortController();
  let again = () => {};
  const end = listen(signals, (name) => {
    if (stop.signal.aborted) again();
    else stop.abort(new InterruptedError(name));
  });
  try {
    return await body(stop.signal, (listener) => again = listener);
  } finally {
    end();
  }
}

/** What signals that stop us come to. */
export interface StopSignals extends Disposable {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** Aborted by the second. */
  readonly again: AbortSignal;
}

/**
 * Turns the signals that stop us into `AbortSignal`s; to obey one is no error. SIGHUP, by which a
 * daemon is asked to open its logs anew, never ends us.
 *
 * @param onStop Called at the first and at the second.
 * @param onHangUp Called at each SIGHUP.
 */
export function stopSignals(
  onStop: (name: StopSignal, isAgain: boolean) => void,
  onHangUp: () => void,
): StopSignals {
  const controller = new AbortController();
  const again = new AbortController();
  const end = listen(STOP_SIGNALS, (name) => {
    if (again.signal.aborted) return;
    const isAgain = controller.signal.aborted;
    onStop(name, isAgain);
    (isAgain ? again : controller).abort(new Error(`Told to stop by ${name}`));
  });
  Deno.addSignalListener("SIGHUP", onHangUp);
  return {
    signal: controller.signal,
    again: again.signal,
    [Symbol.dispose]() {
      end();
      // One that comes as we exit does not end us either.
      if (isGuarded) Deno.addSignalListener("SIGHUP", () => {});
      Deno.removeSignalListener("SIGHUP", onHangUp);
    },
  };
}
