/** What `status` shows: the registry and what members say of themselves, put together. Pure. */

import { nameOf } from "../cluster/say.ts";
import type { Advice } from "../cluster/dry_run.ts";
import { formatPosition } from "../cluster/position.ts";
import { describeRequest, isOver, type Request } from "../cluster/requests.ts";
import type { ClusterOnRecord, RecordData, SeenRecord } from "../cluster/view.ts";
import type { MemberStatus } from "../progress.ts";
import type { NodeChild } from "../snapshot.ts";
import type { Arbitrator } from "../znodes.ts";

/** A member as the registry and, where it answers, it itself shows it. */
export interface MemberReport {
  /** Null for a child of `nodes` that is not one of ours. */
  readonly name: string | null;
  readonly address: string;
  readonly serverId: number | null;
  /** What it holds: `uuid:seqno` where that is known, else in a few words. */
  readonly position: string;
  /** A keeper speaks for it now. */
  readonly isPresent: boolean;
  /** Since when it is registered, ISO 8601; null where it is not. */
  readonly registeredSince: string | null;
  /** As it registered itself; null where it is not registered. */
  readonly primary: boolean | null;
  /** What it says over HTTP; null where it does not answer. */
  readonly status: MemberStatus | null;
  /** What is wrong with what is on record of it; null where nothing is. */
  readonly problem: string | null;
}

/** All that `status` shows. */
export interface StatusReport {
  readonly v: 1;
  readonly root: string;
  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  readonly paused: string | null;
  /** What was asked of all members and is not over; null where nothing is. */
  readonly request: Request | null;
  readonly cluster:
    | { readonly kind: "none" }
    | { readonly kind: "unreadable"; readonly problem: string }
    | {
      readonly kind: "known";
      readonly phase: "bootstrapping" | "running";
      readonly uuid: string | null;
      readonly by: string;
    };
  readonly lock: { readonly holder: string | null; readonly waiting: readonly string[] };
  readonly members: readonly MemberReport[];
  readonly arbitrators: readonly Arbitrator[];
  /** What a person can do about members that are not there or wait. */
  readonly advice: readonly Advice[];
}

/** What is read from ZooKeeper. */
export interface Facts {
  readonly root: string;
  readonly paused: string | null;
  /** What was asked of all members last; null where nothing was. */
  readonly request: Request | null;
  readonly cluster: ClusterOnRecord;
  readonly records: readonly SeenRecord[];
  readonly nodes: readonly NodeChild[];
  readonly arbitrators: readonly Arbitrator[];
  /** The holder of the start-up lock first, then who waits, in order. */
  readonly contenders: readonly string[];
  readonly advice: readonly Advice[];
}

/** Puts together what is on record and what members say, by their names. */
export function buildReport(
  facts: Facts,
  statuses: ReadonlyMap<string, MemberStatus>,
): StatusReport {
  const [holder = null, ...waiting] = facts.contenders;
  const ofRecords = facts.records.map((seen) => ofRecord(seen, facts.nodes, statuses));
  const names = new Set(ofRecords.map(({ name }) => name));
  const others = facts.nodes
    .filter(({ node }) => node === null || !names.has(node.member))
    .map((child) => ofNode(child, statuses));
  return {
    v: 1,
    root: facts.root || "/",
    paused: facts.paused,
    request: facts.request === null || isOver(facts.request) ? null : facts.request,
    cluster: clusterOf(facts.cluster),
    lock: { holder, waiting },
    members: [...ofRecords, ...others],
    arbitrators: facts.arbitrators,
    advice: facts.advice,
  };
}

function clusterOf(onRecord: ClusterOnRecord): StatusReport["cluster"] {
  if (onRecord.kind !== "known") return onRecord;
  const { phase, uuid, by } = onRecord.cluster;
  return { kind: "known", phase, uuid, by };
}

function ofRecord(
  seen: SeenRecord,
  nodes: readonly NodeChild[],
  statuses: ReadonlyMap<string, MemberStatus>,
): MemberReport {
  const name = nameOf(seen);
  const child = nodes.find(({ node }) => node?.member === name);
  const status = statuses.get(name) ?? null;
  const registration = {
    registeredSince: child?.node?.since ?? null,
    primary: child?.node?.primary ?? null,
    status,
  };
  if (seen.kind === "unreadable") {
    return {
      name,
      address: child?.address ?? "",
      serverId: null,
      position: "not known",
      isPresent: child !== undefined,
      ...registration,
      problem: seen.problem,
    };
  }
  const { record, present } = seen;
  return {
    name,
    address: child?.address ?? record.address,
    serverId: record.serverId,
    position: livePosition(status) ?? describeData(record.data, child !== undefined),
    isPresent: present,
    ...registration,
    problem: record.instead === null ? null : `its datadir now holds ${record.instead}`,
  };
}

