/**
 * The lock recipe, in kazoo's layout, so that kazoo's `Lock` on the same path and ours exclude each
 * other, first come first served: each contender is an ephemeral sequential znode
 * `<32 hex>__lock__<10 digits>` that holds its name; the first holds the lock, each other one
 * watches only the one before it, so that a release wakes one contender.
 */

import { oneLine } from "../settings/shown.ts";
import { Contender } from "./contender.ts";
import type { Ensemble } from "./ensemble.ts";
import { NoNodeError } from "./errors.ts";
import { inOrder } from "./turn.ts";

/** A lock that is held, until it is released or the session is lost. */
export interface HeldLock extends AsyncDisposable {
  /**
   * The contender's znode. A write that must not happen after the lock went to another goes in one
   * multi with a `check` of this path.
   */
  readonly path: string;
  /**
   * Aborted when the lock is lost: with a `SessionExpiredError` as the session is over, or with a
   * `NoNodeError` as somebody removed the contender's znode. It costs a watch from the first look on.
   */
  readonly lost: AbortSignal;
  /**
   * Gives the lock back. It is on its way at once: whatever this session asks for afterwards comes
   * after it, so it need not be awaited. Awaited, it is sure: the contender's znode was deleted, or
   * went with its session. When the connection drops it is tried again as soon as there is one.
   * May be called again; ignored, it causes no unhandled rejection.
   *
   * @throws {ZooKeeperError} The ensemble refuses the delete for good, such as by an ACL.
   */
  release(): Promise<void>;
}

/** What a lock is made with. */
export interface LockOptions {
  /** What the contender's znode holds, for people to read: the member's name. */
  readonly name: string;
  /** 32 hexadecimal digits, other ones each time; a random UUID's by default. */
  readonly randomId?: () => string;
  /**
   * Whether to list the contenders once more when the one ahead was the first and is gone; true by
   * default. Nobody can have come in ahead: it finds out only that somebody removed this contender by
   * hand while it waited. False saves a round trip at each handover.
   */
  readonly listsAgain?: boolean;
}

/**
 * One lock, by its path. Each `acquire()` is a contender of its own: the lock is not reentrant.
 *
 * @example
 * ```ts ignore
 * const lock = new Lock(session, "/mariadb/bootstrap", { name: "galera-1" });
 * await using held = await lock.acquire(signal);
 * ```
 */
export class Lock {
  readonly #ensemble: Ensemble;
  readonly #path: string;
  readonly #name: string;
  readonly #randomId: () => string;
  readonly #listsAgain: boolean;

  /**
   * @param ensemble The session the lock lives and dies with.
   * @param path The znode whose children contend; made where it is missing.
   */
  constructor(ensemble: Ensemble, path: string, options: LockOptions) {
    this.#ensemble = ensemble;
    this.#path = path;
    this.#name = options.name;
    this.#randomId = options.randomId ?? (() => crypto.randomUUID().replaceAll("-", ""));
    this.#listsAgain = options.listsAgain ?? true;
  }

  /**
   * Waits for the lock, as long as it takes, also while there is no connection.
   *
   * @param signal Gives up: the contender is removed, also when it is only just being made.
   * @throws The signal's reason.
   * @throws {SessionExpiredError} The session was lost.
   * @throws {ZooKeeperError} The ensemble refuses it for good, such as by an ACL.
   */
  acquire(signal?: AbortSignal): Promise<HeldLock> {
    return new Contender({
      ensemble: this.#ensemble,
      parent: this.#path,
      data: this.#name,
      randomId: this.#randomId,
      listsAgain: this.#listsAgain,
    }).acquire(signal);
  }

  /** The names of all contenders now: the holder's first, then those who wait, in their order. */
  async contenders(): Promise<readonly string[]> {
    const children = await this.#ensemble.children(this.#path).then(
      (listed) => listed.children,
      orNull,
    );
    const decoder = new TextDecoder();
    const names = await Promise.all(
      inOrder(children ?? []).map((child) =>
        this.#ensemble.get(`${this.#path}/${child}`).then(
          // A contender of others' making may hold anything, and people are shown it.
          ({ data }) => oneLine(decoder.decode(data), LONGEST_NAME),
          orNull,
        )
      ),
    );
    // Who left between the two reads contends no more.
    return names.filter((name) => name !== null);
  }
}

/** How much of a contender's name is shown. */
const LONGEST_NAME = 255;

/** For a promise's rejection: a missing znode gives null. */
function orNull(error: unknown): null {
  if (error instanceof NoNodeError) return null;
  throw error;
}
