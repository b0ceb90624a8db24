import assert from "node:assert/strict";
import { UnavailableError } from "../lib/errors.ts";
import { liveness, readiness } from "../lib/health.ts";
import { askMember, askStatus, type Served, serveHttp } from "../lib/http.ts";
import { Progress } from "../lib/progress.ts";
import { SYNCED } from "./simulation/wsrep_status.ts";

const HOST = "127.14.0.1";
const progress = () => new Progress("galera-1", "10.0.0.1", () => "2026-01-01T00:00:00Z");

/** A member that is served. */
const serving = (shown: Progress, problem: () => string | null = () => null): Served => ({
  status: () => shown.status,
  live: () => liveness(shown.status.doing, problem()),
  ready: (asked) => readiness(shown.status, asked),
});

const { signal } = new AbortController();

Deno.test("askStatus() reads what serveHttp() serves", async () => {
  const shown = progress();
  shown.identify({ datadirId: "d1", serverId: 1 });
  await using server = serveHttp({ host: HOST, port: 0 }, serving(shown));
  assert.deepEqual(await askStatus(`${HOST}:${server.port}`, signal), {
    member: "galera-1",
    datadirId: "d1",
    uuid: null,
    primary: false,
    synced: false,
    clusterSize: null,
    transfer: null,
  });
});

Deno.test("askMember() reads all of it, and what an older keeper does not say", async () => {
  const shown = progress();
  const position = { uuid: "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d", seqno: 2n ** 60n };
  shown.inspected({
    datadirId: "d1",
    held: { kind: "at", position, safeToBootstrap: true },
    attempt: "a1",
  });
  shown.decide({ kind: "wait", rule: 7, reason: "Why", waitsFor: ["galera-2"], person: "Do" });
  let status: object = shown.status;
  await using server = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    () => Response.json(status),
  );
  const at = `${HOST}:${server.addr.port}`;
  assert.deepEqual(await askMember(at, signal), shown.status);
  const going = {
    kind: "SST",
    role: "joiner",
    peer: null,
    done: 1,
    total: 2,
    rate: null,
    remainingSeconds: null,
    startedAt: "2026-01-01T00:00:00Z",
    endedAt: null,
    phase: "preparing",
  };
  status = { ...shown.status, transfer: going, lastTransfer: { ...going, failure: "Why" } };
  assert.deepEqual(await askMember(at, signal), status);
  assert.deepEqual(shown.status.held, {
    kind: "at",
    position: "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d:1152921504606846976",
    safeToBootstrap: true,
  });
  const since = ["held", "attempt", "size", "transfer", "lastTransfer", "certificateExpiresAt"];
  const known = ["answers", "localState", "letsClientsIn", "readOnly", "flowControlPaused"];
  const entries = Object.entries(shown.status);
  const older = Object.fromEntries(
    entries.filter(([name]) => ![...since, ...known].includes(name)),
  );
  status = older;
  const read: Record<string, unknown> = { ...await askMember(at, signal) };
  assert.deepEqual(since.map((name) => read[name]), since.map(() => null));
  // It may well be ready: it was asked as it serves.
  assert.deepEqual(known.map((name) => read[name]), [true, 4, true, false, null]);
  status = { ...older, doing: 7 };
  await assert.rejects(askMember(at, signal), /not a member's status/);
});

for (
  const [method, path, status] of [
    ["GET", "/status", 200],
    ["HEAD", "/status", 200],
    ["GET", "/livez", 200],
    ["HEAD", "/livez", 200],
    ["OPTIONS", "/livez", 200],
    ["GET", "/", 503],
    ["HEAD", "/readyz", 503],
    ["GET", "/readyz?donor=ok", 503],
    ["GET", "/metrics", 404],
    ["GET", "/x", 404],
    ["OPTIONS", "/status", 405],
    ["POST", "/readyz", 405],
    ["PUT", "/", 405],
    ["GET", "/status/x", 404],
    ["POST", "/status", 405],
    ["DELETE", "/status", 405],
  ] as const
) {
  Deno.test(`serveHttp() answers ${method} ${path} with ${status}`, async () => {
    await using server = serveHttp({ host: HOST, port: 0 }, serving(progress()));
    const response = await fetch(`http://${HOST}:${server.port}${path}`, {
      method,
      headers: { connection: "close" },
    });
    await response.body?.cancel();
    assert.equal(response.status, status);
  });
}

