/** The option file that mariadbd and its SST scripts read. Pure. */
import { formatPosition, type Position } from "../cluster/position.ts";
import { ConfigError } from "../errors.ts";
import { formatOption, type Option, readArguments } from "./arguments.ts";
import type { TlsFiles } from "./certificates.ts";
import type { SpawnPlan } from "./database.ts";
import { formatHostPort } from "../settings/values.ts";
import { setting } from "../settings/shown.ts";
import { IDENTITY_FILE } from "./identity.ts";
import type { DatabaseSettings } from "./settings.ts";

/** What a mariadbd is started for. */
export type Purpose =
  | SpawnPlan
  /** To find out the position that the data has, and exit. */
  | { readonly kind: "recover" }
  /** For ourselves alone, to fill a new database. */
  | { readonly kind: "initialise"; readonly datadir: string };

/** What was found on this machine. */
export interface Surroundings {
  /** Galera's library. */
  readonly provider: string;
  /** Whether the server has the plugin `wsrep_info`. */
  readonly hasWsrepInfo: boolean;
  /** A folder that mariadbd may write to, for its pid file and private sockets. */
  readonly runtimeFolder: string;
  /** The account of the server's that mariabackup logs in as, see sst_account.ts; null: there is none. */
  readonly sstAccount: string | null;
  /** How many cores this machine has. */
  readonly cores: number;
}

/** Galera's default ports: its group, IST, SST. */
export const GALERA_PORT = 4567;
const IST_PORT = 4568;
const SST_PORT = 4444;

/**
 * Writes the option file for one start.
 *
 * @throws {import("../errors.ts").KeeperError} An option of the user's cannot be passed on.
 */
export function optionFile(
  settings: DatabaseSettings,
  surroundings: Surroundings,
  purpose: Purpose,
): string {
  const sections: [string, readonly Option[]][] = [[
    "mysqld",
    [
      ...defaults(purpose),
      ...readArguments(settings.extraArguments),
      ...ours(
        settings,
        surroundings,
        purpose,
      ),
    ],
  ]];
  if (purpose.kind === "bootstrap" || purpose.kind === "join") {
    sections.push(["sst", sst(settings)]);
    sections.push(["mariabackup", mariabackup(settings, surroundings)]);
  }
  return sections.map(([name, options]) =>
    [`[${name}]`, ...options.map(formatOption), ""].join("\n")
  ).join("\n");
}

/** What users may change. */
function defaults(purpose: Purpose): Option[] {
  if (purpose.kind === "plain" || purpose.kind === "initialise") return [];
  return [
    ["binlog_format", "ROW"],
    ["default_storage_engine", "InnoDB"],
    ["innodb_autoinc_lock_mode", "2"],
    ["wsrep_gtid_domain_id", "1"],
  ];
}

/** What is ours, behind all else: the last one counts. */
function ours(
  settings: DatabaseSettings,
  { provider, hasWsrepInfo, runtimeFolder }: Surroundings,
  purpose: Purpose,
): Option[] {
  const isRecovery = purpose.kind === "recover";
  const options: Option[] = [
    ["datadir", purpose.kind === "initialise" ? purpose.datadir : settings.datadir],
    ["socket", isRecovery ? `${runtimeFolder}/recover.sock` : settings.socket],
    ["pid_file", `${runtimeFolder}/mariadbd.pid`],
    ["port", `${settings.port}`],
    ["bind_address", settings.bind ?? "*"],
    ["skip_log_error", null],
  ];
  if (isRecovery || purpose.kind === "initialise") options.push(["skip_networking", "ON"]);
  // Of a recovery never: where there is a binary log, it says of a transaction that was just acknowledged
  // that it is committed. Without it InnoDB, which has only prepared it, would roll it back.
  if (purpose.kind === "initialise") options.push(["skip_log_bin", null]);
  switch (purpose.kind) {
    case "plain":
      return [...options, ...withoutGalera()];
    case "initialise":
      // Nothing may write but us, and nothing of it belongs into a log that replicas read.
      return [...options, ...withoutGalera(), ["event_scheduler", "OFF"], [
        "skip_slave_start",
        null,
      ]];
    case "recover":
      return [...options, ...galera(settings, provider, []), ["wsrep_recover", "ON"]];
    case "bootstrap":
      return [
        ...options,
        ...member(purpose.serverId, purpose.startPosition, hasWsrepInfo),
        // Not an empty address: mariadbd would start one more cluster when told to connect again.
        ...galera(settings, provider, [settings.address]),
        ["wsrep_new_cluster", "ON"],
        // Keeps everyone from reading and writing, root and events too; read_only does not.
        ["wsrep_reject_queries", "ALL"],
      ];
    case "join":
      if (purpose.donors.length === 0) {
        throw new Error("A joiner needs donors: without one it would start another cluster");
      }
      return [
        ...options,
        ...member(purpose.serverId, purpose.startPosition, hasWsrepInfo),
        ...galera(settings, provider, purpose.donors),
      ];
  }
}

