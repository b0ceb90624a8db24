import assert from "node:assert/strict";
import { ZooKeeper } from "../../lib/zookeeper/client.ts";

Deno.test("ZooKeeper describes its calls to a logger, also to one that comes late", () => {
  const client = new ZooKeeper({ connect: "127.10.0.1:1", timeout: 4000 });
  const call = () => client.a_get("/a", false, () => {});
  call();
  const lines: string[] = [];
  client.setLogger((line: string) => lines.push(line));
  call();
  const other = new ZooKeeper({ connect: "127.10.0.1:1", timeout: 4000 });
  other.a_get("/b", false, () => {});
  client.setLogger(false);
  call();
  assert.deepEqual(lines, ["Calling a_get with [ '/a', false, [Function (anonymous)] ]"]);
});
