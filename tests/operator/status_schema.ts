/** What `status --json` prints, as the README has it; nothing more, nothing less. */

import * as v from "valibot";

const text = v.string();
const nullableText = v.nullable(text);
const decimal = v.nullable(v.pipe(text, v.regex(/^\d+$/)));
const instant = v.nullable(v.pipe(text, v.isoTimestamp()));

const member = v.strictObject({
  name: nullableText,
  address: text,
  serverId: v.nullable(v.number()),
  state: text,
  health: v.picklist(["well", "busy", "bad"]),
  seqno: decimal,
  behind: decimal,
  since: instant,
  position: text,
  isPresent: v.boolean(),
  registeredSince: instant,
  primary: v.nullable(v.boolean()),
  // As `/status` has it.
  status: v.nullable(v.looseObject({ v: v.literal(1), member: text })),
  problem: nullableText,
});

export const statusSchema = v.strictObject({
  v: v.literal(1),
  root: text,
  health: v.picklist(["well", "degraded", "no-primary", "unknown"]),
  summary: text,
  zookeeper: v.strictObject({ answers: v.boolean(), problem: nullableText }),
  paused: nullableText,
  // As `control/requests/current` has it.
  request: v.nullable(v.looseObject({ kind: v.picklist(["restart", "stop"]) })),
  cluster: v.variant("kind", [
    v.strictObject({ kind: v.picklist(["none", "unknown"]) }),
    v.strictObject({ kind: v.literal("unreadable"), problem: text }),
    v.strictObject({
      kind: v.literal("known"),
      phase: v.picklist(["bootstrapping", "running"]),
      uuid: nullableText,
      by: text,
    }),
  ]),
  lock: v.strictObject({ holder: nullableText, waiting: v.array(text) }),
  members: v.array(member),
  arbitrators: v.array(v.strictObject({
    name: text,
    address: text,
    uuid: nullableText,
    attempt: nullableText,
    primary: v.boolean(),
    members: v.array(text),
    since: v.pipe(text, v.isoTimestamp()),
  })),
  advice: v.array(v.strictObject({ members: v.array(text), needed: v.boolean(), says: text })),
});

/** The fields in the order of the schema, as the README names them. */
export const STATUS_FIELDS: readonly string[] = Object.keys(statusSchema.entries);
export const MEMBER_FIELDS: readonly string[] = Object.keys(member.entries);
