/** Writes that may have happened twice or not at all: read back until it is known. */
import type { Ensemble, Operation } from "./zookeeper/ensemble.ts";
import {
  BadVersionError,
  ConnectionLossError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  SessionExpiredError,
} from "./zookeeper/errors.ts";

/**
 * Runs a multi until it is known whether it took effect. A lost connection says neither: once
 * connected again, what is there is read back.
 *
 * @param tookEffect Reads back whether this very multi has taken effect.
 * @param signal Ends the wait for a connection: it then stays unknown. @throws The signal's reason.
 * @returns false where it was refused because something had changed.
 * @throws {SessionExpiredError} When the session is lost.
 */
export async function settle(
  ensemble: Ensemble,
  operations: readonly Operation[],
  tookEffect: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  let doubtful = false;
  for (;;) {
    try {
      if (doubtful) {
        // Without it, the server that answers now may not have seen yet what another one did.
        await ensemble.sync(operations[0]?.path ?? "/");
        if (await tookEffect()) return true;
      }
      await ensemble.multi(operations);
      return true;
    } catch (error) {
      if (
        error instanceof BadVersionError || error instanceof NodeExistsError ||
        error instanceof NoNodeError || error instanceof NotEmptyError
      ) return doubtful ? await tookEffect() : false;
      if (!(error instanceof ConnectionLossError)) throw error;
      doubtful = true;
      await untilConnected(ensemble, signal);
    }
  }
}

/**
 * Resolves once connected.
 *
 * @throws {SessionExpiredError} When the session is lost.
 * @throws The signal's reason.
 */
export async function untilConnected(ensemble: Ensemble, signal?: AbortSignal): Promise<void> {
  for await (const state of ensemble.states(signal)) {
    if (state === "connected") return;
    if (state === "lost") break;
  }
  signal?.throwIfAborted();
  throw new SessionExpiredError(-112, "The session with ZooKeeper is over");
}
