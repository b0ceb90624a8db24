/** `galera-keeper run`: everything around one mariadbd. */

import { constants } from "node:os";
import { REAL_CLOCK } from "../machine/clock.ts";
import { reapOrphans } from "../machine/reaper.ts";
import { stopSignals } from "../machine/signals.ts";
import type { CommandDefinition } from "../command.ts";
import { buildRunConfig, isContainerId, rebuildRunConfig, type RunConfig } from "../config.ts";
import { EXIT, KeeperError } from "../errors.ts";
import { describeExit, exitSignal } from "../exit.ts";
import { logger, startLog } from "../log.ts";
import type { Database, ExitStatus, Running } from "../mariadb/database.ts";
import { watchCertificates } from "../mariadb/certificate_watch.ts";
import { createDatabase } from "../mariadb/create.ts";
import { keepUntilMoved, type Life } from "../moved.ts";
import { RUN_OPTIONS, type RunOptions } from "../settings/options.ts";
import { Progress } from "../progress.ts";
import { realMember } from "../real_world.ts";
import { serveMember } from "../served.ts";
import { TIMING } from "../world.ts";

const log = logger("run");

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
    if (options.member === undefined && config.storage === "persistent") warnOfName(config);
    return run(config, () => rebuildRunConfig(config, options, context.rest, context.env));
  },
};

function warnOfName({ member }: RunConfig): void {
  if (!isContainerId(member)) return;
  log.warn(
    "This member's name, {member}, is its container's id, and another one's once that is made anew: " +
      "the others would wait for {member} for good. Give it a name of its own, by --member or the " +
      "container's --hostname",
    { member },
  );
}

/**
 * Runs one member until its `mariadbd` exits or a signal stops it. Where its address is another one
 * meanwhile, it stops in order and starts again with that.
 *
 * @param configure Gives the settings as they would be now.
 * @returns The exit status: 0 after an obeyed signal, or where `mariadbd` ended so by itself.
 * @throws {KeeperError} What only a person can mend; how `mariadbd` failed, with its own status.
 */
export async function run(config: RunConfig, configure: () => RunConfig): Promise<number> {
  let server: Running | null = null;
  using stop = stopSignals(
    (name, isAgain) =>
      isAgain
        ? log.info("{name} again: a drain ends, mariadbd's own shutdown is waited for", { name })
        : log.info("{name}: stopping", { name }),
    () => server?.reload(),
  );
  using _reaper = reapOrphans(log);
  for (let now = config;;) {
    const database = createDatabase(now, logger(), (running) => server = running);
    const status = now.isWsrepOn
      ? await keepMember(now, database, { told: stop, configure }, async () => {
        return await server?.reloadCertificates?.() ?? false;
      })
      : await keepPlain(now, database, stop.signal);
    if (status === null) return EXIT.ok;
    if (!("address" in status)) return exitStatusOf(status);
    now = status;
  }
}

/** @returns The settings to start again with where its address is another one now. */
async function keepMember(
  config: RunConfig,
  database: Database,
  life: Life,
  onRenewed: () => Promise<boolean>,
): Promise<ExitStatus | RunConfig | null> {
  const { member, address, http, tls, user } = config;
  const progress = new Progress(member, address, REAL_CLOCK.now);
  await using _certificates = tls === null ? null : await watchCertificates({
    ...{ files: tls, user, program: "mariadbd", log: logger("tls") },
    onEnd: (end) => progress.certificateExpiresAt = end,
    onRenewed,
  });
  await using _server = serveMember(http, progress, served(config));
  const timing = {
    ...TIMING,
    stallMs: config.stallTimeoutMs,
    drainMs: config.drainMs,
    stopGraceMs: config.stopTimeoutMs,
  };
  const kept = realMember(config, database, timing, progress);
  return await keepUntilMoved(kept, config, life);
}

function served({ clusterName }: RunConfig) {
  return { cluster: clusterName, nowMs: REAL_CLOCK.nowMs };
}

/** `WSREP_ON=OFF`: a plain `mariadbd`, as in the lab; no ensemble is asked. */
async function keepPlain(
  config: RunConfig,
  database: Database,
  signal: AbortSignal,
): Promise<ExitStatus | null> {
  const progress = new Progress(config.member, config.address, REAL_CLOCK.now);
  await using _server = serveMember(config.http, progress, served(config));
  try {
    progress.enter("plain", "Starting mariadbd without Galera");
    const { held } = await database.inspect(signal);
    if (held.kind === "empty") await database.initialise(signal);
    signal.throwIfAborted();
    const running = await database.spawn({ kind: "plain" });
    using exit = exitSignal(running, signal);
    await watchPlain(running, progress, exit.signal);
    progress.unready();
    if (exit.exited) return await running.exited;
    progress.enter("stopping", "Stopping mariadbd: told to stop");
    await running.stop(config.stopTimeoutMs);
    return null;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    await database.close();
  }
}

/** Looks at a plain server until the signal, for probes alone: it is kept however it is. */
async function watchPlain(running: Running, progress: Progress, signal: AbortSignal) {
  while (!signal.aborted) {
    const status = await running.status().catch((error) => progress.refused(error));
    progress.observe(status);
    if (status !== null && progress.status.readyAt === null) progress.ready("plain");
    await REAL_CLOCK.sleep(TIMING.pollMs, signal).catch(() => {});
  }
}

/**
 * How `mariadbd` ended by itself, as ours.
 *
 * @throws {KeeperError} It failed: its exit status, or 128 + its signal, and its last errors.
 */
function exitStatusOf(status: ExitStatus): number {
  const { code, signal } = status;
  if (code === EXIT.ok) {
    log.warn("mariadbd has exited by itself, with status 0");
    return code;
  }
  throw new KeeperError(
    `mariadbd has exited ${describeExit(status)}`,
    code ?? 128 + (constants.signals[signal as keyof typeof constants.signals] ?? 0),
  );
}
