/** What `explain` shows: what each member would do now, and why. Pure. */

import type { Course, Scene } from "../cluster/dry_run.ts";
import { nameOf } from "../cluster/say.ts";
import type { Attempt, Decision } from "../cluster/view.ts";
import type { MemberStatus } from "../progress.ts";
import { describeCluster, describePause } from "./status_screen.ts";

/** One member's part. */
export interface MemberExplanation {
  readonly name: string;
  /** A keeper speaks for it now, as far as is known. */
  readonly isPresent: boolean;
  readonly course: Course;
  /** What its keeper itself last decided, where that is something else; null where it is not. */
  readonly keeper: Decision | null;
}

/** All that `explain` shows. */
export interface Explanation {
  readonly v: 1;
  readonly root: string;
  readonly paused: string | null;
  readonly cluster:
    | { readonly kind: "none" }
    | { readonly kind: "unreadable"; readonly problem: string }
    | {
      readonly kind: "known";
      readonly phase: "bootstrapping" | "running";
      readonly uuid: string | null;
      readonly by: string;
      readonly forced: boolean;
      readonly attempts: readonly Attempt[];
    };
  /** What was supposed, `MEMBER=WHAT` each. */
  readonly whatIf: readonly string[];
  readonly members: readonly MemberExplanation[];
}

/** What goes into it. */
export interface Explained {
  readonly root: string;
  readonly scene: Scene;
  readonly courses: ReadonlyMap<string, Course>;
  /** What members that answer say of themselves, by name. */
  readonly statuses: ReadonlyMap<string, MemberStatus>;
  readonly whatIf: readonly string[];
}

/** Puts it together. */
export function buildExplanation(explained: Explained): Explanation {
  const { root, scene: { sight }, courses, statuses, whatIf } = explained;
  const members = sight.records.map((seen): MemberExplanation => {
    const name = nameOf(seen);
    const course = courses.get(name) ?? { kind: "not-known", why: "It was not asked" };
    const own = statuses.get(name)?.decision ?? null;
    // Whether one is there whose record cannot be read is not known.
    const isPresent = seen.kind === "unreadable" || seen.present;
    // What is supposed has not happened to a keeper.
    const differs = whatIf.length === 0 && isPresent && course.kind === "decides" &&
      own !== null && !isSame(own, course.decision);
    return { name, isPresent, course, keeper: differs ? own : null };
  });
  return {
    v: 1,
    root: root || "/",
    paused: sight.paused,
    cluster: clusterOf(sight),
    whatIf,
    members,
  };
}

function clusterOf({ cluster: onRecord }: Scene["sight"]): Explanation["cluster"] {
  if (onRecord.kind !== "known") return onRecord;
  const { phase, uuid, by, forced, attempts } = onRecord.cluster;
  return { kind: "known", phase, uuid, by, forced, attempts };
}

function isSame(one: Decision, other: Decision): boolean {
  return one.kind === other.kind && one.rule === other.rule && one.reason === other.reason;
}

/** Writes it in lines. */
export function renderExplanation(explanation: Explanation): readonly string[] {
  const { cluster, paused, whatIf, members } = explanation;
  return [
    ...describePause(paused),
    `Cluster: ${describeCluster(cluster)}`,
    ...(cluster.kind === "known" ? cluster.attempts.map(describeAttempt) : []),
    ...(whatIf.length === 0 ? [] : [`What if: ${whatIf.join(", ")}`]),
    ...(members.length === 0 ? ["No member has reported yet"] : members.flatMap(describeMember)),
  ];
}

function describeAttempt({ by, uuid, seqno, attempt, from }: Attempt): string {
  const where = from === null && seqno === 0n
    ? "began a new cluster"
    : `bootstrapped ${uuid ?? "it"} at ${seqno}`;
  return `  attempt ${attempt}: ${by} ${where}${from === null ? "" : `, from ${from}`}`;
}

function describeMember({ name, isPresent, course, keeper }: MemberExplanation): string[] {
  const who = isPresent ? name : `${name} (not there)`;
  switch (course.kind) {
    case "runs":
      return [`${who} runs: ${course.how}`];
    case "not-known":
      return [`${who}: ${course.why}`];
    case "decides":
      return [
        ...describeDecision(`${who} would`, course.decision),
        ...(keeper === null
          ? []
          : describeDecision("its keeper last decided to", keeper).map((line) => `  ${line}`)),
      ];
  }
}

function describeDecision(who: string, decision: Decision): string[] {
  const lines = [`${who} ${decision.kind} (rule ${decision.rule}): ${decision.reason}`];
  if (decision.kind !== "wait") return lines;
  const { waitsFor, person } = decision;
  if (waitsFor.length > 0) lines.push(`  waits for: ${waitsFor.join(", ")}`);
  if (person !== null) lines.push(`  a person is needed: ${person}`);
  return lines;
}
