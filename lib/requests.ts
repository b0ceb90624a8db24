/** `control/requests/current`: what a person asked of all members, read and changed by compare-and-set. */
import { getLogger } from "@logtape/logtape";
import { type Change, failStart, type Request, settleStop, stopped } from "./cluster/requests.ts";
import type { Member } from "./member.ts";
import { readZnode } from "./read_znode.ts";
import { settle } from "./settle.ts";
import type { Ensemble, Operation, Watched } from "./zookeeper/ensemble.ts";
import { formatRequest, parseRequest } from "./znodes.ts";

/**
 * Where it is, below the root. One place for all kinds: of two persons who ask at one moment, one is
 * refused.
 */
export const REQUEST = "control/requests/current";

/** What is on record, and its version; null where nobody ever asked. */
export interface VersionedRequest {
  readonly request: Request;
  readonly version: number;
}

/** The request below a root, through one session. */
export class Requests {
  readonly #ensemble: Ensemble;
  readonly #path: string;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param root An absolute path such as `/mariadb`; empty for `/`.
   * @param signal Ends the wait for the outcome of a write whose connection is lost.
   */
  constructor(ensemble: Ensemble, root: string, signal?: AbortSignal) {
    this.#ensemble = ensemble;
    this.#path = `${root}/${REQUEST}`;
    this.#signal = signal;
  }

  /** The path of the request. */
  get path(): string {
    return this.#path;
  }

  /** What is on record; null where nobody ever asked. @throws {ZnodeError} It is not one of ours. */
  async read(): Promise<VersionedRequest | null> {
    const read = await readZnode(this.#ensemble, this.#path, parseRequest);
    return read && { request: read.value, version: read.version };
  }

  /** `changed` resolves when the request is made, changed or removed. */
  watch(signal: AbortSignal): Promise<Watched<object>> {
    return this.#ensemble.existsAndWatch(this.#path, signal);
  }

  /**
   * Changes the request by compare-and-set, until it is done or there is nothing to change.
   *
   * @param lock The path of a lock that is held: without it nothing is changed any more.
   * @returns What is on record then; null where there is nothing.
   * @throws {ZnodeError} It is not one of ours.
   * @throws {SessionExpiredError} The session was lost: whether it was changed is not known.
   */
  async change(change: Change, lock?: string): Promise<Request | null> {
    for (;;) {
      const now = await this.read();
      const next = now === null ? null : change(now.request);
      if (now === null || next === null) return now?.request ?? null;
      const data = formatRequest(next);
      const operations: Operation[] = [
        { op: "set", path: this.#path, data, version: now.version },
      ];
      if (lock !== undefined) {
        if (await this.#ensemble.exists(lock) === null) return now.request;
        operations.unshift({ op: "check", path: lock });
      }
      // Whoever wrote the same has done what was to be done.
      const isWritten = async () => {
        const after = await this.read();
        return after !== null && formatRequest(after.request) === data;
      };
      if (await settle(this.#ensemble, operations, isWritten, this.#signal)) return next;
    }
  }
}

const log = getLogger(["galera-keeper", "requests"]);

/**
 * A start came to nothing: where it was this member's turn to restart, nobody else has one until a
 * person looked. Best effort, never rejects: nothing that starts may fail by it.
 */
export async function noteFailedStart(member: Member, why: string): Promise<void> {
  await note(member, failStart(member.settings.member, why));
}

/**
 * All starts are paused and this member runs no server, as its record says: where all are to stop, it
 * has. Best effort, never rejects: it is tried again with the next look.
 */
export async function noteStopped(member: Member): Promise<void> {
  await note(member, settleStop(member.settings.member));
}

/**
 * This member's server has stopped in its turn: people see it. Best effort, never rejects: that it has
 * been started again is told by its datadir's id.
 */
export async function noteServerStopped(member: Member): Promise<void> {
  await note(member, stopped(member.settings.member));
}

async function note(member: Member, change: Change): Promise<void> {
  try {
    await member.connected?.requests.change(change);
  } catch (error) {
    log.warn("Not noted with what was asked of all members: {problem}", {
      problem: error instanceof Error ? error.message : String(error),
    });
  }
}