function ofNode(
  { address, node }: NodeChild,
  statuses: ReadonlyMap<string, MemberStatus>,
): MemberReport {
  const status = node === null ? null : statuses.get(node.member) ?? null;
  return {
    name: node?.member ?? null,
    address,
    serverId: status?.serverId ?? null,
    position: livePosition(status) ?? "not known",
    isPresent: true,
    registeredSince: node?.since ?? null,
    primary: node?.primary ?? null,
    status,
    problem: node === null ? "registered by another program" : "it has no record",
  };
}

function livePosition(status: MemberStatus | null): string | null {
  return status === null || status.uuid === null || status.seqno === null
    ? null
    : `${status.uuid}:${status.seqno}`;
}

function describeData(data: RecordData, isRegistered: boolean): string {
  switch (data.kind) {
    case "running":
      if (data.starting) return "starting";
      return isRegistered ? "running, it does not answer" : "died running";
    case "at":
      return formatPosition(data.copy.position) +
        (data.safeToBootstrap ? ", safe to bootstrap" : "");
    case "nothing":
      return "nothing";
    case "torn":
      return "torn: an SST into it did not finish" +
        (data.floor === null ? "" : `, before it ${formatPosition(data.floor.position)}`);
    case "standalone":
      return "data that never was in a cluster";
  }
}

const HEAD = ["MEMBER", "ADDRESS", "SERVER_ID", "REGISTERED SINCE", "POSITION", "STATE"] as const;

/** Writes a report in lines. */
export function renderReport(report: StatusReport): readonly string[] {
  const { holder, waiting } = report.lock;
  const lock = holder === null ? "free" : `held by ${holder}`;
  const queue = waiting.length === 0 ? "" : `; waiting: ${waiting.join(", ")}`;
  return [
    ...describePause(report.paused),
    ...describeAsked(report.request),
    `Cluster: ${describeCluster(report.cluster)}`,
    `Start-up lock: ${lock}${queue}`,
    ...(report.members.length === 0
      ? ["No member has reported yet"]
      : renderMembers(report.members)),
    ...report.arbitrators.map(describeArbitrator),
    ...report.advice.map(({ needed, says }) => needed ? `A person is needed: ${says}` : says),
  ];
}

/** The line about a pause; none where there is none. */
export function describePause(paused: string | null): readonly string[] {
  return paused === null ? [] : [
    `Paused ${paused}: keepers start, stop and elect nothing, what runs serves on; ` +
    "`galera-keeper resume` lets all go on",
  ];
}

/** The line about what was asked of all members; none where nothing is under way. */
export function describeAsked(request: Request | null): readonly string[] {
  return request === null ? [] : [describeRequest(request)];
}

function describeArbitrator({ name, address, primary, members, since }: Arbitrator): string {
  const state = primary
    ? `votes since ${withoutFraction(since)}, with ${members.join(", ")}`
    : "does not vote now";
  return `Arbitrator: ${name}, ${address}, ${state}`;
}

function withoutFraction(instant: string): string {
  return instant.replace(/\.\d+Z$/, "Z");
}

/** The cluster on record, in a few words. */
export function describeCluster(cluster: StatusReport["cluster"]): string {
  switch (cluster.kind) {
    case "none":
      return "none yet";
    case "unreadable":
      return `not readable, a person is needed: ${cluster.problem}`;
    case "known":
      return cluster.phase === "running"
        ? `${cluster.uuid}, running, bootstrapped by ${cluster.by}`
        : `${cluster.uuid ?? "a new one"}, being bootstrapped by ${cluster.by}`;
  }
}

function renderMembers(members: readonly MemberReport[]): readonly string[] {
  const rows = [
    HEAD,
    ...members.map((member) => [
      member.name ?? "(not ours)",
      member.address,
      `${member.serverId ?? "-"}`,
      member.registeredSince === null ? "-" : withoutFraction(member.registeredSince),
      member.position,
      describeMember(member),
    ]),
  ];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd());
}

/** How a member is, in a few words. */
function describeMember({ status, registeredSince, primary, isPresent, problem }: MemberReport) {
  const state = status !== null
    ? status.doing
    : registeredSince !== null
    ? `registered${primary ? ", Primary" : ", not Primary"}, does not answer`
    : isPresent
    ? "starting or waiting"
    : "not running";
  return problem === null ? state : `${state}; ${problem}`;
}
