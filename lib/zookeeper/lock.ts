/**
 * The lock recipe, in kazoo's layout, so that kazoo's `Lock` on the same path and ours exclude each
 * other, first come first served: each contender is an ephemeral sequential znode
 * `<32 hex>__lock__<10 digits>` that holds its name; the first holds the lock, each other one
 * watches only the one before it, so that a release wakes one contender.
 */

import { CODE } from "./constants.ts";
import type { Ensemble } from "./ensemble.ts";
import { ConnectionLossError, NoNodeError, SessionExpiredError } from "./errors.ts";
import { inOrder, turnOf } from "./turn.ts";

/** What stands between the random part and the sequence number. Of kazoo's `Lock`. */
const MARK = "__lock__";

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
}

const NO_SIGNAL = new AbortController().signal;
const ignore = () => {};

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

  /**
   * @param ensemble The session the lock lives and dies with.
   * @param path The znode whose children contend; made where it is missing.
   */
  constructor(ensemble: Ensemble, path: string, options: LockOptions) {
    this.#ensemble = ensemble;
    this.#path = path;
    this.#name = options.name;
    this.#randomId = options.randomId ?? (() => crypto.randomUUID().replaceAll("-", ""));
  }

  /**
   * Waits for the lock, as long as it takes, also while there is no connection.
   *
   * @param signal Gives up: the contender is removed, also when it is only just being made.
   * @throws The signal's reason.
   * @throws {SessionExpiredError} The session was lost.
   * @throws {ZooKeeperError} The ensemble refuses it for good, such as by an ACL.
   */
  async acquire(signal: AbortSignal = NO_SIGNAL): Promise<HeldLock> {
    signal.throwIfAborted();
    const contender = new Contender(this.#ensemble, this.#path, this.#name);
    try {
      await contender.untilHeld(this.#randomId, signal);
      signal.throwIfAborted();
      return contender;
    } catch (error) {
      // The first error is the one to tell; the removal goes on by itself until it is sure.
      contender.release().catch(ignore);
      throw error;
    }
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
          ({ data }) => decoder.decode(data),
          orNull,
        )
      ),
    );
    // Who left between the two reads contends no more.
    return names.filter((name) => name !== null);
  }
}

/** For a promise's rejection: a missing znode gives null. */
function orNull(error: unknown): null {
  if (error instanceof NoNodeError) return null;
  throw error;
}

function expiredError(path: string, cause: unknown): SessionExpiredError {
  const message = `Lost the lock "${path}" as the session with ZooKeeper is over`;
  return new SessionExpiredError(CODE.ZSESSIONEXPIRED, message, path, { cause });
}

function goneError(path: string): NoNodeError {
  const message = `Lost the lock as somebody else removed its contender: "${path}"`;
  return new NoNodeError(CODE.ZNONODE, message, path);
}

/** One contender, from its znode's creation to its removal. */
class Contender implements HeldLock {
  readonly #ensemble: Ensemble;
  readonly #parent: string;
  readonly #data: string;
  /** What the own znode's name begins with: by it the znode is found when a create's reply was lost. */
  #prefix = "";
  /** Whether a znode with this prefix may be there. */
  #isTried = false;
  /** The own znode's name, once it is known. */
  #own: string | null = null;
  #isParentMissing = false;
  #released: Promise<void> | null = null;
  #lost: AbortController | null = null;
  #end: AbortController | null = null;

  constructor(ensemble: Ensemble, parent: string, data: string) {
    this.#ensemble = ensemble;
    this.#parent = parent;
    this.#data = data;
  }

  get path(): string {
    return `${this.#parent}/${this.#own}`;
  }

