/** The options that commands share, and those of `run`. */

import type { OptionDefinition } from "../command.ts";
import {
  type HostPort,
  parseAbsolutePath,
  parseBoolean,
  parseChoice,
  parseClusterName,
  parseDelayMs,
  parseDurationMs,
  parseHostPort,
  parseInteger,
  parseIp,
  parseMemberName,
  parsePort,
  parseTlsDirectory,
  parseZnodePath,
  ValueError,
} from "./values.ts";
import { TIMING } from "../world.ts";
import { formatHost, type HostList, HostListError, parseHosts } from "../zookeeper/hosts.ts";

/** Where members meet: the ensemble's address, the root, and who we are there. */
export interface ZooKeeperOptions {
  readonly zookeeper: HostList;
  readonly sessionTimeout: number;
  readonly root: string;
  readonly zookeeperDigestFile?: string;
  readonly zookeeperAclFile?: string;
  readonly zookeeperTlsDir?: string;
}

/** How to log. */
export interface LogOptions {
  readonly logFormat?: "text" | "json";
  readonly logLevel?: LogLevelName;
  readonly verbose?: boolean;
}

/** The options of `run`, parsed one by one; `config.ts` looks at them together. */
export interface RunOptions extends ZooKeeperOptions, LogOptions {
  readonly member?: string;
  readonly address?: string;
  readonly interface?: string;
  readonly network?: string;
  readonly bind?: string;
  readonly port: number;
  readonly clusterName: string;
  readonly http?: HostPort | "off";
  readonly size?: number;
  readonly storage: "persistent" | "ephemeral";
  readonly datadir: string;
  readonly socket: string;
  readonly user: string;
  readonly sstMethod: "rsync" | "mariabackup";
  readonly stallTimeout: number;
  readonly drain: number;
  readonly stopTimeout: number;
  readonly provider?: string;
  readonly providerOptions?: Readonly<Record<string, string>>;
  readonly tlsDir?: string;
}

/** The levels of the log, the least important first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
export type LogLevelName = typeof LOG_LEVELS[number];

/** The port of our HTTP, where none is given. */
export const DEFAULT_HTTP_PORT = 8008;

/**
 * Reads `HOST:PORT[,HOST:PORT…][/chroot]`, as ZooKeeper's own clients write it; the port may be
 * left out where it is 2181.
 * @throws {ValueError}
 */
export function parseZooKeeperAddress(text: string): HostList {
  try {
    return parseHosts(text);
  } catch (cause) {
    if (!(cause instanceof HostListError)) throw cause;
    throw new ValueError("expected HOST:PORT[,HOST:PORT…][/chroot], as in zk-1:2181,zk-2:2181", {
      cause,
    });
  }
}

/** Writes an ensemble's address so that `parseZooKeeperAddress()` reads it again. */
export function formatZooKeeperAddress({ hosts, chroot }: HostList): string {
  return hosts.map(formatHost).join(",") + chroot;
}

/**
 * Reads Galera's provider options, `name=value;name=value`.
 * @throws {ValueError}
 */
export function parseProviderOptions(text: string): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (const part of text.split(";").map((part) => part.trim()).filter((part) => part !== "")) {
    const [, name, value] = /^([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)\s*=\s*([^"\n;]*)$/.exec(part) ??
      [];
    if (name === undefined || value === undefined) {
      throw new ValueError('expected "name=value;…", as in "gcache.size=1G;gcs.fc_limit=64"');
    }
    options[name] = value;
  }
  return options;
}

function parseHttp(text: string): HostPort | "off" {
  if (text.toLowerCase() === "off") return "off";
  if (/^\d+$/.test(text)) return { host: "", port: parsePort(text) };
  const { host, port } = parseHostPort(text, DEFAULT_HTTP_PORT);
  return { host: parseIp(host), port };
}

const ZOOKEEPER_GROUP = "ZooKeeper:";
const LOG_GROUP = "Log:";

/** `--zookeeper` for commands that need an ensemble. */
export const ZOOKEEPER_OPTION: OptionDefinition = {
  flags: "--zookeeper <hosts>",
  description: "the ensemble, HOST:PORT[,HOST:PORT…][/chroot]",
  group: ZOOKEEPER_GROUP,
  parse: parseZooKeeperAddress,
  default: parseHosts("zookeeper:2181"),
  defaultText: "zookeeper:2181",
};

/** What every command that talks to ZooKeeper takes besides `--zookeeper`. */
export const ZOOKEEPER_DETAIL_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--session-timeout <duration>",
    description: "after how long without us ZooKeeper calls our session lost",
    group: ZOOKEEPER_GROUP,
    parse: parseSessionTimeoutMs,
    default: 10_000,
    defaultText: "10s",
  },
  {
    flags: "--root <path>",
    description: "the znode below which everything of this cluster is",
    group: ZOOKEEPER_GROUP,
    parse: parseZnodePath,
    default: "/mariadb",
  },
  {
    flags: "--zookeeper-digest-file <file>",
    description: "a file that holds user:password; what we create is then ours alone to change " +
      "(or the variable GALERA_KEEPER_ZOOKEEPER_DIGEST holds it)",
    group: ZOOKEEPER_GROUP,
    parse: parseFileName,
  },
];

