import assert from "node:assert/strict";
import { UnavailableError } from "../lib/errors.ts";
import { askMember, askStatus, serveHttp } from "../lib/http.ts";
import { Progress } from "../lib/progress.ts";

const HOST = "127.14.0.1";
const progress = () => new Progress("galera-1", "10.0.0.1", () => "2026-01-01T00:00:00Z");
const { signal } = new AbortController();

Deno.test("askStatus() reads what serveHttp() serves", async () => {
  const shown = progress();
  shown.identify({ datadirId: "d1", serverId: 1 });
  await using server = serveHttp({ host: HOST, port: 0 }, () => shown.status);
  assert.deepEqual(await askStatus(`${HOST}:${server.port}`, signal), {
    member: "galera-1",
    datadirId: "d1",
    uuid: null,
    primary: false,
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
  const { held: _, attempt: _a, size: _s, transfer: _t, lastTransfer: _l, ...older } = shown.status;
  status = older;
  const { held, attempt, size, transfer, lastTransfer } = await askMember(at, signal);
  assert.deepEqual([held, attempt, size, transfer, lastTransfer], Array(5).fill(null));
  status = { ...older, doing: 7 };
  await assert.rejects(askMember(at, signal), /not a member's status/);
});

for (
  const [method, path, status] of [
    ["GET", "/status", 200],
    ["HEAD", "/status", 200],
    ["GET", "/", 404],
    ["GET", "/status/x", 404],
    ["POST", "/status", 405],
    ["DELETE", "/status", 405],
  ] as const
) {
  Deno.test(`serveHttp() answers ${method} ${path} with ${status}`, async () => {
    await using server = serveHttp({ host: HOST, port: 0 }, () => progress().status);
    const response = await fetch(`http://${HOST}:${server.port}${path}`, {
      method,
      headers: { connection: "close" },
    });
    await response.body?.cancel();
    assert.equal(response.status, status);
  });
}

Deno.test("serveHttp() says when the port is taken", async () => {
  await using server = serveHttp({ host: HOST, port: 0 }, () => progress().status);
  assert.throws(
    () => serveHttp({ host: HOST, port: server.port }, () => progress().status),
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
