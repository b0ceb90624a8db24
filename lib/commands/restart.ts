/** `galera-keeper restart`: members in turn, each under the start-up lock. */

import { planRestart } from "../cluster/plan_requests.ts";
import { isOver } from "../cluster/requests.ts";
import type { CommandDefinition, Environment } from "../command.ts";
import { EXIT, RefusedError, UsageError } from "../errors.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { followRequest } from "../operator/follow_request.ts";
import {
  askerOf,
  type Ground,
  readMembers,
  requireMember,
  withSession,
} from "../operator/operation.ts";
import { RequestDesk, requestSight } from "../operator/requests.ts";
import {
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { parseMemberName } from "../settings/values.ts";

interface RestartOptions extends ZooKeeperOptions, LogOptions {
  readonly rolling?: boolean;
  readonly only?: readonly string[];
  readonly yes?: boolean;
  readonly resume?: boolean;
  readonly cancel?: boolean;
}

/** `galera-keeper restart` */
export const RESTART: CommandDefinition = {
  name: "restart",
  summary: "restart members in turn",
  group: "Members:",
  description: "Has each member in turn take the start-up lock, drain, stop, start again and be " +
    "Synced before the next one does; stands still at the first that fails. The keepers carry it " +
    "out: the command asks for it and shows how far it is, and may be ended without harm.",
  options: [
    { flags: "--rolling", description: "all members that are registered, by name" },
    {
      flags: "--only <names>",
      description: "these members, with commas between; may be given several times",
      parse: (text) => text.split(",").map((name) => parseMemberName(name.trim())),
      repeats: true,
    },
    { flags: "--yes", description: "also where nobody serves meanwhile, as with a single member" },
    {
      flags: "--resume",
      description: "have a restart go on that stands still, or follow one that does not",
    },
    { flags: "--cancel", description: "take it back; a member in its turn finishes that" },
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper restart --rolling", "all, for a new my.cnf or a new mariadbd"],
    ["galera-keeper restart --only galera-2", "that one"],
    ["galera-keeper restart --resume", "what failed is mended"],
  ],
  action(options: RestartOptions, { env }) {
    checkOptions(options);
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => restart(ground, options, env))
    );
  },
};

function checkOptions({ rolling, only, resume, cancel, yes }: RestartOptions): void {
  const given = [
    rolling && "--rolling",
    only && "--only",
    resume && "--resume",
    cancel && "--cancel",
  ]
    .filter((one) => typeof one === "string");
  if (given.length === 0) {
    throw new UsageError(
      "Say which members are to restart: --rolling for all of them in turn, --only NAME for one",
    );
  }
  if (given.length > 1) throw new UsageError(`${given.join(" and ")} exclude each other: give one`);
  if (yes && (resume || cancel)) throw new UsageError("--yes goes with --rolling or --only");
}

async function restart(ground: Ground, options: RestartOptions, env: Environment): Promise<number> {
  if (options.cancel) return await cancel(ground, env);
  if (options.resume) return await resume(ground);
  const desk = new RequestDesk(ground.ensemble, ground.root);
  const scene = await readMembers(ground);
  const only = options.only === undefined ? null : [...new Set(options.only)];
  for (const name of only ?? []) requireMember(scene, name);
  const sight = requestSight(scene, await desk.standing());
  const planned = planRestart(sight, { only, outage: options.yes ?? false });
  if (planned.kind === "refused") throw new RefusedError(planned.reason);
  const { asked, skipped } = planned;
  const id = crypto.randomUUID().replaceAll("-", "");
  const request = await desk.ask(asked, id, askerOf(env));
  STDOUT.write(`Asked to restart in turn: ${asked.members.join(", ")}\n`);
  if (skipped.length > 0) STDOUT.write(`Left out, as not registered: ${skipped.join(", ")}\n`);
  await followRequest(ground, request, STDOUT);
  STDOUT.write("Done\n");
  return EXIT.ok;
}

async function resume(ground: Ground): Promise<number> {
  const request = await new RequestDesk(ground.ensemble, ground.root).goOn();
  if (request?.kind !== "restart" || isOver(request)) {
    throw new RefusedError("No restart is under way: there is nothing to go on with");
  }
  STDOUT.write(`It goes on: ${request.done.length} of ${request.members.length} done\n`);
  await followRequest(ground, request, STDOUT);
  STDOUT.write("Done\n");
  return EXIT.ok;
}

async function cancel(ground: Ground, env: Environment): Promise<number> {
  const desk = new RequestDesk(ground.ensemble, ground.root);
  const before = await desk.standing();
  if (before?.kind !== "restart" || isOver(before)) {
    throw new RefusedError("No restart is under way: there is nothing to take back");
  }
  const after = await desk.cancel(before.id, askerOf(env));
  if (after?.id !== before.id || after.canceled === null) {
    throw new RefusedError("The restart was over before it could be taken back");
  }
  const left = after.current === null ? "" : `, ${after.current.member} finishes its turn`;
  STDOUT.write(`Taken back: ${after.done.length} of ${after.members.length} are done${left}\n`);
  return EXIT.ok;
}