/** Who may do what there, and TLS. */
export const ZOOKEEPER_ACCESS_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--zookeeper-acl-file <file>",
    description: "a file that says who else may do what with what we create, a scheme:id:rights " +
      "a line; by default anyone may read what a digest's owner made",
    group: ZOOKEEPER_GROUP,
    parse: parseFileName,
  },
  {
    flags: "--zookeeper-tls-dir <directory>",
    description: "TLS to ZooKeeper: a folder with ca.pem, and where it asks for our certificate " +
      "cert.pem and key.pem",
    group: ZOOKEEPER_GROUP,
    parse: parseAbsolutePath,
  },
];

/** What every command that talks to ZooKeeper takes. */
export const ZOOKEEPER_OPTIONS: readonly OptionDefinition[] = [
  ZOOKEEPER_OPTION,
  ...ZOOKEEPER_DETAIL_OPTIONS,
  ...ZOOKEEPER_ACCESS_OPTIONS,
];

/** What every command that prints facts takes. */
export const JSON_OPTION: OptionDefinition = {
  flags: "--json",
  description: "print one JSON document instead of text",
};

/** How to log; every command takes them. */
export const LOG_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--log-format <format>",
    description: "text, or one JSON document a line",
    group: LOG_GROUP,
    choices: ["text", "json"],
    parse: (text) => parseChoice(text, ["text", "json"]),
    defaultText: "text on a terminal, else json",
  },
  {
    flags: "--log-level <level>",
    description: "the least important level that is logged",
    group: LOG_GROUP,
    choices: LOG_LEVELS,
    parse: (text) => parseChoice(text, LOG_LEVELS),
    defaultText: "info, with --verbose debug",
  },
  {
    flags: "-v, --verbose",
    description: "log what is done in detail; an error shows where it came from",
    group: LOG_GROUP,
    parse: parseBoolean,
  },
];

function parseSessionTimeoutMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms < 1000 || ms > 600_000) throw new ValueError("expected a duration from 1s to 10m");
  return ms;
}

/** Reads the name of a file, relative or absolute. @throws {ValueError} */
export function parseFileName(text: string): string {
  if (text === "" || /[\0\n]/.test(text)) throw new ValueError("expected the name of a file");
  return text;
}

const ADDRESS_GROUP = "Addresses:";
const CLUSTER_GROUP = "Cluster:";
const MARIADB_GROUP = "MariaDB:";

/** How long a member goes on serving that is told to stop. */
export const DRAIN_OPTION: OptionDefinition = {
  flags: "--drain <duration>",
  description: "told to stop, a member that serves is not ready at once and goes on for so long",
  group: MARIADB_GROUP,
  parse: parseDelayMs,
  default: TIMING.drainMs,
  defaultText: "5s",
};

