/**
 * The class that npm:zookeeper asks its native addon for, on our own protocol: the same methods,
 * arguments, return values, callbacks, events and constants as its src/node-zk.cpp and the C client
 * below that. What the addon lacks is added: multi, create2, persistent watches, removal of watches,
 * access lists and TLS.
 *
 * Where the addon ends the process (a missing callback, a property read too early) a code comes
 * back instead.
 */

import { Buffer } from "node:buffer";
import { setConstants } from "./addon_constants.ts";
import {
  type AclInput,
  type AddonStat,
  clientIdOf,
  type CreateFlags,
  createOp,
  createOptionsOf,
  type DataInput,
  dataOf,
  type InitOptions,
  isSequential,
  multiCode,
  multiLayout,
  multiOf,
  type MultiOperation,
  type MultiOutcome,
  outcomeOf,
  passwordOf,
  passwordText,
  statOf,
  toAcls,
  toInt32,
  toVersion,
} from "./addon_values.ts";
import { Connection, type ConnectionState, unsignedHex } from "./connection.ts";
import { CODE, CONFIG_NODE, errorText, EVENT, OP, STATE, WATCHER_TYPE } from "./constants.ts";
import type { ZooKeeperError } from "./errors.ts";
import { HostListError, parseHosts } from "./hosts.ts";
import type { JuteReader, JuteWriter } from "./jute.ts";
import { isValidPath, withChroot, withoutChroot } from "./paths.ts";
import {
  readAcls,
  readMultiResponse,
  readStat,
  writeAcls,
  writeCreateRequest,
  writeReconfigRequest,
  writeSetDataRequest,
  writeVersionRequest,
  writeWatchRequest,
} from "./records.ts";
import { persistentKind, type Watcher, type WatchKind } from "./watches.ts";

/** Takes a code and its text. */
export type VoidCallback = (rc: number, error: string) => void;
/** The path is "null" where there is none, as the addon gives it. */
export type PathCallback = (rc: number, error: string, path: string) => void;
export type StatCallback = (rc: number, error: string, stat: AddonStat | null) => void;
export type Create2Callback = (
  rc: number,
  error: string,
  path: string,
  stat: AddonStat | null,
) => void;
export type DataCallback = (
  rc: number,
  error: string,
  stat: AddonStat | null,
  data: Buffer | null,
) => void;
export type ChildrenCallback = (rc: number, error: string, children: string[] | null) => void;
export type Children2Callback = (
  rc: number,
  error: string,
  children: string[] | null,
  stat: AddonStat | null,
) => void;
export type AclCallback = (
  rc: number,
  error: string,
  acl: { perms: number; scheme: string; auth: string }[] | null,
  stat: AddonStat | null,
) => void;
/** `results` has one entry for each operation, in order; null when the multi was not answered. */
export type MultiCallback = (rc: number, error: string, results: MultiOutcome[] | null) => void;

/** An answer as the addon's callbacks take it. */
type Answer = (code: number, record: JuteReader | null) => void;

const DEFAULT_TIMEOUT_MS = 20_000;
const EVENT_NAMES: Readonly<Record<number, string>> = {
  [EVENT.created]: "created",
  [EVENT.deleted]: "deleted",
  [EVENT.changed]: "changed",
  [EVENT.child]: "child",
  [EVENT.notWatching]: "notwatching",
};

/** What npm:zookeeper's JavaScript calls its native object. */
export class NativeZooKeeper {
  /** Set by the package: takes an event's name, this object and the event's value. */
  declare emit?: (event: string, ...args: unknown[]) => void;

  #connection: Connection | null = null;
  #clientId = 0n;
  #password: Uint8Array = new Uint8Array(16);
  #debugLevel = 0;

  /** One of the ZOO_…_STATE constants; 0 before init and after close. */
  get state(): number {
    return this.#connection?.state ?? STATE.closed;
  }

