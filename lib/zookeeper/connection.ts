/**
 * One session with an ensemble over ZooKeeper's wire protocol: handshake, requests and replies in
 * order, pings, reconnects with the session's id and password, watches and credentials sent again.
 *
 * Its rules are those of the C and Java clients: what was sent, or waits to be sent, when a
 * connection drops or cannot be made fails with connection loss; only the server says that a session
 * is over.
 */

import { CODE, EVENT, OP, STATE, XID } from "./constants.ts";
import {
  AuthFailedError,
  ConnectionLossError,
  SessionExpiredError,
  type ZooKeeperError,
} from "./errors.ts";
import { Fifo } from "./fifo.ts";
import { Heartbeat } from "./heartbeat.ts";
import { formatHost, type HostAddress, type HostList, shuffled } from "./hosts.ts";
import { JuteError, JuteReader, JuteWriter } from "./jute.ts";
import { Outbox } from "./outbox.ts";
import { withoutChroot } from "./paths.ts";
import {
  readConnectResponse,
  readWatcherEvent,
  writeAuthPacket,
  writeConnectRequest,
  writeSetWatches,
} from "./records.ts";
import {
  dial,
  ProtocolError,
  readFrames,
  type Socket,
  type TlsOptions,
  writeAll,
} from "./transport.ts";
import { type Watcher, type WatchKind, WatchTable } from "./watches.ts";

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

/**
 * Takes the reply to a request: its code, and where that is ZOK the record, which it must read
 * before it returns. Called exactly once, unless it throws.
 *
 * @throws JuteError when the record is not what it should be; it is then called again, with
 * ZMARSHALLINGERROR and without a record.
 */
export type ReplyHandler = (code: number, record: JuteReader | null) => void;

/** The watch that a request leaves when it succeeds. */
export interface PendingWatch {
  readonly kind: WatchKind;
  /** The server's path, chroot included. */
  readonly path: string;
  /** May not throw. */
  readonly watcher: Watcher;
}

interface Pending {
  readonly xid: number;
  readonly handler: ReplyHandler;
  readonly watch: PendingWatch | null;
}

interface Credentials {
  readonly scheme: string;
  readonly auth: Uint8Array;
  done: ((code: number) => void) | null;
}

/** jute.maxbuffer of servers and of the Java client. */
export const DEFAULT_MAX_BUFFER_BYTES = 0xfffff;
/** A znode as large as the server lets it be comes back with a header and a stat around it. */
const REPLY_SLACK_BYTES = 1024;
const PASSWORD_BYTES = 16;
/** How long close waits for the server's reply at most. */
const CLOSE_TIMEOUT_MS = 3000;
const MIN_CONNECT_TIMEOUT_MS = 250;
const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** A connection that lived shorter counts as a failed attempt: the next pause is longer. */
const STABLE_MS = 1000;

/** One session. It connects from `start` on until it is closed or the server ends the session. */
export class Connection {
  /** What stands before every path at the server; empty for none. */
  readonly chroot: string;
  /** The watches, by the server's paths. */
  readonly watches: WatchTable;

  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #maxBuffer: number;
  readonly #reader = new JuteReader();
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  readonly #pending = new Fifo<Pending>();
  readonly #credentials: Credentials[] = [];
  /** Those sent on this connection that the server has not answered, in order. */
  readonly #authSent = new Fifo<Credentials>();

  #hosts: readonly HostAddress[];
  #nextHost = 0;
  /** The host of the present attempt or connection, and what ends it while it is dialled. */
  #host: HostAddress | null = null;
  #abort = new AbortController();
  #endPause: () => void = () => {};
  #socket: Socket | null = null;
  #state: ConnectionState = STATE.closed;
  #sessionId: bigint;
  #password: Uint8Array;
  #timeoutMs: number;
  #lastZxid = 0n;
  #xid = 0;
  #running: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #stopped = false;

