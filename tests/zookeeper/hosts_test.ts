import assert from "node:assert/strict";
import fc from "fast-check";
import { formatHost, HostListError, parseHosts, shuffled } from "../../lib/zookeeper/hosts.ts";

const host = (hostname: string, port = 2181) => ({ hostname, port });

Deno.test("parseHosts() follows its truth table", () => {
  const table: readonly (readonly [string, ReturnType<typeof host>[], string])[] = [
    ["zk", [host("zk")], ""],
    ["zk:2182", [host("zk", 2182)], ""],
    ["zk1,zk2:2,zk-3.example.org:65535", [
      host("zk1"),
      host("zk2", 2),
      host("zk-3.example.org", 65535),
    ], ""],
    ["127.0.0.1:2181", [host("127.0.0.1")], ""],
    [" zk1 , zk2:3 ", [host("zk1"), host("zk2", 3)], ""],
    ["[::1]", [host("::1")], ""],
    ["[::1]:5,[fe80::1%eth0]:6", [host("::1", 5), host("fe80::1%eth0", 6)], ""],
    ["zk/", [host("zk")], ""],
    ["zk/galera", [host("zk")], "/galera"],
    ["zk:7,zk2/a/b", [host("zk", 7), host("zk2")], "/a/b"],
    ["zk_1", [host("zk_1")], ""],
    ["zk.", [host("zk.")], ""],
    ["zoo-käse", [host("zoo-käse")], ""],
  ];
  for (const [text, hosts, chroot] of table) {
    assert.deepEqual(parseHosts(text), { hosts, chroot }, text);
  }
});

Deno.test("parseHosts() says what is wrong with a list", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /empty entry/],
    [",", /empty entry/],
    ["zk,", /empty entry/],
    ["/a", /empty entry/],
    ["zk:", /no port/],
    ["zk:0", /no port/],
    ["zk:65536", /no port/],
    ["zk:-1", /no port/],
    ["zk:1e3", /no port/],
    ["zk:2181x", /no port/],
    [":2181", /no host/],
    ["z k:2181", /no host/],
    ["zk;zk2", /no host/],
    ["zk\nzk2", /no host/],
    ["http://zk", /path after/],
    ["::1", /without brackets/],
    ["fe80::1:2181", /without brackets/],
    ["[::1", /not closed/],
    ["[]:1", /no IPv6/],
    ["[zk]:1", /no IPv6/],
    ["[::1]2181", /after the bracket/],
    ["[::1]:x", /no port/],
    ["zk//a", /path after/],
    ["zk/a/", /path after/],
    ["zk/a/../b", /path after/],
    ["zk/a,zk2/a\u0001", /path after/],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseHosts(text), (error) => {
      assert.ok(error instanceof HostListError, text);
      assert.match(error.message, message);
      assert.ok(error.message.includes(JSON.stringify(text)), error.message);
      assert.equal(error.message.split("\n").length, 1);
      return true;
    });
  }
});

Deno.test("parseHosts() gives a list or a HostListError for any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    try {
      assert.ok(parseHosts(text).hosts.length > 0);
    } catch (error) {
      assert.ok(error instanceof HostListError, String(error));
    }
  }));
});

Deno.test("formatHost() writes what parseHosts() reads", () => {
  for (const text of ["zk:2181", "[::1]:5", "127.0.0.1:80"]) {
    assert.deepEqual(parseHosts(text).hosts.map(formatHost), [text]);
  }
});

Deno.test("shuffled() keeps all and orders them by the numbers it is given", () => {
  fc.assert(fc.property(
    fc.array(fc.integer()),
    fc.infiniteStream(fc.double({
      min: 0,
      max: 1,
      maxExcluded: true,
      noNaN: true,
    })),
    (items, numbers) => {
      const order = shuffled(items, () => numbers.next().value as number);
      assert.deepEqual(order.toSorted(), items.toSorted());
    },
  ));
  assert.deepEqual(shuffled([1, 2, 3], () => 0), [2, 3, 1]);
  assert.deepEqual(shuffled([1, 2, 3], () => 0.999), [1, 2, 3]);
});