Deno.test("serveHttp() says when the port is taken", async () => {
  await using server = serveHttp({ host: HOST, port: 0 }, serving(progress()));
  assert.throws(
    () => serveHttp({ host: HOST, port: server.port }, serving(progress())),
    (error: unknown) =>
      error instanceof UnavailableError && error.message.includes(`${HOST}:${server.port}`),
  );
});

async function answering(body: string, status: number): Promise<string> {
  await using server = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    () => new Response(body, { status }),
  );
  const error = await askStatus(`${HOST}:${server.addr.port}`, signal).then(
    () => assert.fail("it was taken for a status"),
    (error: Error) => error,
  );
  return error.message;
}

for (
  const [what, body, status] of [
    ["something else's JSON", "{}", 200],
    ["no JSON", "<html>", 200],
    ["nothing", "", 200],
    [
      "a status with an error",
      '{"v":1,"member":"a","datadirId":null,"uuid":null,"primary":true}',
      500,
    ],
  ] as const
) {
  Deno.test(`askStatus() rejects ${what}`, async () => {
    assert.match(await answering(body, status), /not a member's status/);
  });
}

Deno.test("askStatus() says when nobody listens", async () => {
  await assert.rejects(askStatus(`${HOST}:1`, signal), /refused/);
});

Deno.test("askStatus() rejects with the signal's reason", async () => {
  const reason = new Error("told to stop");
  await assert.rejects(askStatus(`${HOST}:1`, AbortSignal.abort(reason)), reason);
});

/** Sends bytes as they are; what comes back until the server closes the connection. */
async function raw(port: number, request: string): Promise<string> {
  using connection = await Deno.connect({ hostname: HOST, port });
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("serveHttp() answers HAProxy's checks and those of clustercheck's users", async () => {
  const shown = progress();
  await using server = serveHttp({ host: HOST, port: 0 }, serving(shown));
  const requests = [
    // `option httpchk` alone, and with a method or a path; `http-check send ver HTTP/1.1`.
    ["OPTIONS / HTTP/1.0\r\n\r\n", "body"],
    ["HEAD / HTTP/1.0\r\n\r\n", "none"],
    ["GET / HTTP/1.0\r\n\r\n", "body"],
    ["GET /readyz HTTP/1.0\r\n\r\n", "body"],
    ["OPTIONS /readyz HTTP/1.1\r\nhost: galera-1\r\nconnection: close\r\n\r\n", "body"],
    ["GET /?donor=ok HTTP/1.1\r\nhost: galera-1\r\nconnection: close\r\n\r\n", "body"],
  ] as const;
  for (const [request, wanted] of requests) {
    const answer = await raw(server.port, request);
    assert.match(answer, /^HTTP\/1\.[01] 503 Service Unavailable\r\n/, request);
    const [, body] = answer.split("\r\n\r\n");
    assert.equal(
      body,
      wanted === "none" ? "" : "MariaDB Cluster Node is not synced.\r\nStarting\r\n",
      request,
    );
  }
  shown.observe(SYNCED);
  shown.ready();
  for (const [request, wanted] of requests) {
    const answer = await raw(server.port, request);
    assert.match(answer, /^HTTP\/1\.[01] 200 OK\r\n[^]*content-type: text\/plain/, request);
    const [, body] = answer.split("\r\n\r\n");
    assert.equal(body, wanted === "none" ? "" : "MariaDB Cluster Node is synced.\r\n", request);
  }
});

Deno.test("serveHttp() has a donor ready only for those that say so", async () => {
  const shown = progress();
  shown.ready();
  shown.observe({ ...SYNCED, synced: false, localState: 2, localStateComment: "Donor/Desynced" });
  await using server = serveHttp({ host: HOST, port: 0 }, serving(shown));
  assert.match(await raw(server.port, "GET / HTTP/1.0\r\n\r\n"), / 503 /);
  assert.match(await raw(server.port, "GET /readyz?donor=ok HTTP/1.0\r\n\r\n"), / 200 /);
});

Deno.test("serveHttp() says why a member does not live", async () => {
  const shown = progress();
  let problem: string | null = null;
  await using server = serveHttp(
    { host: HOST, port: 0 },
    serving(shown, () => problem),
  );
  assert.match(
    await raw(server.port, "GET /livez HTTP/1.0\r\n\r\n"),
    / 200 [^]*Live: Starting\r\n$/,
  );
  problem = "mariadbd hangs";
  assert.match(
    await raw(server.port, "GET /livez HTTP/1.0\r\n\r\n"),
    / 503 [^]*Not live: mariadbd/,
  );
});

Deno.test("serveHttp() says what is there where nothing is", async () => {
  await using server = serveHttp({ host: HOST, port: 0 }, serving(progress()));
  const answer = await raw(server.port, "GET /favicon.ico HTTP/1.0\r\n\r\n");
  const line = "Nothing is at /favicon.ico: there are /livez, /readyz, /status, /metrics\r\n";
  assert.ok(answer.startsWith("HTTP/1.0 404 ") && answer.endsWith(`\r\n\r\n${line}`), answer);
});

Deno.test("serveHttp() answers beside hundreds of clients that send nothing, or no end", async () => {
  const shown = progress();
  await using server = serveHttp({ host: HOST, port: 0 }, serving(shown));
  const idle: Deno.Conn[] = [];
  try {
    for (let count = 0; count < 400; count++) {
      const connection = await Deno.connect({ hostname: HOST, port: server.port });
      idle.push(connection);
      if (count % 2 === 0) await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nx-"));
    }
    assert.match(await raw(server.port, "GET /livez HTTP/1.0\r\n\r\n"), / 200 /);
    // Headers without end are refused, and nobody is kept from being answered.
    const endless = `GET / HTTP/1.0\r\nx: ${"a".repeat(2_000_000)}\r\n\r\n`;
    await raw(server.port, endless).catch(() => "");
    assert.match(await raw(server.port, "GET /livez HTTP/1.0\r\n\r\n"), / 200 /);
  } finally {
    for (const connection of idle) connection.close();
  }
});

Deno.test("serveHttp() closes beside clients that never finish their request", async () => {
  const server = serveHttp({ host: HOST, port: 0 }, serving(progress()));
  using idle = await Deno.connect({ hostname: HOST, port: server.port });
  await idle.write(new TextEncoder().encode("GET / HTTP/1.1\r\nx-"));
  await raw(server.port, "GET /livez HTTP/1.0\r\n\r\n");
  await server[Symbol.asyncDispose]();
  await assert.rejects(askStatus(`${HOST}:${server.port}`, signal), /refused/);
});

Deno.test("serveHttp() answers while clients hold all that a process may open, and once they have let go", async () => {
  const program = new URL("http_process.ts", import.meta.url).pathname;
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -n 96; exec "$@"',
      "sh",
      Deno.execPath(),
      ...["run", "--quiet", "--allow-all", program, HOST],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const clients: Deno.Conn[] = [];
  try {
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const port = Number(new TextDecoder().decode(value));
    // All that are refused, or cut off, have found it without anything left to open.
    for (let refused = 0; refused < 3;) {
      try {
        const client = await Deno.connect({ hostname: HOST, port });
        clients.push(client);
        if (clients.length > 96) refused++;
      } catch {
        refused++;
      }
    }
    const answered = async () => {
      return await raw(port, "GET /livez HTTP/1.0\r\n\r\n").catch(() => "");
    };
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    const untilAnswered = async () => {
      for (let tries = 0; !/ 200 OK/.test(await answered()); tries++) {
        const problem = hasEnded ? "the process has ended" : "it serves no more";
        assert.ok(!hasEnded && tries < 600, problem);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await untilAnswered();
    for (const client of clients.splice(0)) client.close();
    await untilAnswered();
    await reader.cancel();
  } finally {
    for (const client of clients) client.close();
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
  }
});
