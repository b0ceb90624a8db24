/**
 * What an operator can do where the rules wait for a person: have one member bootstrap, or forget
 * one. Pure: what would be written and what may be lost by it, or why it is refused.
 */
import { begin, branchOf } from "./attempts.ts";
import { decide } from "./decide.ts";
import { copyOf, lossOf, lostAfter, mayHaveServed } from "./losses.ts";
import { comparePositions, formatPosition } from "./position.ts";
import { floorOf } from "./record.ts";
import { and, nameOf } from "./say.ts";
import type { Cluster, Copy, Held, MemberRecord, SeenRecord, View } from "./view.ts";

/** What an operator sees: all that a member sees but itself. */
export interface Sight extends Omit<View, "self" | "size"> {
  /**
   * Members that answered when they were asked for their status and run a server, registered or not,
   * and those that an arbitrator votes with.
   */
  readonly serving: readonly string[];
  /**
   * How many more servers are in a primary component, by its members' word, than anybody speaks for: run
   * by hand, or arbitrators that are. Absent where all are known.
   */
  readonly unknownInView?: number;
}

/** What is to be written, all or nothing. */
export interface Plan {
  readonly kind: "plan";
  /** What `cluster` is to say; null where it stays and only its version changes. */
  readonly cluster: Cluster | null;
  /** Records that are to say something else. */
  readonly records: readonly MemberRecord[];
  /** Members whose records go. */
  readonly forgotten: readonly string[];
  /** What may be lost, a sentence each; empty where nothing can be. */
  readonly losses: readonly string[];
  /** The UUID of the cluster, to be typed by who does it; null where there is none yet. */
  readonly uuid: string | null;
  /** What comes of it, one sentence. */
  readonly outcome: string;
}

/** Why it is not done, one sentence. */
export interface Refusal {
  readonly kind: "refused";
  readonly reason: string;
}

/**
 * Has one member bootstrap.
 *
 * @param options.attempt A new random attempt.
 * @param options.force Whatever the others hold. Without it, only what the rules would decide if the
 * members on record were known to be all: it stands in for `--size`.
 */
export function planBootstrap(
  sight: Sight,
  member: string,
  options: { readonly attempt: string; readonly force: boolean },
): Plan | Refusal {
  const { cluster, record } = lookUp(sight, member);
  if (record === null) return refused(notOnRecord(sight, member));
  if (sight.cluster.kind === "unreadable") {
    return refused(`The znode of the cluster cannot be read: ${sight.cluster.problem}`);
  }
  const serving = [...new Set([...registeredNames(sight), ...sight.serving])].sort();
  if (serving.length > 0) {
    return refused(
      `${and(serving)} ${serving.length === 1 ? "runs" : "run"}: a second primary ` +
        "component would be a second history; stop what runs first",
    );
  }
  if (!isPresent(sight, member)) {
    return refused(`No keeper speaks for ${member}: start it first, it then waits for this`);
  }
  if (!options.force) return planByTheRules(sight, cluster, record, options.attempt);
  return planForce(sight, cluster, record, options.attempt);
}

/** Without `--force`: the rules decide, as if `--size` were the number of records. */
function planByTheRules(
  sight: Sight,
  cluster: Cluster | null,
  record: MemberRecord,
  attempt: string,
): Plan | Refusal {
  if (cluster !== null && sight.storage === "persistent") {
    return refused(
      "A cluster is on record, so the members decide by themselves; `galera-keeper explain` says " +
        "what they wait for",
    );
  }
  const held = heldOf(record);
  if (held === null) {
    return refused(`The datadir of ${record.name} does not hold what is on record`);
  }
  const self = { name: record.name, held, attempt: copyOf(record)?.attempt ?? null };
  const decision = decide({ ...sight, self, size: sight.records.length });
  if (decision.kind !== "bootstrap") {
    return refused(`${record.name} would ${decision.kind}: ${decision.reason}`);
  }
  const all = sight.records.map(nameOf).join(", ");
  return {
    kind: "plan",
    cluster: beginning(sight, record, attempt, false),
    records: [],
    forgotten: [],
    losses: [],
    uuid: null,
    outcome: `${record.name} begins the cluster, of which these are all members: ${all}`,
  };
}

