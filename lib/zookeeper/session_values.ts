/** What a session takes and gives, from and to the forms of npm:zookeeper and of our addon. */

import type {
  AclInput,
  AddonStat,
  CreateFlags,
  MultiOperation,
  MultiOutcome,
} from "./addon_values.ts";
import type { AccessRule } from "../settings/acl.ts";
import { EVENT, FLAGS, PERM } from "./constants.ts";
import type { CreateMode, Operation, OperationResult, Stat, WatchEvent } from "./ensemble.ts";

/** An access list; undefined is ZooKeeper's open one. */
export type Acl = readonly AclInput[] | undefined;

const RIGHTS: Readonly<Record<string, number>> = {
  c: PERM.create,
  d: PERM.delete,
  r: PERM.read,
  w: PERM.write,
  a: PERM.admin,
};

/**
 * The access list of all that a session creates: a digest's owner may do everything, and what others
 * may is in the rules; without them anyone may read. The server puts the session's own digest, or
 * whatever else it knows the session by, in the place of "auth".
 */
export function aclFor(digest: string | null, rules: readonly AccessRule[] | null = null): Acl {
  const own = { perms: PERM.all, scheme: "auth", auth: "" };
  const anyone = { perms: PERM.read, scheme: "world", auth: "anyone" };
  if (rules === null) return digest === null ? undefined : [own, anyone];
  const others = rules.map(({ scheme, id, rights }) => ({
    perms: [...rights].reduce((sum, right) => sum | (RIGHTS[right] ?? 0), 0),
    scheme,
    auth: id,
  }));
  const isIn = others.some(({ scheme }) => scheme === "auth");
  return digest === null || isIn ? others : [own, ...others];
}

function flagsOf(mode: Exclude<CreateMode, object>): number {
  switch (mode) {
    case "persistent":
      return FLAGS.persistent;
    case "ephemeral":
      return FLAGS.ephemeral;
    case "persistent_sequential":
      return FLAGS.persistentSequential;
    case "ephemeral_sequential":
      return FLAGS.ephemeralSequential;
    case "container":
      return FLAGS.container;
  }
}

/** A create's flags as the addon takes them. */
export function createFlags(mode: CreateMode, acl: Acl): CreateFlags {
  const list = acl === undefined ? {} : { acl };
  if (typeof mode !== "string") {
    return { flags: mode.sequential ? FLAGS.ttlSequential : FLAGS.ttl, ttl: mode.ttlMs, ...list };
  }
  return acl === undefined ? flagsOf(mode) : { flags: flagsOf(mode), ...list };
}

/** A multi's operation as the addon takes it. */
export function multiOperation(operation: Operation, acl: Acl): MultiOperation {
  if (operation.op !== "create") return operation;
  const { op, path, data, mode } = operation;
  return { op, path, data, flags: createFlags(mode ?? "persistent", acl) };
}

/** What a multi's operation gave back, where all succeeded. */
export function operationResult({ op }: Operation, outcome: MultiOutcome): OperationResult {
  switch (op) {
    case "create":
      return { op, path: outcome.path! };
    case "set":
      return { op, stat: statFrom(outcome.stat!) };
    case "delete":
    case "check":
      return { op };
  }
}

/** A session's id from its hexadecimal form; the server's is signed. */
export function sessionIdFrom(hex: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${hex}`));
}

/** A stat from the addon's form. */
export function statFrom(stat: AddonStat): Stat {
  return {
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    ctimeMs: stat.ctime.getTime(),
    mtimeMs: stat.mtime.getTime(),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: sessionIdFrom(stat.ephemeralOwner),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
  };
}

/** Why a watch fired; undefined for what is no change of a znode. */
export function watchEventType(type: number): WatchEvent["type"] | undefined {
  switch (type) {
    case EVENT.created:
      return "created";
    case EVENT.deleted:
      return "deleted";
    case EVENT.changed:
      return "changed";
    case EVENT.child:
      return "children";
    default:
      return undefined;
  }
}

/** The path of a znode's parent; null for the root. */
export function parentOf(path: string): string | null {
  if (path === "/") return null;
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** The path of a znode's child. */
export function childOf(path: string, name: string): string {
  return path === "/" ? `/${name}` : `${path}/${name}`;
}
