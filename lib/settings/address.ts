/** Which of this machine's addresses others reach us by. Pure. */

import { BlockList, isIP } from "node:net";
import { ConfigError } from "../errors.ts";

/** An address of this machine and the interface that has it. */
export interface InterfaceAddress {
  readonly name: string;
  readonly address: string;
}

/** How the address is to be found; at most one is given. */
export interface AddressChoice {
  /** `--address` */
  readonly address?: string | undefined;
  /** `--interface` */
  readonly interface?: string | undefined;
  /** `--network` */
  readonly network?: string | undefined;
}

/** Says whether an address is of the host's own loopback network: 127.0.0.0/8 or ::1. */
export function isLoopback(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith("127.") : address === "::1";
}

/** Says whether an address stands for all addresses of the machine: 0.0.0.0 or ::. */
export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Link-local addresses cannot be told to others: they mean nothing without an interface. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("169.254.") || /^fe[89ab]/i.test(address);
}

/** Says whether an address is this machine's; every address of 127.0.0.0/8 is, as in Linux. */
export function isOurs(address: string, interfaces: readonly InterfaceAddress[]): boolean {
  const wanted = normalise(address);
  return isLoopback(wanted) || interfaces.some((entry) => normalise(entry.address) === wanted);
}

function normalise(address: string): string {
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/**
 * Finds the address that others reach this machine by: the one asked for, else the first that is
 * not loopback, IPv4 before IPv6.
 *
 * @throws {ConfigError} No address fits, the address is not this machine's, or two ways are given.
 */
export function chooseAddress(
  choice: AddressChoice,
  interfaces: readonly InterfaceAddress[],
): string {
  const given = Object.entries(choice).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name, value]) => `--${name} ${value}`).join(" and ");
    throw new ConfigError(`Cannot choose an address by ${names}: give one of them`);
  }
  if (choice.address !== undefined) return requireOurs("--address", choice.address, interfaces);
  if (choice.interface !== undefined) return byInterface(choice.interface, interfaces);
  if (choice.network !== undefined) return byNetwork(choice.network, interfaces);
  const found = preferred(interfaces.filter((entry) => !isLoopback(entry.address)));
  if (found === undefined) {
    throw new ConfigError(
      "Found no address that others reach this machine by: it has loopback addresses only; give " +
        "one with --address",
    );
  }
  return found;
}

/**
 * Checks that an address is this machine's and gives it back.
 * @throws {ConfigError}
 */
export function requireOurs(
  option: string,
  address: string,
  interfaces: readonly InterfaceAddress[],
): string {
  if (isOurs(address, interfaces)) return address;
  throw new ConfigError(
    `${option} ${address} is not an address of this machine: it has ${listAddresses(interfaces)}`,
  );
}

function listAddresses(interfaces: readonly InterfaceAddress[]): string {
  return interfaces.map((entry) => entry.address).join(", ") || "none";
}

/** The first address that can be told to others, IPv4 before IPv6. */
function preferred(entries: readonly InterfaceAddress[]): string | undefined {
  const usable = entries.map((entry) => entry.address).filter((address) => !isLinkLocal(address));
  return usable.find((address) => isIP(address) === 4) ?? usable[0];
}

function byInterface(name: string, interfaces: readonly InterfaceAddress[]): string {
  const found = preferred(interfaces.filter((entry) => entry.name === name));
  if (found !== undefined) return found;
  const names = [...new Set(interfaces.map((entry) => entry.name))].join(", ") || "none";
  throw new ConfigError(
    `Found no address on --interface ${name}: the interfaces that have one are ${names}`,
  );
}

function byNetwork(cidr: string, interfaces: readonly InterfaceAddress[]): string {
  const [, base = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(cidr) ?? [];
  const version = isIP(base);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) {
    throw new ConfigError(`--network "${cidr}" is no network: expected one as in 10.1.0.0/16`);
  }
  const family = version === 4 ? "ipv4" : "ipv6";
  const network = new BlockList();
  network.addSubnet(base, Number(bits), family);
  const inside = interfaces.filter((entry) =>
    isIP(entry.address) === version && network.check(entry.address, family)
  );
  const found = preferred(inside);
  if (found !== undefined) return found;
  throw new ConfigError(
    `Found no address in --network ${cidr}: this machine has ${listAddresses(interfaces)}`,
  );
}
