/** Whether all is well, in one line, and the exit status that says so. Pure. */

import { EXIT } from "../errors.ts";
import type { MemberReport, StatusReport } from "./status.ts";

/** How a cluster is. */
export type Health =
  /** All members are Synced, and nothing keeps the keepers from their work. */
  | "well"
  /** It serves, but not by all that it has, or what dies now would not come back. */
  | "degraded"
  /** Nobody serves. */
  | "no-primary"
  /** Neither ZooKeeper nor a member has answered. */
  | "unknown";

/** What is judged: all of a report but the judgement. */
export type Evidence = Omit<StatusReport, "health" | "summary">;

/** The exit status of `status`, by how the cluster is. */
export const STATUS_EXITS: Readonly<Record<Health, number>> = {
  well: EXIT.ok,
  degraded: EXIT.unwell,
  "no-primary": EXIT.noPrimary,
  unknown: EXIT.unavailable,
};

/** How many troubles are named in the one line. */
const MOST_NAMED = 4;

/** Judges. */
export function judge(
  evidence: Evidence,
): { readonly health: Health; readonly summary: string } {
  const { members, zookeeper } = evidence;
  if (!zookeeper.answers && members.every(({ status }) => status === null)) {
    const asked = members.length === 0 ? "no member was asked" : "no member either";
    return { health: "unknown", summary: `Not known: ZooKeeper does not answer, ${asked}` };
  }
  const troubles = troublesOf(evidence);
  if (!members.some(isPrimary)) {
    const why = members.length === 0 ? ["no member has reported yet"] : troubles;
    return { health: "no-primary", summary: `No primary component: ${named(why)}` };
  }
  const synced = members.filter(({ health }) => health === "well").length;
  const count = `${synced} of ${members.length} Synced`;
  if (troubles.length > 0) {
    return { health: "degraded", summary: `Degraded: ${named(troubles)} (${count})` };
  }
  const votes = evidence.arbitrators.length === 0 ? "" : ", and an arbitrator votes";
  return { health: "well", summary: `All well: ${count}${votes}` };
}

/** It serves: by its own word, else by its registration, which its keeper keeps true. */
export function isPrimary({ status, primary }: MemberReport): boolean {
  if (status === null) return primary === true;
  return status.primary && (status.stage === "registered" || status.stage === "draining");
}

/** All that is not as it should be, in a few words each, what stands in the way of most first. */
function troublesOf(evidence: Evidence): readonly string[] {
  const { zookeeper, paused, request, cluster, members, arbitrators, advice } = evidence;
  const uuids = new Set(members.filter(isPrimary).flatMap(({ status }) => status?.uuid ?? []));
  const isSilent = ({ primary }: { readonly primary: boolean }) => !primary;
  return [
    ...uuids.size > 1 ? ["members are Primary in different clusters"] : [],
    ...zookeeper.answers ? [] : ["ZooKeeper does not answer"],
    ...cluster.kind === "unreadable" ? ["the znode of the cluster cannot be read"] : [],
    ...paused === null ? [] : ["keepers are paused"],
    ...request === null || request.failed === null ? [] : [`the ${request.kind} stands still`],
    ...members.filter(({ health }) => health !== "well").map(({ name, address, state }) =>
      `${name ?? address} ${state}`
    ),
    ...members.filter(({ health, problem }) => health === "well" && problem !== null)
      .map(({ name, address, problem }) => `${name ?? address}: ${problem}`),
    ...arbitrators.filter(isSilent).map(({ name }) => `${name} does not vote`),
    ...advice.some(({ needed }) => needed) ? ["a person is needed"] : [],
  ];
}

function named(troubles: readonly string[]): string {
  const rest = troubles.length - MOST_NAMED;
  const shown = rest > 0 ? [...troubles.slice(0, MOST_NAMED), `and ${rest} more`] : troubles;
  return shown.join("; ");
}