/** Whatever the machine's own option files say: a left-over setting must not reach a server of ours. */
function withoutGalera(): Option[] {
  return [["wsrep_on", "OFF"], ["wsrep_new_cluster", "OFF"], ["wsrep_provider", "none"]];
}

function member(serverId: number, startPosition: Position | null, hasWsrepInfo: boolean): Option[] {
  const options: Option[] = [["server_id", `${serverId}`]];
  if (startPosition !== null) {
    options.push(["wsrep_start_position", formatPosition(startPosition)]);
  }
  if (hasWsrepInfo) options.push(["plugin_load_add", "wsrep_info"]);
  return options;
}

function galera(
  settings: DatabaseSettings,
  provider: string,
  addresses: readonly string[],
): Option[] {
  const options: Option[] = [
    ["wsrep_on", "ON"],
    ["wsrep_provider", provider],
    ["wsrep_provider_options", providerOptions(settings)],
    ["wsrep_cluster_name", settings.clusterName],
    ["wsrep_cluster_address", `gcomm://${addresses.map(bracketed).join(",")}`],
    ["wsrep_new_cluster", "OFF"],
    ["wsrep_recover", "OFF"],
    ["wsrep_reject_queries", "NONE"],
    ["wsrep_node_name", settings.member],
    ["wsrep_node_address", bracketed(settings.address)],
    // What other members' views show; by itself Galera finds none for IPv6.
    [
      "wsrep_node_incoming_address",
      formatHostPort({ host: settings.address, port: settings.port }),
    ],
    ["wsrep_sst_method", settings.sstMethod],
  ];
  if (settings.bind !== null) {
    options.push([
      "wsrep_sst_receive_address",
      formatHostPort({ host: settings.bind, port: SST_PORT }),
    ]);
  }
  return options;
}

/**
 * Galera's own options, the user's over ours.
 *
 * @throws {ConfigError} An option would undo what is decided through ZooKeeper, --bind or --tls-dir.
 */
export function providerOptions(
  settings: Pick<DatabaseSettings, "address" | "bind" | "providerOptions" | "tls">,
): string {
  const options = new Map<string, string>([["pc.recovery", "no"]]);
  const { bind, tls = null } = settings;
  checkProviderOptions(settings.providerOptions, bind, tls);
  for (const [name, value] of Object.entries(settings.providerOptions)) options.set(name, value);
  if (bind !== null) {
    options.set("gmcast.listen_addr", `tcp://${formatHostPort({ host: bind, port: GALERA_PORT })}`);
    options.set("ist.recv_addr", formatHostPort({ host: bind, port: IST_PORT }));
  } else if (settings.address.includes(":") && !options.has("gmcast.listen_addr")) {
    // Galera listens on 0.0.0.0 by default, where no IPv6 address is heard.
    options.set("gmcast.listen_addr", `tcp://[::]:${GALERA_PORT}`);
  }
  // Of the group and of IST, which has no options of its own for it.
  if (tls !== null) {
    options.set("socket.ssl", "yes").set("socket.ssl_ca", tls.ca)
      .set("socket.ssl_cert", tls.cert).set("socket.ssl_key", tls.key);
  }
  return [...options].map(([name, value]) => `${name}=${value}`).join(";");
}

/**
 * Looks at Galera's options of the user's, also before anything is started.
 *
 * @throws {ConfigError} As `providerOptions()`.
 */
export function checkProviderOptions(
  options: Readonly<Record<string, string>>,
  bind: string | null,
  tls: TlsFiles | null,
): void {
  for (const [name, value] of Object.entries(options)) {
    const clash = clashOf(name.toLowerCase(), bind, tls);
    const said = setting(`${name}=${value}`);
    if (clash !== null) throw new ConfigError(`--provider-options has ${said}: ${clash}`);
    if (/[;=\n]/.test(name) || /[;\n]/.test(value)) {
      throw new ConfigError(`--provider-options cannot hold a semicolon within ${said}`);
    }
  }
}

