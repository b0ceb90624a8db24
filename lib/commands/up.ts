/** `galera-keeper up`: a ZooKeeper and some members on this machine. */

import { resolve } from "node:path";
import type { CommandDefinition, Environment } from "../command.ts";
import {
  buildLogConfig,
  buildZooKeeperConfig,
  checkExtraArguments,
  type ZooKeeperConfig,
} from "../config.ts";
import { EXIT, UnavailableError, UsageError } from "../errors.ts";
import { INSTALL_OPTIONS, type InstallFlags, requirePackages } from "../machine/install.ts";
import { LocalCluster } from "../local/cluster.ts";
import { lockDataDir, makeFolders } from "../local/folders.ts";
import {
  defaultDataDir,
  type LocalConfig,
  memberEnvironment,
  type MemberPlan,
  planMembers,
  runArguments,
} from "../local/layout.ts";
import { LocalMember } from "../local/member.ts";
import { openScreen, type Screen } from "../local/screen.ts";
import { LocalZooKeeper } from "../local/zookeeper.ts";
import { logger, startLog } from "../log.ts";
import {
  DRAIN_OPTION,
  formatZooKeeperAddress,
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  parseFileName,
  ZOOKEEPER_ACCESS_OPTIONS,
  ZOOKEEPER_DETAIL_OPTIONS,
  ZOOKEEPER_OPTION,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import type { Need } from "../machine/prerequisites.ts";
import { reapOrphans } from "../machine/reaper.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { parseChoice, parseDurationMs, parseInteger, parseIp } from "../settings/values.ts";
import { parseHosts } from "../zookeeper/hosts.ts";

interface UpOptions extends Omit<ZooKeeperOptions, "zookeeper">, LogOptions, InstallFlags {
  readonly zookeeper?: ZooKeeperOptions["zookeeper"];
  readonly nodes: number;
  readonly data?: string;
  readonly baseAddress: string;
  readonly sstMethod: LocalConfig["sstMethod"];
  readonly drain: number;
  readonly exitWhenSynced?: boolean;
  readonly patience: number;
  readonly json?: boolean;
}

const GROUP = "Cluster on this machine:";
const { default: _default, ...ZOOKEEPER_WITHOUT_DEFAULT } = ZOOKEEPER_OPTION;

/** `galera-keeper up` */
export const UP: CommandDefinition = {
  name: "up",
  summary: "bring up a ZooKeeper and a Galera cluster on this machine",
  group: "Members:",
  description: "Starts a ZooKeeper and several members of this same program on loopback " +
    "addresses, shows what each does and why, and stops all in order on Ctrl-C. Run again on the " +
    "same data it goes on from there.",
  options: [
    {
      flags: "--nodes <number>",
      description: "how many members; 0 is a ZooKeeper alone",
      group: GROUP,
      parse: (text) => parseInteger(text, 0, 20, "a number of nodes"),
      default: 3,
    },
    {
      flags: "--data <directory>",
      description: "where all data and logs are",
      group: GROUP,
      parse: parseFileName,
      defaultText: "/var/lib/galera-keeper for root, else ~/.local/state/galera-keeper",
    },
    {
      flags: "--base-address <ip>",
      description: "the first member's address; the others' follow",
      group: GROUP,
      parse: parseIp,
      default: "127.0.1.1",
    },
    {
      flags: "--sst-method <method>",
      description: "how a whole datadir is copied to a joiner",
      group: GROUP,
      choices: ["rsync", "mariabackup"],
      parse: (text) => parseChoice(text, ["rsync", "mariabackup"]),
      default: "rsync",
    },
    { ...DRAIN_OPTION, group: GROUP, default: 0, defaultText: "0s" },
    {
      flags: "--exit-when-synced",
      description: "stop everything in order as soon as all members serve; 69 if they do not",
      group: GROUP,
    },
    {
      flags: "--patience <duration>",
      description: "how long --exit-when-synced waits for that",
      group: GROUP,
      parse: parseDurationMs,
      default: 600_000,
      defaultText: "10m",
    },
    { ...JSON_OPTION, description: "print one JSON document for each change", group: GROUP },
    ...INSTALL_OPTIONS,
    { ...ZOOKEEPER_WITHOUT_DEFAULT, defaultText: "one of its own" },
    ...ZOOKEEPER_DETAIL_OPTIONS,
    ...ZOOKEEPER_ACCESS_OPTIONS,
    ...LOG_OPTIONS,
  ],
  restSyntax: "mariadbd's options",
  examples: [
    ["galera-keeper up", "a ZooKeeper and three members"],
    ["galera-keeper up --nodes 5 --data /srv/galera", "five of them, elsewhere"],
    ["galera-keeper up --nodes 0", "a ZooKeeper alone"],
  ],
  action(options: UpOptions, { env, rest }) {
    return interruptible((signal, onAgain) => up(options, rest ?? [], { env, signal, onAgain }));
  },
};

interface UpContext {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly onAgain: (listener: () => void) => void;
}

async function up(
  options: UpOptions,
  rest: readonly string[],
  context: UpContext,
): Promise<number> {
  startLog(buildLogConfig(options));
  using _reaper = reapOrphans(logger("up"));
  const uid = Deno.uid();
  const config: LocalConfig = {
    nodes: options.nodes,
    dataDir: resolve(options.data ?? defaultDataDir(uid, context.env)),
    baseAddress: options.baseAddress,
    sstMethod: options.sstMethod,
    drainMs: options.drain,
    mariadbdOptions: checkExtraArguments(rest),
  };
  const plans = planMembers(config);
  if (options.zookeeper === undefined && options.zookeeperTlsDir !== undefined) {
    throw new UsageError("--zookeeper-tls-dir is for a ZooKeeper that --zookeeper names");
  }
  await requirePackages(needsOf(options), options);
  using _lock = await lockDataDir(config.dataDir);
  await makeFolders(config.dataDir, plans, uid === 0 ? "mysql" : null);
  const screen = openScreen(STDOUT, options.json ?? false);
  screen.say(`Data and logs are in ${config.dataDir}`);
  await using own = options.zookeeper === undefined
    ? await LocalZooKeeper.start(
      { dataDir: `${config.dataDir}/zookeeper`, address: config.baseAddress },
      screen,
      context.signal,
    )
    : null;
  const hosts = own === null ? options.zookeeper! : parseHosts(own.hosts);
  const zookeeper = buildZooKeeperConfig({ ...options, zookeeper: hosts }, context.env);
  screen.say(`ZooKeeper is at ${formatZooKeeperAddress(zookeeper)}`);
  return await runCluster({ options, config, plans, zookeeper, screen, context });
}

function needsOf({ nodes, zookeeper, sstMethod }: UpOptions): readonly Need[] {
  return [
    ...(zookeeper === undefined ? ["zookeeper" as const] : []),
    ...(nodes > 0 ? ["galera" as const] : []),
    ...(nodes > 0 && sstMethod === "mariabackup" ? ["mariabackup" as const] : []),
  ];
}

interface Running {
  readonly options: UpOptions;
  readonly config: LocalConfig;
  readonly plans: readonly MemberPlan[];
  readonly zookeeper: ZooKeeperConfig;
  readonly screen: Screen;
  readonly context: UpContext;
}

async function runCluster(running: Running): Promise<number> {
  const { options, plans, screen, context } = running;
  const cluster = new LocalCluster(startMembers(running), screen);
  context.onAgain(() => {
    screen.say("Asked again: stopping all members at once");
    cluster.stopAtOnce();
  });
  const ending = { untilServing: options.exitWhenSynced ?? false, patienceMs: options.patience };
  let end;
  try {
    end = await cluster.show(ending, () => sayHowToConnect(running), context.signal);
  } finally {
    if (plans.length > 0) screen.say("Stopping the members, one after the other …");
    await cluster.stop();
  }
  if (end !== "late") return EXIT.ok;
  throw new UnavailableError(
    `Not all members served in ${options.patience / 1000} s: see ${running.config.dataDir}/logs`,
  );
}

function startMembers({ options, config, plans, zookeeper, context }: Running) {
  const env = memberEnvironment(context.env, zookeeper.digest);
  const zookeeperArguments = [
    ...["--zookeeper", formatZooKeeperAddress(zookeeper), "--root", zookeeper.root || "/"],
    ...["--session-timeout", `${zookeeper.sessionTimeoutMs}ms`],
    ...(options.zookeeperAclFile === undefined
      ? []
      : ["--zookeeper-acl-file", resolve(options.zookeeperAclFile)]),
    ...(options.zookeeperTlsDir === undefined
      ? []
      : ["--zookeeper-tls-dir", options.zookeeperTlsDir]),
  ];
  const logLevel = buildLogConfig(options).level;
  return plans.map((plan) =>
    new LocalMember(plan, { args: runArguments(plan, config, zookeeperArguments, logLevel), env })
  );
}

function sayHowToConnect({ plans, screen, zookeeper, options }: Running): void {
  const [first] = plans;
  if (first !== undefined) {
    screen.say(`All ${plans.length} members serve. Connect to any of them, such as`);
    screen.say(`  mariadb --socket=${first.socket}`);
    const root = zookeeper.root === "/mariadb" ? "" : ` --root ${zookeeper.root || "/"}`;
    const hosts = formatZooKeeperAddress(zookeeper);
    screen.say(`and see galera-keeper status --zookeeper ${hosts}${root}`);
  }
  if (!options.exitWhenSynced) screen.say("Ctrl-C stops all in order.");
}
