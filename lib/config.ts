/** Turns the command line and the environment into what `run` is told to do. */

import {
  chooseAddress,
  type InterfaceAddress,
  isWildcard,
  requireOurs,
} from "./settings/address.ts";
import type { Environment } from "./command.ts";
import { ConfigError } from "./errors.ts";
import { DEFAULT_HTTP_PORT, type LogLevelName, type RunOptions } from "./settings/options.ts";
import type { LogOptions, ZooKeeperOptions } from "./settings/options.ts";
import { readArguments } from "./mariadb/arguments.ts";
import { type TlsFiles, tlsFilesIn } from "./mariadb/certificates.ts";
import { checkProviderOptions } from "./mariadb/option_file.ts";
import type { InitialisationSettings } from "./mariadb/settings.ts";
import { formatHostPort, parseMemberName, ValueError } from "./settings/values.ts";
import type { AccessRule } from "./settings/acl.ts";
import { readInitialisation, readSecretFile } from "./settings/variables.ts";
import { readAclFile, readZooKeeperTls, type ZooKeeperTls } from "./settings/zookeeper_files.ts";
import type { HostList } from "./zookeeper/hosts.ts";

/** How to reach ZooKeeper and who we are there. */
export interface ZooKeeperConfig extends HostList {
  /** After how long without us the ensemble calls our session lost, in milliseconds. */
  readonly sessionTimeoutMs: number;
  /** `user:password` of the digest scheme; null: what we create is anyone's. Secret. */
  readonly digest: string | null;
  /** Who else may do what with what we create; null: anyone may read what a digest's owner made. */
  readonly acl?: readonly AccessRule[] | null;
  /** null: no TLS. Its key is secret. */
  readonly tls?: ZooKeeperTls | null;
  /** The znode below which everything is, without a slash at its end; empty for `/`. */
  readonly root: string;
}

/** How to log. */
export interface LogConfig {
  /** null: text on a terminal, else JSON lines. */
  readonly format: "text" | "json" | null;
  readonly level: LogLevelName;
  /** An error that is not ours shows its stack. */
  readonly isVerbose: boolean;
  /** What must never be seen in the log. */
  readonly secrets: readonly string[];
}

/** Where our own HTTP listens, and what others ask. */
export interface HttpConfig {
  /** An IP address; `0.0.0.0` or `::` for all. */
  readonly host: string;
  readonly port: number;
  /** `address:port`, as it is registered. */
  readonly advertised: string;
}

/** All that `run` is told. */
export interface RunConfig {
  readonly zookeeper: ZooKeeperConfig;
  readonly member: string;
  /** The IP address that others reach us by; the name of our child of `nodes`. */
  readonly address: string;
  /** Every listener on this IP address alone; null: on all. */
  readonly bind: string | null;
  /** MariaDB's port for clients. */
  readonly port: number;
  readonly clusterName: string;
  /** null: off. */
  readonly http: HttpConfig | null;
  /** How many members the very first start waits for, 1 or more; null: it waits for a person. */
  readonly size: number | null;
  readonly storage: "persistent" | "ephemeral";
  /** Absolute, without a slash at its end. */
  readonly datadir: string;
  readonly socket: string;
  /** The system's user that mariadbd runs as; null: ours, as we are not root. */
  readonly user: string | null;
  readonly sstMethod: "rsync" | "mariabackup";
  /** A start without any progress for this long is given up, in milliseconds. */
  readonly stallTimeoutMs: number;
  /** A member that serves and is told to stop goes on for so long, not ready; in milliseconds. */
  readonly drainMs: number;
  /** How long mariadbd may take to stop before it is killed, in milliseconds. */
  readonly stopTimeoutMs: number;
  /** Galera's library; null: to be found. */
  readonly provider: string | null;
  /** Galera's options by name, over ours. */
  readonly providerOptions: Readonly<Record<string, string>>;
  /** The certificates for Galera, IST and SST; null: no TLS between members. */
  readonly tls: TlsFiles | null;
  readonly initialisation: InitialisationSettings;
  /** false: WSREP_ON=OFF, a plain mariadbd without Galera and ZooKeeper, as in the lab. */
  readonly isWsrepOn: boolean;
  /** What stood after `--`: options for mariadbd, as `readArguments()` takes them. */
  readonly extraArguments: readonly string[];
  readonly log: LogConfig;
}

