/**
 * The lower half of the addon's class: the session with its properties, its events and what its
 * operations share.
 */

import { type Answer, guarded, voidAnswer, type VoidCallback } from "./addon_callbacks.ts";
import {
  clientIdOf,
  type DataInput,
  dataOf,
  type InitOptions,
  passwordOf,
  passwordText,
  toInt32,
} from "./addon_values.ts";
import { Connection, type ConnectionState, unsignedHex } from "./connection.ts";
import { CODE, CONFIG_NODE, EVENT, OP, STATE } from "./constants.ts";
import type { ZooKeeperError } from "./errors.ts";
import { HostListError, parseHosts } from "./hosts.ts";
import type { JuteWriter } from "./jute.ts";
import { isValidPath, withChroot } from "./paths.ts";
import type { Watcher, WatchKind } from "./watches.ts";

const DEFAULT_TIMEOUT_MS = 20_000;
const EVENT_NAMES: Readonly<Record<number, string>> = {
  [EVENT.created]: "created",
  [EVENT.deleted]: "deleted",
  [EVENT.changed]: "changed",
  [EVENT.child]: "child",
  [EVENT.notWatching]: "notwatching",
};

/** The session of a native object: its begin and end, its properties and events. */
export class AddonSession {
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
    const tls = config.tls ?? null;
    if (tls !== null && (tls.cert === undefined) !== (tls.key === undefined)) {
      throw new Error("TLS needs both a certificate and its key, or neither: set cert and key");
    }
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
        tls,
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
      this.onWatch,
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

  /** The watcher of those that ask for events instead of giving their own. */
  protected readonly onWatch: Watcher = (type, _state, path) => {
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
    expectArguments(arguments.length, 3);
    return this.ask(callback, (connection) => {
      const answer = voidAnswer(callback);
      return connection.addAuth(String(scheme), dataOf(auth), (code) => answer(code, null));
    });
  }

  // What the operations share --------------------------------------------------------------------

  /** The session's connection; null before init and after close. */
  protected get connection(): Connection | null {
    return this.#connection;
  }

  /** Looks at session and callback, and turns what arguments throw into ZBADARGUMENTS. */
  protected ask(callback: unknown, request: (connection: Connection) => number): number {
    const connection = this.#connection;
    if (connection === null) return CODE.ZINVALIDSTATE;
    if (typeof callback !== "function") return CODE.ZINVALIDCALLBACK;
    try {
      return request(connection);
    } catch {
      return CODE.ZBADARGUMENTS;
    }
  }

  /** Sends a request on a path, whose record `write` writes; it may not throw. */
  protected send(
    connection: Connection,
    type: number,
    path: unknown,
    write: (out: JuteWriter, serverPath: string) => void,
    answer: Answer,
  ): number {
    const serverPath = serverPathOf(connection, path);
    if (serverPath === null) return CODE.ZBADARGUMENTS;
    const out = connection.begin(type);
    if (out === null) return CODE.ZINVALIDSTATE;
    write(out, serverPath);
    return connection.send(answer);
  }

  /** Sends a request that reads, and leaves a watch where there is a watcher. */
  protected read(
    connection: Connection,
    request: { readonly type: number; readonly kind: WatchKind },
    path: unknown,
    watcher: Watcher | null,
    answer: Answer,
  ): number {
    const serverPath = serverPathOf(connection, path);
    if (serverPath === null) return CODE.ZBADARGUMENTS;
    return this.#readAt(connection, request, serverPath, watcher, answer);
  }

  /** Reads the ensemble's configuration, which is at one place for all, whatever the chroot. */
  protected readConfig(connection: Connection, watcher: Watcher | null, answer: Answer): number {
    const request = { type: OP.getData, kind: "data" } as const;
    return this.#readAt(connection, request, CONFIG_NODE, watcher, answer);
  }

  #readAt(
    connection: Connection,
    { type, kind }: { readonly type: number; readonly kind: WatchKind },
    serverPath: string,
    watcher: Watcher | null,
    answer: Answer,
  ): number {
    if (watcher !== null && typeof watcher !== "function") return CODE.ZINVALIDCALLBACK;
    const out = connection.begin(type);
    if (out === null) return CODE.ZINVALIDSTATE;
    out.string(serverPath);
    out.bool(watcher !== null);
    if (watcher === null) return connection.send(answer);
    const kept = watcher === this.onWatch ? watcher : guarded(watcher);
    return connection.send(answer, { kind, path: serverPath, watcher: kept });
  }
}

/** @throws Error as the addon does when it gets fewer arguments. */
export function expectArguments(count: number, least: number, words = "expected"): void {
  if (count < least) throw new Error(`${words} ${least} arguments`);
}

/** The server's path, or null where the path is invalid. */
export function serverPathOf(
  connection: Connection,
  path: unknown,
  sequential = false,
): string | null {
  const text = typeof path === "string" ? path : String(path);
  return isValidPath(text, sequential) ? withChroot(connection.chroot, text, sequential) : null;
}
