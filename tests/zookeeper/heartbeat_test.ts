import assert from "node:assert/strict";
import { Heartbeat } from "../../lib/zookeeper/heartbeat.ts";

/** A heartbeat on a clock of the test's own; its timers are real, and short. */
function open() {
  const told: string[] = [];
  const clock = { ms: 0 };
  const waiting: (() => void)[] = [];
  const tell = (what: string) => {
    told.push(what);
    waiting.splice(0).forEach((resolve) => resolve());
  };
  const heartbeat = new Heartbeat({
    onCheck: () => {},
    onQuiet: () => tell("quiet"),
    onSilence: (silentMs) => tell(`silence ${silentMs}`),
  }, () => clock.ms);
  return {
    heartbeat,
    told,
    clock,
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("Heartbeat tells of silence, with how long it was", async () => {
  const { heartbeat, told, clock, next } = open();
  heartbeat.start(20, Infinity);
  clock.ms = 25;
  await next();
  assert.deepEqual(told, ["silence 25"]);
  heartbeat.stop();
});

Deno.test("Heartbeat asks for a ping when nothing was sent, and for one alone", async () => {
  const { heartbeat, told, clock, next } = open();
  heartbeat.start(1000, 10);
  clock.ms = 10;
  await next();
  await sleep(40);
  assert.deepEqual(told, ["quiet"], "by its clock no time has gone by since");
  clock.ms = 15;
  heartbeat.sent();
  clock.ms = 24;
  await sleep(40);
  assert.deepEqual(told, ["quiet"]);
  clock.ms = 25;
  await next();
  assert.deepEqual(told, ["quiet", "quiet"]);
  heartbeat.stop();
});

Deno.test("Heartbeat gives a server that was heard meanwhile its time again", async () => {
  const { heartbeat, told, clock, next } = open();
  heartbeat.start(20, Infinity);
  clock.ms = 19;
  heartbeat.heard();
  clock.ms = 38;
  await sleep(60);
  assert.deepEqual(told, []);
  clock.ms = 39;
  await next();
  assert.deepEqual(told, ["silence 20"]);
  heartbeat.stop();
});

Deno.test("Heartbeat lets what lies unread be read after this process was stopped", async () => {
  const { heartbeat, told, clock } = open();
  heartbeat.start(20, Infinity);
  // The timer comes late, long after the deadline; the server's words come right after it.
  setTimeout(() => clock.ms = 5000, 15);
  setTimeout(() => heartbeat.heard(), 25);
  const until = performance.now() + 25;
  await sleep(16);
  while (performance.now() < until);
  await sleep(60);
  assert.deepEqual(told, []);
  heartbeat.stop();
});

Deno.test("Heartbeat.stop() ends it, also between silence and its last chance", async () => {
  const { heartbeat, told, clock } = open();
  heartbeat.start(5, Infinity);
  clock.ms = 100;
  await sleep(8);
  heartbeat.stop();
  heartbeat.stop();
  await sleep(40);
  assert.deepEqual(told, []);
});
