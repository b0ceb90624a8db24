/**
 * Whether a server that was started by others may be taken for a member of the cluster on record, or for
 * the first of one that is not on record yet. Pure and total: every refusal says why in one sentence.
 *
 * That two copies have one UUID and that one goes further does not make them one history: somebody may
 * have bootstrapped by hand from an older one. Where all copies that are on record are in this server's
 * Galera view, Galera has made them one; where a registered member is in it, that member's keeper knows
 * the history; a server in it that was seen in a component of that history before has never left it.
 * Without any of that it is refused: by IST the others would differ in silence.
 */
import type { Position } from "./position.ts";
import { afterInspection, floorOf, joined, UNKNOWN_DATADIR } from "./record.ts";
import { and, nameOf } from "./say.ts";
import type {
  Attempt,
  Cluster,
  ClusterOnRecord,
  MemberRecord,
  Registered,
  SeenRecord,
} from "./view.ts";

/** One member of the server's Galera view, arbitrators left out. */
export interface InView {
  readonly name: string;
  readonly address: string;
  /** Its server's name in the group communication, another one each time that it is started. */
  readonly gcommUuid: string;
}

/** The servers that were seen last in a primary component of the cluster on record, by their `gcommUuid`. */
export interface Sighting {
  /** The attempt that was on record then. */
  readonly attempt: string;
  readonly servers: readonly string[];
}

/** All that an adoption rests on, read under the start-up lock. */
export interface AdoptionView {
  readonly self: {
    readonly name: string;
    readonly datadirId: string;
    /** The attempt in the datadir's id file, and those that led to it. */
    readonly attempt: string | null;
    readonly lineage: readonly Attempt[];
    /** How far the server is. */
    readonly position: Position;
  };
  /** The server's Galera view, itself included. */
  readonly inView: readonly InView[];
  readonly storage: "persistent" | "ephemeral";
  readonly cluster: ClusterOnRecord;
  readonly records: readonly SeenRecord[];
  readonly registered: readonly Registered[];
  /** How many members the cluster has, where a person says so; null: as many as are in the view. */
  readonly size: number | null;
  /** What an adopted member saw last; null where none ever was. */
  readonly sighting: Sighting | null;
  /** What was asked of all members and is not over, in a sentence; null where nothing is. */
  readonly asked: string | null;
}

/** What comes of it. */
export type Adoption =
  | {
    readonly kind: "adopt";
    /** What `cluster` says from now on; where one is on record, that. */
    readonly cluster: Cluster;
    /** The records that are to say that their members run, one's own among them. */
    readonly records: readonly MemberRecord[];
  }
  | { readonly kind: "refuse"; readonly reason: string };

/** Whether the server may be adopted, and what is put on record then. */
export function planAdoption(view: AdoptionView): Adoption {
  const cluster = view.cluster.kind === "known" ? view.cluster.cluster : null;
  const reason = inTheWay(view) ?? wrongCluster(view, cluster) ?? apart(view, cluster) ??
    unproven(view, cluster);
  if (reason !== null) return { kind: "refuse", reason };
  const next = cluster ?? begun(view);
  return { kind: "adopt", cluster: next, records: runningRecords(view, next) };
}

function inTheWay(view: AdoptionView): string | null {
  const { self, size, cluster, storage, records, asked, inView } = view;
  if (cluster.kind === "unreadable") {
    return `The znode of the cluster cannot be read: ${cluster.problem}`;
  }
  if (storage === "ephemeral") {
    return "The members on record run with --storage ephemeral: what is recorded of others goes with us";
  }
  if (asked !== null) return asked;
  // Who comes later would not be known, unless somebody looks just then.
  if (cluster.kind === "none" && size !== null && inView.length < size) {
    return `${inView.length} of ${size} members are in this server's Galera view: ` +
      inView.map(({ name }) => name).join(", ");
  }
  const unreadable = records.find((seen) => seen.kind === "unreadable");
  if (unreadable !== undefined) {
    return `The record of ${nameOf(unreadable)} cannot be read: ${unreadable.problem}`;
  }
  // Its own keeper would say again what it found before the server was started.
  const kept = records.find((seen) =>
    seen.kind === "record" && seen.present && seen.record.data.kind !== "running" &&
    nameOf(seen) !== self.name && inView.some(({ name }) => name === nameOf(seen))
  );
  return kept === undefined
    ? null
    : `A keeper speaks for ${
      nameOf(kept)
    } and runs no server, and a server of that name is in the ` +
      "Galera view: stop one of the two";
}

/** What is on record is another cluster's. */
function wrongCluster(view: AdoptionView, cluster: Cluster | null): string | null {
  const { self, records } = view;
  const { uuid } = self.position;
  if (cluster !== null) {
    if (cluster.phase === "bootstrapping") {
      return `${cluster.by} began a bootstrap that is not finished: this server would be a second cluster`;
    }
    if (cluster.uuid !== uuid) {
      return `Another cluster is on record: its UUID is ${cluster.uuid}, this server's is ${uuid}`;
    }
  }
  for (const seen of records) {
    if (seen.kind !== "record" || (cluster !== null && nameOf(seen) !== self.name)) continue;
    const other = uuidOf(seen.record);
    if (other === null || other === uuid) continue;
    return `The record of ${nameOf(seen)} speaks of another cluster: its UUID is ${other}, ` +
      `this server's is ${uuid}`;
  }
  return null;
}

