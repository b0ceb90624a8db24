/** How a program ends: in words, and as a signal to those that wait for more of it. */
import type { ExitStatus, Running } from "./mariadb/database.ts";

/** How a program ended, in words that go behind "it has exited". One that failed says why, or nothing. */
export function describeExit({ code, signal, lastErrors }: ExitStatus): string {
  if (code === 0) return "with status 0";
  const how = code === null ? `by ${signal}` : `with status ${code}`;
  return `${how}: ${lastErrors.join(" | ") || "it logged no error"}`;
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