/** What the configuration asks of the machine; tests give their own. */
export interface Machine {
  hostname(): string;
  interfaces(): readonly InterfaceAddress[];
  /** The user's number, 0 for root. */
  uid(): number | null;
  readTextFile(path: string): string;
}

/** This machine. */
export const THIS_MACHINE: Machine = {
  hostname: () => Deno.hostname(),
  interfaces: () => Deno.networkInterfaces(),
  uid: () => Deno.uid(),
  readTextFile: (path) => Deno.readTextFileSync(path),
};

/**
 * Looks at all settings together.
 *
 * @param rest What stood after `--`; null without one.
 * @throws {ConfigError} Settings contradict each other or name what is not there.
 */
export function buildRunConfig(
  options: RunOptions,
  rest: readonly string[] | null,
  env: Environment,
  machine: Machine = THIS_MACHINE,
): RunConfig {
  const zookeeper = buildZooKeeperConfig(options, env, machine);
  const initialisation = readInitialisation(env, (path) => machine.readTextFile(path));
  const digestPassword = zookeeper.digest?.replace(/^[^:]*:/, "") ?? null;
  const secrets = [digestPassword, initialisation.rootPassword, initialisation.password];
  const { address, bind } = buildAddresses(options, machine);
  const { providerOptions = {} } = options;
  const tls = buildTls(options);
  checkProviderOptions(providerOptions, bind, tls);
  return {
    zookeeper,
    member: options.member ?? memberFromHostname(machine.hostname()),
    address,
    bind,
    port: options.port,
    clusterName: options.clusterName,
    http: buildHttpConfig(options, address, bind),
    size: options.size ?? null,
    storage: options.storage,
    datadir: options.datadir,
    socket: options.socket,
    user: machine.uid() === 0 ? options.user : null,
    sstMethod: options.sstMethod,
    stallTimeoutMs: options.stallTimeout,
    drainMs: options.drain,
    stopTimeoutMs: options.stopTimeout,
    provider: options.provider ?? null,
    providerOptions,
    tls,
    initialisation,
    isWsrepOn: readWsrepOn(env),
    extraArguments: checkExtraArguments(rest ?? []),
    log: buildLogConfig(options, secrets),
  };
}

/**
 * The settings as they would be now, of the same member: with another address a machine may be given
 * another name, under which its member would come back as a stranger.
 *
 * @throws {ConfigError} As {@link buildRunConfig}.
 */
export function rebuildRunConfig(
  { member }: Pick<RunConfig, "member">,
  options: RunOptions,
  rest: readonly string[] | null,
  env: Environment,
  machine: Machine = THIS_MACHINE,
): RunConfig {
  return buildRunConfig({ ...options, member }, rest, env, machine);
}

/**
 * Finds how to reach ZooKeeper, with the digest from its file or its variable.
 * @throws {ConfigError} Both are given, a file cannot be read or does not hold what it should.
 */
export function buildZooKeeperConfig(
  options: ZooKeeperOptions,
  env: Environment,
  machine: Pick<Machine, "readTextFile"> = THIS_MACHINE,
): ZooKeeperConfig {
  const read = (path: string) => machine.readTextFile(path);
  const digest = readDigest(options.zookeeperDigestFile, env, machine);
  const tls = readZooKeeperTls(options.zookeeperTlsDir ?? null, read);
  return {
    ...options.zookeeper,
    sessionTimeoutMs: options.sessionTimeout,
    root: options.root,
    digest,
    acl: readAclFile(
      options.zookeeperAclFile ?? null,
      digest !== null,
      tls?.cert !== undefined,
      read,
    ),
    tls,
  };
}

/** The certificates between members; null without. */
export function buildTls({ tlsDir }: Pick<RunOptions, "tlsDir">): TlsFiles | null {
  return tlsDir === undefined ? null : tlsFilesIn(tlsDir);
}

/** Completes how to log. */
export function buildLogConfig(
  options: LogOptions,
  secrets: readonly (string | null)[] = [],
): LogConfig {
  const isVerbose = options.verbose ?? false;
  return {
    format: options.logFormat ?? null,
    level: options.logLevel ?? (isVerbose ? "debug" : "info"),
    isVerbose,
    secrets: secrets.filter((secret): secret is string => secret !== null),
  };
}

