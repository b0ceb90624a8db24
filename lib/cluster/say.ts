/** A decision in words: the reason in one plain sentence, on one line. */
import type { Cluster, Decision, SeenRecord, View } from "./view.ts";

/** Whom a wait is for, and what a person is to do; left out where there is no such thing. */
export type Rest = Partial<Pick<Decision & { kind: "wait" }, "waitsFor" | "person">>;

/** This member bootstraps. */
export function bootstrap(rule: number, reason: string): Decision {
  return { kind: "bootstrap", rule, reason: oneLine(reason) };
}

/** This member joins. */
export function join(reason: string, donors: readonly string[]): Decision {
  return { kind: "join", rule: 1, reason: oneLine(reason), donors };
}

/** This member waits. */
export function wait(rule: number, reason: string, rest: Rest): Decision {
  const { waitsFor = [], person = null } = rest;
  return {
    kind: "wait",
    rule,
    reason: oneLine(reason),
    waitsFor,
    person: person && oneLine(person),
  };
}

/**
 * A wait for one member; where its keeper is not there, somebody has to start it.
 *
 * @param otherwise What goes on without it, a command.
 */
export function waitFor(view: View, name: string, otherwise: string): Rest {
  const present = view.records.some((seen) =>
    nameOf(seen) === name && (seen.kind === "unreadable" || seen.present)
  );
  return {
    waitsFor: [name],
    person: present ? null : `Start ${name} again, or go on without it: ${otherwise}.`,
  };
}

/** The command that has the cluster go on without members that are gone for good. */
export function forget(...names: readonly string[]): string {
  return and(names.map((name) => `\`galera-keeper forget ${name}\``));
}

/** The command that has the cluster go on with one member's copy, whatever the others hold. */
export function force(name: string): string {
  return `\`galera-keeper bootstrap --force --member ${name}\``;
}

/** The name of a record, readable or not. */
export function nameOf(seen: SeenRecord): string {
  return seen.kind === "record" ? seen.record.name : seen.name;
}

/** Whether it is this member's bootstrap that is not finished. */
export function isMine(view: View, cluster: Cluster | null): boolean {
  return cluster?.phase === "bootstrapping" && cluster.by === view.self.name;
}

/** `a`, `a and b`, `a, b and c`. */
export function and(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/** What came from a znode or from a peer may hold anything: a reason stays one line. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}
