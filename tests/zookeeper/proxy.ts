/** A proxy between client and server that delays, cuts and corrupts what passes. */

/** Which way bytes go. */
export type Direction = "to server" | "to client";

/** Listens on loopback; what it does to connections can be changed while they are open. */
export class Proxy implements AsyncDisposable {
  /** Where clients reach it, "address:port". */
  readonly hosts: string;
  /** How long each piece waits before it is passed on, in milliseconds. */
  delayMs = 0;
  /** The most bytes that are passed on in one piece. */
  pieceBytes = Infinity;
  /** Whether new connections are closed at once. */
  refuses = false;
  /** Whether nothing is passed on, of new and of open connections: they stay open and silent. */
  stalls = false;
  /** Changes bytes on their way; gives how many of them to pass on before the connection is cut. */
  meddle: (bytes: Uint8Array, direction: Direction) => number = (bytes) => bytes.length;
  /** How many connections there were. */
  count = 0;

  readonly #listener: Deno.TcpListener;
  readonly #target: { readonly hostname: string; readonly port: number };
  readonly #open = new Set<Deno.TcpConn>();
  readonly #running = new Set<Promise<void>>();
  #unstall = Promise.withResolvers<void>();

  /** @param target The server's "address:port". */
  constructor(target: string) {
    const [hostname, port] = target.split(":") as [string, string];
    this.#target = { hostname, port: Number(port) };
    this.#listener = Deno.listen({ hostname: "127.10.0.3", port: 0 });
    this.hosts = `127.10.0.3:${this.#listener.addr.port}`;
    this.#run(this.#accept());
  }

  #run(promise: Promise<void>): void {
    const settled = promise.catch(() => {}).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.count++;
      if (this.refuses) client.close();
      else this.#run(this.#connect(client));
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    this.#open.add(client);
    let server: Deno.TcpConn | undefined;
    try {
      server = await Deno.connect(this.#target);
      this.#open.add(server);
      client.setNoDelay(true);
      server.setNoDelay(true);
      await Promise.race([
        this.#pass(client, server, "to server"),
        this.#pass(server, client, "to client"),
      ]);
    } finally {
      for (const socket of [client, server]) if (socket !== undefined) this.#close(socket);
    }
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn, direction: Direction): Promise<void> {
    const buffer = new Uint8Array(65536);
    for (let got; (got = await from.read(buffer)) !== null;) {
      if (this.stalls) await this.#unstall.promise;
      const count = this.meddle(buffer.subarray(0, got), direction);
      for (let at = 0; at < count;) {
        const piece = buffer.subarray(at, Math.min(count, at + this.pieceBytes));
        if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
        at += await to.write(piece);
      }
      if (count < got) return;
    }
  }

  #close(socket: Deno.TcpConn): void {
    this.#open.delete(socket);
    try {
      socket.close();
    } catch {
      // It is closed already.
    }
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of [...this.#open]) this.#close(socket);
  }

  /** Ends all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    this.#unstall.resolve();
    // Those that end start no others, but a connect under way opens one more socket.
    while (this.#running.size > 0) {
      await Promise.race(this.#running);
      this.cut();
    }
  }
}
