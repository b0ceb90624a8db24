import assert from "node:assert/strict";
import { type Asked, HttpListener, type Limits, parseHead } from "../lib/http_listener.ts";

const HOST = "127.14.0.2";
const PATIENT: Limits = { clients: 10, requestMs: 600_000, idleMs: 600_000 };

/** Says what was asked, and lets a test look on. */
function echo(limits: Limits = PATIENT): HttpListener {
  return new HttpListener(
    { host: HOST, port: 0 },
    ({ method, url }: Asked) => Promise.resolve(new Response(`${method} ${url}\n`)),
    limits,
  );
}

/** One client's connection, read as text. */
class Client implements Disposable {
  readonly #connection: Deno.TcpConn;
  #rest = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect({ port }: HttpListener): Promise<Client> {
    return new Client(await Deno.connect({ hostname: HOST, port }));
  }

  async send(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  /** Reads on until that has come. */
  async until(expected: RegExp): Promise<string> {
    for (;;) {
      const end = expected.exec(this.#rest);
      if (end !== null) {
        const at = end.index + end[0].length;
        const said = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at);
        return said;
      }
      const more = await this.#read();
      if (more === null) throw new Error(`It ended with ${JSON.stringify(this.#rest)}`);
      this.#rest += more;
    }
  }

  /** All that comes until the server is done with it, in whichever way. */
  async toEnd(): Promise<string> {
    for (let more; (more = await this.#read()) !== null;) this.#rest += more;
    return this.#rest;
  }

  async #read(): Promise<string | null> {
    const bytes = new Uint8Array(65_536);
    const count = await this.#connection.read(bytes).catch(() => null);
    return count === null ? null : new TextDecoder().decode(bytes.subarray(0, count));
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

Deno.test("HttpListener answers one request after the other on one connection", async () => {
  await using listener = echo();
  using client = await Client.connect(listener);
  for (const path of ["/a?b=c", "/", "//x/y"]) {
    await client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const said = await client.until(/\n$/);
    assert.match(said, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(said, /^date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r$/m);
    const body = `GET http://localhost${path}\n`;
    assert.match(said, new RegExp(`^content-length: ${body.length}\\r$`, "m"));
    assert.ok(said.endsWith(`\r\n\r\n${body}`), said);
  }
  // Several at once, a byte at a time, without the carriage returns.
  for (const byte of "GET /1 HTTP/1.1\n\nHEAD /2 HTTP/1.1\r\n\r\n\r\nGET /3 HTTP/1.1\nx: y\n\n") {
    await client.send(byte);
  }
  assert.match(await client.until(/GET http:\/\/localhost\/1\n/), / 200 OK/);
  const rest = await client.until(/GET http:\/\/localhost\/3\n/);
  assert.equal(rest.match(/200 OK/g)?.length, 2);
  assert.doesNotMatch(rest, /HEAD http/);
});

for (
  const [what, request, answer] of [
    ["HTTP/1.0", "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", /^HTTP\/1\.0 200 [^]*\/\n$/],
    ["connection: close", "GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", /^HTTP\/1\.1 200 /],
    ["a body", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", /^HTTP\/1\.1 200 [^]*POST /],
    ["a body in chunks", "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", / 200 /],
    [
      "a body's length twice",
      "GET /1 HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 0\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
      /^HTTP\/1\.1 200 [^]*\/1\n$/,
    ],
    [
      "connection twice",
      "GET / HTTP/1.1\r\nconnection: close\r\nconnection: te\r\n\r\n",
      /^HTTP\/1\.1 200 /,
    ],
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n/],
    ["a header that is none", "GET / HTTP/1.1\r\nno header\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["no end", `GET / HTTP/1.1\r\nx: ${"y".repeat(40_000)}`, /^HTTP\/1\.1 431 Request Header Fie/],
  ] as const
) {
  Deno.test(`HttpListener is done with a client that sends ${what}`, async () => {
    await using listener = echo();
    using client = await Client.connect(listener);
    await client.send(request);
    const said = await client.toEnd();
    assert.match(said, answer);
    assert.match(said, /^connection: close\r$/m);
  });
}

Deno.test("HttpListener takes in whoever comes, and sends away who has waited longest", async () => {
  await using listener = echo({ ...PATIENT, clients: 3 });
  const clients: Client[] = [];
  try {
    for (let count = 0; count < 3; count++) clients.push(await Client.connect(listener));
    const [asking, second, third] = clients as [Client, Client, Client];
    // The first is the last that is answered, so it is the last to go.
    for (const client of [second, third, asking]) {
      await client.send("GET /1 HTTP/1.1\r\n\r\n");
      await client.until(/\/1\n$/);
      if (client !== asking) await client.send("GET / HTTP/1.1\r\nx-");
    }
    for (const gone of [second, third]) {
      const next = await Client.connect(listener);
      clients.push(next);
      await next.send("GET /2 HTTP/1.1\r\n\r\n");
      await next.until(/\/2\n$/);
      assert.equal(await gone.toEnd(), "");
    }
    await asking.send("GET /3 HTTP/1.1\r\n\r\n");
    await asking.until(/\/3\n$/);
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
});

Deno.test("HttpListener waits for no end of a request, nor for ever for the next", async () => {
  await using hasty = echo({ ...PATIENT, requestMs: 300 });
  using silent = await Client.connect(hasty);
  assert.equal(await silent.toEnd(), "");
  using slow = await Client.connect(hasty);
  let isOver = false;
  const over = slow.toEnd().finally(() => isOver = true);
  // A byte now and then does not give it more time.
  while (!isOver) {
    await slow.send("x").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await over, "");

  // Nor where it has begun before the last one was answered.
  using ahead = await Client.connect(hasty);
  await ahead.send("GET / HTTP/1.1\r\n\r\nGET /2");
  assert.match(await ahead.toEnd(), /^HTTP\/1\.1 200 [^]*localhost\/\n$/);

  await using strict = echo({ ...PATIENT, idleMs: 300 });
  using idle = await Client.connect(strict);
  await idle.send("GET / HTTP/1.1\r\n\r\n");
  await idle.until(/\/\n$/);
  assert.equal(await idle.toEnd(), "");
});

Deno.test("parseHead() knows a path in whichever way it is asked for", () => {
  const table: [target: string, url: string | null][] = [
    ["/", "http://localhost/"],
    ["/readyz?donor=ok", "http://localhost/readyz?donor=ok"],
    ["*", "http://localhost/"],
    ["http://10.0.0.1:8008/livez", "http://localhost/livez"],
    ["https://galera-1", "http://localhost/"],
    ["//galera-1/livez", "http://localhost//galera-1/livez"],
  ];
  for (const [target, url] of table) {
    assert.equal(parseHead(`GET ${target} HTTP/1.1`)?.url ?? null, url, target);
  }
  for (const line of ["", "GET", "GET /", "get / HTTP/1.1", "GET / HTTP/2.0", "GET  / HTTP/1.1"]) {
    assert.equal(parseHead(line), null, line);
  }
});
