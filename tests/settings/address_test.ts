import assert from "node:assert/strict";
import { type AddressChoice, chooseAddress, isOurs } from "../../lib/settings/address.ts";
import { ConfigError } from "../../lib/errors.ts";

const LO = { name: "lo", address: "127.0.0.1" };
const LO6 = { name: "lo", address: "::1" };
const ETH4 = { name: "eth0", address: "192.0.2.2" };
const ETH6 = { name: "eth0", address: "2001:db8::2" };
const ETH6_LINK = { name: "eth0", address: "fe80::1" };
const ETH1 = { name: "eth1", address: "198.51.100.7" };
const ALL = [LO, LO6, ETH6_LINK, ETH6, ETH4, ETH1];

Deno.test("chooseAddress() finds the address that others reach us by", () => {
  const table: [AddressChoice, typeof ALL, string][] = [
    [{}, ALL, "192.0.2.2"],
    [{}, [LO, ETH6_LINK, ETH6], "2001:db8::2"],
    [{ interface: "eth1" }, ALL, "198.51.100.7"],
    [{ interface: "eth0" }, ALL, "192.0.2.2"],
    [{ interface: "eth0" }, [ETH6_LINK, ETH6], "2001:db8::2"],
    [{ network: "198.51.100.0/24" }, ALL, "198.51.100.7"],
    [{ network: "2001:db8::/32" }, ALL, "2001:db8::2"],
    [{ network: "0.0.0.0/0" }, [ETH4], "192.0.2.2"],
    [{ address: "198.51.100.7" }, ALL, "198.51.100.7"],
    [{ address: "127.0.1.1" }, ALL, "127.0.1.1"],
    [{ address: "2001:db8:0:0::2" }, ALL, "2001:db8:0:0::2"],
  ];
  for (const [choice, interfaces, expected] of table) {
    assert.equal(chooseAddress(choice, interfaces), expected, JSON.stringify(choice));
  }
});

Deno.test("chooseAddress() says why no address fits", () => {
  const table: [AddressChoice, typeof ALL, RegExp][] = [
    [{}, [LO, LO6], /loopback addresses only; give one with --address$/],
    [{}, [LO, ETH6_LINK], /loopback addresses only/],
    [
      { address: "203.0.113.1" },
      ALL,
      /^--address 203\.0\.113\.1 is not an address of this machine/,
    ],
    [
      { interface: "eth9" },
      ALL,
      /--interface eth9: the interfaces that have one are lo, eth0, eth1/,
    ],
    [
      { network: "10.0.0.0/8" },
      ALL,
      /^Found no address in --network 10\.0\.0\.0\/8: .*192\.0\.2\.2/,
    ],
    [{ network: "10.0.0.0" }, ALL, /is no network/],
    [{ network: "10.0.0.0/33" }, ALL, /is no network/],
    [{ network: "x/8" }, ALL, /is no network/],
    [
      { address: "192.0.2.2", interface: "eth0" },
      ALL,
      /--address 192\.0\.2\.2 and --interface eth0/,
    ],
  ];
  for (const [choice, interfaces, message] of table) {
    assert.throws(() => chooseAddress(choice, interfaces), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("isOurs() takes all of 127.0.0.0/8, as Linux does", () => {
  assert.equal(isOurs("127.13.0.1", []), true);
  assert.equal(isOurs("::1", []), true);
  assert.equal(isOurs("128.0.0.1", [LO]), false);
});
