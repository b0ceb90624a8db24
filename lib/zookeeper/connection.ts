/**
 * One session with an ensemble over ZooKeeper's wire protocol: handshake, requests and replies in
 * order, pings, reconnects with the session's id and password, watches and credentials sent again.
 *
 * Its rules are those of the C and Java clients: what was sent, or waits to be sent, when a
 * connection drops or cannot be made fails with connection loss; only the server says that a session
 * is over.
 */

import { CODE, EVENT, OP, STATE, XID } from "./constants.ts";
import { ConnectionLossError, SessionExpiredError, ZooKeeperError } from "./errors.ts";
import { formatHost, type HostAddress, type HostList } from "./hosts.ts";
import { JuteError, JuteReader, JuteWriter } from "./jute.ts";
import { withoutChroot } from "./paths.ts";
import {
  readConnectResponse,
  readWatcherEvent,
  writeAuthPacket,
  writeConnectRequest,
  writeRequestHeader,
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
  /** A connection could not be made or dropped; the next attempt follows by itself. */
  onTrouble(error: ZooKeeperError): void;
}

/**
 * Takes the reply to a request: its code, and where that is ZOK the record, which it must read
 * before it returns. Called exactly once.
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
const MAX_PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 50;
/** A connection that lived shorter counts as a failed attempt: the next pause is longer. */
const STABLE_MS = 1000;
/** A batch buffer that a burst made larger than this is given back. */
const KEEP_BATCH_BYTES = 1 << 20;