  /** @param sharedWatcher The watcher that is called once, however often it is left on a path. */
  constructor(
    options: ConnectionOptions,
    listener: ConnectionListener,
    sharedWatcher: Watcher | null = null,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
    this.#maxBuffer = options.maxBufferBytes ?? DEFAULT_MAX_BUFFER_BYTES;
    this.watches = new WatchTable(sharedWatcher);
    this.chroot = options.servers.chroot;
    this.#hosts = this.#inOrder(options.servers);
    this.#sessionId = options.sessionId ?? 0n;
    this.#password = options.password ?? new Uint8Array(PASSWORD_BYTES);
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#outbox = new Outbox(
      () => this.#heartbeat.sent(),
      (socket, error) => {
        if (socket === this.#socket) this.#drop(lost("Cannot write to", this.#host, error));
      },
    );
    this.#heartbeat = new Heartbeat({
      onQuiet: () => this.#ping(),
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

  /** Begins to connect. */
  start(): void {
    if (this.#running !== null || this.#closing !== null) return;
    this.#state = STATE.connecting;
    this.#running = this.#run();
  }

  /** Replaces the list of servers (not the chroot); the connection to one no longer in it is left. */
  setServers(servers: HostList): void {
    this.#hosts = this.#inOrder(servers);
    this.#nextHost = 0;
    const host = this.#host;
    if (host === null || this.#hosts.some((other) => formatHost(other) === formatHost(host))) {
      return;
    }
    const error = new Error("it is no longer in the list");
    if (this.#socket === null) this.#abort.abort(error);
    else this.#drop(lost("Left", host, error));
  }

  #inOrder({ hosts }: HostList): readonly HostAddress[] {
    return this.#options.keepOrder === true ? hosts : shuffled(hosts, this.#random);
  }

  // Requests -------------------------------------------------------------------------------------

  get #isConnected(): boolean {
    return this.#state === STATE.connected || this.#state === STATE.readOnly;
  }

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
    return this.#takesRequests ? this.#outbox.begin(this.#nextXid(), type) : null;
  }

