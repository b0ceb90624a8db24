/** Reads from ZooKeeper, and again at each change, through lost connections and lost sessions. */

import type { ZooKeeperConfig } from "../config.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { untilConnected } from "../settle.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { ConnectionLossError, SessionExpiredError } from "../zookeeper/errors.ts";
import { openSession } from "../zookeeper_session.ts";

/** What was read last, or why nothing can be read now. */
export type Followed<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "away"; readonly problem: string };

/** What to read, and whom to tell. */
export interface Following<T> {
  readonly config: ZooKeeperConfig;
  /**
   * Reads, leaving watches that the signal takes back; `changed` resolves once any of it changes.
   */
  read(ensemble: Ensemble, signal: AbortSignal): Promise<{
    readonly value: T;
    readonly changed: Promise<unknown>;
  }>;
  /** Told at first, and at each change; several changes in short order may be told as one. */
  tell(followed: Followed<T>): void;
}

/** Changes that come in shorter order than this are read together, in milliseconds. */
const TOGETHER_MS = 50;

/**
 * Reads and tells until the signal is aborted.
 *
 * @throws The signal's reason. @throws {ZooKeeperError} The ensemble refuses it for good.
 */
export async function follow<T>(following: Following<T>, signal: AbortSignal): Promise<never> {
  for (;;) {
    await using ensemble = await openSession(following.config, {
      signal,
      onWaiting: (problem) => following.tell({ kind: "away", problem }),
    });
    await followSession(ensemble, following, signal);
  }
}

/** Resolves once the session is lost. */
async function followSession<T>(
  ensemble: Ensemble,
  { read, tell }: Following<T>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const watches = new AbortController();
    const either = AbortSignal.any([signal, watches.signal]);
    try {
      await untilConnected(ensemble, signal);
      const { value, changed } = await read(ensemble, either);
      tell({ kind: "read", value });
      await Promise.race([changed, untilSuspended(ensemble, either)]);
      await REAL_CLOCK.sleep(TOGETHER_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SessionExpiredError) return;
      if (!(error instanceof ConnectionLossError)) throw error;
    } finally {
      watches.abort();
    }
  }
}

/** What is read across a connection that was lost is read again: `onWaiting` has told of it. */
async function untilSuspended(ensemble: Ensemble, signal: AbortSignal): Promise<void> {
  for await (const state of ensemble.states(signal)) if (state !== "connected") return;
  signal.throwIfAborted();
}
