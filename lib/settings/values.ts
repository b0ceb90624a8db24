/** Reads the values of options, from the command line or the environment. Pure. */

import { isIP } from "node:net";

/** A value cannot be read; the message says the rule, and goes after the option's name and value. */
export class ValueError extends Error {
  override readonly name = "ValueError";
}

/** A host, by name or address, and a TCP port. */
export interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** Reads a decimal integer from `min` to `max`. @throws {ValueError} */
export function parseInteger(text: string, min: number, max: number, what: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
    throw new ValueError(`expected ${what} from ${min} to ${max}`);
  }
  return value;
}

/** Reads a TCP port, 1 to 65535. @throws {ValueError} */
export function parsePort(text: string): number {
  return parseInteger(text, 1, 65_535, "a port");
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration such as `500ms`, `10s`, `1.5m`, as milliseconds, at least 1.
 *
 * The unit is a must: a bare number means milliseconds in some programs and seconds in others.
 * @throws {ValueError}
 */
export function parseDurationMs(text: string): number {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNIT_MS[unit ?? ""] ?? NaN));
  if (!(ms >= 1)) {
    throw new ValueError("expected a duration with its unit, as in 500ms, 10s, 1m or 2h");
  }
  return ms;
}

/** Reads a duration, or `0` for none. @throws {ValueError} */
export function parseDelayMs(text: string): number {
  return /^0(?:ms|s|m|h)?$/.test(text) ? 0 : parseDurationMs(text);
}

/** Reads an IP address, version 4 or 6. @throws {ValueError} */
export function parseIp(text: string): string {
  // An address with a zone, fe80::1%eth0, means something on this machine alone.
  if (isIP(text) === 0 || text.includes("%")) {
    throw new ValueError("expected an IP address, as in 192.0.2.7");
  }
  return text.toLowerCase();
}

const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/;

/**
 * Reads `HOST:PORT`, where an IPv6 address is in brackets: `[fd00::7]:8008`.
 *
 * @param defaultPort Stands in where the port is left out; without it the port is a must.
 * @throws {ValueError}
 */
export function parseHostPort(text: string, defaultPort?: number): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const isValid = match?.[1] === undefined ? HOST.test(host) : isIP(host) === 6;
  if (!isValid || (match?.[3] === undefined && defaultPort === undefined)) {
    throw new ValueError(`expected HOST:PORT, as in db-1:2181 or [fd00::7]:2181`);
  }
  return { host, port: match?.[3] === undefined ? defaultPort! : parsePort(match[3]) };
}

/** Writes a host and port so that `parseHostPort()` reads them again. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads the absolute path of a znode and takes a slash at its end away: `/` becomes empty, so that
 * a child's path is always the path, a slash, the child's name.
 *
 * The rules are those of org.apache.zookeeper.common.PathUtils.
 * @throws {ValueError}
 */
export function parseZnodePath(text: string): string {
  const path = text.replace(/\/$/, "");
  const isValid = text.startsWith("/") &&
    // deno-lint-ignore no-control-regex
    !/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path) &&
    path.split("/").slice(1).every((part) => part !== "" && part !== "." && part !== "..");
  if (!isValid) throw new ValueError("expected an absolute path in ZooKeeper, as in /mariadb");
  return path;
}

const MEMBER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Reads the name of a member: it is a znode's name, Galera's node name and part of file names.
 * @throws {ValueError}
 */
export function parseMemberName(text: string): string {
  if (!isMemberName(text)) {
    throw new ValueError("expected up to 64 letters, digits, dots, dashes or underscores");
  }
  return text;
}

/** Whether a name can be a member's. */
export function isMemberName(text: string): boolean {
  return MEMBER_NAME.test(text);
}

/**
 * Reads the name of a Galera cluster; wsrep_cluster_name takes 32 bytes.
 * @throws {ValueError}
 */
export function parseClusterName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(text)) {
    throw new ValueError("expected up to 32 letters, digits, dots, dashes or underscores");
  }
  return text;
}

/** PATH_MAX of Linux. */
const LONGEST_PATH = 4096;

/** Reads an absolute path of a file. @throws {ValueError} */
export function parseAbsolutePath(text: string): string {
  if (
    !text.startsWith("/") || text.length > LONGEST_PATH || text.includes("\0") ||
    text.includes("\n")
  ) {
    throw new ValueError("expected an absolute path, as in /var/lib/mysql");
  }
  return text.length > 1 ? text.replace(/\/+$/, "") : text;
}

/**
 * Reads the folder of certificates. Its path goes through Galera's options, option files, shells, stunnel
 * and socat, each with other characters that end a name.
 * @throws {ValueError}
 */
export function parseTlsDirectory(text: string): string {
  if (!/^\/[A-Za-z0-9_./@+-]{0,400}$/.test(text)) {
    throw new ValueError(
      "expected an absolute path of letters, digits and . _ - @ +, as in /etc/galera/tls",
    );
  }
  return text.replace(/\/+$/, "");
}

/** Reads one of a closed set of words. @throws {ValueError} */
export function parseChoice<T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text.toLowerCase());
  if (found === undefined) throw new ValueError(`expected ${choices.join(" or ")}`);
  return found;
}

/** Reads yes or no, in the words that people use for it. @throws {ValueError} */
export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  throw new ValueError("expected yes or no");
}
