/** One contender for a lock, from its znode's creation to its removal: the steps of `lock.ts`'s recipe. */

import { CODE } from "./constants.ts";
import type { Ensemble } from "./ensemble.ts";
import { ConnectionLossError, NoNodeError, SessionExpiredError } from "./errors.ts";
import type { HeldLock } from "./lock.ts";
import { turnOf } from "./turn.ts";

/** What stands between the random part and the sequence number. Of kazoo's `Lock`. */
const MARK = "__lock__";
const NO_SIGNAL = new AbortController().signal;
const ignore = () => {};

function expiredError(path: string, cause: unknown): SessionExpiredError {
  const message = `Lost the lock "${path}" as the session with ZooKeeper is over`;
  return new SessionExpiredError(CODE.ZSESSIONEXPIRED, message, path, { cause });
}

function goneError(path: string): NoNodeError {
  const message = `Lost the lock as somebody else removed its contender: "${path}"`;
  return new NoNodeError(CODE.ZNONODE, message, path);
}

/** What a contender contends for, and how. */
export interface Contest {
  readonly ensemble: Ensemble;
  /** The lock's path. */
  readonly parent: string;
  /** What the contender's znode holds. */
  readonly data: string;
  /** 32 hexadecimal digits, other ones each time. */
  readonly randomId: () => string;
  /** As of `LockOptions`. */
  readonly listsAgain: boolean;
}

/** One contender. */
export class Contender implements HeldLock {
  readonly #to: Contest;
  readonly #ensemble: Ensemble;
  readonly #parent: string;
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

  constructor(to: Contest) {
    this.#to = to;
    this.#ensemble = to.ensemble;
    this.#parent = to.parent;
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

  /** As `Lock.acquire()`. */
  async acquire(signal: AbortSignal = NO_SIGNAL): Promise<HeldLock> {
    try {
      signal.throwIfAborted();
      await this.#untilHeld(signal);
      signal.throwIfAborted();
      return this;
    } catch (error) {
      // The first error is the one to tell; the removal goes on by itself until it is sure.
      this.release();
      throw error;
    }
  }

  async #untilHeld(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const children = await this.#enter();
        signal.throwIfAborted();
        const turn = turnOf(children, this.#own ?? "");
        switch (turn.turn) {
          case "held":
            return;
          case "wait":
            await this.#untilGone(`${this.#parent}/${turn.watch}`, signal);
            if (turn.isFirst && !this.#to.listsAgain) return;
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
  async #enter(): Promise<readonly string[]> {
    if (this.#isParentMissing) {
      await this.#ensemble.ensurePath(this.#parent);
      this.#isParentMissing = false;
    }
    if (this.#isTried) {
      const children = await this.#find();
      if (this.#own !== null) return children;
    }
    if (this.#prefix === "") this.#prefix = this.#to.randomId() + MARK;
    this.#isTried = true;
    const creating = this.#ensemble.create(`${this.#parent}/${this.#prefix}`, this.#to.data, {
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
