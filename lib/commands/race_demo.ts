/** `galera-keeper race-demo`: the lost update, and its cure. */

import { resolve } from "node:path";
import type { CommandDefinition } from "../command.ts";
import { buildLogConfig, buildZooKeeperConfig, type ZooKeeperConfig } from "../config.ts";
import { EXIT, KeeperError } from "../errors.ts";
import { INSTALL_OPTIONS, type InstallFlags, requirePackages } from "../machine/install.ts";
import { startLog } from "../log.ts";
import {
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  parseFileName,
  ZOOKEEPER_DETAIL_OPTIONS,
  ZOOKEEPER_OPTION,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { type RaceConfig, runRace, tidyUp } from "../race/demo.ts";
import { checkFile } from "../race/file.ts";
import { describeResult, type RaceMode, type RaceResult } from "../race/result.ts";
import { interruptible } from "../machine/signals.ts";
import { STDERR, STDOUT } from "../machine/terminal.ts";
import { parseChoice, parseInteger } from "../settings/values.ts";
import { parseHosts } from "../zookeeper/hosts.ts";
import { ZooKeeperServer } from "../zookeeper/server.ts";

interface RaceOptions extends Partial<ZooKeeperOptions>, LogOptions, InstallFlags {
  readonly sessionTimeout: number;
  readonly root: string;
  readonly processes: number;
  readonly increments: number;
  readonly file: string;
  readonly mode: RaceMode | "both";
  readonly keep?: boolean;
  readonly json?: boolean;
}

const MODES = ["unlocked", "locked", "both"] as const;
const GROUP = "Race:";

/** The options that a process of the race takes too. */
export const FILE_OPTION = {
  flags: "--file <file>",
  description: "the file that holds the number",
  group: GROUP,
  parse: parseFileName,
  default: "database.txt",
};
export const INCREMENTS_OPTION = {
  flags: "--increments <number>",
  description: "how many times each process adds 1",
  group: GROUP,
  parse: (text: string) => parseInteger(text, 1, 1_000_000, "a number of increments"),
  default: 1000,
};

/** `galera-keeper race-demo` */
export const RACE_DEMO: CommandDefinition = {
  name: "race-demo",
  summary: "show the lost update, and how the ZooKeeper lock cures it",
  group: "ZooKeeper:",
  description: "Processes read the number in a file, add 1 and write it. Without a lock some " +
    "updates are lost; with the ZooKeeper lock the total is exact. Starts a ZooKeeper of its own " +
    "where --zookeeper names none.",
  options: [
    {
      flags: "--processes <number>",
      description: "how many processes",
      group: GROUP,
      parse: (text) => parseInteger(text, 1, 100, "a number of processes"),
      default: 2,
    },
    INCREMENTS_OPTION,
    FILE_OPTION,
    {
      flags: "--mode <mode>",
      description: "unlocked, locked, or both, one after the other",
      group: GROUP,
      choices: MODES,
      parse: (text) => parseChoice(text, MODES),
      default: "both",
    },
    {
      flags: "--keep",
      description: "add to what the file holds; without it each run begins with 0",
      group: GROUP,
    },
    { ...JSON_OPTION, group: GROUP },
    { ...omitDefault(ZOOKEEPER_OPTION), defaultText: "one of its own" },
    ...ZOOKEEPER_DETAIL_OPTIONS,
    ...INSTALL_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper race-demo", "both ways, with a ZooKeeper of its own"],
    ["galera-keeper race-demo --mode locked --keep --processes 5", "adds 5000 to the file"],
  ],
  action(options: RaceOptions, { env }) {
    return interruptible((signal) => raceDemo(options, env, signal));
  },
};

function omitDefault<T extends { readonly default?: unknown }>(option: T): Omit<T, "default"> {
  const { default: _default, ...rest } = option;
  return rest;
}

async function raceDemo(
  options: RaceOptions,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  startLog(buildLogConfig(options));
  const modes: readonly RaceMode[] = options.mode === "both"
    ? ["unlocked", "locked"]
    : [options.mode];
  const config: Omit<RaceConfig, "zookeeper"> = {
    processes: options.processes,
    increments: options.increments,
    file: resolve(options.file),
    modes,
    keep: options.keep ?? false,
  };
  // Before a ZooKeeper is started for nothing.
  checkFile(config.file);
  const zookeeperConfig = (hosts: ZooKeeperOptions["zookeeper"]) =>
    buildZooKeeperConfig({ ...options, zookeeper: hosts }, env);
  const race = (zookeeper: ZooKeeperConfig | null) =>
    runRace({ ...config, zookeeper }, listenerFor(options), signal);
  const results = !modes.includes("locked")
    ? await race(null)
    : options.zookeeper === undefined
    ? await withZooKeeper(options, signal, (hosts) => race(zookeeperConfig(parseHosts(hosts))))
    : await raceOn(zookeeperConfig(options.zookeeper), race);
  if (options.json) STDOUT.write(`${JSON.stringify({ v: 1, file: config.file, runs: results })}\n`);
  return verdict(results);
}

async function raceOn<T>(
  zookeeper: ZooKeeperConfig,
  race: (zookeeper: ZooKeeperConfig) => Promise<T>,
): Promise<T> {
  const results = await race(zookeeper);
  await tidyUp(zookeeper);
  return results;
}

/** Runs something with a ZooKeeper that is gone afterwards, its data too. */
async function withZooKeeper<T>(
  flags: InstallFlags,
  signal: AbortSignal,
  body: (hosts: string) => Promise<T>,
): Promise<T> {
  await requirePackages(["zookeeper"], flags);
  const dataDir = await Deno.makeTempDir({ prefix: "galera-keeper-race-" });
  try {
    // Nothing is kept that a power cut could take.
    await using server = await ZooKeeperServer.start({ dataDir, durable: false }, signal);
    return await body(server.hosts);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

function listenerFor({ json = false, file }: RaceOptions) {
  const isShown = !json && STDERR.isTerminal();
  return {
    onProgress(mode: RaceMode, done: number, all: number) {
      if (isShown) STDERR.write(`\r${progressBar(mode, done / all)}`);
    },
    onResult(result: RaceResult) {
      if (isShown) STDERR.write("\r\x1b[K");
      if (!json) STDOUT.write(`${describeResult(result, file).join("\n")}\n`);
    },
  };
}

const BAR_WIDTH = 40;

/** `unlocked ████████░░░░  66 %` */
export function progressBar(label: string, part: number): string {
  const full = Math.round(part * BAR_WIDTH);
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  return `${label.padEnd(8)} ${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)} ${percent} %`;
}

/** Without the lock a loss is what is to be shown; with it, a loss would be a mistake of ours. */
function verdict(results: readonly RaceResult[]): number {
  const wrong = results.find(({ mode, lost }) => mode === "locked" && lost !== 0);
  if (wrong === undefined) return EXIT.ok;
  throw new KeeperError(
    `With the lock ${wrong.found} was found where ${wrong.expected} was expected: does another ` +
      "program write the file? If not, please report it",
    EXIT.software,
  );
}
