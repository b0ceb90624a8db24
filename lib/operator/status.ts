/** What `status` shows: the registry and what members say of themselves, put together. Pure. */

import { nameOf } from "../cluster/say.ts";
import type { Advice } from "../cluster/dry_run.ts";
import {
  comparePositions,
  formatPosition,
  isKnown,
  parsePosition,
  type Position,
  PositionError,
} from "../cluster/position.ts";
import { isOver, type Request } from "../cluster/requests.ts";
import type { ClusterOnRecord, MemberRecord, RecordData, SeenRecord } from "../cluster/view.ts";
import type { MemberStatus } from "../progress.ts";
import type { NodeChild } from "../snapshot.ts";
import type { Arbitrator } from "../znodes.ts";
import { inAdoptedViews } from "./sight.ts";
import { type Health as MemberHealth, type Known, stateOf } from "./member_state.ts";
import { type Evidence, type Health, judge } from "./verdict.ts";

/** A member as the registry and, where it answers, it itself shows it. */
export interface MemberReport {
  /** Null for a child of `nodes` that is not one of ours, and for one asked that did not answer. */
  readonly name: string | null;
  readonly address: string;
  readonly serverId: number | null;
  /** How it is, in a few words. */
  readonly state: string;
  readonly health: MemberHealth;
  /** How far its data goes, decimal: by its own word, else by its record; null where that is not known. */
  readonly seqno: string | null;
  /** By how much that is less than the most advanced member's; null where it is not, or is Synced. */
  readonly behind: string | null;
  /** Since when that is so, ISO 8601; null where that is not known. */
  readonly since: string | null;
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
  readonly health: Health;
  /** The same in one line. */
  readonly summary: string;
  /** Whether ZooKeeper has answered, and why not. */
  readonly zookeeper: { readonly answers: boolean; readonly problem: string | null };
  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  readonly paused: string | null;
  /** What was asked of all members and is not over; null where nothing is. */
  readonly request: Request | null;
  readonly cluster:
    | { readonly kind: "none" }
    /** ZooKeeper does not answer. */
    | { readonly kind: "unknown" }
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
  /** Why ZooKeeper does not answer; null where it does. */
  readonly away: string | null;
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

/** What members said that were asked. */
export interface Heard {
  /** By their names. */
  readonly statuses: ReadonlyMap<string, MemberStatus>;
  /** Those of `--members` that did not answer, and are not known by another way. */
  readonly silent: readonly { readonly address: string; readonly problem: string }[];
}

/** What is known before it is judged how far one is behind. */
type Draft = Omit<MemberReport, "seqno" | "behind"> & { readonly at: Position | null };

/** Puts together what is on record and what members say, by their names, and judges it. */
export function buildReport(facts: Facts, { statuses, silent }: Heard): StatusReport {
  const [holder = null, ...waiting] = facts.contenders;
  const ofRecords = facts.records.map((seen) => ofRecord(seen, facts, statuses));
  const known = new Set(ofRecords.map(({ name }) => name));
  const ofNodes = facts.nodes
    .filter(({ node }) => node === null || !known.has(node.member))
    .map((child) => ofNode(child, statuses));
  for (const { name } of ofNodes) known.add(name);
  const others = [...statuses.values()].filter(({ member }) => !known.has(member))
    .map((status) => ofStatus(status, facts.away !== null));
  const drafts = [...ofRecords, ...ofNodes, ...others, ...silent.map(ofSilence)];
  const evidence: Evidence = {
    v: 1,
    root: facts.root || "/",
    zookeeper: { answers: facts.away === null, problem: facts.away },
    paused: facts.paused,
    request: facts.request === null || isOver(facts.request) ? null : facts.request,
    cluster: facts.away === null ? clusterOf(facts.cluster) : { kind: "unknown" },
    lock: { holder, waiting },
    members: compare(drafts, facts.cluster),
    arbitrators: facts.arbitrators,
    advice: facts.advice,
  };
  return { ...evidence, ...judge(evidence) };
}

function clusterOf(onRecord: ClusterOnRecord): StatusReport["cluster"] {
  if (onRecord.kind !== "known") return onRecord;
  const { phase, uuid, by } = onRecord.cluster;
  return { kind: "known", phase, uuid, by };
}

function ofRecord(
  seen: SeenRecord,
  { nodes }: Facts,
  statuses: ReadonlyMap<string, MemberStatus>,
): Draft {
  const name = nameOf(seen);
  const child = nodes.find(({ node }) => node?.member === name) ?? null;
  const status = statuses.get(name) ?? null;
  const record = seen.kind === "record" ? seen.record : null;
  const known = {
    status,
    record,
    isPresent: seen.kind === "record" ? seen.present : child !== null,
    registered: registeredAs(child),
    offersHttp: (child?.node?.http ?? record?.http ?? null) !== null,
    isInView: inAdoptedViews(nodes).includes(name),
  };
  const unreadable = seen.kind === "unreadable" ? seen.problem : null;
  return {
    name,
    address: child?.address ?? record?.address ?? status?.address ?? "",
    serverId: record?.serverId ?? status?.serverId ?? null,
    ...shown(known, child),
    ...unreadable !== null && status === null && child === null
      ? { state: "record not readable", health: "bad" as const }
      : {},
    position: livePosition(status) ??
      (record === null ? "not known" : describeData(record.data, child !== null)),
    problem: unreadable ??
      (record?.instead ? `its datadir now holds ${record.instead}` : null),
    at: positionOf(status, record),
  };
}

function ofNode(child: NodeChild, statuses: ReadonlyMap<string, MemberStatus>): Draft {
  const { address, node } = child;
  const status = node === null ? null : statuses.get(node.member) ?? null;
  const known: Known = {
    status,
    record: null,
    isPresent: true,
    registered: registeredAs(child),
    offersHttp: (node?.http ?? null) !== null,
  };
  return {
    name: node?.member ?? null,
    address,
    serverId: status?.serverId ?? null,
    ...shown(known, child),
    ...node === null ? { state: "not one of ours", health: "busy" as const } : {},
    position: livePosition(status) ?? "not known",
    problem: node === null ? "registered by another program" : "it has no record",
    at: positionOf(status, null),
  };
}

/** One that is known by its own word alone. */
function ofStatus(status: MemberStatus, isAlone: boolean): Draft {
  const known: Known = {
    status,
    record: null,
    isPresent: true,
    registered: isAlone ? "unknown" : "no",
    offersHttp: true,
  };
  return {
    name: status.member,
    address: status.address,
    serverId: status.serverId,
    ...shown(known, null),
    position: livePosition(status) ?? "not known",
    problem: isAlone ? null : "it has no record",
    at: positionOf(status, null),
  };
}

function ofSilence({ address, problem }: Heard["silent"][number]): Draft {
  return {
    name: null,
    address,
    serverId: null,
    state: "no answer",
    health: "bad",
    since: null,
    position: "not known",
    isPresent: false,
    registeredSince: null,
    primary: null,
    status: null,
    problem,
    at: null,
  };
}

function registeredAs(child: NodeChild | null): Known["registered"] {
  if (child === null) return "no";
  return child.node?.primary ? "primary" : "not-primary";
}

function shown(known: Known, child: NodeChild | null) {
  const { status, isPresent } = known;
  const { words, health } = stateOf(known);
  const registeredSince = child?.node?.since ?? null;
  return {
    state: words,
    health,
    since: status?.since ?? registeredSince,
    isPresent,
    registeredSince,
    primary: child?.node?.primary ?? null,
    status,
  };
}

function livePosition(status: MemberStatus | null): string | null {
  return status === null || status.uuid === null || status.seqno === null
    ? null
    : `${status.uuid}:${status.seqno}`;
}

/** How far its data goes, as far as that is known: what it says, what it held, what is on record. */
function positionOf(status: MemberStatus | null, record: MemberRecord | null): Position | null {
  const said = livePosition(status) ?? (status?.held?.kind === "at" ? status.held.position : null);
  const data = record?.data;
  const at = said !== null
    ? parsed(said)
    : record?.insteadCopy?.position ?? (data?.kind === "at" ? data.copy.position : null);
  return at !== null && isKnown(at) ? at : null;
}

function parsed(text: string): Position | null {
  try {
    return parsePosition(text);
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
    return null;
  }
}

/** How far each is behind the most advanced of the cluster. */
function compare(drafts: readonly Draft[], onRecord: ClusterOnRecord): readonly MemberReport[] {
  const uuid = onRecord.kind === "known" ? onRecord.cluster.uuid : null;
  const positions = drafts.flatMap(({ at }) => at ?? []);
  const ofCluster = uuid ?? positions[0]?.uuid ?? null;
  const most = positions.filter((at) => at.uuid === ofCluster)
    .reduce<Position | null>(
      (best, at) => best === null || comparePositions(best, at) === -1 ? at : best,
      null,
    );
  return drafts.map(({ at, ...draft }): MemberReport => {
    const isOurs = at !== null && most !== null && at.uuid === most.uuid;
    const lag = isOurs ? most.seqno - at.seqno : 0n;
    const strange = at !== null && ofCluster !== null && at.uuid !== ofCluster
      ? `its data is of another cluster, ${formatPosition(at)}`
      : null;
    return {
      ...draft,
      seqno: at === null ? null : `${at.seqno}`,
      // Those that are Synced were asked one after the other: a difference is of the questions.
      behind: lag === 0n || draft.health === "well" ? null : `${lag}`,
      problem: draft.problem ?? strange,
    };
  });
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
