/** What is lost when a cluster goes on without what some members hold, or may hold. */
import { branchOf, lower, sharedUntil } from "./attempts.ts";
import { isStranger } from "./elect.ts";
import { isKnown } from "./position.ts";
import { floorOf } from "./record.ts";
import { nameOf } from "./say.ts";
import type { Cluster, Copy, MemberRecord, SeenRecord } from "./view.ts";

/** What may be lost of a member's when the cluster goes on as planned. */
export function lossOf(seen: SeenRecord, before: Cluster | null, next: Cluster | null): string[] {
  const name = nameOf(seen);
  if (seen.kind === "unreadable") return [`Whatever ${name} holds: its record cannot be read`];
  if (isStranger(seen.record, before)) return [];
  const { data, instead } = seen.record;
  const begun = next?.attempts.at(-1);
  const from = begun === undefined || begun.uuid === null ? null : `${begun.uuid}:${begun.seqno}`;
  if (data.kind === "standalone") {
    return from === null
      ? [`The database of ${name}, which never was in a cluster, is not taken over`]
      : [];
  }
  const copy = floorOf(data);
  if (copy === "unknown" || mayHaveServed(data, name, before)) {
    const beyond = from === null
      ? ""
      : ` after ${begun!.uuid}:${sharedWith(seen.record, before, next)}`;
    return [
      `Whatever ${name} committed${beyond}: it died running, and ` +
      (instead === null
        ? "has not said since how far it came. If its mariadbd still runs, cut off from ZooKeeper, " +
          "there will be two clusters: make sure that it does not"
        : `its datadir now holds ${instead}`),
    ];
  }
  if (copy !== null && !isKnown(copy.position)) {
    return [`Whatever ${name} holds: its position is not known`];
  }
  const what = data.kind === "torn" ? "held before an SST into it was cut off" : "holds";
  const told = (lost: Copy | null, how: string) => {
    const shared = lost === null ? null : lostAfter(lost, before, next);
    if (lost === null || shared === null) return [];
    const { uuid, seqno } = lost.position;
    return [`Transactions ${shared + 1n} to ${seqno} of ${uuid}, which ${how}`];
  };
  return [
    ...told(copy, `${name} ${what}`),
    // A copy from elsewhere, or with an id of its own, may go further than the one on record.
    ...told(seen.record.insteadCopy, `the datadir of ${name} holds instead`),
  ];
}

/**
 * The last seqno that whoever died running shares with what is to go on: where that is an older branch,
 * what came after the two parted is lost, too, whatever its seqno.
 */
function sharedWith(record: MemberRecord, before: Cluster | null, next: Cluster | null): bigint {
  const begun = next?.attempts.at(-1);
  if (begun === undefined || begun.uuid === null) return 0n;
  const attempt = record.lineage.at(-1)?.attempt ?? before?.attempt;
  if (attempt === undefined) return begun.seqno;
  // However far it came.
  const ran = { position: { uuid: begun.uuid, seqno: 2n ** 63n - 1n }, attempt };
  return lower(sharedUntil(ran, next?.attempts ?? []), begun.seqno);
}

/**
 * Whether a member that died running took writes: one that joins does once it is Synced, registered or
 * not, and may be the last that does. One that bootstraps does not before it is registered.
 */
export function mayHaveServed(
  data: MemberRecord["data"],
  name: string,
  cluster: Cluster | null,
): boolean {
  const bootstraps = cluster?.phase === "bootstrapping" && cluster.by === name;
  return data.kind === "running" && !(data.starting && bootstraps);
}

/**
 * The last seqno of a copy that is not lost when the cluster goes on as planned; null where nothing
 * of it is, or all that would be is lost already.
 *
 * @param next `cluster` as it would say who bootstraps; null where nobody could.
 */
export function lostAfter(copy: Copy, before: Cluster | null, next: Cluster | null): bigint | null {
  const { uuid } = copy.position;
  if (before !== null && before.uuid !== null && before.uuid !== uuid) return null;
  if (branchOf(copy, before?.attempts ?? []) === "left-behind") return null;
  return next?.uuid === uuid ? sharedUntil(copy, next.attempts) : 0n;
}

/** The copy that a member's datadir holds, where its record says so and says how far it goes. */
export function copyOf({ data, instead }: MemberRecord): Copy | null {
  return data.kind === "at" && instead === null && isKnown(data.copy.position) ? data.copy : null;
}
