/** `galera-keeper run`: everything around one mariadbd. */

import type { CommandDefinition } from "../command.ts";
import { buildRunConfig, type RunConfig } from "../config.ts";
import { UnavailableError } from "../errors.ts";
import { startLog } from "../log.ts";
import { RUN_OPTIONS, type RunOptions } from "../options.ts";

/** `galera-keeper run [options] [-- mariadbd's options]`; also what no command means. */
export const RUN: CommandDefinition = {
  name: "run",
  summary: "start a member of the cluster and keep it",
  group: "Members:",
  description: "Decides through ZooKeeper whether this node bootstraps the cluster, joins it or " +
    "waits; starts mariadbd, registers it, and stops it cleanly.",
  options: RUN_OPTIONS,
  restSyntax: "mariadbd's options",
  examples: [
    ["galera-keeper --zookeeper zk-1,zk-2,zk-3 --size 3", "one of three members"],
    ["galera-keeper run --size 1", "the lab's way: whoever comes first bootstraps"],
    ["galera-keeper run -- --max-connections=500", "with options for mariadbd"],
  ],
  action(options: RunOptions, context) {
    const config = buildRunConfig(options, context.rest, context.env);
    startLog(config.log);
    return run(config);
  },
};

/**
 * Runs one member until it is stopped.
 * @returns The exit status.
 */
export function run(_config: RunConfig): Promise<number> {
  return Promise.reject(new UnavailableError("Cannot run a member yet: this part is not built"));
}
