// needs: zookeeper galera
import assert from "node:assert/strict";
import { Proxy } from "../zookeeper/proxy.ts";
import { isPing, RequestReader } from "../zookeeper/requests.ts";
import { anyServer } from "../zookeeper/server.ts";
import { Place } from "./place.ts";

const PINGS = 5;

Deno.test("a member that serves asks ZooKeeper for nothing: it sends pings alone", async () => {
  await using server = await anyServer();
  await using proxy = new Proxy(server.hosts);
  await using place = await Place.make(server.hosts);
  const reader = new RequestReader();
  const requests: number[] = [];
  let wake = () => {};
  proxy.meddle = (bytes, direction) => {
    if (direction === "to server") requests.push(...reader.take(bytes));
    wake();
    return bytes.length;
  };
  const keeper = place.start(place.args([`--zookeeper=${proxy.hosts}`]));
  await place.untilStage(keeper, "registered");
  assert.ok(requests.some((type) => !isPing(type)), "what it asked for until it was registered");
  // A ping is sent where nothing else was for a third of the session timeout: all has come to rest.
  const untilPinged = async (count: number) => {
    const before = requests.filter(isPing).length;
    const most = requests.length + 30;
    while (requests.filter(isPing).length < before + count) {
      assert.ok(requests.length < most, `It does not come to rest: ${requests.slice(-10)}`);
      await new Promise<void>((resolve) => wake = resolve);
    }
  };
  await untilPinged(1);
  const from = requests.length;
  await untilPinged(PINGS);
  assert.deepEqual(requests.slice(from).filter((type) => !isPing(type)), []);
  assert.equal(proxy.count, 1, "one connection is all there was");
});
