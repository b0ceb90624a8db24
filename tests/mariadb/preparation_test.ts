import assert from "node:assert/strict";
import { ConfigError, UnavailableError } from "../../lib/errors.ts";
import { untilPortsFree } from "../../lib/mariadb/preparation.ts";

const host = "127.0.0.1";

function listen() {
  const listener = Deno.listen({ hostname: host, port: 0 });
  return { listener, all: [{ host, port: listener.addr.port, what: "clients" }] };
}

Deno.test("untilPortsFree() waits for one that lets go of a port, and says so once", async () => {
  const { listener, all } = listen();
  const said: string[] = [];
  const onWaiting = (problem: string) => {
    said.push(problem);
    listener.close();
  };
  await untilPortsFree(all, { onWaiting });
  await untilPortsFree(all, { onWaiting });
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^The port for clients is taken: something listens on 127\.0\.0\.1:/);
});

Deno.test("untilPortsFree() has a bound, and a signal ends it", async () => {
  const { listener, all } = listen();
  let said = 0;
  const waiting = untilPortsFree(all, { onWaiting: () => said++, patienceMs: 120 });
  await assert.rejects(
    waiting,
    (error) =>
      error instanceof UnavailableError && error.exitStatus === 69 &&
      /^The port for clients is taken/.test(error.message),
  );
  assert.equal(said, 1);
  const told = new AbortController();
  const reason = new Error("told");
  const stopped = untilPortsFree(all, { onWaiting: () => told.abort(reason), signal: told.signal });
  await assert.rejects(stopped, reason);
  listener.close();
});

Deno.test("untilPortsFree() waits for no address that is not ours", async () => {
  const all = [{ host: "192.0.2.1", port: 1024, what: "clients" }];
  const waiting = untilPortsFree(all, { onWaiting: () => assert.fail("it waits") });
  await assert.rejects(waiting, ConfigError);
});
