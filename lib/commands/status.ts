/** `galera-keeper status`: the cluster as ZooKeeper and its members show it. */

import { advise } from "../cluster/dry_run.ts";
import type { CommandDefinition, Environment } from "../command.ts";
import { buildLogConfig, buildZooKeeperConfig } from "../config.ts";
import { EXIT, UnavailableError } from "../errors.ts";
import { startLog } from "../log.ts";
import { InterruptedError, interruptible } from "../machine/signals.ts";
import { hasColours, STDOUT } from "../machine/terminal.ts";
import { factsOf, NOTHING_ON_RECORD, readOnRecord } from "../operator/on_record.ts";
import { refusalOf, withSession } from "../operator/operation.ts";
import { askScene } from "../operator/scene.ts";
import { buildReport, type StatusReport } from "../operator/status.ts";
import { type Canvas, renderReport, WatchScreen } from "../operator/status_screen.ts";
import { STATUS_EXITS } from "../operator/verdict.ts";
import { type Glimpse, watchReports } from "../operator/watch.ts";
import {
  DEFAULT_HTTP_PORT,
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { formatHostPort, parseHostPort } from "../settings/values.ts";

interface StatusOptions extends ZooKeeperOptions, LogOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly members?: readonly string[];
}

/** How long to wait for ZooKeeper where members can be asked, too, in milliseconds. */
const PATIENCE_MS = 3000;

/** `galera-keeper status` */
export const STATUS: CommandDefinition = {
  name: "status",
  summary: "show the cluster and its members",
  group: "Members:",
  description:
    "Says in one line whether all is well, then shows each member: what it does, how far its data " +
    "goes, since when; then what a person can do about members that are not there or wait. Asks " +
    "ZooKeeper and the members. The exit status is 0 where all is well, 1 where the cluster is " +
    "degraded, 2 where no member is in a primary component.",
  options: [
    {
      flags: "--watch",
      description: "show it anew whenever something changes, until Ctrl-C",
    },
    {
      flags: "--members <host:port,...>",
      description: "ask these, too, as where ZooKeeper does not answer " +
        `(the port is ${DEFAULT_HTTP_PORT} where none is given)`,
      parse: parseMembers,
      repeats: true,
    },
    {
      ...JSON_OPTION,
      description: "print one JSON document instead of text; with --watch one a line",
    },
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper status --zookeeper zk-1,zk-2,zk-3", "for people"],
    ["galera-keeper status --watch", "for people who wait"],
    ["galera-keeper status --json", "for programs"],
    ["galera-keeper status --members galera-1,galera-2,galera-3", "where ZooKeeper is away"],
  ],
  action(options: StatusOptions, { env }) {
    return interruptible((signal) =>
      options.watch ? watch(options, env, signal) : lookOnce(options, env, signal)
    );
  },
};

/** Reads `HOST[:PORT][,HOST[:PORT]…]`. @throws {ValueError} */
export function parseMembers(text: string): readonly string[] {
  return text.split(",").map((part) => formatHostPort(parseHostPort(part, DEFAULT_HTTP_PORT)));
}

/** One look at all there is. */
async function look(
  root: string,
  { onRecord, away, members }: Glimpse,
  signal: AbortSignal,
): Promise<StatusReport> {
  const scene = await askScene(onRecord.snapshot, onRecord.arbitrators, members, signal);
  const advice = away === null ? advise(scene) : [];
  return buildReport(factsOf(root, away, onRecord, advice), scene);
}

async function lookOnce(
  options: StatusOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  const { members = [] } = options;
  const report = await throughZooKeeper(options, env, signal);
  if (report.health === "unknown") {
    const { problem } = report.zookeeper;
    throw new UnavailableError(`${problem}; no member answers either: ${members.join(", ")}`);
  }
  const canvas = canvasOf(env);
  const lines = options.json ? [JSON.stringify(report)] : renderReport(report, canvas);
  STDOUT.write(lines.map((line) => `${line}\n`).join(""));
  return STATUS_EXITS[report.health];
}

/** Where ZooKeeper does not answer, what members say that are named. */
async function throughZooKeeper(
  options: StatusOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<StatusReport> {
  const { members = [] } = options;
  const watches = new AbortController();
  try {
    return await withSession(options, env, signal, async ({ ensemble, root }) => {
      const { value: onRecord } = await readOnRecord(ensemble, root, watches.signal);
      return await look(root, { onRecord, away: null, members }, signal);
    }, members.length === 0 ? undefined : PATIENCE_MS);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    if (members.length === 0) {
      throw new UnavailableError(
        `${error.message}; to ask the members themselves give --members HOST,…`,
        { cause: error },
      );
    }
    const glimpse = { onRecord: NOTHING_ON_RECORD, away: error.message, members };
    return await look(buildZooKeeperConfig(options, env).root, glimpse, signal);
  } finally {
    watches.abort();
  }
}

/** Ctrl-C is how it ends. */
async function watch(
  options: StatusOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  startLog(buildLogConfig(options));
  const config = buildZooKeeperConfig(options, env);
  const { members = [], json = false } = options;
  const screen = new WatchScreen(STDOUT, () => canvasOf(env));
  try {
    await watchReports({
      config,
      members,
      look: (glimpse, signal) => look(config.root, glimpse, signal),
      show: (report) => screen.show(report, json),
    }, signal);
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw refusalOf(error);
  }
  return EXIT.ok;
}

function canvasOf(env: Environment): Canvas {
  return {
    columns: STDOUT.isTerminal() ? STDOUT.size().columns : null,
    isColoured: hasColours(STDOUT, env),
  };
}