function planForce(
  sight: Sight,
  cluster: Cluster | null,
  record: MemberRecord,
  attempt: string,
): Plan | Refusal {
  const copy = copyOf(record) ?? record.insteadCopy;
  const uuid = cluster?.uuid ?? copy?.position.uuid ?? null;
  const held = heldOf(record);
  const isNew = held !== null && held.kind !== "torn" && held.kind !== "at";
  if (copy === null && (uuid !== null || !isNew)) {
    return refused(`${record.name} holds no copy that a cluster could go on with`);
  }
  if (copy !== null && copy.position.uuid !== uuid) {
    return refused(
      `${record.name} holds a copy of another cluster, ${formatPosition(copy.position)}; the ` +
        `cluster's UUID is ${uuid}`,
    );
  }
  const own: MemberRecord | null = copyOf(record) === null && copy !== null
    ? {
      ...record,
      data: { kind: "at", copy, safeToBootstrap: false },
      instead: null,
      insteadCopy: null,
    }
    : null;
  const others = sight.records.filter((seen) => nameOf(seen) !== record.name);
  const next = beginning(sight, own ?? record, attempt, true);
  const better = others.find((seen) => {
    const held = seen.kind === "record" && seen.present ? copyOf(seen.record) : null;
    // Another cluster's copy stays where it is: who holds it asks a person.
    return held !== null && held.position.uuid === next.uuid &&
      lostAfter(held, cluster, next) !== null && isAhead(held, copy, cluster);
  });
  if (better !== undefined) {
    return refused(
      `${nameOf(better)} is there and holds ${
        formatPosition(copyOf((better as Seen).record)!.position)
      }, which would be lost: have that one bootstrap, or stop it and forget it first`,
    );
  }
  const starting = others.find((seen) =>
    seen.kind === "record" && seen.present && seen.record.data.kind === "running" &&
    seen.record.instead === null
  );
  if (starting !== undefined) {
    return refused(`${nameOf(starting)} is there and starts or recovers: wait for it, or stop it`);
  }
  const from = copy?.position ?? null;
  return {
    kind: "plan",
    cluster: next,
    forgotten: [],
    records: [
      ...own === null ? [] : [own],
      ...others.filter((seen) => seen.kind === "record")
        .filter(({ record: { data } }) => data.kind === "running")
        .map(({ record }) => givenUp(record)),
    ],
    losses: [
      ...copyOf(record) === null
        ? lossOf({ kind: "record", record, present: true }, cluster, next)
        : [],
      ...others.flatMap((seen) => lossOf(seen, cluster, next)),
      ...sight.cluster.kind === "none" && from !== null
        ? [
          `Whatever others committed after ${
            formatPosition(from)
          }: no cluster is on record, so who ` +
          "has not reported since is not known",
        ]
        : [],
    ],
    uuid,
    outcome: from === null
      ? `${record.name} begins a new cluster`
      : `${record.name} bootstraps at ${
        formatPosition(from)
      }; whoever lies beyond it cannot join ` +
        "before its datadir is emptied",
  };
}

/** Whether a copy is the one to go on with rather than another: of the present history, or further on. */
function isAhead(held: Copy, than: Copy | null, before: Cluster | null): boolean {
  if (than === null) return true;
  const attempts = before?.attempts ?? [];
  const [one, other] = [branchOf(held, attempts), branchOf(than, attempts)];
  if (one === "present" && other !== "present") return true;
  return comparePositions(held.position, than.position) > 0;
}

/** `cluster` as it would say that a member bootstraps with what its record says. */
function beginning(
  { cluster: onRecord, records }: Sight,
  { name: by, data, lineage }: MemberRecord,
  attempt: string,
  forced: boolean,
): Cluster {
  const copy = data.kind === "at" ? data.copy : null;
  return begin({ onRecord, records, lineage, by, copy, attempt, forced });
}

type Seen = SeenRecord & { readonly kind: "record" };

/**
 * Forgets a member that is gone for good.
 *
 * Does not settle who bootstraps; where an unfinished bootstrap is the member's, only another one can
 * take its place.
 */
export function planForget(sight: Sight, member: string): Plan | Refusal {
  const { cluster, seen, record } = lookUp(sight, member);
  if (seen === null) return refused(notOnRecord(sight, member));
  if (sight.storage === "ephemeral") {
    return refused(
      `Storage is ephemeral: the record of ${member} goes with its keeper's session, and nobody ` +
        "waits for it then; stop it instead",
    );
  }
  if (isPresent(sight, member) || registeredNames(sight).includes(member)) {
    return refused(`${member} is alive: its keeper speaks for it; stop it first`);
  }
  if (sight.serving.includes(member)) {
    return refused(`${member} is alive: it answers and runs a server; stop it first`);
  }
  if (cluster?.phase === "bootstrapping" && cluster.by === member) {
    return refused(
      `${member} began a bootstrap that is not finished: have another member bootstrap first, ` +
        "galera-keeper bootstrap --force --member NAME",
    );
  }
  const primary = sight.registered.filter(({ answer }) => answer.kind === "primary");
  const rest = sight.records.filter((one) => nameOf(one) !== member);
  const unseen = record === null ? null : mayRunUnseen(sight, record);
  if (unseen !== null) {
    return {
      kind: "plan",
      cluster: null,
      records: [],
      forgotten: [member],
      losses: [unseen],
      uuid: cluster?.uuid ?? null,
      outcome: `Nobody waits for ${member} any more, whether it runs or not`,
    };
  }
  const isSafe = primary.length > 0 || (record !== null && hasNothingToLose(record, cluster));
  return {
    kind: "plan",
    cluster: null,
    records: [],
    forgotten: [member],
    losses: isSafe ? [] : lossOf(seen, cluster, withoutIt(sight, rest)),
    uuid: cluster?.uuid ?? null,
    outcome: primary.length > 0
      ? `The cluster is Primary without ${member}: nothing is lost, and nobody waits for it after ` +
        "a full outage"
      : `Nobody waits for ${member} any more; the others decide by what they hold`,
  };
}

