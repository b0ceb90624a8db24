/**
 * Requests and their replies over the connections of one session: in order, with the watches they
 * leave and the credentials, both of which each new connection is told first.
 */

import { CODE, EVENT, OP, XID } from "./constants.ts";
import { Fifo } from "./fifo.ts";
import type { JuteReader, JuteWriter } from "./jute.ts";
import { Outbox } from "./outbox.ts";
import { withoutChroot } from "./paths.ts";
import { readWatcherEvent, writeAuthPacket, writeSetWatches } from "./records.ts";
import { ProtocolError, type Socket } from "./transport.ts";
import { type Watcher, type WatchKind, WatchTable } from "./watches.ts";

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

/** What an exchange tells its owner. */
export interface ExchangeListener {
  /** Bytes are given to the socket. */
  onWrite(): void;
  /** The socket does not take them. */
  onWriteFailure(socket: Socket, error: unknown): void;
  /** The server refused the credentials of a scheme: the session is over. */
  onAuthRefused(scheme: string, code: number): void;
}

/** Outlives the connections: what is sent without one waits for the next. */
export class Exchange {
  /** The watches, by the server's paths. */
  readonly watches: WatchTable;
  readonly #chroot: string;
  readonly #maxBytes: number;
  readonly #listener: ExchangeListener;
  readonly #outbox: Outbox;
  readonly #pending = new Fifo<Pending>();
  readonly #credentials: Credentials[] = [];
  /** Those sent on this connection that the server has not answered, in order. */
  readonly #authSent = new Fifo<Credentials>();
  #isOpen = false;
  #xid = 0;
  #lastZxid = 0n;

  /**
   * @param chroot What stands before the server's paths; empty for none.
   * @param maxBytes The server's jute.maxbuffer.
   * @param sharedWatcher The watcher that is called once, however often it is left on a path.
   */
  constructor(
    chroot: string,
    maxBytes: number,
    sharedWatcher: Watcher | null,
    listener: ExchangeListener,
  ) {
    this.#chroot = chroot;
    this.#maxBytes = maxBytes;
    this.#listener = listener;
    this.watches = new WatchTable(sharedWatcher);
    this.#outbox = new Outbox(
      () => listener.onWrite(),
      (socket, error) => listener.onWriteFailure(socket, error),
    );
  }

  /** The last of the server's transactions that a reply told of. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** The number of the oldest request without a reply; undefined when there is none. */
  get oldest(): number | undefined {
    return this.#pending.peek()?.xid;
  }

  /** Resolves when no write is under way; never rejects. */
  get idle(): Promise<void> {
    return this.#outbox.idle;
  }

  /** Begins a request; the caller writes its record, then calls `send`. */
  begin(type: number): JuteWriter {
    this.#xid = this.#xid === 0x7fffffff ? 1 : this.#xid + 1;
    return this.#outbox.begin(this.#xid, type);
  }

  /** Ends a request and queues it. @returns ZOK, or ZMARSHALLINGERROR: it is too long. */
  send(handler: ReplyHandler, watch: PendingWatch | null): number {
    if (!this.#outbox.end(this.#maxBytes)) return CODE.ZMARSHALLINGERROR;
    this.#pending.push({ xid: this.#xid, handler, watch });
    return CODE.ZOK;
  }

  /** Sends a ping. */
  ping(): void {
    this.#outbox.begin(XID.ping, OP.ping);
    this.#outbox.end();
  }

  /** Adds credentials for this and all later connections. */
  addAuth(scheme: string, auth: Uint8Array, done: (code: number) => void): void {
    const credentials = { scheme, auth, done };
    this.#credentials.push(credentials);
    if (this.#isOpen) this.#sendAuth(credentials);
  }

  #sendAuth(credentials: Credentials): void {
    const { scheme, auth } = credentials;
    writeAuthPacket(this.#outbox.begin(XID.auth, OP.auth), { type: 0, scheme, auth });
    this.#outbox.end();
    this.#authSent.push(credentials);
  }

  /** Uses a connection: it is told of credentials and watches before all that waits to be sent. */
  open(socket: Socket): void {
    this.#isOpen = true;
    this.#outbox.open(socket, () => {
      for (const credentials of this.#credentials) this.#sendAuth(credentials);
      for (const watches of this.watches.setAgain(this.#lastZxid)) {
        const type = watches.persistent === undefined ? OP.setWatches : OP.setWatches2;
        writeSetWatches(this.#outbox.begin(XID.setWatches, type), watches);
        this.#outbox.end();
      }
    });
  }

  /** Tells all watchers of the session's state. */
  tell(state: number): void {
    for (const watcher of this.watches.all()) watcher(EVENT.session, state, "");
  }

  /**
   * Takes a frame: a reply or an event.
   *
   * @throws ProtocolError or JuteError when it is not what it should be: the connection is no good.
   */
  take(reader: JuteReader): void {
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    switch (xid) {
      case XID.ping:
        return;
      case XID.watchEvent:
        return this.#takeEvent(reader);
      case XID.auth:
        return this.#takeAuth(code);
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

  #takeEvent(reader: JuteReader): void {
    const { type, state, path } = readWatcherEvent(reader);
    const clientPath = withoutChroot(this.#chroot, path);
    for (const watcher of this.watches.take(type, path)) watcher(type, state, clientPath);
  }

  #takeAuth(code: number): void {
    const credentials = this.#authSent.shift();
    if (code !== CODE.ZOK) this.#listener.onAuthRefused(credentials?.scheme ?? "", code);
    else if (credentials !== undefined) answer(credentials, code);
  }

  /**
   * Leaves the connection and takes what waits for a reply, so that what is sent from now on is not
   * among that; gives the function that fails it.
   */
  leave(): (code: number) => void {
    this.#isOpen = false;
    this.#outbox.reset();
    const pending = this.#pending.takeAll();
    this.#authSent.takeAll();
    return (code) => {
      for (const { handler } of pending) handler(code, null);
      for (const credentials of this.#credentials) answer(credentials, code);
    };
  }
}

function answer(credentials: Credentials, code: number): void {
  const done = credentials.done;
  credentials.done = null;
  done?.(code);
}
