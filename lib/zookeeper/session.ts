/**
 * One session with a ZooKeeper ensemble: the `Ensemble` of the program, on npm:zookeeper's class.
 *
 * Its rules, where ZooKeeper leaves a choice:
 * - Suspended, every operation is refused at once with `ConnectionLossError`: no write is kept to
 *   take effect later, when it may be wrong.
 * - Only the server says that a session is lost, as it does when the client comes back too late.
 *   While all servers are down no session ends, so a clock of ours would be wrong to end one.
 * - After `close()`, as after the loss, every operation is refused with `SessionExpiredError`.
 */

import { ZooKeeperClient } from "./client.ts";
import type { Children2Callback, DataCallback, StatCallback } from "./addon.ts";
import { CODE } from "./constants.ts";
import type {
  CreateMode,
  Ensemble,
  Operation,
  OperationResult,
  SessionState,
  Stat,
  Watched,
  WatchEvent,
  Znode,
  ZnodeData,
} from "./ensemble.ts";
import {
  BadArgumentsError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  type ZooKeeperError,
  zooKeeperError,
} from "./errors.ts";
import type { AccessRule } from "../settings/acl.ts";
import { StateFeed } from "./states.ts";
import { isValidPath } from "./paths.ts";
import {
  type Acl,
  aclFor,
  childOf,
  createFlags,
  multiOperation,
  operationResult,
  parentOf,
  sessionIdFrom,
  statFrom,
  watchEventType,
} from "./session_values.ts";
import type { TlsOptions } from "./transport.ts";
import type { Watcher } from "./watches.ts";

/** How to reach an ensemble. */
export interface SessionOptions {
  /** The servers, as "host:port,host:port"; a port left out is 2181. */
  readonly hosts: string;
  /** The znode below which all paths are meant, as "/a/b"; none by default. */
  readonly chroot?: string;
  /** Whether to make the chroot, and what is above it, where it is missing; false by default. */
  readonly makeChroot?: boolean;
  /** What to ask the server for, in milliseconds; it may grant more or less. */
  readonly sessionTimeoutMs: number;
  /**
   * A digest, as "user:password". Everything is for its owner, and reading what was created for
   * anyone, or for those of `acl`. Without both anyone may do anything.
   */
  readonly digest?: string | null;
  /** Who besides the digest's owner may do what with all that is created. */
  readonly acl?: readonly AccessRule[] | null;
  /** Connects over TLS. */
  readonly tls?: TlsOptions | null;
  /** Ends the wait for a connection. */
  readonly signal?: AbortSignal;
  /**
   * Told in one line why there is no connection, at first and when there was one: at once, and then
   * at most every `WAITING_EVERY_MS`.
   */
  readonly onWaiting?: (reason: string) => void;
}

/** How often `onWaiting` is told at most, in milliseconds. */
export const WAITING_EVERY_MS = 5_000;

const ANY_VERSION = -1;
const OVER: ReadonlySet<number> = new Set([
  CODE.ZSESSIONEXPIRED,
  CODE.ZCLOSING,
  CODE.ZINVALIDSTATE,
]);
const ignore = () => {};

/** Takes an answer: a code, and what came with it where that is ZOK. */
type Answer<T> = (code: number, value: T | null) => void;

/** One session with an ensemble. */
export class Session implements Ensemble, AsyncDisposable {
  readonly #client: ZooKeeperClient;
  readonly #native: ZooKeeperClient["native"];
  readonly #acl: Acl;
  readonly #states = new StateFeed("suspended");
  /** What rejects each watch that has not fired yet. */
  readonly #watching = new Set<(error: unknown) => void>();
  readonly #ended: Promise<void>;
  #closing = false;
  /** What ended the session, where it was not `close()`. */
  #loss: ZooKeeperError | undefined;
  #sessionId = 0n;
  #sessionTimeoutMs = 0;