  /** The session's id in hexadecimal; "0" before there was one. */
  get client_id(): string {
    return unsignedHex(this.#connection?.sessionId ?? this.#clientId);
  }

  /** The session's password: 32 hexadecimal digits. */
  get client_password(): string {
    return passwordText(this.#connection?.password ?? this.#password);
  }

  /** The session timeout in milliseconds, as granted or else asked for; -1 without a session. */
  get timeout(): number {
    return this.#connection?.sessionTimeoutMs ?? -1;
  }

  /** ZINVALIDSTATE when the session is over, else 0. */
  get is_unrecoverable(): number {
    return this.state < 0 ? CODE.ZINVALIDSTATE : 0;
  }

  // The session ----------------------------------------------------------------------------------

  /**
   * Begins a session; one that is open is closed. Emits "connect", and while a connection is lost
   * "connecting"; ours besides: "trouble" with a ZooKeeperError for each attempt that failed.
   *
   * @throws Error as the addon does; HostListError when `connect` is no list of servers.
   */
  init(config: InitOptions): this {
    if (arguments.length < 1) throw new Error("Must pass ZK init object");
    if ((typeof config !== "object" && typeof config !== "function") || config === null) {
      throw new Error("Init argument must be an object");
    }
    const hasId = config.client_id !== undefined;
    if (hasId !== (config.client_password !== undefined)) {
      throw new Error(
        "ZK init: client id and password must either be both specified or unspecified",
      );
    }
    const password = hasId ? passwordOf(config.client_password) : new Uint8Array(16);
    if (config.connect === undefined || config.connect === null) {
      throw new HostListError("No ZooKeeper servers given: set connect to host:port[,…][/path]");
    }
    const servers = parseHosts(String(config.connect));
    const timeoutMs = toInt32(config.timeout);
    const maxBufferBytes = toInt32(config.jute_maxbuffer);
    this.#connection?.close();
    this.#debugLevel = toInt32(config.debug_level);
    const connection: Connection = new Connection(
      {
        servers,
        sessionTimeoutMs: timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS,
        sessionId: hasId ? clientIdOf(config.client_id) : 0n,
        password,
        tls: config.tls ?? null,
        ...(maxBufferBytes > 0 ? { maxBufferBytes } : {}),
        keepOrder: Boolean(config.host_order_deterministic),
      },
      {
        onState: (state) => {
          if (this.#connection === connection) this.#onState(state);
        },
        onTrouble: (error) => {
          if (this.#connection === connection) this.#onTrouble(error);
        },
      },
      this.#onWatch,
    );
    this.#connection = connection;
    connection.start();
    return this;
  }

  /**
   * Ends the session; emits "close" with 0 when the server has answered or three seconds are over.
   * Without a session it does nothing.
   */
  close(): this {
    this.#close(0);
    return this;
  }

  #close(code: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#remember(connection);
    this.#connection = null;
    connection.close().then(() => this.#emit("close", code));
  }

  #remember(connection: Connection): void {
    this.#clientId = connection.sessionId;
    this.#password = connection.password;
  }

  #onState(state: ConnectionState): void {
    switch (state) {
      case STATE.connected:
      case STATE.readOnly:
        this.#log(3, `session 0x${this.client_id} established, timeout ${this.timeout} ms`);
        // The addon tells of a read-only session by no event; its operations work all the same.
        return this.#emit("connect", "");
      case STATE.connecting:
        return this.#emit("connecting", "");
      case STATE.expired:
      case STATE.authFailed:
        return this.#close(state);
    }
  }

  #onTrouble(error: ZooKeeperError): void {
    this.#log(1, error.message);
    this.#emit("trouble", error);
  }

  readonly #onWatch: Watcher = (type, _state, path) => {
    const name = EVENT_NAMES[type];
    if (name !== undefined) this.#emit(name, path);
  };

