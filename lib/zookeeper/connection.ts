/**
 * One session with an ensemble over ZooKeeper's wire protocol: handshake, pings, reconnects with the
 * session's id and password, and the end of it. Requests and replies are in exchange.ts.
 *
 * Its rules are those of the C and Java clients: what was sent, or waits to be sent, when a
 * connection drops or cannot be made fails with connection loss; only the server says that a session
 * is over.
 */

import { CODE, OP, STATE } from "./constants.ts";
import { Dialer } from "./dialer.ts";
import {
  AuthFailedError,
  ConnectionLossError,
  SessionExpiredError,
  type ZooKeeperError,
} from "./errors.ts";
import { Exchange, type PendingWatch, type ReplyHandler } from "./exchange.ts";
import { Heartbeat } from "./heartbeat.ts";
import { formatHost, type HostAddress, type HostList } from "./hosts.ts";
import { JuteError, JuteReader, JuteWriter } from "./jute.ts";
import { readConnectResponse, writeConnectRequest } from "./records.ts";
import {
  closeQuietly,
  ProtocolError,
  readFrames,
  type Socket,
  type TlsOptions,
  writeAll,
} from "./transport.ts";
import type { Watcher, WatchTable } from "./watches.ts";

/** One of STATE. */
export type ConnectionState = typeof STATE[keyof typeof STATE];

/** How to connect. */
export interface ConnectionOptions {
  readonly servers: HostList;
  /** What to ask the server for, in milliseconds; it answers with what it grants. */
  readonly sessionTimeoutMs: number;
  /** The session to take over; 0n for a new one. */
  readonly sessionId?: bigint;
  /** The 16 bytes that prove that the session is ours. */
  readonly password?: Uint8Array;
  readonly tls?: TlsOptions | null;
  /** The server's jute.maxbuffer in bytes: no request may be longer, no reply much longer. */
  readonly maxBufferBytes?: number;
  /** Tries the servers in the order given instead of a random one. */
  readonly keepOrder?: boolean;
  /** A number from 0 up to 1, as of Math.random. */
  readonly random?: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** What a connection tells its owner. None of these may throw. */
export interface ConnectionListener {
  /** The session's state changed to connected, readOnly, connecting, expired or authFailed. */
  onState(state: ConnectionState): void;
  /** A connection could not be made or dropped, or the session is over. */
  onTrouble(error: ZooKeeperError): void;
}

/** jute.maxbuffer of servers and of the Java client. */
export const DEFAULT_MAX_BUFFER_BYTES = 0xfffff;
/** A znode as large as the server lets it be comes back with a header and a stat around it. */
const REPLY_SLACK_BYTES = 1024;
const PASSWORD_BYTES = 16;
/** How long close waits for the server's reply at most. */
const CLOSE_TIMEOUT_MS = 3000;
const MIN_CONNECT_TIMEOUT_MS = 250;
/** A connection that lived shorter counts as a failed attempt: the next pause is longer. */
const STABLE_MS = 1000;

/** One session. It connects from `start` on until it is closed or the server ends the session. */
export class Connection {
  /** What stands before every path at the server; empty for none. */
  readonly chroot: string;

  readonly #listener: ConnectionListener;
  readonly #now: () => number;
  readonly #maxBuffer: number;
  readonly #dialer: Dialer;
  readonly #exchange: Exchange;
  readonly #heartbeat: Heartbeat;
  readonly #reader = new JuteReader();

  /** The server of the present attempt or connection. */
  #host: HostAddress | null = null;
  #socket: Socket | null = null;
  #state: ConnectionState = STATE.closed;
  #sessionId: bigint;
  #password: Uint8Array;
  #timeoutMs: number;
  /** The oldest request without a reply when that was last looked at, and since when it is that. */
  #stuckXid: number | undefined;
  #stuckSinceMs = 0;
  /** Since when servers take our connection and close it without an answer; null: they do not. */
  #refusedSinceMs: number | null = null;
  #running: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #stopped = false;