/** Others serve, and not with this server. */
function apart(view: AdoptionView, cluster: Cluster | null): string | null {
  const others = view.registered.filter(({ name }) => name !== null && name !== view.self.name);
  if (cluster === null && others.length > 0) {
    return `${
      theyAre(others.map(({ name }) => name!))
    } registered, and the cluster is not on record yet`;
  }
  const elsewhere = others.filter((one) =>
    one.answer.kind === "primary" && !isInView(view, one.name!)
  );
  if (elsewhere.length === 0) return null;
  return `${theyAre(elsewhere.map(({ name }) => name!))} registered and Primary, and not in this ` +
    "server's Galera view: they are two primary components";
}

/** Nothing shows that this server goes on with the history of all that is on record. */
function unproven(view: AdoptionView, cluster: Cluster | null): string | null {
  const { self, records, sighting } = view;
  const isWithOthers = view.registered.some(({ name, answer }) =>
    name !== null && name !== self.name && answer.kind === "primary" && isInView(view, name)
  );
  if (isWithOthers) return null;
  const goesOn = sighting !== null && sighting.attempt === cluster?.attempt &&
    view.inView.some(({ gcommUuid }) => sighting.servers.includes(gcommUuid));
  if (goesOn) return null;
  const away = records.filter((seen) =>
    seen.kind === "record" && nameOf(seen) !== self.name && !isInView(view, nameOf(seen)) &&
    uuidOf(seen.record) === self.position.uuid
  ).map(nameOf);
  if (away.length > 0) {
    return `${
      theyAre(away)
    } on record with data of this cluster, and not in this server's Galera view: ` +
      "it may have begun from an older copy; start the server there so that it joins this one, or, " +
      `where its data is not needed, \`galera-keeper forget ${away[0]}\``;
  }
  const own = records.find((seen) => nameOf(seen) === self.name);
  if (own?.kind !== "record") return null;
  const { datadirId, attempt, lineage, position } = self;
  const held = { kind: "at", position, safeToBootstrap: false } as const;
  const { instead } = afterInspection(own.record, { held, datadirId, attempt, lineage });
  return instead === null
    ? null
    : `The record of ${self.name} says that its data may be newer, and the server now holds ${instead}; ` +
      `where that is meant, \`galera-keeper forget ${self.name}\``;
}

/** `a is`, `a and b are`. */
function theyAre(names: readonly string[]): string {
  return `${and(names)} ${names.length > 1 ? "are" : "is"}`;
}

function isInView({ inView }: AdoptionView, name: string): boolean {
  return inView.some((one) => one.name === name);
}

/** The cluster that a record speaks of; null where it holds nothing of any. */
function uuidOf({ data }: MemberRecord): string | null {
  if (data.kind === "running") return data.uuid;
  const floor = floorOf(data);
  return floor === null || floor === "unknown" ? null : floor.position.uuid;
}

/**
 * The cluster as it comes on record: by what the datadir knows of its past where it was kept before.
 * Else as one that began with nothing, so that whoever has its UUID is a part of its history: what the
 * copies of the others followed nobody knows. Its attempt is not random: whoever adopts where nothing is
 * on record any more tells of the same one.
 */
function begun({ self }: AdoptionView): Cluster {
  const { uuid } = self.position;
  const last = self.lineage.at(-1);
  const known = last !== undefined && last.attempt === self.attempt && last.uuid === uuid;
  const attempts = known
    ? self.lineage
    : [{ attempt: uuid.replaceAll("-", ""), by: self.name, uuid, seqno: 0n, from: null }];
  const { by, attempt } = attempts.at(-1)!;
  return { phase: "running", uuid, by, attempt, attempts, forced: false };
}

/** One's own record, and of the others in the view those that do not say that they run. */
function runningRecords({ self, inView, records }: AdoptionView, cluster: Cluster): MemberRecord[] {
  const ids = records.map((seen) => seen.kind === "record" ? seen.record.serverId ?? 0 : 0);
  return inView.flatMap((one): MemberRecord[] => {
    const seen = records.find((other) => nameOf(other) === one.name);
    const before = seen?.kind === "record" ? seen.record : null;
    const own = one.name === self.name;
    if (!own && saysRunning(before, cluster)) return [];
    const record = runningRecord(one, before, cluster);
    return [
      own
        ? {
          ...record,
          datadirId: self.datadirId,
          serverId: record.serverId ?? Math.max(0, ...ids) + 1,
        }
        : record,
    ];
  });
}

/** Whether a record says of a member of the view what is true of it. */
export function saysRunning(record: MemberRecord | null, { uuid }: Pick<Cluster, "uuid">): boolean {
  return record?.data.kind === "running" && record.data.uuid === uuid && record.instead === null;
}

/** The record of a member of the view whose server others run: on which datadir, nobody here knows. */
export function runningRecord(
  { name, address }: InView,
  before: MemberRecord | null,
  { uuid, attempts }: Pick<Cluster, "uuid" | "attempts">,
): MemberRecord {
  return {
    name,
    serverId: before?.serverId ?? null,
    address,
    datadirId: UNKNOWN_DATADIR,
    data: joined(uuid!),
    instead: null,
    insteadCopy: null,
    lineage: attempts,
    http: before?.http ?? null,
  };
}
