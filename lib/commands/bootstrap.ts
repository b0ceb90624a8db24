/** `galera-keeper bootstrap`: a person says who bootstraps. */

import { planBootstrap, type Sight } from "../cluster/operate.ts";
import type { CommandDefinition } from "../command.ts";
import { EXIT, UnavailableError, UsageError } from "../errors.ts";
import { askMember } from "../http.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import {
  giveOrder,
  type Ground,
  PLAN_OPTIONS,
  type PlanOptions,
  withSession,
} from "../operator/operation.ts";
import {
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { parseDurationMs, parseMemberName } from "../settings/values.ts";
import { readSnapshot, type Snapshot } from "../snapshot.ts";

interface BootstrapOptions extends ZooKeeperOptions, LogOptions, PlanOptions {
  readonly member?: string;
  readonly force?: boolean;
  readonly wait: number;
}

/** `galera-keeper bootstrap` */
export const BOOTSTRAP: CommandDefinition = {
  name: "bootstrap",
  summary: "have one member bootstrap the cluster",
  group: "When a person is needed:",
  description: "Has the member begin the cluster where all its members have reported and it does " +
    "not know so, for want of --size. With --force it bootstraps whatever the others hold: says " +
    "what may be lost by it and has the cluster's UUID typed first. Refused where a member runs.",
  options: [
    {
      flags: "--member <name>",
      description: "which one; its keeper has to be there",
      parse: parseMemberName,
    },
    { flags: "--force", description: "whatever the others hold, or may hold" },
    ...PLAN_OPTIONS,
    {
      flags: "--wait <duration>",
      description: "how long to wait until the member is Primary",
      parse: parseDurationMs,
      default: 60_000,
      defaultText: "60s",
    },
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper bootstrap --member galera-1", "instead of --size, at the very first start"],
    ["galera-keeper bootstrap --member galera-1 --force --dry-run", "what would be lost"],
  ],
  action(options: BootstrapOptions, { env }) {
    const { member, force = false } = options;
    if (member === undefined) {
      throw new UsageError("--member is missing: say which member is to bootstrap");
    }
    return interruptible((signal) =>
      withSession(options, env, signal, async (ground) => {
        const attempt = crypto.randomUUID().replaceAll("-", "");
        const plan = (sight: Sight) => planBootstrap(sight, member, { attempt, force });
        const done = await giveOrder(ground, { member, alwaysConfirm: true, plan }, options);
        if (done !== null) await untilPrimary(ground, member, options.wait);
        return EXIT.ok;
      })
    );
  },
};

/** Waits until the member is Primary, and says what comes of it. @throws {UnavailableError} Not in time. */
async function untilPrimary(ground: Ground, member: string, waitMs: number): Promise<void> {
  const { ensemble, root, signal } = ground;
  STDOUT.write(
    `It is on record that ${member} bootstraps; waiting for it to be Primary (Ctrl-C ends the ` +
      "waiting alone)\n",
  );
  const late = AbortSignal.timeout(waitMs);
  const either = AbortSignal.any([signal, late]);
  const ended = new Promise<"ended">((resolve) => {
    if (either.aborted) resolve("ended");
    either.addEventListener("abort", () => resolve("ended"), { once: true });
  });
  for (;;) {
    const watches = new AbortController();
    try {
      const snapshot = await readSnapshot(ensemble, root, watches.signal);
      const said = describeOutcome(snapshot, member);
      if (said !== null) return STDOUT.write(`${said}\n`);
      if (await Promise.race([snapshot.changed, ended]) !== "ended") continue;
      signal.throwIfAborted();
      throw new UnavailableError(
        `${member} is not Primary after ${waitMs / 1000} s and goes on by itself: ` +
          `${await whatItDoes(snapshot, member, signal)}; see galera-keeper explain`,
      );
    } finally {
      watches.abort();
    }
  }
}

/** What has come of it; null while that is open. */
function describeOutcome({ cluster, nodes, paused }: Snapshot, member: string): string | null {
  if (paused !== null) {
    return `All starts are paused ${paused}: ${member} bootstraps after \`galera-keeper resume\``;
  }
  if (cluster.kind !== "known") return null;
  const { phase, by, uuid } = cluster.cluster;
  if (by !== member) return `${by} bootstraps now: that was decided since`;
  const isPrimary = nodes.some(({ node }) =>
    node !== null && node.member === member && node.primary
  );
  return phase === "running" && isPrimary ? `${member} is Primary, the cluster is ${uuid}` : null;
}

async function whatItDoes(
  { records }: Snapshot,
  member: string,
  signal: AbortSignal,
): Promise<string> {
  const seen = records.find((one) => one.kind === "record" && one.record.name === member);
  const http = seen?.kind === "record" ? seen.record.http : null;
  if (http === null) return "it offers no HTTP to ask it";
  try {
    return (await askMember(http, signal)).doing;
  } catch {
    signal.throwIfAborted();
    return "it does not answer";
  }
}