/** The options of `run`. */
export const RUN_OPTIONS: readonly OptionDefinition[] = [
  ...ZOOKEEPER_OPTIONS,
  {
    flags: "--member <name>",
    description: "this member's name in the cluster, its own for good",
    group: CLUSTER_GROUP,
    parse: parseMemberName,
    defaultText: "the host's name",
  },
  {
    flags: "--cluster-name <name>",
    description: "Galera's name for the cluster",
    group: CLUSTER_GROUP,
    parse: parseClusterName,
    default: "galera",
  },
  {
    flags: "--size <members>",
    description: "how many members the very first start waits for; 1: whoever comes first",
    group: CLUSTER_GROUP,
    parse: (text) => parseInteger(text, 1, 128, "a number of members"),
    defaultText: "none: the very first start waits for a person and says so",
  },
  {
    flags: "--storage <kind>",
    description: "ephemeral: the datadirs are gone with their members, a new cluster may follow",
    group: CLUSTER_GROUP,
    choices: ["persistent", "ephemeral"],
    parse: (text) => parseChoice(text, ["persistent", "ephemeral"]),
    default: "persistent",
  },
  {
    flags: "--address <ip>",
    description: "the address of this machine that others reach us by",
    group: ADDRESS_GROUP,
    parse: parseIp,
    defaultText: "the first that is not loopback, IPv4 before IPv6",
  },
  {
    flags: "--interface <name>",
    description: "… or the interface that has it",
    group: ADDRESS_GROUP,
  },
  {
    flags: "--network <cidr>",
    description: "… or the network that it is in, as in 10.1.0.0/16",
    group: ADDRESS_GROUP,
  },
  {
    flags: "--bind <ip>",
    description: "every listener on this address alone: MariaDB's, Galera's, ours",
    group: ADDRESS_GROUP,
    parse: parseIp,
    defaultText: "all addresses",
  },
  {
    flags: "--port <port>",
    description: "MariaDB's port for clients",
    group: ADDRESS_GROUP,
    parse: parsePort,
    default: 3306,
  },
  {
    flags: "--http <host:port>",
    description: "where our own HTTP answers, or off",
    group: ADDRESS_GROUP,
    parse: parseHttp,
    defaultText: `port ${DEFAULT_HTTP_PORT} where MariaDB listens`,
  },
  {
    flags: "--datadir <directory>",
    description: "MariaDB's data",
    group: MARIADB_GROUP,
    parse: parseAbsolutePath,
    default: "/var/lib/mysql",
  },
  {
    flags: "--socket <file>",
    description: "MariaDB's unix socket",
    group: MARIADB_GROUP,
    parse: parseAbsolutePath,
    default: "/run/mysqld/mysqld.sock",
  },
  {
    flags: "--user <name>",
    description: "the system's user that mariadbd runs as, where we are root",
    group: MARIADB_GROUP,
    parse: parseMemberName,
    default: "mysql",
  },
  {
    flags: "--sst-method <method>",
    description: "how a whole datadir is copied to a joiner",
    group: MARIADB_GROUP,
    choices: ["rsync", "mariabackup"],
    parse: (text) => parseChoice(text, ["rsync", "mariabackup"]),
    default: "rsync",
  },
  {
    flags: "--stall-timeout <duration>",
    description: "a start that moves nothing for this long, no byte of an SST either, is given up",
    group: MARIADB_GROUP,
    parse: parseDurationMs,
    default: TIMING.stallMs,
    defaultText: "5m",
  },
  DRAIN_OPTION,
  {
    flags: "--stop-timeout <duration>",
    description: "how long mariadbd may take to stop; then what still runs is named and killed",
    group: MARIADB_GROUP,
    parse: parseDurationMs,
    default: TIMING.stopGraceMs,
    defaultText: "1h",
  },
  {
    flags: "--provider <file>",
    description: "Galera's library",
    group: MARIADB_GROUP,
    parse: parseAbsolutePath,
    defaultText: "found by itself",
  },
  {
    flags: "--provider-options <options>",
    description: 'Galera\'s options, "name=value;…", merged with ours',
    group: MARIADB_GROUP,
    parse: parseProviderOptions,
  },
  {
    flags: "--tls-dir <directory>",
    description: "TLS between members, for Galera, IST and SST: a folder with ca.pem, cert.pem " +
      "and key.pem",
    group: MARIADB_GROUP,
    parse: parseTlsDirectory,
  },
  ...LOG_OPTIONS,
];

/** An option of `run`, of the same name and reading, for another command; `other` is what differs. */
export function optionOfRun(
  flags: string,
  other: Partial<OptionDefinition> = {},
): OptionDefinition {
  const option = RUN_OPTIONS.find((one) => one.flags === flags);
  if (option === undefined) throw new Error(`run has no ${flags}`);
  return { ...option, ...other };
}
