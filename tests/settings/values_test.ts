import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatHostPort,
  parseAbsolutePath,
  parseBoolean,
  parseDelayMs,
  parseDurationMs,
  parseHostPort,
  parseInteger,
  parseIp,
  parseMemberName,
  parsePort,
  parseZnodePath,
  ValueError,
} from "../../lib/settings/values.ts";
import { formatZooKeeperAddress, parseZooKeeperAddress } from "../../lib/settings/options.ts";

function refuses(parse: (text: string) => unknown, ...texts: readonly string[]): void {
  for (const text of texts) assert.throws(() => parse(text), ValueError, JSON.stringify(text));
}

Deno.test("parsePort() takes 1 to 65535", () => {
  assert.equal(parsePort("1"), 1);
  assert.equal(parsePort("65535"), 65535);
  refuses(parsePort, "0", "65536", "-1", "", " 1", "1.0", "1e3", "0x10", "tcp://10.0.0.1:8008");
});

Deno.test("parseInteger() names what it expected", () => {
  assert.throws(
    () => parseInteger("0", 1, 128, "a number of members"),
    new ValueError("expected a number of members from 1 to 128"),
  );
});

Deno.test("parseDurationMs() wants a unit", () => {
  const good: [string, number][] = [
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5s", 1500],
    ["1m", 60_000],
    ["2h", 7_200_000],
  ];
  for (const [text, ms] of good) assert.equal(parseDurationMs(text), ms, text);
  refuses(parseDurationMs, "", "10", "0s", "-1s", "1 s", "1d", "s", "1e3s", "0.0001ms", "1s1s");
});

Deno.test("parseDelayMs() takes none, too", () => {
  for (const text of ["0", "0s", "0ms", "0m"]) assert.equal(parseDelayMs(text), 0, text);
  assert.equal(parseDelayMs("5s"), 5000);
  refuses(parseDelayMs, "", "5", "-0s", "00s", "0d");
});

Deno.test("parseHostPort() reads names, addresses and brackets", () => {
  const good: [string, string, number][] = [
    ["db-1:2181", "db-1", 2181],
    ["10.0.0.7:1", "10.0.0.7", 1],
    ["[fd00::7]:8008", "fd00::7", 8008],
    ["zk.default.svc.cluster.local.:2181", "zk.default.svc.cluster.local.", 2181],
  ];
  for (const [text, host, port] of good) {
    assert.deepEqual(parseHostPort(text), { host, port }, text);
    assert.equal(formatHostPort({ host, port }), text);
  }
  assert.deepEqual(parseHostPort("zk", 2181), { host: "zk", port: 2181 });
  refuses(parseHostPort, "", ":", "zk", "zk:", ":2181", "zk:0", "a:b:c", "fd00::7:1", "[zk]:1");
  refuses(parseHostPort, "[fd00::7]", "a b:1", "a/b:1", "-a:1", "zk:2181 ", "[]:1");
});

Deno.test("parseZooKeeperAddress() reads a host list with a chroot", () => {
  assert.deepEqual(parseZooKeeperAddress("a:1,b,[::1]:3/x/y"), {
    hosts: [
      { hostname: "a", port: 1 },
      { hostname: "b", port: 2181 },
      { hostname: "::1", port: 3 },
    ],
    chroot: "/x/y",
  });
  assert.equal(parseZooKeeperAddress("a/").chroot, "");
  refuses(parseZooKeeperAddress, "", ",", "a,", ",a", "a:", "a:1;b:1", "a//x", "a/x/../y", "/x");
  refuses(parseZooKeeperAddress, "a:99999", "a:1/x\u0000", "a:b:c", "zk://a:1");
});

Deno.test("parseZooKeeperAddress() reads what formatZooKeeperAddress() writes", () => {
  const hostname = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6().filter((ip) => !ip.includes(".")));
  const hosts = fc.array(
    fc.record({ hostname, port: fc.integer({ min: 1, max: 65535 }) }, { noNullPrototype: true }),
    { minLength: 1 },
  );
  fc.assert(fc.property(hosts, fc.constantFrom("", "/a", "/a/b"), (hosts, chroot) => {
    assert.deepEqual(parseZooKeeperAddress(formatZooKeeperAddress({ hosts, chroot })), {
      hosts,
      chroot,
    });
  }));
});

Deno.test("parsers give a value or a ValueError for any text", () => {
  const parsers = [parseZooKeeperAddress, parseDurationMs, parseZnodePath, parseHostPort, parseIp];
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.constantFrom(...parsers), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof ValueError);
      }
    }),
  );
});

Deno.test("parseZnodePath() follows ZooKeeper's rules", () => {
  assert.equal(parseZnodePath("/mariadb"), "/mariadb");
  assert.equal(parseZnodePath("/a/b/"), "/a/b");
  assert.equal(parseZnodePath("/"), "");
  refuses(
    parseZnodePath,
    "",
    "a",
    "//",
    "/a//b",
    "/a/./b",
    "/a/..",
    "/a\u0000",
    "/a\u0007",
    "/a//",
  );
});

Deno.test("parseMemberName() takes what fits a znode's and a file's name", () => {
  for (const name of ["galera-1", "db_1.example.com", "A", "9"]) {
    assert.equal(parseMemberName(name), name);
  }
  refuses(parseMemberName, "", ".", "..", "-a", "a/b", "a b", "a\n", "é", "x".repeat(65));
});

Deno.test("parseIp(), parseAbsolutePath(), parseBoolean() take what they say", () => {
  assert.equal(parseIp("FD00::7"), "fd00::7");
  refuses(
    parseIp,
    "",
    "10.0.0",
    "10.0.0.256",
    "host",
    "10.0.0.1:3306",
    "10.0.0.1/8",
    "fe80::1%eth0",
  );
  assert.equal(parseAbsolutePath("/var/lib/mysql//"), "/var/lib/mysql");
  assert.equal(parseAbsolutePath("/"), "/");
  refuses(parseAbsolutePath, "", "data", "./data", "/a\nb", "/a\u0000");
  assert.equal(parseBoolean("Yes"), true);
  assert.equal(parseBoolean("0"), false);
  refuses(parseBoolean, "", "maybe", "2");
});
