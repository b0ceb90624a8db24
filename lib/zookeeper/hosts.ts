/** The list of an ensemble's servers, as ZooKeeper's clients write it. */

import { shown } from "../settings/shown.ts";
import { CODE } from "./constants.ts";
import { ZooKeeperError } from "./errors.ts";
import { isValidPath } from "./paths.ts";

/** Where one server of the ensemble listens. */
export interface HostAddress {
  /** A name or an address; an IPv6 address without its brackets. */
  readonly hostname: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** A parsed list. */
export interface HostList {
  /** At least one, in the order given. */
  readonly hosts: readonly HostAddress[];
  /** What is put before every path; empty for none. */
  readonly chroot: string;
}

/** A list of servers that cannot be parsed. */
export class HostListError extends ZooKeeperError {
  constructor(message: string) {
    super(CODE.ZBADARGUMENTS, message);
  }
}

/** The port of a server whose entry names none. */
export const DEFAULT_PORT = 2181;

const NAME = /^[\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}.])?$/u;
const IPV6 = /^[0-9a-f:.]+(%[0-9a-z._-]+)?$/i;

/**
 * Parses `host[:port][,…][/chroot]`. A port left out is 2181; an IPv6 address stands in brackets;
 * blanks around an entry do not count.
 *
 * @example
 * ```ts
 * parseHosts("zk1,zk2:2182,[::1]:2183/galera").chroot; // "/galera"
 * ```
 * @throws HostListError that names the entry and what is wrong with it.
 */
export function parseHosts(text: string): HostList {
  const slash = text.indexOf("/");
  const list = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 ? "" : text.slice(slash).trimEnd();
  if (chroot.length > 1 && !isValidPath(chroot)) {
    throw new HostListError(
      `Cannot use the path after the ZooKeeper servers: ${quoted(chroot)} in ${quoted(text)}; ` +
        "it must be an absolute path without empty parts, e.g. /galera",
    );
  }
  const hosts = list.split(",").map((entry) => parseHost(entry.trim(), text));
  return { hosts, chroot: chroot === "/" ? "" : chroot };
}

function parseHost(entry: string, text: string): HostAddress {
  const wrong = (why: string) =>
    new HostListError(
      `Cannot parse the list of ZooKeeper servers: ${
        quoted(text)
      } ${why}; write host:port[,…][/path]`,
    );
  if (entry === "") throw wrong("has an empty entry");
  if (entry.startsWith("[")) {
    const end = entry.indexOf("]");
    if (end === -1) throw wrong(`has a bracket that is not closed in ${quoted(entry)}`);
    const hostname = entry.slice(1, end);
    if (!hostname.includes(":") || !IPV6.test(hostname)) {
      throw wrong(`has no IPv6 address in the brackets of ${quoted(entry)}`);
    }
    const rest = entry.slice(end + 1);
    if (rest === "") return { hostname, port: DEFAULT_PORT };
    if (!rest.startsWith(":")) throw wrong(`has something after the bracket of ${quoted(entry)}`);
    return { hostname, port: parsePort(rest.slice(1), entry, wrong) };
  }
  const colon = entry.indexOf(":");
  if (colon !== entry.lastIndexOf(":")) {
    throw wrong(`has an IPv6 address without brackets: ${quoted(entry)}`);
  }
  const hostname = colon === -1 ? entry : entry.slice(0, colon);
  if (!NAME.test(hostname)) throw wrong(`has no host in ${quoted(entry)}`);
  const port = colon === -1 ? DEFAULT_PORT : parsePort(entry.slice(colon + 1), entry, wrong);
  return { hostname, port };
}

function parsePort(text: string, entry: string, wrong: (why: string) => HostListError): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw wrong(`has no port from 1 to 65535 in ${quoted(entry)}`);
  return port;
}

/** In quotes and on one line, whatever is in it. */
const quoted = (text: string) => shown(text, 100);

/** Writes an address as it stands in a list. */
export function formatHost({ hostname, port }: HostAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** The same in random order, so that clients spread over the servers. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
