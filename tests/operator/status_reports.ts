/** Members, records and facts for tests of what `status` shows. */

import type { MemberRecord, RecordData, SeenRecord } from "../../lib/cluster/view.ts";
import { type MemberStatus, Progress } from "../../lib/progress.ts";
import type { NodeChild } from "../../lib/snapshot.ts";
import type { Facts } from "../../lib/operator/status.ts";

export const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
export const OTHER_UUID = "11111111-2be9-11f0-9d25-7a3b5e1f2c3d";
export const SINCE = "2026-01-02T03:04:05.678Z";
export const RUNNING: RecordData = { kind: "running", uuid: UUID, starting: false, floor: null };

/** A position on record. */
export function at(seqno: bigint, uuid = UUID): RecordData {
  return {
    kind: "at",
    copy: { position: { uuid, seqno }, attempt: "a1" },
    safeToBootstrap: false,
  };
}

/** The record of `g-N`, whose address ends with N. */
export function record(
  name: string,
  data: RecordData,
  present = true,
  rest: Partial<MemberRecord> = {},
): SeenRecord {
  const number = Number(name.at(-1));
  const address = `10.0.0.${number}`;
  const bare = { instead: null, insteadCopy: null, lineage: [], http: `${address}:8008` };
  return {
    kind: "record",
    record: { name, serverId: number, address, datadirId: "d", data, ...bare, ...rest },
    present,
  };
}

/** Its registration. */
export function node(member: string, primary = true, http: boolean = true): NodeChild {
  const address = `10.0.0.${member.at(-1)}`;
  return {
    address,
    node: {
      member,
      datadirId: "d",
      uuid: UUID,
      primary,
      http: http ? `${address}:8008` : null,
      dataBytes: 1,
      since: SINCE,
    },
  };
}

/** What it says of itself; by default it is registered and Synced. */
export function status(name: string, rest: Partial<MemberStatus> = {}): MemberStatus {
  return {
    ...new Progress(name, `10.0.0.${name.at(-1)}`, () => SINCE).status,
    stage: "registered",
    doing: "Serving, registered and Synced",
    uuid: UUID,
    primary: true,
    synced: true,
    answers: true,
    localState: 4,
    letsClientsIn: true,
    seqno: "77",
    serverId: Number(name.at(-1)),
    ...rest,
  };
}

export const NOTHING: Facts = {
  root: "",
  away: null,
  paused: null,
  request: null,
  cluster: { kind: "none" },
  records: [],
  nodes: [],
  arbitrators: [],
  contenders: [],
  advice: [],
};

/** A cluster of three, on record. */
export const THREE: Facts = {
  ...NOTHING,
  root: "/mariadb",
  cluster: {
    kind: "known",
    cluster: {
      phase: "running",
      uuid: UUID,
      by: "g-1",
      attempt: "a1",
      attempts: [{ attempt: "a1", by: "g-1", uuid: UUID, seqno: 0n, from: null }],
      forced: false,
    },
  },
  records: ["g-1", "g-2", "g-3"].map((name) => record(name, RUNNING)),
  nodes: ["g-1", "g-2", "g-3"].map((name) => node(name)),
};

/** What members said, by their names. */
export function heard(...statuses: readonly MemberStatus[]) {
  return { statuses: new Map(statuses.map((one) => [one.member, one])), silent: [] };
}