  #nextXid(): number {
    this.#xid = this.#xid === 0x7fffffff ? 1 : this.#xid + 1;
    return this.#xid;
  }

  /**
   * Ends a request and queues it: all of one turn of the event loop go out in one write.
   *
   * @returns ZOK, or ZMARSHALLINGERROR when it is longer than jute.maxbuffer; `handler` is then
   * never called, and nothing is sent (a server would drop the connection).
   */
  send(handler: ReplyHandler, watch: PendingWatch | null = null): number {
    if (!this.#outbox.end(this.#maxBuffer)) return CODE.ZMARSHALLINGERROR;
    this.#pending.push({ xid: this.#xid, handler, watch });
    return CODE.ZOK;
  }

  /**
   * Adds credentials: sent now, and again on each new connection.
   *
   * @param done Called once with the server's answer.
   * @returns ZOK, or ZINVALIDSTATE when the session is not open or is over.
   */
  addAuth(scheme: string, auth: Uint8Array, done: (code: number) => void): number {
    if (!this.#takesRequests) return CODE.ZINVALIDSTATE;
    const credentials = { scheme, auth, done };
    this.#credentials.push(credentials);
    if (this.#isConnected) this.#sendAuth(credentials);
    return CODE.ZOK;
  }

  #sendAuth(credentials: Credentials): void {
    const { scheme, auth } = credentials;
    writeAuthPacket(this.#outbox.begin(XID.auth, OP.auth), { type: 0, scheme, auth });
    this.#outbox.end();
    this.#authSent.push(credentials);
  }

  #ping(): void {
    this.#outbox.begin(XID.ping, OP.ping);
    this.#outbox.end();
  }

  // Connecting -----------------------------------------------------------------------------------

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isOver;) {
      const host = this.#hosts[this.#nextHost++ % this.#hosts.length] as HostAddress;
      const beganMs = this.#now();
      const wasConnected = await this.#attempt(host);
      if (this.#isOver) return;
      failures = wasConnected && this.#now() - beganMs > STABLE_MS ? 0 : failures + 1;
      await this.#pause(Math.floor(failures / this.#hosts.length));
    }
  }

  get #isOver(): boolean {
    return this.#stopped || this.#state <= STATE.closed;
  }

  /** Waits before the next attempt, longer after each round of all hosts, never the same time. */
  async #pause(rounds: number): Promise<void> {
    if (this.#closing !== null) return;
    const longestMs = Math.min(MIN_PAUSE_MS * 2 ** Math.min(rounds, 10), MAX_PAUSE_MS);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, longestMs * (0.5 + this.#random() / 2));
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** Connects to one server and serves the connection until it ends; says whether it was good. */
  async #attempt(host: HostAddress): Promise<boolean> {
    this.#host = host;
    let socket: Socket | null = null;
    let wasConnected = false;
    let error: ConnectionLossError;
    try {
      socket = await this.#dial(host);
      if (this.#isOver) {
        closeQuietly(socket);
        return false;
      }
      this.#socket = socket;
      await this.#sendConnectRequest(socket);
      await this.#serve(socket, () => wasConnected = this.#isConnected);
      error = lost("Connection closed by", host, null);
    } catch (cause) {
      const isProtocol = cause instanceof JuteError || cause instanceof ProtocolError;
      const otherwise = wasConnected ? "Lost the connection to" : "Cannot connect to";
      error = lost(isProtocol ? "Got no ZooKeeper protocol from" : otherwise, host, cause);
    }
    // Whoever left the socket before has told why.
    if (socket === null || socket === this.#socket) this.#drop(error);
    this.#host = null;
    await this.#outbox.idle;
    return wasConnected;
  }

  /** Takes what the server sends until the connection ends or is left. */
  async #serve(socket: Socket, onFirst: () => void): Promise<void> {
    let isFirst = true;
    await readFrames(
      socket,
      this.#maxBuffer + REPLY_SLACK_BYTES,
      () => this.#heartbeat.heard(),
      (bytes, begin, end) => {
        this.#reader.reset(bytes, begin, end);
        if (isFirst) {
          isFirst = false;
          this.#onConnectResponse(socket);
          onFirst();
        } else this.#onReply();
        return socket === this.#socket;
      },
    );
  }

  /** How long one server has to answer before the next is tried, in milliseconds. */
  get #connectTimeoutMs(): number {
    return Math.max(this.#timeoutMs * 2 / 3 / this.#hosts.length, MIN_CONNECT_TIMEOUT_MS);
  }

  async #dial(host: HostAddress): Promise<Socket> {
    const timeoutMs = this.#connectTimeoutMs;
    const abort = this.#abort = new AbortController();
    const timer = setTimeout(
      () => abort.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    );
    try {
      return await dial(host, this.#options.tls ?? null, abort.signal, this.#random);
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #sendConnectRequest(socket: Socket): Promise<void> {
    this.#state = STATE.associating;
    this.#heartbeat.start(this.#connectTimeoutMs, Infinity);
    const out = new JuteWriter(64);
    out.int(0);
    writeConnectRequest(out, {
      protocolVersion: 0,
      lastZxidSeen: this.#lastZxid,
      timeoutMs: this.#timeoutMs,
      sessionId: this.#sessionId,
      password: this.#password,
      readOnly: false,
    });
    out.patchInt(0, out.length - 4);
    await writeAll(socket, out.bytes);
  }

  #onConnectResponse(socket: Socket): void {
    const response = readConnectResponse(this.#reader);
    if (response.timeoutMs <= 0) {
      const id = unsignedHex(this.#sessionId);
      this.#end(
        STATE.expired,
        new SessionExpiredError(CODE.ZSESSIONEXPIRED, `The ZooKeeper session 0x${id} is over`),
      );
      return;
    }
    if (response.password.length !== PASSWORD_BYTES) {
      throw new JuteError(`Password of a session out of bounds: ${response.password.length} bytes`);
    }
    this.#timeoutMs = response.timeoutMs;
    this.#sessionId = response.sessionId;
    this.#password = response.password;
    this.#state = response.readOnly ? STATE.readOnly : STATE.connected;
    const readTimeoutMs = this.#timeoutMs * 2 / 3;
    this.#heartbeat.start(readTimeoutMs, readTimeoutMs / 2);
    this.#outbox.open(socket, () => this.#sendAgain());
    this.#tellState();
  }

  /** What the server must have before all that waits to be sent: credentials and watches. */
  #sendAgain(): void {
    for (const credentials of this.#credentials) this.#sendAuth(credentials);
    for (const watches of this.watches.setAgain(this.#lastZxid)) {
      const type = watches.persistent === undefined ? OP.setWatches : OP.setWatches2;
      writeSetWatches(this.#outbox.begin(XID.setWatches, type), watches);
      this.#outbox.end();
    }
  }

  #tellState(): void {
    const state = this.#state;
    for (const watcher of this.watches.all()) watcher(EVENT.session, state, "");
    this.#listener.onState(state);
  }

  // Replies --------------------------------------------------------------------------------------

  #onReply(): void {
    const reader = this.#reader;
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    switch (xid) {
      case XID.ping:
        return;
      case XID.watchEvent:
        return this.#onWatchEvent();
      case XID.auth:
        return this.#onAuthReply(code);
      case XID.setWatches:
        if (code !== CODE.ZOK) throw new ProtocolError(`watches were not set again, code ${code}`);
        return;
    }
    if (code > 0) throw new ProtocolError(`a reply with the code ${code}, where none is positive`);
    const pending = this.#pending.peek();
    if (pending?.xid !== xid) {
      const expected = pending === undefined ? "none" : `that to request ${pending.xid}`;
      throw new ProtocolError(`a reply out of order: expected ${expected}, got that to ${xid}`);
    }
    this.#pending.shift();
    if (zxid > 0n) this.#lastZxid = zxid;
    if (pending.watch !== null) this.#keepWatch(pending.watch, code);
    if (code !== CODE.ZOK) return pending.handler(code, null);
    try {
      pending.handler(code, reader);
    } catch (error) {
      pending.handler(CODE.ZMARSHALLINGERROR, null);
      throw error;
    }
  }

  /** By the C client's rules: an exists leaves a watch on data where there is some. */
  #keepWatch({ kind, path, watcher }: PendingWatch, code: number): void {
    if (code === CODE.ZOK) this.watches.add(kind === "exist" ? "data" : kind, path, watcher);
    else if (code === CODE.ZNONODE && kind === "exist") this.watches.add(kind, path, watcher);
  }

  #onWatchEvent(): void {
    const { type, state, path } = readWatcherEvent(this.#reader);
    const clientPath = withoutChroot(this.chroot, path);
    for (const watcher of this.watches.take(type, path)) watcher(type, state, clientPath);
  }

  #onAuthReply(code: number): void {
    const credentials = this.#authSent.shift();
    if (code !== CODE.ZOK) {
      const scheme = credentials?.scheme ?? "";
      const message = `The server refused the credentials of scheme "${scheme}" (code ${code})`;
      return this.#end(STATE.authFailed, new AuthFailedError(CODE.ZAUTHFAILED, message));
    }
    if (credentials !== undefined) answer(credentials, code);
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

  /**
   * Leaves the socket and takes what waits for a reply, so that what a listener sends next is not
   * among that; gives the function that fails it.
   */
  #leave(): (code: number) => void {
    this.#heartbeat.stop();
    this.#outbox.reset();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closeQuietly(socket);
    const pending = this.#pending.takeAll();
    this.#authSent.takeAll();
    return (code) => {
      for (const { handler } of pending) handler(code, null);
      for (const credentials of this.#credentials) answer(credentials, code);
    };
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
    this.#endPause();
    this.#abort.abort(new Error("the session was closed"));
    this.#leave()(CODE.ZCLOSING);
    await this.#running;
    this.watches.clear();
  }

  /** Sends the last request and waits until it is answered, the connection fails, or it is late. */
  async #sendClose(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#outbox.begin(this.#nextXid(), OP.closeSession);
    this.send(() => resolve());
    this.#endPause();
    const timer = setTimeout(resolve, Math.min(CLOSE_TIMEOUT_MS, this.#timeoutMs));
    await promise;
    clearTimeout(timer);
  }
}

function answer(credentials: Credentials, code: number): void {
  const done = credentials.done;
  credentials.done = null;
  done?.(code);
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

function closeQuietly(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It is closed already: the read that is under way says why.
  }
}
