/** `galera-keeper adopt`: a server that others started becomes a member that others can join. */

import { adopt } from "../adoption.ts";
import type { CommandDefinition } from "../command.ts";
import { buildRunConfig, type RunConfig } from "../config.ts";
import { ConfigError, EXIT } from "../errors.ts";
import { logger, startLog } from "../log.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { stopSignals } from "../machine/signals.ts";
import { createDatabase } from "../mariadb/create.ts";
import { Progress } from "../progress.ts";
import { realMember } from "../real_world.ts";
import { serveMember } from "../served.ts";
import {
  LOG_OPTIONS,
  optionOfRun,
  type RunOptions,
  ZOOKEEPER_OPTIONS,
} from "../settings/options.ts";
import { TIMING } from "../world.ts";

const log = logger("adopt");

/** Options of `run` that this command takes; the others have their defaults. */
const OWN = [
  "--member <name>",
  "--cluster-name <name>",
  "--size <members>",
  "--address <ip>",
  "--interface <name>",
  "--network <cidr>",
  "--bind <ip>",
  "--port <port>",
  "--http <host:port>",
  "--datadir <directory>",
  "--socket <file>",
  "--user <name>",
].map((flags) =>
  flags.startsWith("--size")
    ? optionOfRun(flags, {
      description: "how many members the cluster has: fewer in the Galera view are not all",
      defaultText: "as many as are in the Galera view",
    })
    : optionOfRun(flags)
);

/** `galera-keeper adopt` */
export const ADOPT: CommandDefinition = {
  name: "adopt",
  summary: "take a member that runs already into the cluster, beside its mariadbd",
  group: "Members:",
  description:
    "Takes the mariadbd that runs on this machine, started by hand or by systemd, for a " +
    "member: puts its cluster and all of its Galera view on record and registers it, so that others " +
    "can be stopped and started again with galera-keeper run, one at a time. It never starts or stops " +
    "that server, and ends with it.",
  options: [...ZOOKEEPER_OPTIONS, ...OWN, ...LOG_OPTIONS],
  examples: [
    [
      "galera-keeper adopt --zookeeper zk-1,zk-2,zk-3 --cluster-name my_wsrep_cluster",
      "beside a mariadbd that runs, with the options that run will have",
    ],
  ],
  action(options: RunOptions, { env }) {
    // What only a start needs is as it would be without these options.
    const config = buildRunConfig({ ...DEFAULTS, ...options }, null, env);
    startLog(config.log);
    return run(config);
  },
};

const DEFAULTS = {
  storage: "persistent",
  sstMethod: "rsync",
  stallTimeout: TIMING.stallMs,
  drain: 0,
  stopTimeout: TIMING.stopGraceMs,
} as const;

async function run(config: RunConfig): Promise<number> {
  const { member, address, http, clusterName } = config;
  if (http === null) {
    throw new ConfigError("Who joins asks an adopted member over HTTP: leave --http off out");
  }
  using stop = stopSignals((name, isAgain) => {
    if (!isAgain) log.info("{name}: letting go of mariadbd, which runs on", { name });
  }, () => log.info("SIGHUP: mariadbd is not ours, nothing to open anew"));
  const progress = new Progress(member, address, REAL_CLOCK.now);
  await using _server = serveMember(http, progress, {
    cluster: clusterName,
    nowMs: REAL_CLOCK.nowMs,
  });
  const kept = realMember(config, createDatabase(config, logger()), TIMING, progress);
  if (await adopt(kept, clusterName, stop.signal)) {
    log.info("mariadbd has ended; its record says that it runs: start it with galera-keeper run");
  }
  return EXIT.ok;
}