  get lost(): AbortSignal {
    if (this.#lost === null) {
      this.#lost = new AbortController();
      this.#end = new AbortController();
      if (this.#released === null) this.#watchOwn(this.#lost, this.#end.signal);
    }
    return this.#lost.signal;
  }

  async untilHeld(randomId: () => string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const children = await this.#enter(randomId);
        signal.throwIfAborted();
        const turn = turnOf(children, this.#own ?? "");
        switch (turn.turn) {
          case "held":
            return;
          case "wait":
            await this.#untilGone(`${this.#parent}/${turn.watch}`, signal);
            if (turn.isFirst) return;
            break;
          case "gone":
            this.#startOver();
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NoNodeError) {
          this.#isParentMissing = true;
          this.#startOver();
        } else if (!(error instanceof ConnectionLossError)) {
          throw error;
        } else if (!await this.#untilConnected(signal)) {
          signal.throwIfAborted();
          throw expiredError(this.#parent, error);
        }
      }
    }
  }

  /** Makes the own znode, or finds it again, and lists all. */
  async #enter(randomId: () => string): Promise<readonly string[]> {
    if (this.#isParentMissing) {
      await this.#ensemble.ensurePath(this.#parent);
      this.#isParentMissing = false;
    }
    if (this.#isTried) {
      const children = await this.#find();
      if (this.#own !== null) return children;
    }
    if (this.#prefix === "") this.#prefix = randomId() + MARK;
    this.#isTried = true;
    const creating = this.#ensemble.create(`${this.#parent}/${this.#prefix}`, this.#data, {
      mode: "ephemeral_sequential",
    });
    // Sent together: a session's requests are answered in order, so the list has the own znode.
    const listing = this.#ensemble.children(this.#parent);
    listing.catch(ignore);
    this.#own = (await creating).slice(this.#parent.length + 1);
    return (await listing).children;
  }

  /** Lists all, and looks for the own znode when its name is not known. */
  async #find(): Promise<readonly string[]> {
    if (this.#own !== null) return (await this.#ensemble.children(this.#parent)).children;
    // Without the sync, a server that lags behind could hide a znode whose create is done: it would
    // stay for the whole session, ahead of everybody.
    const synced = this.#ensemble.sync(this.#parent);
    synced.catch(ignore);
    const { children } = await this.#ensemble.children(this.#parent);
    await synced;
    this.#own = children.find((child) => child.startsWith(this.#prefix)) ?? null;
    return children;
  }

  #startOver(): void {
    this.#prefix = "";
    this.#isTried = false;
    this.#own = null;
  }

  async #untilGone(path: string, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        // A get, as an exists would leave a watch behind where the znode is gone already.
        const { changed } = await this.#ensemble.getAndWatch(path, signal);
        if ((await changed).type === "deleted") return;
      }
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  }

  /** Resolves with true when there is a connection, with false when there will be none. */
  async #untilConnected(signal?: AbortSignal): Promise<boolean> {
    for await (const state of this.#ensemble.states(signal)) {
      if (state === "connected") return true;
    }
    return false;
  }

  async #watchOwn(lost: AbortController, end: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const { stat, changed } = await this.#ensemble.existsAndWatch(this.path, end);
        if (stat === null || (await changed).type === "deleted") {
          return lost.abort(goneError(this.path));
        }
      } catch (error) {
        if (end.aborted) return;
        if (!(error instanceof ConnectionLossError) || !await this.#untilConnected(end)) {
          if (!end.aborted) lost.abort(expiredError(this.#parent, error));
          return;
        }
      }
    }
  }

  release(): Promise<void> {
    if (this.#released === null) {
      this.#end?.abort();
      this.#released = this.#leave();
      this.#released.catch(ignore);
    }
    return this.#released;
  }

  async #leave(): Promise<void> {
    for (;;) {
      try {
        if (this.#isTried && this.#own === null) await this.#find();
        if (this.#own !== null) await this.#ensemble.delete(this.path);
        return;
      } catch (error) {
        // Without a session there is no ephemeral znode.
        if (error instanceof NoNodeError || error instanceof SessionExpiredError) return;
        if (!(error instanceof ConnectionLossError)) throw error;
        if (!await this.#untilConnected()) return;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
