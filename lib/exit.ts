/** How a server ends: in words, and as a signal to those that wait for more of it. */
import type { ExitStatus, Running } from "./mariadb/database.ts";

/** How a server ended, in words that go behind "mariadbd has exited". */
export function describeExit({ code, signal, lastErrors }: ExitStatus): string {
  const how = code === null ? `by ${signal}` : `with status ${code}`;
  return lastErrors.length === 0 ? how : `${how}: ${lastErrors.join(" | ")}`;
}

/** A signal that fires when the server exits, too. */
export interface ExitSignal extends Disposable {
  readonly signal: AbortSignal;
  /** The server has exited. */
  readonly exited: boolean;
}

/** Joins a signal with the server's exit, so that nothing waits for a server that is gone. */
export function exitSignal(running: Running, signal: AbortSignal): ExitSignal {
  const controller = new AbortController();
  let exited = false;
  running.exited.then(() => {
    exited = true;
    controller.abort(new Error("mariadbd has exited"));
  });
  const forward = () => controller.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener("abort", forward, { once: true });
  return {
    signal: controller.signal,
    get exited() {
      return exited;
    },
    [Symbol.dispose]: () => signal.removeEventListener("abort", forward),
  };
}