/**
 * What may be lost where a member's server may run with nobody to look after it: others are in the Galera
 * view than those that are known to be. Null where it does not, as far as can be seen.
 */
function mayRunUnseen({ unknownInView = 0 }: Sight, record: MemberRecord): string | null {
  if (unknownInView === 0 || record.data.kind !== "running") return null;
  const others = unknownInView === 1 ? "a server that" : `${unknownInView} servers that`;
  return `Whatever ${record.name} commits once the others have stopped: ${others} no keeper speaks for ` +
    `may be it, in the Galera view; make sure that it does not run`;
}

/** `cluster` as it would say that the best of some members bootstraps; null where none could. */
function withoutIt(sight: Sight, rest: readonly SeenRecord[]): Cluster | null {
  const before = sight.cluster.kind === "known" ? sight.cluster.cluster : null;
  let best: { readonly record: MemberRecord; readonly copy: Copy } | null = null;
  for (const seen of rest) {
    if (seen.kind !== "record") continue;
    const { record } = seen;
    const copy = copyOf(record);
    if (copy === null || branchOf(copy, before?.attempts ?? []) !== "present") continue;
    if (before !== null && before.uuid !== copy.position.uuid) continue;
    const isBetter = best === null || (best.copy.position.uuid === copy.position.uuid &&
      comparePositions(copy.position, best.copy.position) > 0);
    if (isBetter) best = { record, copy };
  }
  return best === null ? null : beginning(sight, best.record, "", false);
}

/** What a member's datadir holds, as far as its record says. */
export function heldOf({ data, instead }: MemberRecord): Held | null {
  if (instead !== null) return null;
  switch (data.kind) {
    case "nothing":
      return { kind: "empty" };
    case "standalone":
    case "torn":
      return { kind: data.kind };
    case "at":
      return { kind: "at", position: data.copy.position, safeToBootstrap: data.safeToBootstrap };
    case "running":
      return null;
  }
}

/** The cluster reckons with nothing of it; what its datadir holds it says when it is back. */
function givenUp(record: MemberRecord): MemberRecord {
  return { ...record, data: { kind: "nothing" }, instead: null, insteadCopy: null };
}

function hasNothingToLose({ data, name }: MemberRecord, cluster: Cluster | null): boolean {
  return floorOf(data) === null && data.kind !== "standalone" &&
    !mayHaveServed(data, name, cluster);
}

function lookUp(sight: Sight, member: string) {
  const seen = sight.records.find((one) => nameOf(one) === member) ?? null;
  return {
    cluster: sight.cluster.kind === "known" ? sight.cluster.cluster : null,
    seen,
    record: seen?.kind === "record" ? seen.record : null,
  };
}

function isPresent(sight: Sight, member: string): boolean {
  return sight.records.some((seen) =>
    seen.kind === "record" && seen.record.name === member && seen.present
  );
}

function registeredNames({ registered }: Sight): readonly string[] {
  return registered.map(({ name, address }) => name ?? address);
}

function notOnRecord(sight: Sight, member: string): string {
  const unreadable = sight.records.find((seen) => nameOf(seen) === member);
  if (unreadable?.kind === "unreadable") {
    return `The record of ${member} cannot be read: ${unreadable.problem}`;
  }
  const names = sight.records.map(nameOf);
  const known = names.length === 0 ? "no member has reported" : `known are ${names.join(", ")}`;
  return `There is no member ${member} on record: ${known}`;
}

/** What was read, as it would be once a plan was carried out. */
export function carriedOut(sight: Sight, { cluster, records, forgotten }: Plan): Sight {
  return {
    ...sight,
    cluster: cluster === null ? sight.cluster : { kind: "known", cluster },
    records: sight.records
      .filter((seen) => !forgotten.includes(nameOf(seen)))
      .map((seen) => {
        const next = records.find(({ name }) => name === nameOf(seen));
        return next === undefined || seen.kind !== "record" ? seen : { ...seen, record: next };
      }),
  };
}

/** Not done, and why: one sentence. */
export function refused(reason: string): Refusal {
  return { kind: "refused", reason };
}