const DIGEST_VARIABLE = "GALERA_KEEPER_ZOOKEEPER_DIGEST";

function readDigest(
  file: string | undefined,
  env: Environment,
  machine: Pick<Machine, "readTextFile">,
): string | null {
  const variable = env[DIGEST_VARIABLE] || null;
  if (file !== undefined && variable !== null) {
    throw new ConfigError(
      `Both --zookeeper-digest-file and ${DIGEST_VARIABLE} are given: give one of them`,
    );
  }
  if (file === undefined && variable === null) return null;
  const digest = file === undefined
    ? variable!
    : readSecretFile("--zookeeper-digest-file", file, (path) => machine.readTextFile(path));
  if (!/^[^:\s]+:[^\n]+$/.test(digest)) {
    const source = file === undefined ? DIGEST_VARIABLE : `The file "${file}"`;
    throw new ConfigError(`${source} holds no digest: expected one line, user:password`);
  }
  return digest;
}

/** The name of a member or an arbitrator that is given none. @throws {ConfigError} It cannot be one. */
export function memberFromHostname(hostname: string): string {
  try {
    return parseMemberName(hostname);
  } catch (cause) {
    if (!(cause instanceof ValueError)) throw cause;
    throw new ConfigError(
      `The host's name "${hostname}" cannot be a member's: give one with --member`,
      { cause },
    );
  }
}

/**
 * Whether a host's name is a container's id, as podman and docker give it: a container that is made anew
 * has another one, and a member would come back as a stranger.
 */
export function isContainerId(hostname: string): boolean {
  return /^[0-9a-f]{12}$/.test(hostname);
}

/** Where others reach us, and where to listen. */
export type AddressOptions = Pick<RunOptions, "address" | "bind" | "interface" | "network">;

/** Chooses where others reach us, and where to listen. @throws {ConfigError} They contradict. */
export function buildAddresses(options: AddressOptions, machine: Pick<Machine, "interfaces">) {
  const interfaces = machine.interfaces();
  const bind = options.bind === undefined || isWildcard(options.bind)
    ? null
    : requireOurs("--bind", options.bind, interfaces);
  const choice = {
    address: options.address,
    interface: options.interface,
    network: options.network,
  };
  const isChosen = Object.values(choice).some((value) => value !== undefined);
  const address = bind !== null && !isChosen ? bind : chooseAddress(choice, interfaces);
  if (bind !== null && bind !== address) {
    throw new ConfigError(
      `Others reach us by ${address}, but --bind ${bind} listens elsewhere: make them the same`,
    );
  }
  return { address, bind };
}

/** Chooses where our HTTP listens. @throws {ConfigError} The options contradict each other. */
export function buildHttpConfig(
  options: Pick<RunOptions, "http"> & Partial<Pick<RunOptions, "port">>,
  address: string,
  bind: string | null,
): HttpConfig | null {
  if (options.http === "off") return null;
  const { host, port } = options.http ?? { host: "", port: DEFAULT_HTTP_PORT };
  const everywhere = address.includes(":") ? "::" : "0.0.0.0";
  const listen = host === "" ? bind ?? everywhere : host;
  if (!isWildcard(listen) && listen !== address) {
    throw new ConfigError(
      `--http ${formatHostPort({ host: listen, port })} cannot be reached by members that reach ` +
        `us by ${address}: listen there or on all addresses`,
    );
  }
  if (port === options.port) {
    throw new ConfigError(`--http and --port both want port ${port}: give one of them another`);
  }
  return { host: listen, port, advertised: formatHostPort({ host: address, port }) };
}

/** Whether Galera is on: the lab's variable WSREP_ON turns it off. */
function readWsrepOn(env: Environment): boolean {
  const value = env["WSREP_ON"] || "ON";
  if (/^(on|1|true)$/i.test(value)) return true;
  if (/^(off|0|false)$/i.test(value)) return false;
  throw new ConfigError(`WSREP_ON is "${value}": expected ON or OFF`);
}

/** Options for mariadbd, which reads them again in its own way. @throws as `readArguments()` */
export function checkExtraArguments(rest: readonly string[]): readonly string[] {
  readArguments(rest);
  return rest;
}