  /** @param sharedWatcher The watcher that is called once, however often it is left on a path. */
  constructor(
    options: ConnectionOptions,
    listener: ConnectionListener,
    sharedWatcher: Watcher | null = null,
  ) {
    const { servers, keepOrder = false, tls = null, random = Math.random } = options;
    this.#listener = listener;
    this.#now = options.now ?? (() => performance.now());
    this.#maxBuffer = options.maxBufferBytes ?? DEFAULT_MAX_BUFFER_BYTES;
    this.chroot = servers.chroot;
    this.#sessionId = options.sessionId ?? 0n;
    this.#password = options.password ?? new Uint8Array(PASSWORD_BYTES);
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#dialer = new Dialer(servers, { keepOrder, tls, random });
    this.#exchange = new Exchange(this.chroot, this.#maxBuffer, sharedWatcher, {
      onWrite: () => this.#heartbeat.sent(),
      onWriteFailure: (socket, error) => {
        if (socket === this.#socket) this.#drop(lost("Cannot write to", this.#host, error));
      },
      onAuthRefused: (scheme, code) => {
        const message = `The server refused the credentials of scheme "${scheme}" (code ${code})`;
        this.#end(STATE.authFailed, new AuthFailedError(CODE.ZAUTHFAILED, message));
      },
    });
    this.#heartbeat = new Heartbeat({
      onCheck: () => this.#checkReplies(),
      onQuiet: () => this.#exchange.ping(),
      onSilence: (silentMs) => {
        const error = new Error(`nothing heard for ${Math.round(silentMs)} ms`);
        this.#drop(lost("No answer from", this.#host, error));
      },
    }, this.#now);
  }

  /** One of STATE; `connecting` also while it pauses before the next attempt. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** 0n until the first server has answered. */
  get sessionId(): bigint {
    return this.#sessionId;
  }

  /** 16 bytes; zeros until the first server has answered. */
  get password(): Uint8Array {
    return this.#password;
  }

  /** In milliseconds: what was asked for, and from the first answer on what was granted. */
  get sessionTimeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The watches, by the server's paths. */
  get watches(): WatchTable {
    return this.#exchange.watches;
  }

  /** Begins to connect. */
  start(): void {
    if (this.#running !== null || this.#closing !== null) return;
    this.#state = STATE.connecting;
    this.#running = this.#run();
  }

  /** Replaces the list of servers (not the chroot); the connection to one no longer in it is left. */
  setServers(servers: HostList): void {
    this.#dialer.replace(servers);
    const host = this.#host;
    if (host === null || this.#dialer.has(host)) return;
    const error = new Error("it is no longer in the list");
    if (this.#socket === null) this.#dialer.abort(error);
    else this.#drop(lost("Left", host, error));
  }

  // Requests -------------------------------------------------------------------------------------

  get #takesRequests(): boolean {
    return this.#running !== null && this.#closing === null && this.#state > STATE.closed;
  }

  /**
   * Begins a request: the caller writes its record into the writer this gives, then calls `send`.
   * Nothing may come between the two.
   *
   * @param type One of OP.
   * @returns null when the session is not open or is over: ZINVALIDSTATE.
   */
  begin(type: number): JuteWriter | null {
    return this.#takesRequests ? this.#exchange.begin(type) : null;
  }

  /**
   * Ends a request and queues it: all of one turn of the event loop go out in one write.
   *
   * @returns ZOK, or ZMARSHALLINGERROR when it is longer than jute.maxbuffer; `handler` is then
   * never called, and nothing is sent (a server would drop the connection).
   */
  send(handler: ReplyHandler, watch: PendingWatch | null = null): number {
    return this.#exchange.send(handler, watch);
  }

  /**
   * Adds credentials: sent now, and again on each new connection.
   *
   * @param done Called once with the server's answer.
   * @returns ZOK, or ZINVALIDSTATE when the session is not open or is over.
   */
  addAuth(scheme: string, auth: Uint8Array, done: (code: number) => void): number {
    if (!this.#takesRequests) return CODE.ZINVALIDSTATE;
    this.#exchange.addAuth(scheme, auth, done);
    return CODE.ZOK;
  }

  // Connecting -----------------------------------------------------------------------------------

  get #isConnected(): boolean {
    return this.#state === STATE.connected || this.#state === STATE.readOnly;
  }

  get #isOver(): boolean {
    return this.#stopped || this.#state <= STATE.closed;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isOver;) {
      const beganMs = this.#now();
      const wasConnected = await this.#attempt(this.#dialer.next());
      if (this.#isOver) return;
      failures = wasConnected && this.#now() - beganMs > STABLE_MS ? 0 : failures + 1;
      // A session that is being closed tries once more, at once.
      if (this.#closing === null) await this.#dialer.pause(failures);
    }
  }

  /** Connects to one server and serves the connection until it ends; says whether it was good. */
  async #attempt(host: HostAddress): Promise<boolean> {
    this.#host = host;
    let socket: Socket | null = null;
    let wasConnected = false;
    let error: ConnectionLossError;
    try {
      socket = await this.#dialer.dial(host, this.#connectTimeoutMs);
      if (this.#isOver) {
        closeQuietly(socket);
        return false;
      }
      this.#socket = socket;
      await this.#sendConnectRequest(socket);
      await this.#serve(socket, () => wasConnected = this.#isConnected);
      if (!wasConnected) this.#refusedSinceMs ??= this.#now();
      error = lost("Connection closed by", host, null);
    } catch (cause) {
      const isProtocol = cause instanceof JuteError || cause instanceof ProtocolError;
      const otherwise = wasConnected ? "Lost the connection to" : "Cannot connect to";
      error = lost(isProtocol ? "Got no ZooKeeper protocol from" : otherwise, host, cause);
    }
    // Whoever left the socket before has told why.
    if (socket === null || socket === this.#socket) this.#drop(error);
    this.#host = null;
    await this.#exchange.idle;
    return wasConnected;
  }

  /** How long one server has to answer before the next is tried, in milliseconds. */
  get #connectTimeoutMs(): number {
    return Math.max(this.#timeoutMs * 2 / 3 / this.#dialer.count, MIN_CONNECT_TIMEOUT_MS);
  }

  /**
   * Whether the ensemble may have lost its data. A server closes the connection of a client that has
   * seen more than it knows itself (ZooKeeperServer.processConnectRequest), for good where the data is
   * gone. After a whole session timeout of that the session has ended at any ensemble that lives, so
   * the handshake no longer says what we have seen, and the server can say that the session is over.
   */
  get #isForgotten(): boolean {
    return this.#refusedSinceMs !== null &&
      this.#now() - this.#refusedSinceMs >= this.#timeoutMs;
  }

  async #sendConnectRequest(socket: Socket): Promise<void> {
    this.#state = STATE.associating;
    this.#heartbeat.start(this.#connectTimeoutMs, Infinity);
    const out = new JuteWriter(64);
    out.int(0);
    writeConnectRequest(out, {
      protocolVersion: 0,
      lastZxidSeen: this.#isForgotten ? 0n : this.#exchange.lastZxid,
      timeoutMs: this.#timeoutMs,
      sessionId: this.#sessionId,
      password: this.#password,
      readOnly: false,
    });
    out.patchInt(0, out.length - 4);
    await writeAll(socket, out.bytes);
  }

  /** Takes what the server sends until the connection ends or is left. */
  async #serve(socket: Socket, onFirst: () => void): Promise<void> {
    let isFirst = true;
    await readFrames(
      socket,
      this.#maxBuffer + REPLY_SLACK_BYTES,
      (bytes, begin, end) => {
        // Whole frames count, not bytes: one with a wrong length would swallow all that follow.
        this.#heartbeat.heard();
        this.#reader.reset(bytes, begin, end);
        if (isFirst) {
          isFirst = false;
          this.#onConnectResponse(socket);
          onFirst();
        } else this.#exchange.take(this.#reader);
        return socket === this.#socket;
      },
    );
  }

  #onConnectResponse(socket: Socket): void {
    const response = readConnectResponse(this.#reader);
    this.#refusedSinceMs = null;
    const { protocolVersion, timeoutMs, sessionId, password } = response;
    if (protocolVersion !== 0) throw new ProtocolError(`protocol version ${protocolVersion}`);
    const isRefused = timeoutMs <= 0 || sessionId === 0n;
    if (this.#sessionId !== 0n && (isRefused || sessionId !== this.#sessionId)) {
      const message = `The ZooKeeper session 0x${unsignedHex(this.#sessionId)} is over`;
      return this.#end(STATE.expired, new SessionExpiredError(CODE.ZSESSIONEXPIRED, message));
    }
    if (isRefused) throw new ProtocolError("it gives no session");
    if (password.length !== PASSWORD_BYTES) {
      throw new ProtocolError(`a session's password of ${password.length} bytes`);
    }
    this.#timeoutMs = timeoutMs;
    this.#sessionId = sessionId;
    this.#password = password;
    this.#state = response.readOnly ? STATE.readOnly : STATE.connected;
    const readTimeoutMs = this.#timeoutMs * 2 / 3;
    this.#heartbeat.start(readTimeoutMs, readTimeoutMs / 2);
    this.#exchange.open(socket);
    this.#tellState();
  }

  #tellState(): void {
    const state = this.#state;
    this.#exchange.tell(state);
    this.#listener.onState(state);
  }

  /**
   * Leaves a server that answers pings and not the oldest request for a whole session timeout: it
   * answers in order, so that request and all after it would wait for ever.
   */
  #checkReplies(): void {
    const xid = this.#exchange.oldest;
    const now = this.#now();
    if (xid === undefined || xid !== this.#stuckXid) {
      this.#stuckXid = xid;
      this.#stuckSinceMs = now;
    } else if (now - this.#stuckSinceMs >= this.#timeoutMs) {
      const error = new Error(
        `no reply to a request for ${Math.round(now - this.#stuckSinceMs)} ms`,
      );
      this.#drop(lost("No answer from", this.#host, error));
    }
  }

  // Ending ---------------------------------------------------------------------------------------

  /** Leaves the present connection, or counts the present attempt as failed. */
  #drop(error: ZooKeeperError): void {
    if (this.#isOver) return;
    const wasConnected = this.#isConnected;
    this.#state = STATE.connecting;
    const fail = this.#leave();
    this.#listener.onTrouble(error);
    if (wasConnected) this.#tellState();
    fail(CODE.ZCONNECTIONLOSS);
  }

  /** Ends the session for good. */
  #end(state: ConnectionState, error: ZooKeeperError): void {
    this.#state = state;
    const fail = this.#leave();
    this.#listener.onTrouble(error);
    fail(error.code);
    this.#listener.onState(state);
  }

  /** Leaves the socket; gives the function that fails what waits for a reply. */
  #leave(): (code: number) => void {
    this.#heartbeat.stop();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closeQuietly(socket);
    return this.#exchange.leave();
  }

  /**
   * Closes the session: its ephemerals go at once. Waits for what is under way and for the server's
   * reply, up to three seconds; what is then without an answer fails with ZCLOSING. Without a
   * connection one more attempt is made; if that fails too, the session ends at the server when its
   * time is over. Never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running === null) return;
    // A server that has our handshake may have made a session that we do not know yet.
    if (!this.#isOver && (this.#sessionId !== 0n || this.#state === STATE.associating)) {
      await this.#sendClose();
    }
    this.#stopped = true;
    if (this.#state > STATE.closed) this.#state = STATE.closed;
    this.#dialer.endPause();
    this.#dialer.abort(new Error("the session was closed"));
    this.#leave()(CODE.ZCLOSING);
    await this.#running;
    this.watches.clear();
  }

  /** Sends the last request and waits until it is answered, the connection fails, or it is late. */
  async #sendClose(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exchange.begin(OP.closeSession);
    this.send(() => resolve());
    this.#dialer.endPause();
    const timer = setTimeout(resolve, Math.min(CLOSE_TIMEOUT_MS, this.#timeoutMs));
    await promise;
    clearTimeout(timer);
  }
}

function lost(what: string, host: HostAddress | null, cause: unknown): ConnectionLossError {
  const where = host === null ? "" : ` ${formatHost(host)}`;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  const message = `${what} the ZooKeeper server${where}${why}`;
  return new ConnectionLossError(CODE.ZCONNECTIONLOSS, message, "", { cause });
}

/** Writes a session's id as ZooKeeper's servers log it. */
export function unsignedHex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
