import assert from "node:assert/strict";
import { Dialer, pauseMs } from "../../lib/zookeeper/dialer.ts";
import { parseHosts } from "../../lib/zookeeper/hosts.ts";

const open = (hosts: string, keepOrder = true, random = () => 0) =>
  new Dialer(parseHosts(hosts), { keepOrder, tls: null, random });

const take = (dialer: Dialer, count: number) =>
  Array.from({ length: count }, () => dialer.next().hostname).join(" ");

Deno.test("pauseMs() grows with each round of all servers, up to a second", () => {
  const table: readonly (readonly [number, number, number, number])[] = [
    [0, 1, 0, 25],
    [0, 1, 1, 50],
    [1, 1, 1, 100],
    [4, 1, 1, 800],
    [5, 1, 1, 1000],
    [5, 1, 0, 500],
    [1_000_000, 1, 1, 1000],
    [1, 3, 1, 50],
    [2, 3, 1, 50],
    [3, 3, 1, 100],
    [6, 3, 0.5, 150],
  ];
  for (const [failures, hosts, random, expected] of table) {
    assert.equal(pauseMs(failures, hosts, random), expected, `${failures} of ${hosts}`);
  }
});

Deno.test("Dialer.next() goes round the servers, in the order given or in random order", () => {
  assert.equal(take(open("a,b,c"), 7), "a b c a b c a");
  assert.equal(take(open("a,b,c", false), 7), "b c a b c a b");
});

Deno.test("Dialer.replace() goes round the new servers from their first on", () => {
  const dialer = open("a,b,c");
  take(dialer, 2);
  dialer.replace(parseHosts("x,y:1"));
  assert.equal(take(dialer, 3), "x y x");
  assert.equal(dialer.count, 2);
  assert.equal(dialer.has({ hostname: "y", port: 1 }), true);
  assert.equal(dialer.has({ hostname: "y", port: 2 }), false);
  assert.equal(dialer.has({ hostname: "a", port: 2181 }), false);
});

Deno.test("Dialer.endPause() ends a pause, and does nothing where there is none", async () => {
  const dialer = open("a");
  dialer.endPause();
  const pause = dialer.pause(1000);
  dialer.endPause();
  await pause;
});

Deno.test("Dialer.dial() fails with the reason that abort() was given", async () => {
  using listener = Deno.listen({ hostname: "127.10.0.5", port: 0 });
  const host = { hostname: "127.10.0.5", port: listener.addr.port };
  const dialer = open("a");
  const dialled = dialer.dial(host, 10_000);
  dialer.abort(new Error("changed my mind"));
  await assert.rejects(dialled, /changed my mind/);
});
