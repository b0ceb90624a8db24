/** Where everything of a cluster on this machine is: addresses, folders, command lines. Pure. */

import { isIP } from "node:net";
import { ConfigError } from "../errors.ts";

/** One member of a cluster on this machine. */
export interface MemberPlan {
  /** `galera-1` and so on. */
  readonly name: string;
  /** A loopback address of its own: all its ports are the usual ones there. */
  readonly address: string;
  /** Its folder, with all that follows. */
  readonly folder: string;
  readonly datadir: string;
  readonly socket: string;
  readonly log: string;
}

/** What a cluster on this machine is asked for. */
export interface LocalConfig {
  /** How many members, 0 or more. */
  readonly nodes: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly baseAddress: string;
  readonly sstMethod: "rsync" | "mariabackup";
  /** How long a member that serves goes on when it is told to stop, in milliseconds. */
  readonly drainMs: number;
  /** Options for every mariadbd, after ours. */
  readonly mariadbdOptions: readonly string[];
}

/** The port of a member's HTTP. */
export const HTTP_PORT = 8008;

/** A unix socket's path is at most so long, in bytes: sockaddr_un of Linux, less the NUL. */
const SOCKET_PATH_BYTES = 107;

/**
 * Lays the members out.
 *
 * @throws {ConfigError} There are not so many addresses, or the folder's path is too long.
 */
export function planMembers(config: LocalConfig): readonly MemberPlan[] {
  return Array.from({ length: config.nodes }, (_, index) => {
    const name = `galera-${index + 1}`;
    const folder = `${config.dataDir}/${name}`;
    const socket = `${folder}/run/mysqld.sock`;
    if (new TextEncoder().encode(socket).length > SOCKET_PATH_BYTES) {
      throw new ConfigError(
        `The path of the socket "${socket}" is longer than ${SOCKET_PATH_BYTES} bytes: give a ` +
          "shorter --data",
      );
    }
    return {
      name,
      address: addressAfter(config.baseAddress, index),
      folder,
      datadir: `${folder}/data`,
      socket,
      log: `${config.dataDir}/logs/${name}.log`,
    };
  });
}

/**
 * The address so many after another one.
 * @throws {ConfigError} Neither is an IPv4 address of 127.0.0.0/8, or the second is not.
 */
export function addressAfter(base: string, distance: number): string {
  const last = 0x7fff_fffe;
  if (isIP(base) !== 4 || !base.startsWith("127.")) {
    throw new ConfigError(
      `--base-address ${base} is no loopback address: give one as 127.0.1.1`,
    );
  }
  const number = base.split(".").reduce((value, part) => value * 256 + Number(part), 0) + distance;
  if (number > last) {
    throw new ConfigError(`--base-address ${base} leaves too few addresses for all nodes`);
  }
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

/** Small ones, so that a laptop runs several. */
const MARIADBD_OPTIONS = [
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=16M",
  "--innodb-log-buffer-size=4M",
  "--key-buffer-size=1M",
  "--performance-schema=OFF",
];

/** The arguments of a member's `run`. Nothing in them is secret. */
export function runArguments(
  plan: MemberPlan,
  config: LocalConfig,
  zookeeperArguments: readonly string[],
  logLevel: string,
): readonly string[] {
  return [
    "run",
    ...zookeeperArguments,
    ...["--member", plan.name, "--bind", plan.address, "--http", `${plan.address}:${HTTP_PORT}`],
    ...["--size", `${config.nodes}`, "--datadir", plan.datadir, "--socket", plan.socket],
    ...[
      "--drain",
      `${config.drainMs}ms`,
      "--sst-method",
      config.sstMethod,
      "--provider-options",
      "gcache.size=32M",
    ],
    ...["--log-format", "text", "--log-level", logLevel],
    "--",
    ...MARIADBD_OPTIONS,
    ...config.mariadbdOptions,
  ];
}

/**
 * The environment of a member: ours, but for the variables that stand in for options, which are
 * meant for `up` and not for each of its members.
 */
export function memberEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  digest: string | null,
): Record<string, string> {
  const kept = Object.entries(env).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && !entry[0].startsWith("GALERA_KEEPER_")
  );
  return {
    ...Object.fromEntries(kept),
    ...(digest === null ? {} : { GALERA_KEEPER_ZOOKEEPER_DIGEST: digest }),
  };
}

/** The folder for `up` where none is given: the system's for root, else the user's own. */
export function defaultDataDir(
  uid: number | null,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (uid === 0) return "/var/lib/galera-keeper";
  return `${env["XDG_STATE_HOME"] || `${env["HOME"] ?? "."}/.local/state`}/galera-keeper`;
}