  private constructor(options: SessionOptions) {
    checkDigest(options.digest ?? null);
    const client = new ZooKeeperClient({
      connect: connectString(options),
      timeout: options.sessionTimeoutMs,
      ...(options.tls ? { tls: options.tls } : {}),
    });
    this.#client = client;
    // The package's own methods format a line for a log at each call, whether anybody logs or not.
    this.#native = client.native;
    this.#acl = aclFor(options.digest ?? null, options.acl ?? null);
    client.on("connect", () => this.#onConnected());
    client.on("connecting", () => this.#states.set("suspended"));
    const onTrouble = this.#troubleListener(options.onWaiting ?? ignore);
    // The package puts the client before what an event brings.
    client.on("trouble", (_client: unknown, error: ZooKeeperError) => onTrouble(error));
    this.#ended = new Promise((resolve) => client.on("close", () => resolve()));
    client.init({});
    if (options.digest) this.#native.add_auth("digest", options.digest, ignore);
  }

  /**
   * Begins a session: waits for a server as long as it takes.
   *
   * @throws The signal's reason.
   * @throws {ZooKeeperError} The list of hosts or the chroot cannot be parsed, the server refuses the
   * digest, or the chroot cannot be made.
   */
  static async connect(options: SessionOptions): Promise<Session> {
    const { signal } = options;
    signal?.throwIfAborted();
    const session = new Session(options);
    try {
      await session.#untilConnected(signal);
      if (options.makeChroot && options.chroot && await session.exists("/") === null) {
        await using above = await Session.connect({ ...options, chroot: "", makeChroot: false });
        await above.ensurePath(options.chroot);
      }
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #untilConnected(signal?: AbortSignal): Promise<void> {
    for await (const state of this.#states.iterate(signal)) {
      if (state === "connected") return;
    }
    signal?.throwIfAborted();
    throw this.#loss ?? zooKeeperError(CODE.ZSESSIONEXPIRED, "connect");
  }

  #onConnected(): void {
    this.#sessionId = sessionIdFrom(this.#native.client_id);
    this.#sessionTimeoutMs = this.#native.timeout;
    this.#states.set("connected");
  }

  #troubleListener(onWaiting: (reason: string) => void): (error: ZooKeeperError) => void {
    let nextMs = -Infinity;
    return (error) => {
      if (error.code === CODE.ZSESSIONEXPIRED || error.code === CODE.ZAUTHFAILED) {
        return this.#end(error);
      }
      if (this.#closing || performance.now() < nextMs) return;
      nextMs = performance.now() + WAITING_EVERY_MS;
      onWaiting(error.message);
    };
  }

  /** The session is over, by the server's word. */
  #end(error: ZooKeeperError): void {
    this.#loss = error;
    this.#states.set("lost");
    this.#failWatches();
  }

  #failWatches(): void {
    const error = this.#error(CODE.ZSESSIONEXPIRED, "go on watching", "");
    for (const fail of [...this.#watching]) fail(error);
  }

  get state(): SessionState {
    return this.#closing ? "lost" : this.#states.state;
  }

  get sessionId(): bigint {
    return this.#sessionId;
  }

  get sessionTimeoutMs(): number {
    return this.#sessionTimeoutMs;
  }

  /** npm:zookeeper's client below, for what is not in `Ensemble`. Its paths are below the chroot too. */
  get client(): ZooKeeperClient {
    return this.#client;
  }

  states(signal?: AbortSignal): AsyncIterable<SessionState> {
    return this.#states.iterate(signal);
  }

  /** Closes the session, within three seconds: its ephemerals go at once. Never rejects. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      if (this.#loss === undefined) this.#client.close();
      this.#states.end();
      this.#failWatches();
    }
    await this.#ended;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Operations -----------------------------------------------------------------------------------

  #error(code: number, verb: string, path: string, index?: number): ZooKeeperError {
    return zooKeeperError(OVER.has(code) ? CODE.ZSESSIONEXPIRED : code, verb, path, {
      ...(this.#loss === undefined ? {} : { cause: this.#loss }),
      ...(index === undefined ? {} : { index }),
    });
  }

  /** Why nothing can be asked for now, or ZOK. */
  #refusal(): number {
    if (this.#states.hasEnded) return CODE.ZSESSIONEXPIRED;
    return this.#states.state === "connected" ? CODE.ZOK : CODE.ZCONNECTIONLOSS;
  }

  /** Asks for one thing. `start` gives ZOK where an answer will come. */
  #ask<T>(verb: string, path: string, start: (answer: Answer<T>) => number): Promise<T> {
    return new Promise((resolve, reject) => {
      const refused = this.#refusal() || start((code, value) => {
        if (code === CODE.ZOK) resolve(value as T);
        else reject(this.#error(code, verb, path));
      });
      if (refused !== CODE.ZOK) reject(this.#error(refused, verb, path));
    });
  }

  create(
    path: string,
    data: ZnodeData,
    options: { readonly mode?: CreateMode; readonly makePath?: boolean } = {},
  ): Promise<string> {
    const flags = createFlags(options.mode ?? "persistent", this.#acl);
    const create = () =>
      this.#ask<string>(
        "create",
        path,
        (answer) =>
          this.#native.a_create(path, data, flags, (code, _text, made) => answer(code, made)),
      );
    if (!options.makePath) return create();
    return create().catch(async (error) => {
      const parent = parentOf(path);
      if (!(error instanceof NoNodeError) || parent === null) throw error;
      await this.ensurePath(parent);
      return await create();
    });
  }

  get(path: string): Promise<Znode> {
    return this.#ask("read", path, (answer) => this.#native.a_get(path, false, toZnode(answer)));
  }

  exists(path: string): Promise<Stat | null> {
    return this.#ask(
      "look at",
      path,
      (answer) => this.#native.a_exists(path, false, toStatOrNull(answer)),
    );
  }

