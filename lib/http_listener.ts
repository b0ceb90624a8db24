/**
 * HTTP/1 for those who only ask: requests without a body, so many clients at once, so much time for
 * each. `Deno.serve` knows no such bounds: clients that open connections and send nothing would hold
 * all that this process may open, of which it needs some to look after the server.
 */
import { getLogger } from "@logtape/logtape";
import { REAL_CLOCK } from "./machine/clock.ts";

const log = getLogger(["galera-keeper", "http"]);

/** What is asked: the method as it came, and an address of which only the path and the query are known. */
export interface Asked {
  readonly method: string;
  readonly url: string;
}

/** Answers; never rejects. */
export type Answer = (asked: Asked) => Promise<Response>;

/** What clients may take. */
export interface Limits {
  /** How many there may be; one more, and who has waited longest has to go. */
  readonly clients: number;
  /** How long a request may take to come, and to be answered, in milliseconds. */
  readonly requestMs: number;
  /** How long one may stay that was answered and asks nothing more, in milliseconds. */
  readonly idleMs: number;
}

/** Prometheus, some load balancers, the other members, people: a few dozen at most. */
const LIMITS: Limits = { clients: 200, requestMs: 10_000, idleMs: 120_000 };

/** How long a request's head may be, in characters: nobody says more who asks for a status. */
const LONGEST_HEAD = 16_384;
/** Some send one behind a request. */
const EMPTY_LINES = /^(?:\r?\n)+/;
/** How long nobody is taken in where the system takes nobody in, in milliseconds. */
const AGAIN_MS = 100;

/** A request's head, as far as it counts here. */
interface Head extends Asked {
  readonly version: "HTTP/1.0" | "HTTP/1.1";
  /** Nothing more is read from this client. */
  readonly isLast: boolean;
}

