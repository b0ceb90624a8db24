/** `galera-keeper resume`: ends a pause. */

import type { CommandDefinition, Environment } from "../command.ts";
import { EXIT } from "../errors.ts";
import { askStatus } from "../http.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { askerOf, type Ground, readMembers, withSession } from "../operator/operation.ts";
import { Operator } from "../operator/operator.ts";
import {
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";

/** `galera-keeper resume` */
export const RESUME: CommandDefinition = {
  name: "resume",
  summary: "end a pause",
  group: "When a person is needed:",
  description: "Keepers start, stop and elect again, after `galera-keeper pause` or " +
    "`galera-keeper stop --all`, which it takes back where it is not done yet.",
  options: [...ZOOKEEPER_OPTIONS, ...LOG_OPTIONS],
  examples: [["galera-keeper resume", "those that wait decide at once"]],
  action(options: ZooKeeperOptions & LogOptions, { env }) {
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => resume(ground, env))
    );
  },
};

async function resume(ground: Ground, env: Environment): Promise<number> {
  const operator = new Operator(ground.ensemble, ground.root, askStatus);
  const paused = await operator.paused();
  if (paused === null) await readMembers(ground); // The --root may be another one than was paused.
  const { by, since } = askerOf(env);
  const done = await operator.resume(by, since);
  STDOUT.write(done ? `Resumed: it was paused ${paused ?? "just now"}\n` : "Nothing was paused\n");
  return EXIT.ok;
}