/** One session. It connects from `start` on until it is closed or the server ends the session. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #maxBuffer: number;
  readonly #watches: WatchTable;
  readonly #reader = new JuteReader();
  readonly #stop = new AbortController();
  readonly chroot: string;

  #hosts: HostAddress[];
  #nextHost = 0;
  #state: ConnectionState = STATE.closed;
  #sessionId: bigint;
  #password: Uint8Array;
  #timeoutMs: number;
  #lastZxid = 0n;
  #xid = 0;

  #socket: Socket | null = null;
  #out = new JuteWriter(8192);
  #spare = new JuteWriter(8192);
  #frameBegin = 0;
  #flushQueued = false;
  #writing: Promise<void> | null = null;
  #pending: Pending[] = [];
  #pendingHead = 0;
  #credentials: Credentials[] = [];
  #authSent: Credentials[] = [];

  /** Whether the present attempt has failed or its connection was left. */
  #dropped = false;
  #lastHeardMs = 0;
  #lastSentMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | null = null;
  #running: Promise<void> | null = null;

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
    this.#watches = new WatchTable(sharedWatcher);
    this.chroot = options.servers.chroot;
    this.#hosts = this.#ordered(options.servers.hosts);
    this.#sessionId = options.sessionId ?? 0n;
    this.#password = options.password ?? new Uint8Array(PASSWORD_BYTES);
    this.#timeoutMs = options.sessionTimeoutMs;
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
    return this.#watches;
  }

  /** Begins to connect. */
  start(): void {
    if (this.#running !== null || this.#closing !== null) return;
    this.#state = STATE.connecting;
    this.#running = this.#run();
  }

  /** Replaces the list of servers; a connection to one that is no longer in it is dropped. */
  setServers(servers: HostList): void {
    this.#hosts = this.#ordered(servers.hosts);
    this.#nextHost = 0;
    const current = this.#current;
    if (current !== null && !this.#hosts.some((host) => sameHost(host, current))) {
      this.#drop(
        new ConnectionLossError(
          CODE.ZCONNECTIONLOSS,
          `Left the ZooKeeper server ${formatHost(current)}: it is no longer in the list`,
        ),
      );
    }
  }
  #current: HostAddress | null = null;

  #ordered(hosts: readonly HostAddress[]): HostAddress[] {
    const ordered = [...hosts];
    if (this.#options.keepOrder === true) return ordered;
    for (let i = ordered.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random() * (i + 1));
      [ordered[i], ordered[j]] = [ordered[j] as HostAddress, ordered[i] as HostAddress];
    }
    return ordered;
  }

  // Requests -------------------------------------------------------------------------------------

  /**
   * Begins a request: the caller writes its record into the writer this gives, then calls `send`.
   * Nothing may come between the two.
   *
   * @param type One of OP.
   * @returns null when the session is not open or is over: ZINVALIDSTATE.
   */
  begin(type: number): JuteWriter | null {
    if (this.#closing !== null || this.#running === null || this.#state <= STATE.closed) {
      return null;
    }
    this.#xid = this.#xid === 0x7fffffff ? 1 : this.#xid + 1;
    return this.#beginFrame(this.#xid, type);
  }

  #beginFrame(xid: number, type: number): JuteWriter {
    const out = this.#out;
    this.#frameBegin = out.length;
    out.int(0);
    out.int(xid);
    out.int(type);
    return out;
  }

  /**
   * Ends a request and queues it: all of one turn of the event loop go out in one write.
   *
   * @returns ZOK, or ZMARSHALLINGERROR when it is longer than jute.maxbuffer; `handler` is then
   * never called, and nothing is sent (a server would drop the connection).
   */
  send(handler: ReplyHandler, watch: PendingWatch | null = null): number {
    const out = this.#out;
    const length = out.length - this.#frameBegin - 4;
    if (length > this.#maxBuffer) {
      out.length = this.#frameBegin;
      return CODE.ZMARSHALLINGERROR;
    }
    out.patchInt(this.#frameBegin, length);
    this.#pending.push({ xid: this.#xid, handler, watch });
    this.#flushSoon();
    return CODE.ZOK;
  }

  /**
   * Adds credentials: sent now, and again on each new connection.
   *
   * @param done Called once with the server's answer.
   * @returns ZOK, or ZINVALIDSTATE when the session is not open or is over.
   */
  addAuth(scheme: string, auth: Uint8Array, done: (code: number) => void): number {
    if (this.#closing !== null || this.#running === null || this.#state <= STATE.closed) {
      return CODE.ZINVALIDSTATE;
    }
    const credentials = { scheme, auth, done };
    this.#credentials.push(credentials);
    if (this.#isConnected) {
      this.#writeAuth(credentials);
      this.#flushSoon();
    }
    return CODE.ZOK;
  }

  #writeAuth(credentials: Credentials): void {
    const out = this.#beginFrame(XID.auth, OP.auth);
    writeAuthPacket(out, { type: 0, scheme: credentials.scheme, auth: credentials.auth });
    this.#endFrame();
    this.#authSent.push(credentials);
  }

  #endFrame(): void {
    this.#out.patchInt(this.#frameBegin, this.#out.length - this.#frameBegin - 4);
  }

  get #isConnected(): boolean {
    return this.#state === STATE.connected || this.#state === STATE.readOnly;
  }

  #flushSoon(): void {
    if (this.#flushQueued || !this.#isConnected) return;
    this.#flushQueued = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushQueued = false;
    const socket = this.#socket;
    const batch = this.#out;
    if (socket === null || !this.#isConnected || this.#writing !== null || batch.length === 0) {
      return;
    }
    this.#out = this.#spare;
    this.#lastSentMs = this.#now();
    this.#writing = this.#write(socket, batch);
  };

  async #write(socket: Socket, batch: JuteWriter): Promise<void> {
    try {
      await writeAll(socket, batch.bytes);
    } catch (error) {
      if (socket === this.#socket) this.#drop(lost("Cannot write to", this.#current, error));
    }
    batch.length = 0;
    this.#spare = batch.capacity > KEEP_BATCH_BYTES ? new JuteWriter(8192) : batch;
    this.#writing = null;
    if (this.#out.length > 0) this.#flush();
  }

  // Connecting -----------------------------------------------------------------------------------

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted && this.#state > STATE.closed) {
      const host = this.#hosts[this.#nextHost++ % this.#hosts.length] as HostAddress;
      const beganMs = this.#now();
      const wasConnected = await this.#attempt(host);
      if (this.#stop.signal.aborted || this.#state <= STATE.closed) break;
      failures = wasConnected && this.#now() - beganMs > STABLE_MS ? 0 : failures + 1;
      const rounds = Math.floor(failures / this.#hosts.length);
      const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(rounds, 10), MAX_PAUSE_MS);
      await pause(longestMs * (0.5 + this.#random() / 2), this.#stop.signal);
    }
  }

  /** Connects to one server and serves the connection until it ends; says whether it was good. */
  async #attempt(host: HostAddress): Promise<boolean> {
    this.#current = host;
    this.#dropped = false;
    let wasConnected = false;
    try {
      const socket = await this.#dial(host);
      if (socket === null) return false;
      this.#socket = socket;
      let greeted = false;
      this.#startTimer();
      await this.#sendConnectRequest(socket);
      await readFrames(socket, this.#maxBuffer + REPLY_SLACK_BYTES, (bytes, begin, end) => {
        this.#lastHeardMs = this.#now();
        this.#reader.reset(bytes, begin, end);
        if (greeted) this.#onFrame();
        else {
          greeted = true;
          this.#onConnectResponse();
          wasConnected = this.#isConnected;
        }
        return socket === this.#socket;
      });
      this.#drop(lost("Connection closed by", host, null));
    } catch (error) {
      this.#drop(
        error instanceof JuteError || error instanceof ProtocolError
          ? lost("Got no ZooKeeper protocol from", host, error)
          : lost(wasConnected ? "Lost the connection to" : "Cannot connect to", host, error),
      );
    }
    this.#stopTimer();
    await this.#writing;
    this.#current = null;
    return wasConnected;
  }

  /** How long one server has to answer before the next is tried, in milliseconds. */
  get #connectTimeoutMs(): number {
    return Math.max(this.#timeoutMs * 2 / 3 / this.#hosts.length, 250);
  }

  get #readTimeoutMs(): number {
    return this.#timeoutMs * 2 / 3;
  }

  async #dial(host: HostAddress): Promise<Socket | null> {
    const late = new AbortController();
    const timeoutMs = this.#connectTimeoutMs;
    const timer = setTimeout(
      () => late.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    );
    try {
      const signal = AbortSignal.any([late.signal, this.#stop.signal]);
      const socket = await dial(host, this.#options.tls ?? null, signal);
      if (!this.#stop.signal.aborted) return socket;
      socket.close();
      return null;
    } catch (error) {
      throw late.signal.aborted ? late.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #sendConnectRequest(socket: Socket): Promise<void> {
    this.#state = STATE.associating;
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

  #onConnectResponse(): void {
    const response = readConnectResponse(this.#reader);
    if (response.timeoutMs <= 0) {
      this.#end(
        STATE.expired,
        new SessionExpiredError(
          CODE.ZSESSIONEXPIRED,
          `Session expired: 0x${unsignedHex(this.#sessionId)} at ${
            formatHost(this.#current as HostAddress)
          }`,
        ),
      );
      return;
    }
    if (response.password.length !== PASSWORD_BYTES) {
      throw new JuteError(`Password of a session out of bounds: ${response.password.length} bytes`);
    }
    this.#timeoutMs = response.timeoutMs;
    this.#sessionId = response.sessionId;
    this.#password = response.password;
    this.#sendAgain();
    this.#state = response.readOnly ? STATE.readOnly : STATE.connected;
    this.#startTimer();
    this.#flush();
    this.#tellState();
  }

  /** Puts credentials and watches before all that waits to be sent. */
  #sendAgain(): void {
    const queued = this.#out;
    this.#out = new JuteWriter(Math.max(8192, queued.capacity));
    this.#authSent = [];
    for (const credentials of this.#credentials) this.#writeAuth(credentials);
    for (const watches of this.#watches.setAgain(this.#lastZxid)) {
      const type = watches.persistent === undefined ? OP.setWatches : OP.setWatches2;
      writeSetWatches(this.#beginFrame(XID.setWatches, type), watches);
      this.#endFrame();
    }
    this.#out.raw(queued.bytes);
  }

  // Replies --------------------------------------------------------------------------------------

  #onFrame(): void {
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
        if (code !== CODE.ZOK) throw new ProtocolError(`Watches not set again: code ${code}`);
        return;
    }
    const pending = this.#pending[this.#pendingHead];
    if (pending === undefined || pending.xid !== xid) {
      throw new ProtocolError(
        `Reply out of order: expected that to request ${pending?.xid ?? "none"}, got ${xid}`,
      );
    }
    this.#shiftPending();
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

  #shiftPending(): void {
    this.#pending[this.#pendingHead] = undefined as unknown as Pending;
    this.#pendingHead++;
    if (this.#pendingHead === this.#pending.length) {
      this.#pending.length = 0;
      this.#pendingHead = 0;
    } else if (this.#pendingHead >= 1024 && this.#pendingHead * 2 >= this.#pending.length) {
      this.#pending = this.#pending.slice(this.#pendingHead);
      this.#pendingHead = 0;
    }
  }

  #keepWatch({ kind, path, watcher }: PendingWatch, code: number): void {
    if (code === CODE.ZOK) this.#watches.add(kind === "exist" ? "data" : kind, path, watcher);
    else if (code === CODE.ZNONODE && kind === "exist") this.#watches.add(kind, path, watcher);
  }

  #onWatchEvent(): void {
    const { type, path } = readWatcherEvent(this.#reader);
    const clientPath = withoutChroot(this.chroot, path);
    for (const watcher of this.#watches.take(type, path)) {
      watcher(type, this.#state, clientPath);
    }
  }

  #onAuthReply(code: number): void {
    const credentials = this.#authSent.shift();
    if (code !== CODE.ZOK) {
      this.#end(
        STATE.authFailed,
        new ZooKeeperError(
          CODE.ZAUTHFAILED,
          `Credentials refused: scheme "${credentials?.scheme ?? ""}", code ${code}`,
        ),
      );
      return;
    }
    const done = credentials?.done;
    if (credentials !== undefined) credentials.done = null;
    done?.(code);
  }

  #tellState(): void {
    this.#listener.onState(this.#state);
    for (const watcher of this.#watches.all()) watcher(EVENT.session, this.#state, "");
  }

  // Ending ---------------------------------------------------------------------------------------

  /** Leaves the present connection, if there is one; the attempt that served it returns then. */
  #drop(error: ZooKeeperError): void {
    if (this.#dropped || this.#state <= STATE.closed) return;
    this.#dropped = true;
    this.#leaveSocket();
    const wasConnected = this.#isConnected;
    this.#state = STATE.connecting;
    this.#listener.onTrouble(error);
    if (wasConnected) this.#tellState();
    this.#failPending(CODE.ZCONNECTIONLOSS);
  }

  #leaveSocket(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closeQuietly(socket);
  }

  /** Ends the session for good. */
  #end(state: ConnectionState, error: ZooKeeperError): void {
    this.#state = state;
    this.#leaveSocket();
    this.#failPending(error.code);
    this.#listener.onTrouble(error);
    this.#listener.onState(state);
  }

  #failPending(code: number): void {
    this.#out.length = 0;
    const pending = this.#pending.slice(this.#pendingHead);
    this.#pending = [];
    this.#pendingHead = 0;
    this.#authSent = [];
    for (const { handler } of pending) handler(code, null);
    for (const credentials of this.#credentials) {
      const done = credentials.done;
      credentials.done = null;
      done?.(code);
    }
  }

  /**
   * Closes the session: its ephemerals go at once. Waits for what is under way and for the server's
   * reply, up to three seconds; what is then without an answer fails with ZCLOSING. Without a
   * connection the session ends at the server when its time is over. Never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running === null) return;
    if (this.#isConnected || this.#state === STATE.associating) await this.#sendClose();
    this.#stop.abort(new ZooKeeperError(CODE.ZCLOSING, "Session closed"));
    if (this.#state > STATE.closed) this.#state = STATE.closed;
    this.#leaveSocket();
    this.#failPending(CODE.ZCLOSING);
    await this.#running;
    this.#watches.clear();
  }

  /** Sends the last request and waits until it is answered, the connection drops, or it is late. */
  async #sendClose(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#beginFrame(0, OP.closeSession);
    this.#endFrame();
    this.#pending.push({ xid: 0, handler: () => resolve(), watch: null });
    this.#flushSoon();
    const timer = setTimeout(resolve, Math.min(CLOSE_TIMEOUT_MS, this.#timeoutMs));
    await promise;
    clearTimeout(timer);
  }

  // Time -----------------------------------------------------------------------------------------

  #startTimer(): void {
    this.#stopTimer();
    this.#lastHeardMs = this.#lastSentMs = this.#now();
    this.#armTimer();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #armTimer(): void {
    const deadlineMs = this.#lastHeardMs + this.#silenceMs;
    const pingMs = this.#isConnected ? this.#lastSentMs + this.#readTimeoutMs / 2 : deadlineMs;
    const delayMs = Math.max(Math.min(deadlineMs, pingMs) - this.#now(), 1);
    this.#timer = setTimeout(this.#onTimer, delayMs);
  }

  /** How long the server may say nothing, in milliseconds. */
  get #silenceMs(): number {
    return this.#isConnected ? this.#readTimeoutMs : this.#connectTimeoutMs;
  }

  readonly #onTimer = (): void => {
    if (this.#socket === null) return;
    const silentMs = this.#now() - this.#lastHeardMs;
    if (silentMs >= this.#silenceMs) {
      this.#onSilence(silentMs);
      return;
    }
    if (this.#isConnected && this.#now() - this.#lastSentMs >= this.#readTimeoutMs / 2) {
      writeRequestHeader(this.#beginFrameForPing(), { xid: XID.ping, type: OP.ping });
      this.#endFrame();
      this.#flush();
    }
    this.#armTimer();
  };

  #beginFrameForPing(): JuteWriter {
    this.#frameBegin = this.#out.length;
    this.#out.int(0);
    return this.#out;
  }

  /**
   * The server's words may be there unread, where this process was stopped or busy for long: they
   * get one more turn of the event loop before the connection is given up.
   */
  #onSilence(silentMs: number): void {
    const socket = this.#socket;
    const heardMs = this.#lastHeardMs;
    this.#timer = setTimeout(() => {
      if (socket !== this.#socket) return;
      if (heardMs !== this.#lastHeardMs) return this.#armTimer();
      const error = new Error(`nothing heard for ${Math.round(silentMs)} ms`);
      this.#drop(lost("No answer from", this.#current, error));
    }, 10);
  }
}

function sameHost(a: HostAddress, b: HostAddress): boolean {
  return a.hostname === b.hostname && a.port === b.port;
}

function lost(what: string, host: HostAddress | null, cause: unknown): ConnectionLossError {
  const where = host === null ? "the ZooKeeper server" : `the ZooKeeper server ${formatHost(host)}`;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new ConnectionLossError(CODE.ZCONNECTIONLOSS, `${what} ${where}${why}`, "", { cause });
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}
