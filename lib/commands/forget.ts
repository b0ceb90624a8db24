/** `galera-keeper forget`: the cluster goes on without a member that is gone for good. */

import { planForget } from "../cluster/operate.ts";
import type { CommandDefinition } from "../command.ts";
import { EXIT } from "../errors.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { giveOrder, PLAN_OPTIONS, type PlanOptions, withSession } from "../operator/operation.ts";
import {
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";

/** `galera-keeper forget` */
export const FORGET: CommandDefinition = {
  name: "forget",
  summary: "go on without a member that is gone for good",
  group: "When a person is needed:",
  description:
    "Takes a member off the record, so that nobody waits for it. Says what may be lost " +
    "by it and has the cluster's UUID typed first; where nothing can be lost, as while the others " +
    "are Primary, it does not ask. Refused for a member that is alive.",
  options: [...PLAN_OPTIONS, ...ZOOKEEPER_OPTIONS, ...LOG_OPTIONS],
  operands: [{ syntax: "<member>", description: "which one" }],
  examples: [
    ["galera-keeper forget galera-3 --dry-run", "what would be lost"],
    ["galera-keeper forget galera-3", "asks for the cluster's UUID"],
  ],
  action(options: ZooKeeperOptions & LogOptions & PlanOptions, { env }, [member = ""]) {
    return interruptible((signal) =>
      withSession(options, env, signal, async (ground) => {
        const order = {
          member,
          alwaysConfirm: false,
          plan: (sight: Parameters<typeof planForget>[0]) => planForget(sight, member),
        };
        const done = await giveOrder(ground, order, options);
        if (done !== null) STDOUT.write(`${member} is forgotten\n`);
        return EXIT.ok;
      })
    );
  },
};
