/** All that is on record, read at one time, with a watch on each of it. */
import type { ClusterOnRecord, SeenRecord } from "./cluster/view.ts";
import type { Ensemble, Watched } from "./zookeeper/ensemble.ts";
import { NoNodeError } from "./zookeeper/errors.ts";
import {
  type Arbitrator,
  type Node,
  parseArbitrator,
  parseCluster,
  parseNode,
  parsePause,
  parseRecord,
  ZnodeError,
} from "./znodes.ts";

/** A child of `nodes/`. */
export interface NodeChild {
  readonly address: string;
  /** Null where it is not one of ours. */
  readonly node: Node | null;
}

/** What `cluster` holds, and its version for a compare-and-set; null where there is none. */
export interface VersionedCluster {
  readonly cluster: ClusterOnRecord;
  readonly version: number | null;
}

/** The znode that is there while all starts are to pause, below the root. */
export const PAUSE = "control/pause";

/** All that is on record. */
export interface Snapshot extends VersionedCluster {
  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  readonly paused: string | null;
  readonly records: readonly SeenRecord[];
  /** Whether records go with their members: `ephemeral` where one is that. */
  readonly storage: "persistent" | "ephemeral";
  readonly nodes: readonly NodeChild[];
  /** Resolves with the path of the first znode that changes. Rejects when the session is lost. */
  readonly changed: Promise<string>;
}

/**
 * Reads all that is on record below a root, after a sync.
 *
 * @param root Empty for `/`.
 * @param signal Takes the watches back.
 */
export async function readSnapshot(
  ensemble: Ensemble,
  root: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  await ensemble.sync(root === "" ? "/" : root);
  const changes: Promise<string>[] = [];
  const watch: Watch = async (read) => {
    const result = await read;
    const change = result.changed.then(({ path }) => path);
    change.catch(() => {}); // When another read fails, nobody comes to wait for this one.
    changes.push(change);
    return result;
  };
  // One after the other, in this order. Whoever puts a cluster on record again writes the records of
  // its members in the same multi: read after `cluster`, they are there. Whoever registers without
  // the lock, after a lost session, sets its record and its registration together: read after the
  // records, `nodes` shows it.
  const cluster = await readWatchedCluster(ensemble, root, watch, signal);
  const { records, storage } = await readRecords(ensemble, `${root}/members`, watch, signal);
  const nodes = await readNodes(ensemble, `${root}/nodes`, watch, signal);
  const paused = await readPaused(ensemble, `${root}/${PAUSE}`, watch, signal);
  const changed = Promise.race(changes);
  changed.catch(() => {}); // Whoever waits for it gets the rejection; nobody has to.
  return { ...cluster, records, storage, nodes, paused, changed };
}

/** What is on record of the cluster now. */
export async function readCluster(ensemble: Ensemble, root: string): Promise<VersionedCluster> {
  const path = `${root}/cluster`;
  const znode = await orNull(ensemble.get(path));
  if (znode === null) return { cluster: { kind: "none" }, version: null };
  const version = znode.stat.version;
  try {
    return { cluster: { kind: "known", cluster: parseCluster(znode.data) }, version };
  } catch (error) {
    if (!(error instanceof ZnodeError)) throw error;
    return { cluster: { kind: "unreadable", problem: `${path}: ${error.message}` }, version };
  }
}

async function readWatchedCluster(
  ensemble: Ensemble,
  root: string,
  watch: Watch,
  signal: AbortSignal,
): Promise<VersionedCluster> {
  // The watch comes first: what changes between the two fires it.
  await watch(ensemble.existsAndWatch(`${root}/cluster`, signal));
  return await readCluster(ensemble, root);
}

async function readRecords(
  ensemble: Ensemble,
  folder: string,
  watch: Watch,
  signal: AbortSignal,
): Promise<Pick<Snapshot, "records" | "storage">> {
  const { children } = await watch(ensemble.childrenAndWatch(folder, signal));
  let storage: Snapshot["storage"] = "persistent";
  const records = await Promise.all(
    children.toSorted().map(async (name) => {
      const path = `${folder}/${name}`;
      const read = await orNull(Promise.all([
        watch(ensemble.getAndWatch(path, signal)),
        watch(ensemble.childrenAndWatch(path, signal)),
      ]));
      if (read === null) return null;
      const [{ data, stat }, below] = read;
      if (stat.ephemeralOwner !== 0n) storage = "ephemeral";
      const present = stat.ephemeralOwner !== 0n || below.children.includes("owner");
      return seeRecord(name, data, present);
    }),
  );
  return { records: records.filter((one) => one !== null), storage };
}

function seeRecord(name: string, data: Uint8Array, present: boolean): SeenRecord {
  try {
    return { kind: "record", record: parseRecord(name, data), present };
  } catch (error) {
    if (!(error instanceof ZnodeError)) throw error;
    return { kind: "unreadable", name, problem: error.message };
  }
}

async function readPaused(
  ensemble: Ensemble,
  path: string,
  watch: Watch,
  signal: AbortSignal,
): Promise<string | null> {
  await watch(ensemble.existsAndWatch(path, signal));
  const znode = await orNull(ensemble.get(path));
  return znode === null ? null : parsePause(znode.data);
}

async function readNodes(
  ensemble: Ensemble,
  folder: string,
  watch: Watch,
  signal: AbortSignal,
): Promise<NodeChild[]> {
  const { children } = await watch(ensemble.childrenAndWatch(folder, signal));
  const nodes = await Promise.all(
    children.toSorted().map(async (address) => {
      const read = await orNull(watch(ensemble.getAndWatch(`${folder}/${address}`, signal)));
      return read === null ? null : { address, node: parseNode(read.data) };
    }),
  );
  return nodes.filter((one) => one !== null);
}

/** The arbitrators that are there now, by name; what is none of ours is left out. */
export async function readArbitrators(ensemble: Ensemble, root: string): Promise<Arbitrator[]> {
  const folder = `${root}/arbitrators`;
  const names = (await orNull(ensemble.children(folder)))?.children ?? [];
  const read = await Promise.all(
    names.toSorted().map(async (name) => {
      const znode = await orNull(ensemble.get(`${folder}/${name}`));
      try {
        return znode === null ? null : parseArbitrator(znode.data);
      } catch (error) {
        if (!(error instanceof ZnodeError)) throw error;
        return null;
      }
    }),
  );
  return read.filter((one) => one !== null);
}

/** What a read gave; null where the znode has gone. */
async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof NoNodeError) return null;
    throw error;
  }
}

type Watch = <T>(read: Promise<Watched<T>>) => Promise<Watched<T>>;