/** Listens, and answers. */
export class HttpListener implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #answer: Answer;
  readonly #limits: Limits;
  /** Who has waited longest comes first. */
  readonly #clients = new Set<Client>();
  readonly #ended: Promise<void>;
  readonly #closing = new AbortController();

  /** @throws What `Deno.listen` does. */
  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    answer: Answer,
    limits: Limits = LIMITS,
  ) {
    this.#listener = Deno.listen({ hostname: host, port });
    this.#answer = answer;
    this.#limits = limits;
    this.#ended = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Never rejects. */
  async #accept(): Promise<void> {
    const { signal } = this.#closing;
    const served = new Set<Promise<void>>();
    let problem = "";
    while (!signal.aborted) {
      try {
        const connection = await this.#listener.accept();
        problem = "";
        if (this.#clients.size >= this.#limits.clients) this.#sendOneAway();
        const client = new Client(connection, this.#limits);
        const one = this.#serve(client).finally(() => served.delete(one));
        served.add(one);
      } catch (error) {
        if (signal.aborted) break;
        const said = error instanceof Error ? error.message : String(error);
        if (said !== problem) log.warn("HTTP takes nobody in: {problem}", { problem: said });
        problem = said;
        // As where there is no file descriptor left for one more.
        this.#sendOneAway();
        await REAL_CLOCK.sleep(AGAIN_MS, signal).catch(() => {});
      }
    }
    await Promise.all(served);
  }

  #sendOneAway(): void {
    const [longest] = this.#clients;
    if (longest === undefined) return;
    this.#clients.delete(longest);
    longest.close();
  }

  /** Never rejects. */
  async #serve(client: Client): Promise<void> {
    this.#clients.add(client);
    try {
      while (await client.answerNext(this.#answer)) {
        if (!this.#clients.delete(client)) return;
        this.#clients.add(client);
      }
    } catch {
      // It has gone, or took too long.
    } finally {
      this.#clients.delete(client);
      client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#listener.close();
    for (const client of this.#clients) client.close();
    await this.#ended;
  }
}

/** One client's connection. */
class Client {
  readonly #connection: Deno.TcpConn;
  readonly #limits: Limits;
  readonly #bytes = new Uint8Array(4096);
  /** A byte is a character. */
  readonly #decoder = new TextDecoder("latin1");
  #unread = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(connection: Deno.TcpConn, limits: Limits) {
    this.#connection = connection;
    this.#limits = limits;
    this.#giveTime(limits.requestMs);
  }

  /** Reads a request and answers it. @returns Whether there may be another one. @throws It has gone. */
  async answerNext(answer: Answer): Promise<boolean> {
    const text = await this.#readHead();
    if (text === null) return false;
    const head = parseHead(text);
    if (head === null) {
      const [status, what] = text === "" ? [431, "That is too long"] : [400, "That is no request"];
      await this.#write(new Response(`${what}\r\n`, { status }), REFUSED);
    } else await this.#write(await answer(head), head);
    if (head === null || head.isLast) {
      await this.#leave();
      return false;
    }
    // The next one may have come with it; then it has begun.
    this.#giveTime(this.#unread === "" ? this.#limits.idleMs : this.#limits.requestMs);
    return true;
  }

  /** @returns Null at the end of all requests; "" where it is too long. */
  async #readHead(): Promise<string | null> {
    for (let isNew = this.#unread === "";;) {
      const unread = this.#unread.replace(EMPTY_LINES, "");
      const end = /\r?\n\r?\n/.exec(unread);
      if (end !== null) {
        this.#unread = unread.slice(end.index + end[0].length).replace(EMPTY_LINES, "");
        return unread.slice(0, end.index);
      }
      if (unread.length > LONGEST_HEAD) return "";
      const count = await this.#connection.read(this.#bytes);
      if (count === null) return null;
      // From its first byte on, however few at a time come.
      if (isNew) this.#giveTime(this.#limits.requestMs);
      isNew = false;
      this.#unread = unread + this.#decoder.decode(this.#bytes.subarray(0, count));
    }
  }

  async #write(response: Response, head: Pick<Head, "method" | "version" | "isLast">) {
    const body = new Uint8Array(await response.arrayBuffer());
    const { status, headers } = response;
    headers.set("content-length", `${body.length}`);
    headers.set("date", new Date().toUTCString());
    if (head.isLast) headers.set("connection", "close");
    const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const text = `${head.version} ${status} ${REASONS[status] ?? ""}\r\n${lines}\r\n`;
    const start = new TextEncoder().encode(text);
    const all = new Uint8Array(start.length + (head.method === "HEAD" ? 0 : body.length));
    all.set(start);
    if (head.method !== "HEAD") all.set(body, start.length);
    for (let at = 0; at < all.length;) at += await this.#connection.write(all.subarray(at));
  }

  /** Reads on until the other side has left, too: closed at once, what it has not read yet could be lost. */
  async #leave(): Promise<void> {
    await this.#connection.closeWrite();
    while (await this.#connection.read(this.#bytes) !== null);
  }

  /** From now on; after that it is sent away, whatever it is at. */
  #giveTime(durationMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => this.close(), durationMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }
}

const REFUSED = { method: "GET", version: "HTTP/1.1", isLast: true } as const;
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Reads a request's head; null where it is none. */
export function parseHead(text: string): Head | null {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const [, method, target, minor] = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(first) ?? [];
  if (method === undefined || target === undefined) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    // One that comes twice is a list: a body's length that is said in two ways is no length of 0.
    const former = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), [former ?? [], value.trim().toLowerCase()].flat().join());
  }
  // Also `*`, and, as to a proxy, a whole address.
  const path = target.startsWith("/") ? target : target.replace(/^(?:https?:\/\/[^/?#]*|\*)/, "");
  const url = URL.parse(`http://localhost${path.startsWith("/") ? path : `/${path}`}`);
  if (url === null) return null;
  const hasBody = headers.has("transfer-encoding") ||
    (headers.get("content-length") ?? "0") !== "0";
  const isLast = minor === "0" || hasBody || /\bclose\b/.test(headers.get("connection") ?? "");
  return { method, url: url.href, version: minor === "0" ? "HTTP/1.0" : "HTTP/1.1", isLast };
}