  children(path: string): Promise<{ readonly children: readonly string[]; readonly stat: Stat }> {
    return this.#ask(
      "list",
      path,
      (answer) => this.#native.a_get_children2(path, false, toChildren(answer)),
    );
  }

  set(path: string, data: ZnodeData, version = ANY_VERSION): Promise<Stat> {
    return this.#ask(
      "set",
      path,
      (answer) =>
        this.#native.a_set(
          path,
          data,
          version,
          (code, _text, stat) => answer(code, stat && statFrom(stat)),
        ),
    );
  }

  delete(path: string, version = ANY_VERSION): Promise<void> {
    return this.#ask<void>(
      "delete",
      path,
      (answer) => this.#native.a_delete_(path, version, (code) => answer(code, null)),
    );
  }

  async deleteRecursive(path: string): Promise<void> {
    if (path === "/") throw this.#error(CODE.ZBADARGUMENTS, "delete", path);
    for (;;) {
      try {
        const { children } = await this.children(path);
        await Promise.all(children.map((child) => this.deleteRecursive(childOf(path, child))));
        return await this.delete(path);
      } catch (error) {
        if (error instanceof NoNodeError) return;
        // Somebody made a child meanwhile: it goes too.
        if (!(error instanceof NotEmptyError)) throw error;
      }
    }
  }

  async ensurePath(path: string): Promise<void> {
    // Looked at first: a create needs rights above the path that we may not have where it exists.
    if (await this.exists(path) !== null) return;
    const parent = parentOf(path);
    if (parent !== null) await this.ensurePath(parent);
    try {
      await this.create(path, "");
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
    }
  }

  /**
   * Done by a multi that checks the path and changes nothing. ZooKeeper's own sync lets reads on the
   * leader fall behind what a follower has told its clients already; a write, also one that is
   * refused, comes after all that was written before it on whatever server.
   */
  sync(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const refused = this.#refusal() ||
        this.#native.a_multi([{ op: "check", path }], (code, _text, outcomes) => {
          // Whether the znode is there does not matter.
          if (outcomes !== null) resolve();
          else reject(this.#error(code, "sync", path));
        });
      if (refused !== CODE.ZOK) reject(this.#error(refused, "sync", path));
    });
  }

  multi(operations: readonly Operation[]): Promise<readonly OperationResult[]> {
    return new Promise((resolve, reject) => {
      const fail = (code: number, index: number) => {
        const operation = operations[index];
        reject(
          operation === undefined
            ? this.#error(code, `do a multi of ${operations.length} operations`, "")
            : this.#error(code, operation.op, operation.path, index),
        );
      };
      const asked = operations.map((operation) => multiOperation(operation, this.#acl));
      const refused = this.#refusal() || this.#native.a_multi(asked, (code, _text, outcomes) => {
        if (code === CODE.ZOK && outcomes !== null) {
          resolve(operations.map((operation, i) => operationResult(operation, outcomes[i]!)));
        } else fail(code, outcomes?.findIndex(({ rc }) => rc !== CODE.ZOK) ?? -1);
      });
      if (refused !== CODE.ZOK) fail(refused, -1);
    });
  }

  // Watches --------------------------------------------------------------------------------------

  getAndWatch(path: string, signal: AbortSignal): Promise<Watched<Znode>> {
    return this.#watch<Znode>(
      path,
      signal,
      (watcher, answer) => this.#native.aw_get(path, watcher, toZnode(answer)),
    );
  }

  existsAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly stat: Stat | null }>> {
    return this.#watch<{ stat: Stat | null }>(
      path,
      signal,
      (watcher, answer) =>
        this.#native.aw_exists(path, watcher, toStatOrNull((code, stat) => answer(code, { stat }))),
    );
  }

  childrenAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly children: readonly string[]; readonly stat: Stat }>> {
    return this.#watch<Children>(
      path,
      signal,
      (watcher, answer) => this.#native.aw_get_children2(path, watcher, toChildren(answer)),
    );
  }

  async #watch<T>(
    path: string,
    signal: AbortSignal,
    start: (watcher: Watcher, answer: Answer<T>) => number,
  ): Promise<Watched<T>> {
    signal.throwIfAborted();
    const { promise: changed, resolve, reject } = Promise.withResolvers<WatchEvent>();
    changed.catch(ignore);
    const end = () => {
      this.#watching.delete(fail);
      signal.removeEventListener("abort", abort);
    };
    const watcher: Watcher = (type, _state, where) => {
      const event = watchEventType(type);
      if (event === undefined) return;
      end();
      resolve({ type: event, path: where });
    };
    const fail = (error: unknown) => {
      end();
      this.#native.forget_watcher(path, watcher);
      reject(error);
    };
    const abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#watching.add(fail);
    try {
      const value = await this.#ask<T>("watch", path, (answer) => start(watcher, answer));
      // Aborted before the answer came: only now is the watcher there to be forgotten.
      if (signal.aborted) this.#native.forget_watcher(path, watcher);
      return { ...value, changed };
    } catch (error) {
      end();
      throw error;
    }
  }
}

