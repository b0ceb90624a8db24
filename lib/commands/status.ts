/** `galera-keeper status`: the cluster as ZooKeeper and its members show it. */

import type { CommandDefinition, Environment } from "../command.ts";
import { buildLogConfig, buildZooKeeperConfig } from "../config.ts";
import { EXIT } from "../errors.ts";
import { startLog } from "../log.ts";
import {
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import type { MemberStatus } from "../progress.ts";
import { interruptible } from "../machine/signals.ts";
import { readArbitrators, readSnapshot, type Snapshot } from "../snapshot.ts";
import { buildReport, renderReport } from "../status.ts";
import { STDOUT } from "../machine/terminal.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";
import { Lock } from "../zookeeper/lock.ts";
import { openSession } from "../zookeeper_session.ts";

interface StatusOptions extends ZooKeeperOptions, LogOptions {
  readonly json?: boolean;
}

/** `galera-keeper status` */
export const STATUS: CommandDefinition = {
  name: "status",
  summary: "show the cluster and its members",
  group: "Members:",
  description:
    "Shows the cluster's UUID and phase, who holds the start-up lock and who waits for " +
    "it, each member with its address, server_id, position and since when it is registered, and " +
    "each arbitrator.",
  options: [JSON_OPTION, ...ZOOKEEPER_OPTIONS, ...LOG_OPTIONS],
  examples: [
    ["galera-keeper status --zookeeper zk-1,zk-2,zk-3", "for people"],
    ["galera-keeper status --json", "for programs"],
  ],
  action(options: StatusOptions, { env }) {
    return interruptible((signal) => status(options, env, signal));
  },
};

/** How long to wait for ZooKeeper: whoever asks for the status wants an answer. */
const PATIENCE_MS = 10_000;
/** How long a member may take to answer, in milliseconds. */
const ANSWER_MS = 2000;

async function status(
  options: StatusOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  startLog(buildLogConfig(options));
  const config = buildZooKeeperConfig(options, env);
  await using session = await openSession(config, { signal, patienceMs: PATIENCE_MS });
  const snapshot = await readAll(session, config.root);
  const lock = new Lock(session, `${config.root}/bootstrap`, { name: "status" });
  const contenders = await lock.contenders();
  const statuses = await askMembers(snapshot, signal);
  const arbitrators = await readArbitrators(session, config.root);
  const facts = { ...snapshot, root: config.root, contenders, arbitrators };
  const report = buildReport(facts, statuses);
  const text = options.json ? JSON.stringify(report) : renderReport(report).join("\n");
  STDOUT.write(`${text}\n`);
  return EXIT.ok;
}

type Registry = Pick<Snapshot, "cluster" | "records" | "nodes">;

async function readAll(ensemble: Ensemble, root: string): Promise<Registry> {
  const watches = new AbortController();
  try {
    return await readSnapshot(ensemble, root, watches.signal);
  } catch (error) {
    if (!(error instanceof NoNodeError)) throw error;
    // Nobody has ever reported below this root.
    return { cluster: { kind: "none" }, records: [], nodes: [] };
  } finally {
    watches.abort();
  }
}

/** What those that are registered say of themselves, by address. */
async function askMembers(
  { nodes }: Registry,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MemberStatus>> {
  const statuses = new Map<string, MemberStatus>();
  await Promise.all(nodes.map(async ({ address, node }) => {
    if (node === null || node.http === null) return;
    const status = await askMember(node.http, signal).catch(() => null);
    if (status?.v === 1 && status.member === node.member) statuses.set(address, status);
  }));
  signal.throwIfAborted();
  return statuses;
}

async function askMember(http: string, signal: AbortSignal): Promise<MemberStatus> {
  const response = await fetch(`http://${http}/status`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    headers: { connection: "close" },
    redirect: "error",
  });
  return await response.json();
}
