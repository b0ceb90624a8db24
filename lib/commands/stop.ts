/** `galera-keeper stop --all`: all members, one after the other, so that the last one is known. */

import { planStop } from "../cluster/plan_requests.ts";
import { formatPosition } from "../cluster/position.ts";
import type { CommandDefinition, Environment } from "../command.ts";
import { EXIT, RefusedError, UsageError } from "../errors.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { followRequest } from "../operator/follow_request.ts";
import { askerOf, type Ground, readMembers, withSession } from "../operator/operation.ts";
import { RequestDesk, requestSight, stoppingOf } from "../operator/requests.ts";
import {
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";

interface StopOptions extends ZooKeeperOptions, LogOptions {
  readonly all?: boolean;
}

/** `galera-keeper stop` */
export const STOP: CommandDefinition = {
  name: "stop",
  summary: "stop all members in order",
  group: "Members:",
  description:
    "Has all members stop one after the other, one that is Synced last, and none start " +
    "again until `galera-keeper resume`. Their keepers stay, and carry it out: the command asks " +
    "for it and shows how far it is, and may be ended without harm.",
  options: [
    {
      flags: "--all",
      description: "all members; a single one is stopped by a signal to its keeper",
    },
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper stop --all", "before work on all machines"],
    ["galera-keeper resume", "all start again, or what is left of the stop is taken back"],
  ],
  action(options: StopOptions, { env }) {
    if (!options.all) {
      throw new UsageError(
        "Give --all: all members stop. A single one is stopped by SIGTERM to its keeper",
      );
    }
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => stop(ground, env))
    );
  },
};

async function stop(ground: Ground, env: Environment): Promise<number> {
  const desk = new RequestDesk(ground.ensemble, ground.root);
  const scene = await readMembers(ground);
  const sight = requestSight(scene, await desk.standing());
  const planned = planStop(sight, stoppingOf(scene));
  if (planned.kind === "refused") throw new RefusedError(planned.reason);
  const { asked, skipped } = planned;
  const id = crypto.randomUUID().replaceAll("-", "");
  const request = await desk.ask(asked, id, askerOf(env));
  const names = asked.members.join(", ") || "nobody, as none is registered";
  STDOUT.write(`Asked to stop, one after the other: ${names}\n`);
  if (skipped.length > 0) STDOUT.write(`Left out, as not running: ${skipped.join(", ")}\n`);
  await followRequest(ground, request, STDOUT);
  await sayLast(ground, desk);
  return EXIT.ok;
}

/** Who was the last, and where its data ends. */
async function sayLast(ground: Ground, desk: RequestDesk): Promise<void> {
  const last = (await desk.standing())?.done.at(-1);
  const { sight } = await readMembers(ground);
  const seen = sight.records.find((one) => one.kind === "record" && one.record.name === last);
  const data = seen?.kind === "record" ? seen.record.data : null;
  const where = data?.kind === "at"
    ? `, at ${formatPosition(data.copy.position)}${
      data.safeToBootstrap ? ", safe to bootstrap" : ""
    }`
    : "";
  const who = last === undefined ? "" : `, ${last} last${where}`;
  STDOUT.write(`All have stopped${who}; \`galera-keeper resume\` starts them again\n`);
}
