import assert from "node:assert/strict";
import type { RunConfig } from "../lib/config.ts";
import { ConfigError } from "../lib/errors.ts";
import { movedTo, untilMoved } from "../lib/moved.ts";
import { VirtualTime } from "./simulation/clock.ts";
import { SimProcess } from "./simulation/process.ts";

/** A watch on virtual time, and what it has come to. */
function watch() {
  const time = new VirtualTime();
  const { clock } = new SimProcess(time);
  const stop = new AbortController();
  const it = { next: null as string | null, maySettle: () => Promise.resolve(true), end: "" };
  untilMoved({
    look: () => it.next,
    maySettle: () => it.maySettle(),
    graceMs: 10_000,
    clock,
  }, stop.signal).then((next) => it.end = next, (error) => it.end = `${error.message}`);
  return { time, stop, it };
}

Deno.test("untilMoved() goes on with another address once that has lasted, and only by that", async () => {
  const { time, it } = watch();
  await time.run(3_600_000);
  it.next = "10.0.0.9";
  await time.run(9000);
  it.next = null; // The link came back, with what it had.
  await time.run(60_000);
  it.next = "10.0.0.9";
  await time.run(9000);
  assert.equal(it.end, "");
  await time.run(3000);
  assert.equal(it.end, "10.0.0.9");
});

Deno.test("untilMoved() leaves alone what runs while ZooKeeper is not reached by the other address, or all is paused", async () => {
  const { time, it } = watch();
  it.next = "172.17.0.1";
  it.maySettle = () => Promise.resolve(false);
  await time.run(3_600_000);
  it.maySettle = () => Promise.reject(new Error("Connection loss"));
  await time.run(3_600_000);
  assert.equal(it.end, "");
  it.maySettle = () => Promise.resolve(true);
  await time.run(12_000);
  assert.equal(it.end, "172.17.0.1");
});

Deno.test("untilMoved() ends with its signal", async () => {
  const { time, stop, it } = watch();
  await time.run(5000);
  stop.abort(new Error("over"));
  await time.run(1);
  assert.equal(it.end, "over");
});

Deno.test("movedTo() says why there is no address to go on by where its own is gone", () => {
  let mine = "10.0.0.2";
  const said: string[] = [];
  const look = (configure: () => RunConfig) =>
    movedTo(
      { address: "10.0.0.2" },
      configure,
      { interfaces: () => [{ name: "eth0", address: mine }] },
      (problem) => said.push(problem),
    );
  const next = { address: "10.0.0.9" } as RunConfig;
  const none = () => {
    throw new ConfigError("--address 10.0.0.2 is not an address of this machine");
  };
  assert.equal(look(none), null);
  mine = "10.0.0.9";
  assert.equal(look(none), null);
  assert.equal(look(() => next), next);
  assert.deepEqual(said, ["", "--address 10.0.0.2 is not an address of this machine", ""]);
});
