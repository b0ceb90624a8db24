/** A server that does what a test says: ZooKeeper's protocol by hand, and all that breaks it. */

import { XID } from "../../lib/zookeeper/constants.ts";
import { JuteReader, JuteWriter } from "../../lib/zookeeper/jute.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectRequest,
  writeConnectResponse,
  writeReplyHeader,
  writeWatcherEvent,
} from "../../lib/zookeeper/records.ts";

/** A request as it came. */
export interface FakeRequest {
  readonly xid: number;
  readonly type: number;
  /** What follows the header. */
  readonly record: JuteReader;
}

/** The client has gone: what the test's script waits for does not come. */
export class ClientGone extends Error {}

/** One connection of a client. */
export class FakeConnection {
  readonly #socket: Deno.TcpConn;
  #bytes = new Uint8Array(0);
  /** How many reads it took to get what has come so far. */
  reads = 0;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#bytes.length < count) {
      const chunk = new Uint8Array(65536);
      const got = await this.#socket.read(chunk).catch(() => null);
      if (got === null) throw new ClientGone("the client has gone");
      this.reads++;
      const all = new Uint8Array(this.#bytes.length + got);
      all.set(this.#bytes);
      all.set(chunk.subarray(0, got), this.#bytes.length);
      this.#bytes = all;
    }
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }

  /** The next frame. @throws ClientGone */
  async frame(): Promise<JuteReader> {
    const length = new JuteReader(await this.#take(4)).int();
    return new JuteReader(await this.#take(length));
  }

  /** Takes the handshake and answers it, as a server of 3.4 and later. */
  async greet(response: Partial<ConnectResponse> = {}): Promise<ConnectRequest> {
    const request = readConnectRequest(await this.frame());
    const out = new JuteWriter();
    writeConnectResponse(out, {
      protocolVersion: 0,
      timeoutMs: request.timeoutMs,
      sessionId: request.sessionId === 0n ? 0x1234n : request.sessionId,
      password: new Uint8Array(16).fill(7),
      readOnly: false,
      ...response,
    });
    await this.send(out.bytes);
    return request;
  }

  /** The next request; pings are answered and left out unless they are asked for. */
  async request({ pings = false } = {}): Promise<FakeRequest> {
    for (;;) {
      const record = await this.frame();
      const request = { xid: record.int(), type: record.int(), record };
      if (request.xid !== XID.ping || pings) return request;
      await this.reply(request.xid);
    }
  }

  /** Answers a request. */
  async reply(
    xid: number,
    { err = 0, zxid = 1n, record = () => {} }: {
      readonly err?: number;
      readonly zxid?: bigint;
      readonly record?: (out: JuteWriter) => void;
    } = {},
  ): Promise<void> {
    const out = new JuteWriter();
    writeReplyHeader(out, { xid, zxid, err });
    record(out);
    await this.send(out.bytes);
  }

  /** Tells of a change. */
  async event(type: number, path: string): Promise<void> {
    await this.reply(XID.watchEvent, {
      zxid: -1n,
      record: (out) => writeWatcherEvent(out, { type, state: 3, path }),
    });
  }

  /** Sends one frame. */
  async send(bytes: Uint8Array): Promise<void> {
    const out = new JuteWriter();
    out.buffer(bytes);
    await this.raw(out.bytes);
  }

  /** Sends bytes as they are. */
  async raw(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#socket.write(bytes.subarray(at)).catch(() => {
        throw new ClientGone("the client has gone");
      });
    }
  }

  /** Answers each request with nothing but a header, until the client has gone. */
  async rest(): Promise<void> {
    for (;;) await this.reply((await this.request()).xid);
  }

  /** Waits until the client has gone; what it still sends is read and thrown away. */
  async gone(): Promise<void> {
    try {
      for (;;) await this.#take(1);
    } catch (error) {
      if (!(error instanceof ClientGone)) throw error;
    }
  }

  /** Ends the connection. */
  close(): void {
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }
}

/** What a test lets each connection do: the first gets the first one, all further the last one. */
export type Script = (connection: FakeConnection) => void | Promise<void>;

/** Listens on loopback and plays scripts; a connection is closed when its script ends. */
export class FakeServer implements AsyncDisposable {
  /** Where clients reach it, "address:port". */
  readonly hosts: string;
  /** How many clients have connected. */
  count = 0;
  readonly #listener: Deno.TcpListener;
  readonly #scripts: readonly Script[];
  readonly #connections = new Set<FakeConnection>();
  readonly #running: Promise<void>[] = [];
  #failure: unknown;

  constructor(...scripts: Script[]) {
    this.#scripts = scripts;
    this.#listener = Deno.listen({ hostname: "127.10.0.2", port: 0 });
    this.hosts = `127.10.0.2:${this.#listener.addr.port}`;
    this.#running.push(this.#accept());
  }

  async #accept(): Promise<void> {
    for await (const socket of this.#listener) {
      socket.setNoDelay(true);
      const script = this.#scripts[Math.min(this.count++, this.#scripts.length - 1)];
      this.#running.push(this.#play(new FakeConnection(socket), script ?? (() => {})));
    }
  }

  async #play(connection: FakeConnection, script: Script): Promise<void> {
    this.#connections.add(connection);
    try {
      await script(connection);
    } catch (error) {
      if (!(error instanceof ClientGone)) this.#failure ??= error;
    } finally {
      connection.close();
      this.#connections.delete(connection);
    }
  }

  /** Ends all; rethrows what a script threw. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