function connectString({ hosts, chroot = "" }: SessionOptions): string {
  const isValid = !hosts.includes("/") && (chroot === "" || isValidPath(chroot));
  if (isValid) return hosts + chroot;
  throw new BadArgumentsError(
    CODE.ZBADARGUMENTS,
    `Cannot connect to ZooKeeper as the chroot is not an absolute path: hosts are "${hosts}", ` +
      `the chroot is "${chroot}"`,
  );
}

/** The digest itself is in no message. */
function checkDigest(digest: string | null): void {
  if (digest === null || /^[^:\s]+:[^\n]+$/.test(digest)) return;
  throw new BadArgumentsError(
    CODE.ZBADARGUMENTS,
    "Cannot connect to ZooKeeper with this digest: expected one line, user:password",
  );
}

/** What a list gives back. */
interface Children {
  readonly children: readonly string[];
  readonly stat: Stat;
}

function toZnode(answer: Answer<Znode>): DataCallback {
  return (code, _text, stat, data) =>
    answer(code, stat && { data: data ?? new Uint8Array(), stat: statFrom(stat) });
}

function toStatOrNull(answer: Answer<Stat | null>): StatCallback {
  return (code, _text, stat) =>
    answer(code === CODE.ZNONODE ? CODE.ZOK : code, stat && statFrom(stat));
}

function toChildren(answer: Answer<Children>): Children2Callback {
  return (code, _text, children, stat) =>
    answer(code, children && stat && { children, stat: statFrom(stat) });
}
