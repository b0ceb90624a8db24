/** The callbacks that the addon's methods take, and how a reply becomes their arguments. */

import { Buffer } from "node:buffer";
import { type AddonStat, type MultiOutcome, statOf } from "./addon_values.ts";
import type { Connection } from "./connection.ts";
import { errorText } from "./constants.ts";
import type { JuteReader } from "./jute.ts";
import { withoutChroot } from "./paths.ts";
import { readAcls, readStat } from "./records.ts";
import type { Watcher } from "./watches.ts";

/** Takes a code and its text. */
export type VoidCallback = (rc: number, error: string) => void;
/** The path is "null" where there is none, as the addon gives it. */
export type PathCallback = (rc: number, error: string, path: string) => void;
/** The stat is null where there is none. */
export type StatCallback = (rc: number, error: string, stat: AddonStat | null) => void;
/** As PathCallback, with the stat of what was made. */
export type Create2Callback = (
  rc: number,
  error: string,
  path: string,
  stat: AddonStat | null,
) => void;
/** Data and stat are null where there are none. */
export type DataCallback = (
  rc: number,
  error: string,
  stat: AddonStat | null,
  data: Buffer | null,
) => void;
/** The children's names, in no order. */
export type ChildrenCallback = (rc: number, error: string, children: string[] | null) => void;
/** The children's names, in no order, and the stat of their parent. */
export type Children2Callback = (
  rc: number,
  error: string,
  children: string[] | null,
  stat: AddonStat | null,
) => void;
/** A znode's access list and stat. */
export type AclCallback = (
  rc: number,
  error: string,
  acl: { perms: number; scheme: string; auth: string }[] | null,
  stat: AddonStat | null,
) => void;
/** `results` has one entry for each operation, in order; null when the multi was not answered. */
export type MultiCallback = (rc: number, error: string, results: MultiOutcome[] | null) => void;

/** Takes a request's reply and calls back. */
export type Answer = (code: number, record: JuteReader | null) => void;

/** Calls a callback; what it throws is an uncaught error, and none of the connection's concern. */
export function call<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): void {
  try {
    callback(...args);
  } catch (error) {
    reportError(error);
  }
}

/** The guarded form of each watcher, so that it is found again. */
const guards = new WeakMap<Watcher, Watcher>();

/** Gives the form of a watcher that throws nothing; the same one each time. */
export function guarded(watcher: Watcher): Watcher {
  const known = guards.get(watcher);
  if (known !== undefined) return known;
  const kept: Watcher = (type, state, path) => call(watcher, type, state, path);
  guards.set(watcher, kept);
  return kept;
}

/** Calls back with nothing but the code. */
export function voidAnswer(callback: VoidCallback): Answer {
  return (code) => call(callback, code, errorText(code));
}

/** Calls back with a path below the chroot. */
export function pathAnswer(callback: PathCallback, { chroot }: Connection): Answer {
  return (code, record) => {
    const path = record === null ? "null" : withoutChroot(chroot, record.string());
    call(callback, code, errorText(code), path);
  };
}

/** Calls back with a path below the chroot and its stat. */
export function create2Answer(callback: Create2Callback, connection: Connection): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), "null", null);
    const path = withoutChroot(connection.chroot, record.string());
    const stat = statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), path, stat);
  };
}

/** Calls back with a stat. */
export function statAnswer(callback: StatCallback, connection: Connection): Answer {
  return (code, record) => {
    const stat = record === null ? null : statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), stat);
  };
}

/** Calls back with stat and data. */
export function dataAnswer(callback: DataCallback, connection: Connection): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), null, null);
    const data = record.buffer();
    const stat = statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), stat, data === null ? null : Buffer.from(data.buffer));
  };
}

/** Calls back with children. */
export function childrenAnswer(callback: ChildrenCallback): Answer {
  return (code, record) =>
    call(callback, code, errorText(code), record === null ? null : record.strings());
}

/** Calls back with children and their parent's stat. */
export function children2Answer(callback: Children2Callback, connection: Connection): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), null, null);
    const children = record.strings();
    const stat = statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), children, stat);
  };
}

/** Calls back with an access list and a stat. */
export function aclAnswer(callback: AclCallback, connection: Connection): Answer {
  return (code, record) => {
    if (record === null) return call(callback, code, errorText(code), null, null);
    const acls = readAcls(record).map(({ perms, scheme, id }) => ({ perms, scheme, auth: id }));
    const stat = statOf(readStat(record), connection.sessionId);
    call(callback, code, errorText(code), acls, stat);
  };
}