function clashOf(name: string, bind: string | null, tls: TlsFiles | null): string | null {
  if (["pc.bootstrap", "pc.recovery", "pc.ignore_sb", "pc.ignore_quorum"].includes(name)) {
    return "it would let two clusters form; leave it out";
  }
  if (tls !== null && /^socket\.ssl(?:_ca|_cert|_key|_password_file)?$/.test(name)) {
    return "--tls-dir says it; leave one of them out";
  }
  if (tls !== null && name === "socket.dynamic") {
    return "it would have members speak without TLS; leave it out";
  }
  const isListener = name === "gmcast.listen_addr" || name.startsWith("ist.recv_");
  return bind !== null && isListener ? "--bind says where to listen; leave one of them out" : null;
}

/** For the SST's scripts. */
function sst(settings: DatabaseSettings): Option[] {
  const options: Option[] = [
    // With Debian's [mysqld_safe] syslog the scripts' errors would not come through our log.
    ["sst-syslog", "-1"],
    ["sst-log-archive", "0"],
    // What a mariabackup SST leaves alone when it empties the datadir, as a regular expression of find(1).
    [
      "cpat",
      [...KEPT_BY_MARIABACKUP, IDENTITY_FILE.replaceAll(".", "\\.")]
        .map((name) => `.*${name}$`).join("\\|"),
    ],
  ];
  // socat would listen on all addresses.
  if (settings.bind !== null) options.push(["sockopt", `,bind=${bracketed(settings.bind)}`]);
  const { tls = null } = settings;
  if (tls !== null) {
    // The chain is verified on both sides, not the name: members know each other by addresses.
    options.push(["tca", tls.ca], ["tcert", tls.cert], ["tkey", tls.key], [
      "ssl-mode",
      "VERIFY_CA",
    ]);
    // wsrep_sst_mariabackup's socat with a certificate and its key; wsrep_sst_rsync takes no notice.
    options.push(["encrypt", "3"]);
  }
  return options;
}

/** More of them would take the disk from the clients that a donor serves. */
const MOST_BACKUP_THREADS = 4;

/**
 * For mariadb-backup itself. A joiner of another method than ours may ask for it, too. Nothing about
 * compression: both sides would need the same program. `[sst] backup-threads` goes over ours.
 */
function mariabackup(
  { sstMethod, initialisation: { rootPassword } }: DatabaseSettings,
  { sstAccount, cores }: Surroundings,
): Option[] {
  const threads = Math.max(1, Math.min(MOST_BACKUP_THREADS, Math.ceil(cores / 2)));
  const parallel: Option = ["parallel", `${threads}`];
  if (sstAccount !== null) return [["user", sstAccount], parallel];
  if (sstMethod !== "mariabackup" || rootPassword === null) return [parallel];
  return [["user", "root"], ["password", rootPassword], parallel];
}

/** The default of wsrep_sst_mariabackup's `cpat`, which ours replaces. */
const KEPT_BY_MARIABACKUP = [
  "\\.pem",
  "galera\\.cache",
  "sst_in_progress",
  "\\.sst",
  "gvwstate\\.dat",
  "grastate\\.dat",
  "\\.err",
  "\\.log",
  "RPM_UPGRADE_MARKER",
  "RPM_UPGRADE_HISTORY",
];

/** An address as it goes before a port: IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(":") && !address.includes("[") && !/^[^:]*:\d+$/.test(address)
    ? `[${address}]`
    : address;
}

/** A place to listen. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly what: string;
}

/** Where a server will listen, as far as we decide it. */
export function listeners(
  settings: DatabaseSettings,
  { kind }: Pick<SpawnPlan, "kind">,
): readonly Listener[] {
  const host = settings.bind ?? (settings.address.includes(":") ? "::" : "0.0.0.0");
  const clients = { host, port: settings.port, what: "clients" };
  if (kind === "plain") return [clients];
  const galera = [
    { host, port: GALERA_PORT, what: "Galera", option: "gmcast.listen_addr" },
    { host, port: IST_PORT, what: "IST", option: "ist.recv_addr" },
    { host, port: SST_PORT, what: "SST", option: null },
  ];
  // The user's own places are the user's to keep free.
  return [
    clients,
    ...galera.filter(({ option }) => option === null || !(option in settings.providerOptions)),
  ];
}
