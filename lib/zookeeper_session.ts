/** Opens sessions as the command line asks for them. */

import type { ZooKeeperConfig } from "./config.ts";
import { UnavailableError } from "./errors.ts";
import { formatHost } from "./zookeeper/hosts.ts";
import { Session } from "./zookeeper/session.ts";

/** How to wait for an ensemble. */
export interface OpenOptions {
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** How long to wait at most, in milliseconds; as long as it takes by default. */
  readonly patienceMs?: number;
  /** Make the chroot where it is missing; false by default. */
  readonly makeChroot?: boolean;
  /** Told why it waits. */
  readonly onWaiting?: (reason: string) => void;
}

/**
 * Opens a session.
 *
 * @throws {UnavailableError} There was none in time; the message says why.
 * @throws The signal's reason.
 */
export async function openSession(
  config: ZooKeeperConfig,
  { signal, patienceMs, onWaiting, makeChroot = false }: OpenOptions = {},
): Promise<Session> {
  const patience = patienceMs === undefined ? null : AbortSignal.timeout(patienceMs);
  const signals = [signal, patience].filter((one) => one !== undefined && one !== null);
  let why = "no server answers";
  try {
    return await Session.connect({
      hosts: config.hosts.map(formatHost).join(","),
      chroot: config.chroot,
      makeChroot,
      sessionTimeoutMs: config.sessionTimeoutMs,
      digest: config.digest,
      acl: config.acl ?? null,
      tls: config.tls ?? null,
      signal: AbortSignal.any(signals),
      onWaiting: (reason) => {
        why = reason;
        onWaiting?.(reason);
      },
    });
  } catch (cause) {
    if (patience === null || !patience.aborted || signal?.aborted) throw cause;
    const hosts = config.hosts.map(formatHost).join(",");
    throw new UnavailableError(
      `Cannot reach ZooKeeper at ${hosts} in ${patienceMs! / 1000} s: ${why}`,
      { cause },
    );
  }
}
