import assert from "node:assert/strict";
import { News } from "../lib/news.ts";
import { VirtualTime } from "./simulation/clock.ts";
import { SimProcess } from "./simulation/process.ts";

Deno.test("News.wait() ends with news, also such as came before, with time, and with the signal", async () => {
  const time = new VirtualTime();
  const { clock } = new SimProcess(time);
  const news = new News();
  const stop = new AbortController();
  const ends: string[] = [];
  const wait = (what: string, atMostMs: number | null) =>
    news.wait(clock, atMostMs, stop.signal).then(
      () => ends.push(`${what} at ${time.nowMs}`),
      (error) => ends.push(`${what}: ${error.message}`),
    );

  news.tell();
  wait("known before", null);
  await time.run(10);
  wait("still known", 1000);
  await time.run(10);
  news.forget();
  wait("late", 100);
  await time.run(500);
  wait("told", null);
  await time.run(3_600_000);
  news.tell();
  await time.run(1);
  news.forget();
  wait("stopped", 1000);
  wait("stopped, without end", null);
  stop.abort(new Error("enough"));
  await time.run(1);
  assert.deepEqual(ends, [
    "known before at 0",
    "still known at 10",
    "late at 120",
    "told at 3600520",
    "stopped, without end: enough",
    "stopped: enough",
  ]);
});

Deno.test("News.wait() leaves nothing with the signal", async () => {
  const { clock } = new SimProcess(new VirtualTime());
  const { signal } = new AbortController();
  let listeners = 0;
  const watched = {
    throwIfAborted: () => signal.throwIfAborted(),
    addEventListener: () => void listeners++,
    removeEventListener: () => void listeners--,
  } as unknown as AbortSignal;
  const news = new News();
  for (let times = 0; times < 3; times++) {
    news.forget();
    const waited = news.wait(clock, 1000, watched);
    assert.equal(listeners, 1);
    news.tell();
    await waited;
    assert.equal(listeners, 0);
  }
});
