/** What members decided, and what became of it: the lists of all members as one story. */

import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";
import { type Noted, parseDecisions, ZnodeError } from "../znodes.ts";
import { wrap } from "./layout.ts";

/** An entry of a member's list. */
export interface Told extends Noted {
  readonly member: string;
}

/** The lists of all members. */
export interface Story {
  /** By their time, the newest last. */
  readonly entries: readonly Told[];
  /** The members that have a list, by name, whether it can be read or not. */
  readonly members: readonly string[];
  /** What cannot be read and why, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Reads the lists of all members, leaving a watch on each.
 *
 * @param root Empty for `/`.
 * @param signal Takes the watches back.
 */
export async function readStory(
  ensemble: Ensemble,
  root: string,
  signal: AbortSignal,
): Promise<{ readonly value: Story; readonly changed: Promise<unknown> }> {
  const folder = `${root}/decisions`;
  const members = await readNames(ensemble, folder, signal);
  const changes = [members.changed];
  const lists = await Promise.all(members.names.map(async (member) => {
    try {
      const { data, changed } = await ensemble.getAndWatch(`${folder}/${member}`, signal);
      changes.push(changed);
      return { member, ...parseList(member, data) };
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      return { member, entries: [], problem: null };
    }
  }));
  const changed = Promise.race(changes);
  changed.catch(() => {}); // Nobody has to wait for it.
  return {
    value: {
      entries: lists.flatMap(({ entries }) => entries).sort(byTime),
      members: members.names,
      problems: lists.flatMap(({ problem }) => problem === null ? [] : [problem]),
    },
    changed,
  };
}

async function readNames(
  ensemble: Ensemble,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly names: readonly string[]; readonly changed: Promise<unknown> }> {
  // The watch comes first: what changes between the two fires it.
  const { stat, changed } = await ensemble.existsAndWatch(folder, signal);
  if (stat === null) return { names: [], changed };
  const { children, changed: listed } = await ensemble.childrenAndWatch(folder, signal);
  return { names: children.toSorted(), changed: listed };
}

function parseList(
  member: string,
  data: Uint8Array,
): { readonly entries: readonly Told[]; readonly problem: string | null } {
  try {
    return { entries: parseDecisions(data).map((one) => ({ member, ...one })), problem: null };
  } catch (error) {
    if (!(error instanceof ZnodeError)) throw error;
    return { entries: [], problem: `The decisions of ${member} cannot be read: ${error.message}` };
  }
}

/** ISO 8601 in UTC, all of one length, goes by its letters; what is equal stays in its order. */
function byTime({ at: one }: Told, { at: other }: Told): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * Writes entries in lines: time, member, what it decided and why.
 *
 * @param columns How wide a line may be, in characters; null: as wide as it is long.
 */
export function renderStory(
  entries: readonly Told[],
  columns: number | null,
): readonly string[] {
  const width = Math.max(0, ...entries.map(({ member }) => member.length));
  return entries.flatMap((entry) => {
    const head = `${withoutFraction(entry.at)}  ${entry.member.padEnd(width)}  `;
    return wrap(head + describeTold(entry), columns, head.length);
  });
}

/** What an entry says, in one line. */
export function describeTold({ kind, rule, reason, person }: Noted): string {
  const what = kind === "event" ? reason : `${kind} (rule ${rule}): ${reason}`;
  return person === null ? what : `${what}. A person is needed: ${person}`;
}

/** Seconds are enough for people. */
export function withoutFraction(instant: string): string {
  return instant.replace(/\.\d+Z$/, "Z");
}
