/** `galera-keeper pause`: keepers start, stop and elect nothing until `resume`. */

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

/** `galera-keeper pause` */
export const PAUSE: CommandDefinition = {
  name: "pause",
  summary: "have keepers start, stop and elect nothing",
  group: "When a person is needed:",
  description: "Keepers start, stop and elect nothing until `galera-keeper resume`: members that " +
    "run serve on, those that start wait. A signal still stops a member.",
  options: [...ZOOKEEPER_OPTIONS, ...LOG_OPTIONS],
  examples: [["galera-keeper pause", "before work on the network"]],
  action(options: ZooKeeperOptions & LogOptions, { env }) {
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => pause(ground, env))
    );
  },
};

async function pause(ground: Ground, env: Environment): Promise<number> {
  // A pause below another root than the members' would be a pause of nothing.
  await readMembers(ground);
  const operator = new Operator(ground.ensemble, ground.root, askStatus);
  const { by, since } = askerOf(env);
  const done = await operator.pause(by, since);
  STDOUT.write(
    done
      ? "Paused: keepers start, stop and elect nothing, what runs serves on; " +
        "`galera-keeper resume` lets all go on\n"
      : `It was paused before, ${await operator.paused() ?? "and resumed just now"}\n`,
  );
  return EXIT.ok;
}