  #emit(event: string, value: unknown): void {
    try {
      this.emit?.(event, this, value);
    } catch (error) {
      reportError(error);
    }
  }

  #log(level: number, text: string): void {
    if (level > this.#debugLevel) return;
    const name = ["", "ERROR", "WARN", "INFO", "DEBUG"][level];
    const line = `${new Date().toISOString()}:${Deno.pid}:ZOO_${name}: ${text}\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(line));
  }

  /** Replaces the list of servers; the connection to one that is not in it is left. */
  set_servers(servers: string): number {
    if (arguments.length < 1) throw new Error("expected at least 1 arguments");
    if (this.#connection === null) return CODE.ZINVALIDSTATE;
    try {
      this.#connection.setServers(parseHosts(String(servers)));
      return CODE.ZOK;
    } catch {
      return CODE.ZBADARGUMENTS;
    }
  }

  /** Adds credentials, for this and each later connection of the session. */
  add_auth(scheme: string, auth: DataInput, callback: VoidCallback): number {
    expect(arguments.length, 3);
    if (this.#connection === null) return CODE.ZINVALIDSTATE;
    if (typeof callback !== "function") return CODE.ZINVALIDCALLBACK;
    try {
      return this.#connection.addAuth(
        String(scheme),
        dataOf(auth),
        (code) => call(callback, code, errorText(code)),
      );
    } catch {
      return CODE.ZBADARGUMENTS;
    }
  }

  // Creating, changing, deleting -----------------------------------------------------------------

  /** Creates a znode; gives its path, with the number that the server appended. */
  a_create(path: string, data: DataInput, flags: CreateFlags, callback: PathCallback): number {
    expect(arguments.length, 4);
    return this.#create(OP.create, path, data, flags, undefined, callback, pathAnswer);
  }

  /** Creates a znode that goes when it was without children and changes for `ttl` milliseconds. */
  a_create_ttl(
    path: string,
    data: DataInput,
    flags: number,
    ttl: number,
    callback: PathCallback,
  ): number {
    expect(arguments.length, 5);
    return this.#create(OP.create, path, data, flags, ttl ?? 0, callback, pathAnswer);
  }

  /** Ours: creates a znode and gives its stat too. Needs a server of 3.5 or later. */
  a_create2(path: string, data: DataInput, flags: CreateFlags, callback: Create2Callback): number {
    expect(arguments.length, 4);
    return this.#create(OP.create2, path, data, flags, undefined, callback, path2Answer);
  }

  #create<C>(
    type: number,
    path: string,
    data: DataInput,
    flagsInput: CreateFlags,
    ttl: unknown,
    callback: C,
    answer: (callback: C, chroot: string, sessionId: () => bigint) => Answer,
  ): number {
    return this.#guard(callback, (connection) => {
      const options = createOptionsOf(flagsInput, ttl);
      if (options === null) return CODE.ZBADARGUMENTS;
      const { flags, acls, ttlMs } = options;
      const bytes = dataOf(data);
      const serverPath = pathOf(connection, path, isSequential(flags));
      if (serverPath === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(createOp(flags, type));
      if (out === null) return CODE.ZINVALIDSTATE;
      const request = { path: serverPath, data: bytes, acls, flags };
      writeCreateRequest(out, ttlMs === null ? request : { ...request, ttlMs });
      return connection.send(answer(callback, connection.chroot, () => connection.sessionId));
    });
  }

  /** Changes a znode's data when its version is `version`; -1, null or undefined is any. */
  a_set(path: string, data: DataInput, version: number, callback: StatCallback): number {
    expect(arguments.length, 4);
    return this.#guard(callback, (connection) => {
      const bytes = dataOf(data);
      const number = toVersion(version);
      return this.#send(
        connection,
        OP.setData,
        path,
        (out, serverPath) =>
          writeSetDataRequest(out, { path: serverPath, data: bytes, version: number }),
        statAnswer(connection, callback),
      );
    });
  }

  /** Deletes a znode when its version is `version`; -1, null or undefined is any. */
  a_delete_(path: string, version: number, callback: VoidCallback): number {
    expect(arguments.length, 3);
    return this.#guard(callback, (connection) => {
      const number = toVersion(version);
      return this.#send(
        connection,
        OP.delete,
        path,
        (out, serverPath) => writeVersionRequest(out, { path: serverPath, version: number }),
        (code) => call(callback, code, errorText(code)),
      );
    });
  }

  /** Ours: does all of the operations or none. */
  a_multi(operations: readonly MultiOperation[], callback: MultiCallback): number {
    expect(arguments.length, 2);
    return this.#guard(callback, (connection) => {
      const write = multiOf(operations, connection.chroot);
      if (write === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(OP.multi);
      if (out === null) return CODE.ZINVALIDSTATE;
      write(out);
      return connection.send((code, record) => {
        if (record === null) return call(callback, code, errorText(code), null);
        const results = readMultiResponse(record, multiLayout);
        const { chroot, sessionId } = connection;
        const rc = multiCode(results);
        const outcomes = results.map((result) => outcomeOf(result, chroot, sessionId));
        call(callback, rc, errorText(rc), outcomes);
      });
    });
  }

  // Reading --------------------------------------------------------------------------------------

  /** Gives a znode's stat, or ZNONODE; with `watch` the change to come is emitted as an event. */
  a_exists(path: string, watch: boolean, callback: StatCallback): number {
    expect(arguments.length, 3);
    return this.#exists(path, watch ? this.#onWatch : null, callback);
  }

  /** As a_exists; `watcher` is called for the change to come. */
  aw_exists(path: string, watcher: Watcher, callback: StatCallback): number {
    expectWatch(arguments.length, 3);
    return this.#exists(path, watcher, callback);
  }

  #exists(path: string, watcher: Watcher | null, callback: StatCallback): number {
    return this.#guard(
      callback,
      (connection) =>
        this.#read(
          connection,
          OP.exists,
          "exist",
          path,
          watcher,
          statAnswer(connection, callback),
        ),
    );
  }

  /** Gives a znode's data and stat. */
  a_get(path: string, watch: boolean, callback: DataCallback): number {
    expect(arguments.length, 3);
    return this.#get(path, watch ? this.#onWatch : null, callback);
  }

  /** As a_get; `watcher` is called for the change to come. */
  aw_get(path: string, watcher: Watcher, callback: DataCallback): number {
    expectWatch(arguments.length, 3);
    return this.#get(path, watcher, callback);
  }

  #get(path: string, watcher: Watcher | null, callback: DataCallback): number {
    return this.#guard(
      callback,
      (connection) =>
        this.#read(
          connection,
          OP.getData,
          "data",
          path,
          watcher,
          dataAnswer(connection, callback),
        ),
    );
  }

  /** Gives the names of a znode's children, in no order. */
  a_get_children(path: string, watch: boolean, callback: ChildrenCallback): number {
    expect(arguments.length, 3);
    return this.#children(path, watch ? this.#onWatch : null, callback);
  }

  /** As a_get_children; `watcher` is called for the change to come. */
  aw_get_children(path: string, watcher: Watcher, callback: ChildrenCallback): number {
    expectWatch(arguments.length, 3);
    return this.#children(path, watcher, callback);
  }

  #children(path: string, watcher: Watcher | null, callback: ChildrenCallback): number {
    return this.#guard(callback, (connection) => {
      const answer: Answer = (code, record) =>
        call(callback, code, errorText(code), record === null ? null : record.strings());
      return this.#read(connection, OP.getChildren, "child", path, watcher, answer);
    });
  }

  /** Gives the names of a znode's children, and its stat. */
  a_get_children2(path: string, watch: boolean, callback: Children2Callback): number {
    expect(arguments.length, 3);
    return this.#children2(path, watch ? this.#onWatch : null, callback);
  }

  /** As a_get_children2; `watcher` is called for the change to come. */
  aw_get_children2(path: string, watcher: Watcher, callback: Children2Callback): number {
    expectWatch(arguments.length, 3);
    return this.#children2(path, watcher, callback);
  }

  #children2(path: string, watcher: Watcher | null, callback: Children2Callback): number {
    return this.#guard(callback, (connection) => {
      const answer: Answer = (code, record) => {
        if (record === null) return call(callback, code, errorText(code), null, null);
        const children = record.strings();
        const stat = statOf(readStat(record), connection.sessionId);
        call(callback, code, errorText(code), children, stat);
      };
      return this.#read(connection, OP.getChildren2, "child", path, watcher, answer);
    });
  }

  /** Waits until the server has seen all that was written before. */
  a_sync(path: string, callback: PathCallback): number {
    expect(arguments.length, 2);
    return this.#guard(callback, (connection) =>
      this.#send(
        connection,
        OP.sync,
        path,
        (out, serverPath) => out.string(serverPath),
        pathAnswer(callback, connection.chroot),
      ));
  }

  // Access lists, configuration ------------------------------------------------------------------

  /** Gives a znode's access list and stat. */
  a_get_acl(path: string, callback: AclCallback): number {
    expect(arguments.length, 2);
    return this.#guard(callback, (connection) =>
      this.#send(
        connection,
        OP.getAcl,
        path,
        (out, serverPath) => out.string(serverPath),
        (code, record) => {
          if (record === null) return call(callback, code, errorText(code), null, null);
          const acls = readAcls(record)
            .map(({ perms, scheme, id }) => ({ perms, scheme, auth: id }));
          const stat = statOf(readStat(record), connection.sessionId);
          call(callback, code, errorText(code), acls, stat);
        },
      ));
  }

  /** Changes a znode's access list when its aversion is `version`. */
  a_set_acl(
    path: string,
    version: number,
    acl: readonly AclInput[],
    callback: VoidCallback,
  ): number {
    expect(arguments.length, 4);
    return this.#guard(callback, (connection) => {
      const acls = toAcls(acl);
      if (acls === null) return CODE.ZBADARGUMENTS;
      const number = toVersion(version);
      return this.#send(
        connection,
        OP.setAcl,
        path,
        (out, serverPath) => {
          out.string(serverPath);
          writeAcls(out, acls);
          out.int(number);
        },
        (code) => call(callback, code, errorText(code)),
      );
    });
  }

  /** Gives the ensemble's configuration. */
  a_getconfig(watch: boolean, callback: DataCallback): number {
    expect(arguments.length, 2);
    return this.#getConfig(watch ? this.#onWatch : null, callback);
  }

  /** As a_getconfig; `watcher` is called for the change to come. */
  aw_getconfig(watcher: Watcher, callback: DataCallback): number {
    expectWatch(arguments.length, 2);
    return this.#getConfig(watcher, callback);
  }

  #getConfig(watcher: Watcher | null, callback: DataCallback): number {
    return this.#guard(callback, (connection) => {
      if (watcher !== null && typeof watcher !== "function") return CODE.ZINVALIDCALLBACK;
      const out = connection.begin(OP.getData);
      if (out === null) return CODE.ZINVALIDSTATE;
      writeWatchRequest(out, { path: CONFIG_NODE, watch: watcher !== null });
      const watch = watcher === null
        ? null
        : { kind: "data" as const, path: CONFIG_NODE, watcher: guarded(watcher) };
      return connection.send(dataAnswer(connection, callback), watch);
    });
  }

  /** Changes the ensemble's members; gives its new configuration. */
  a_reconfig(
    joining: string | null,
    leaving: string | null,
    members: string | null,
    version: number,
    callback: DataCallback,
  ): number {
    expect(arguments.length, 5);
    return this.#guard(callback, (connection) => {
      const text = (value: unknown) => value === null || value === undefined ? null : String(value);
      const number = Number(version);
      const request = {
        joining: text(joining),
        leaving: text(leaving),
        members: text(members),
        configId: BigInt(Number.isFinite(number) ? Math.trunc(number) : 0),
      };
      const out = connection.begin(OP.reconfig);
      if (out === null) return CODE.ZINVALIDSTATE;
      writeReconfigRequest(out, request);
      return connection.send(dataAnswer(connection, callback));
    });
  }

  // Watches that stay ----------------------------------------------------------------------------

  /**
   * Ours: watches a znode until it is removed, not once: with mode 0 its data and children, with
   * mode 1 its data and all that is below it. A server keeps one mode for a path: that of the last
   * call. Needs a server of 3.6 or later.
   */
  a_add_watch(path: string, mode: number, watcher: Watcher, callback: VoidCallback): number {
    expect(arguments.length, 4);
    return this.#guard(callback, (connection) => {
      if (typeof watcher !== "function") return CODE.ZINVALIDCALLBACK;
      const number = toInt32(mode);
      if (number !== 0 && number !== 1) return CODE.ZBADARGUMENTS;
      const serverPath = pathOf(connection, path);
      if (serverPath === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(OP.addWatch);
      if (out === null) return CODE.ZINVALIDSTATE;
      out.string(serverPath);
      out.int(number);
      return connection.send(
        (code) => call(callback, code, errorText(code)),
        { kind: persistentKind(number), path: serverPath, watcher: guarded(watcher) },
      );
    });
  }

  /**
   * Ours: takes all watches of a type (one of WATCHER_TYPE) off a path, here and at the server.
   * ZNOWATCHER when there is none. Needs a server of 3.5 or later.
   */
  a_remove_watches(path: string, type: number, callback: VoidCallback): number {
    expect(arguments.length, 3);
    return this.#guard(callback, (connection) => {
      const number = toInt32(type);
      if (number < WATCHER_TYPE.children || number > WATCHER_TYPE.any) return CODE.ZBADARGUMENTS;
      return this.#send(
        connection,
        OP.removeWatches,
        path,
        (out, serverPath) => {
          out.string(serverPath);
          out.int(number);
        },
        (code) => {
          if (code === CODE.ZOK) {
            connection.watches.remove(withChroot(connection.chroot, String(path)), number);
          }
          call(callback, code, errorText(code));
        },
      );
    });
  }

  /**
   * Ours: forgets one watcher that an aw_ method or a_add_watch left on a path, here alone: the
   * server may still tell of the change, and nobody listens.
   *
   * @returns ZOK, or ZNOWATCHER when it is not there.
   */
  forget_watcher(path: string, watcher: Watcher): number {
    const connection = this.#connection;
    if (connection === null) return CODE.ZINVALIDSTATE;
    const kept = typeof watcher === "function" ? guards.get(watcher) : undefined;
    if (kept === undefined || typeof path !== "string") return CODE.ZNOWATCHER;
    const serverPath = withChroot(connection.chroot, path);
    return connection.watches.remove(serverPath, WATCHER_TYPE.any, kept)
      ? CODE.ZOK
      : CODE.ZNOWATCHER;
  }

  // What all methods share -----------------------------------------------------------------------

  /** Looks at the session and the callback, and turns what arguments throw into ZBADARGUMENTS. */
  #guard(callback: unknown, request: (connection: Connection) => number): number {
    const connection = this.#connection;
    if (connection === null) return CODE.ZINVALIDSTATE;
    if (typeof callback !== "function") return CODE.ZINVALIDCALLBACK;
    try {
      return request(connection);
    } catch {
      return CODE.ZBADARGUMENTS;
    }
  }

  #send(
    connection: Connection,
    type: number,
    path: unknown,
    write: (out: JuteWriter, serverPath: string) => void,
    answer: Answer,
  ): number {
    const serverPath = pathOf(connection, path);
    if (serverPath === null) return CODE.ZBADARGUMENTS;
    const out = connection.begin(type);
    if (out === null) return CODE.ZINVALIDSTATE;
    write(out, serverPath);
    return connection.send(answer);
  }

  #read(
    connection: Connection,
    type: number,
    kind: WatchKind,
    path: unknown,
    watcher: Watcher | null,
    answer: Answer,
  ): number {
    if (watcher !== null && typeof watcher !== "function") return CODE.ZINVALIDCALLBACK;
    const serverPath = pathOf(connection, path);
    if (serverPath === null) return CODE.ZBADARGUMENTS;
    const out = connection.begin(type);
    if (out === null) return CODE.ZINVALIDSTATE;
    out.string(serverPath);
    out.bool(watcher !== null);
    if (watcher === null) return connection.send(answer);
    const kept = watcher === this.#onWatch ? watcher : guarded(watcher);
    return connection.send(answer, { kind, path: serverPath, watcher: kept });
  }
}

setConstants(NativeZooKeeper);
Object.defineProperty(NativeZooKeeper, "name", { value: "ZooKeeper" });

function expect(count: number, least: number): void {
  if (count < least) throw new Error(`expected ${least} arguments`);
}

function expectWatch(count: number, least: number): void {
  if (count < least) throw new Error(`expected at least ${least} arguments`);
}

/** The server's path, or null where the path is invalid. */
function pathOf(connection: Connection, path: unknown, sequential = false): string | null {
  const text = typeof path === "string" ? path : String(path);
  const { chroot } = connection;
  return isValidPath(text, sequential) ? withChroot(chroot, text) : null;
}

/** Calls a callback; what it throws is an uncaught error, and none of the connection's concern. */
function call<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): void {
  try {
    callback(...args);
  } catch (error) {
    reportError(error);
  }
}

/** The guarded form of each watcher, so that it is found again. */
const guards = new WeakMap<Watcher, Watcher>();

function guarded(watcher: Watcher): Watcher {
  const known = guards.get(watcher);
  if (known !== undefined) return known;
  const kept: Watcher = (type, state, path) => call(watcher, type, state, path);
  guards.set(watcher, kept);
  return kept;
}

function pathAnswer(callback: PathCallback, chroot: string): Answer {
  return (code, record) => {
    const path = record === null ? "null" : withoutChroot(chroot, record.string());
    call(callback, code, errorText(code), path);
  };
}

function path2Answer(
  callback: Create2Callback,
  chroot: string,
  sessionId: () => bigint,
): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), "null", null);
    const path = withoutChroot(chroot, record.string());
    call(callback, code, errorText(code), path, statOf(readStat(record), sessionId()));
  };
}

function statAnswer(connection: Connection, callback: StatCallback): Answer {
  return (code, record) => {
    const stat = record === null ? null : statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), stat);
  };
}

function dataAnswer(connection: Connection, callback: DataCallback): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), null, null);
    const data = record.buffer();
    const stat = statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), stat, data === null ? null : Buffer.from(data.buffer));
  };
}
