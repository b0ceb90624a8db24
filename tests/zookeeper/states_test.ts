import assert from "node:assert/strict";
import { StateFeed } from "../../lib/zookeeper/states.ts";

Deno.test("StateFeed.iterate() gives the present state first, then each change, to the end", async () => {
  const feed = new StateFeed("connected");
  const seen = Array.fromAsync(feed.iterate());
  await Promise.resolve();
  feed.set("suspended");
  feed.set("suspended");
  feed.set("connected");
  feed.set("lost");
  feed.set("connected");
  assert.deepEqual(await seen, ["connected", "suspended", "connected", "lost"]);
  assert.equal(feed.state, "lost");
  assert.ok(feed.hasEnded);
  assert.deepEqual(await Array.fromAsync(feed.iterate()), ["lost"]);
});

Deno.test("StateFeed.iterate() loses nothing for who is slow", async () => {
  const feed = new StateFeed("suspended");
  const slow = feed.iterate();
  assert.equal((await slow.next()).value, "suspended");
  feed.set("connected");
  feed.set("suspended");
  feed.end();
  assert.deepEqual(await Array.fromAsync(slow), ["connected", "suspended"]);
});

Deno.test("StateFeed.iterate() ends when its signal is aborted, before and while it waits", async () => {
  const feed = new StateFeed("connected");
  assert.deepEqual(await Array.fromAsync(feed.iterate(AbortSignal.abort())), []);
  const aborting = new AbortController();
  const seen = Array.fromAsync(feed.iterate(aborting.signal));
  await new Promise((resolve) => setTimeout(resolve, 1));
  aborting.abort();
  assert.deepEqual(await seen, ["connected"]);
  feed.set("suspended");
});

Deno.test("StateFeed.iterate() can be left", async () => {
  const feed = new StateFeed("connected");
  for await (const state of feed.iterate()) {
    assert.equal(state, "connected");
    break;
  }
  feed.set("lost");
});
