import assert from "node:assert/strict";
import { UnavailableError } from "../lib/errors.ts";
import { freePort } from "../lib/zookeeper/server.ts";
import { openSession } from "../lib/zookeeper_session.ts";

Deno.test("openSession() gives up in time and says why", async () => {
  const hostname = "127.13.5.1";
  const config = {
    hosts: [{ hostname, port: freePort(hostname) }],
    chroot: "",
    sessionTimeoutMs: 5000,
    root: "/mariadb",
    digest: null,
  };
  const reasons: string[] = [];
  const options = { patienceMs: 300, onWaiting: (reason: string) => void reasons.push(reason) };
  await assert.rejects(openSession(config, options), (error: unknown) => {
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, /^Cannot reach ZooKeeper at 127\.13\.5\.1:\d+ in 0\.3 s: \S/);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
  assert.ok(reasons.length >= 1);

  const stop = new AbortController();
  const opening = openSession(config, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(opening, new Error("enough"));
});
