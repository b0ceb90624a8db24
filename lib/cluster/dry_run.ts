/**
 * What each member would do now: the rules, asked with the view that it would have. Pure; nothing is
 * decided by it.
 */
import { decide } from "./decide.ts";
import { heldOf, planForget, type Sight } from "./operate.ts";
import { and, forget, nameOf } from "./say.ts";
import type { Decision, Held, SeenRecord } from "./view.ts";

/** What a keeper says of its member. */
export interface Said {
  /** What the datadir holds; null before it was looked at. */
  readonly held: Held | null;
  /** The attempt in the datadir's id file. */
  readonly attempt: string | null;
  /** Its `--size`. */
  readonly size: number | null;
  /** What it does now, one sentence. */
  readonly doing: string;
}

/** All that is on record, and what keepers say, by their members' names. */
export interface Scene {
  readonly sight: Sight;
  readonly said: ReadonlyMap<string, Said>;
}

/** What a member would do now. */
export type Course =
  /** It would decide that; one that is not there, once it is started. */
  | { readonly kind: "decides"; readonly decision: Decision }
  /** It runs a server, or starts one: it has nothing to decide. */
  | { readonly kind: "runs"; readonly how: string }
  /** It cannot be told. */
  | { readonly kind: "not-known"; readonly why: string };

/** What each member on record would do now, by name. */
export function dryRun(scene: Scene): ReadonlyMap<string, Course> {
  return new Map(scene.sight.records.map((seen) => [nameOf(seen), courseOf(scene, seen)]));
}

function courseOf(scene: Scene, seen: SeenRecord): Course {
  if (seen.kind === "unreadable") {
    return { kind: "not-known", why: `Its record cannot be read: ${seen.problem}` };
  }
  const { sight, said } = scene;
  const { record, present } = seen;
  const { name, data, instead } = record;
  const how = howItRuns(sight, name);
  if (how !== null) return { kind: "runs", how };
  const keeper = said.get(name) ?? null;
  if (present && data.kind === "running" && instead === null) {
    return { kind: "runs", how: keeper?.doing ?? "It starts or recovers, and does not answer" };
  }
  const datadir = datadirOf(seen, keeper);
  if (datadir === null) return { kind: "not-known", why: whyNotKnown(seen) };
  const self = { name, ...datadir };
  return { kind: "decides", decision: decide(viewOf(scene, self, keeper)) };
}

/** How a member runs; null where it does not, as far as can be seen. */
function howItRuns({ registered, serving }: Sight, name: string): string | null {
  const { answer, isAdopted } = registered.find((one) => one.name === name) ?? {};
  switch (answer?.kind) {
    case "primary":
      return isAdopted ? "It is adopted, registered and Primary" : "It is registered and Primary";
    case "not-primary":
      return isAdopted
        ? "It is adopted, registered and not Primary: it heals, or is stopped by who started it"
        : "It is registered and not Primary: it heals or stops";
    case "mute":
      return "It is registered, and offers no HTTP to ask it";
    case "silent":
    case "mismatch":
      return `It is registered, and asked from here: ${answer.problem}`;
    case "foreign":
    case undefined:
      return serving.includes(name) ? "It runs a server and is not registered" : null;
  }
}

/** What its datadir holds: by the word of its keeper, else by its record. */
function datadirOf(
  { record, present }: SeenRecord & { readonly kind: "record" },
  keeper: Said | null,
): { readonly held: Held; readonly attempt: string | null } | null {
  if (present && keeper !== null && keeper.held !== null) {
    return { held: keeper.held, attempt: keeper.attempt };
  }
  const copy = record.insteadCopy ?? (record.data.kind === "at" ? record.data.copy : null);
  const held: Held | null = record.insteadCopy !== null
    ? { kind: "at", position: record.insteadCopy.position, safeToBootstrap: false }
    : heldOf(record);
  return held === null ? null : { held, attempt: copy?.attempt ?? null };
}

function whyNotKnown({ record }: SeenRecord & { readonly kind: "record" }): string {
  return record.instead === null
    ? "It died running: what its datadir holds is known once it is started again"
    : `Its datadir holds ${record.instead}, and its keeper does not say what it makes of it`;
}

function viewOf(
  { sight, said }: Scene,
  self: Parameters<typeof decide>[0]["self"],
  keeper: Said | null,
): Parameters<typeof decide>[0] {
  const { storage, paused, cluster, registered } = sight;
  const own = sight.records.find((seen) => nameOf(seen) === self.name);
  return {
    self,
    size: keeper === null ? sizeOf(said) : keeper.size,
    storage,
    paused,
    cluster,
    // One that is not there would be, by the time that it decides.
    records: sight.records.map((seen) =>
      seen === own && seen.kind === "record" ? { ...seen, present: true } : seen
    ),
    // Its own registration it would take over, where somebody else's is in its place.
    registered: registered.filter(({ name, address }) =>
      name !== null || own?.kind !== "record" || address !== own.record.address
    ),
  };
}

/** All are told the same `--size`: where a member's own is not known, another's is. */
export function sizeOf(said: Scene["said"]): number | null {
  return [...said.values()].map(({ size }) => size).find((size) => size !== null) ?? null;
}

/** What a person can do about some members. */
export interface Advice {
  readonly members: readonly string[];
  /** Nothing goes on without a person; else it is only wise. */
  readonly needed: boolean;
  /** One sentence, with the command. */
  readonly says: string;
}

/**
 * What to do about members that are not there and members that wait for a person, in the words of
 * the rules. A pause is left out: what waits behind it is said.
 */
export function advise(scene: Scene): readonly Advice[] {
  const { records, registered } = scene.sight;
  const absent = records.flatMap((seen) =>
    seen.kind === "record" && !seen.present ? [seen.record.name] : []
  );
  if (registered.some(({ answer }) => answer.kind === "primary")) {
    return [
      ...absent.flatMap((name) => adviseForget(scene.sight, name)),
      ...adviseWaits(scene, []),
    ];
  }
  return adviseWaits(scene, absent);
}

/** Nobody has to wait for it after a later outage. */
function adviseForget(sight: Sight, member: string): readonly Advice[] {
  const plan = planForget(sight, member);
  if (plan.kind === "refused" || plan.losses.length > 0) return [];
  return [{
    members: [member],
    needed: false,
    says: `${member} is not there and the cluster is Primary without it; if it is gone for good, ` +
      `forgetting it is safe now: ${forget(member)}.`,
  }];
}

/** What members that are there wait for a person to do, each thing once. */
function adviseWaits({ sight, said }: Scene, absent: readonly string[]): readonly Advice[] {
  const courses = dryRun({ sight: { ...sight, paused: null }, said });
  const waits = new Map<string, { readonly whom: string | undefined; readonly who: string[] }>();
  for (const seen of sight.records) {
    const name = nameOf(seen);
    const course = courses.get(name);
    if (seen.kind !== "record" || !seen.present || course?.kind !== "decides") continue;
    const { decision } = course;
    if (decision.kind !== "wait" || decision.person === null) continue;
    const { reason, person, waitsFor } = decision;
    const says = `${reason}: ${person.charAt(0).toLowerCase()}${person.slice(1)}`;
    const whom = waitsFor.find((one) => absent.includes(one)) ?? waitsFor[0];
    const same = waits.get(says);
    if (same === undefined) waits.set(says, { whom, who: [name] });
    else same.who.push(name);
  }
  return [...waits].map(([says, { whom, who }]): Advice =>
    // Whoever is waited for is named in the reason.
    whom === undefined
      ? { members: who, needed: true, says: `${and(who)}: ${says}` }
      : { members: [whom], needed: true, says }
  );
}
