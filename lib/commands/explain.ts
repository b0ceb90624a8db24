/** `galera-keeper explain`: what each member would do now, and why. */

import { dryRun, type Scene } from "../cluster/dry_run.ts";
import { FATES, suppose, type Supposition } from "../cluster/what_if.ts";
import type { CommandDefinition } from "../command.ts";
import { EXIT, RefusedError } from "../errors.ts";
import { buildExplanation, renderExplanation } from "../operator/explain.ts";
import { setting } from "../settings/shown.ts";
import { interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { type Ground, readMembers, requireMember, withSession } from "../operator/operation.ts";
import { stringify } from "../schemas.ts";
import {
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { ValueError } from "../settings/values.ts";
import { suggestionFor } from "../operator/suggestion.ts";

interface ExplainOptions extends ZooKeeperOptions, LogOptions {
  readonly json?: boolean;
  readonly whatIf?: readonly Supposition[];
}

/** `galera-keeper explain` */
export const EXPLAIN: CommandDefinition = {
  name: "explain",
  summary: "say what each member would do now, and why",
  group: "Members:",
  description:
    "Asks the rules what each member on record would do now, by what is on record and by what " +
    "members that answer say: which rule, why, whom it waits for and what a person is to do. " +
    "Writes nothing. With --what-if it says what they would do if something happened.",
  options: [
    {
      flags: "--what-if <member=what>",
      description: `suppose it first: ${FATES.join(", ")}; or a seqno, it is there and its copy ` +
        "goes so far. Several, one after the other",
      parse: parseSuppositions,
      repeats: true,
    },
    JSON_OPTION,
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper explain", "who waits for whom"],
    ["galera-keeper explain --what-if galera-2=forgotten", "what would come of forgetting it"],
    ["galera-keeper explain --what-if galera-2=absent --what-if galera-3=1234", "two things"],
  ],
  action(options: ExplainOptions, { env }) {
    return interruptible((signal) =>
      withSession(options, env, signal, (ground) => explain(ground, options))
    );
  },
};

/** Reads `MEMBER=WHAT[,MEMBER=WHAT…]`. @throws {ValueError} */
export function parseSuppositions(text: string): readonly Supposition[] {
  return text.split(",").map((part) => {
    const [, member, what = ""] = /^([^=]+)=([^=]+)$/.exec(part) ?? [];
    if (member === undefined) {
      throw new ValueError("expected MEMBER=WHAT, as in galera-2=forgotten");
    }
    const fate = FATES.find((one) => one === what) ??
      (/^\d{1,18}$/.test(what) ? BigInt(what) : null);
    if (fate !== null) return { member, fate };
    throw new ValueError(
      `expected ${FATES.join(", ")} or a seqno behind ${setting(member)}=` +
        suggestionFor(setting(what), FATES),
    );
  });
}

async function explain(ground: Ground, { json, whatIf = [] }: ExplainOptions): Promise<number> {
  const now = await readMembers(ground);
  let scene: Scene = now;
  for (const supposition of whatIf) {
    const { member, fate } = supposition;
    requireMember(scene, member);
    const next = suppose(scene, supposition);
    if ("kind" in next) throw new RefusedError(`${member}=${fate} cannot be: ${next.reason}`);
    scene = next;
  }
  const explanation = buildExplanation({
    root: ground.root,
    scene,
    courses: dryRun(scene),
    statuses: now.statuses,
    whatIf: whatIf.map(({ member, fate }) => `${member}=${fate}`),
  });
  const text = json ? stringify(explanation) : renderExplanation(explanation).join("\n");
  STDOUT.write(`${text}\n`);
  return EXIT.ok;
}
