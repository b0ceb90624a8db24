/** `galera-keeper status`: the cluster as ZooKeeper and its members show it. */

import { advise } from "../cluster/dry_run.ts";
import type { CommandDefinition } from "../command.ts";
import { EXIT } from "../errors.ts";
import {
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { interruptible } from "../machine/signals.ts";
import { type Ground, withSession } from "../operator/operation.ts";
import { readRequest } from "../operator/requests.ts";
import { readScene } from "../operator/scene.ts";
import { readArbitrators } from "../snapshot.ts";
import { buildReport, renderReport } from "../operator/status.ts";
import { STDOUT } from "../machine/terminal.ts";
import { Lock } from "../zookeeper/lock.ts";

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
    "it, each member with its address, server_id, position and since when it is registered, " +
    "each arbitrator, and what a person can do about members that are not there or wait.",
  options: [JSON_OPTION, ...ZOOKEEPER_OPTIONS, ...LOG_OPTIONS],
  examples: [
    ["galera-keeper status --zookeeper zk-1,zk-2,zk-3", "for people"],
    ["galera-keeper status --json", "for programs"],
  ],
  action(options: StatusOptions, { env }) {
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => status(ground, options.json ?? false))
    );
  },
};

async function status({ ensemble, root, signal }: Ground, json: boolean): Promise<number> {
  const scene = await readScene(ensemble, root, signal);
  const lock = new Lock(ensemble, `${root}/bootstrap`, { name: "status" });
  const { paused, cluster, records } = scene.sight;
  const report = buildReport({
    root,
    paused,
    request: await readRequest(ensemble, root),
    cluster,
    records,
    nodes: scene.reading?.snapshot.nodes ?? [],
    contenders: await lock.contenders(),
    arbitrators: await readArbitrators(ensemble, root),
    advice: advise(scene),
  }, scene.statuses);
  const text = json ? JSON.stringify(report) : renderReport(report).join("\n");
  STDOUT.write(`${text}\n`);
  return EXIT.ok;
}
