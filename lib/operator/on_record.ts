/** All that `status` shows of what ZooKeeper holds, and when to look again. */

import type { Request } from "../cluster/requests.ts";
import { REQUEST } from "../requests.ts";
import { readArbitrators, readSnapshot, type Snapshot } from "../snapshot.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";
import { Lock } from "../zookeeper/lock.ts";
import type { Arbitrator } from "../znodes.ts";
import { readRequest } from "./requests.ts";
import type { Facts } from "./status.ts";

/** What ZooKeeper shows. */
export interface OnRecord {
  /** Null where nobody has ever reported below the root. */
  readonly snapshot: Snapshot | null;
  readonly arbitrators: readonly Arbitrator[];
  /** The holder of the start-up lock first, then who waits, in order. */
  readonly contenders: readonly string[];
  /** What was asked of all members last; null where nothing was. */
  readonly request: Request | null;
}

/** ZooKeeper shows nothing, or is not there. */
export const NOTHING_ON_RECORD: OnRecord = {
  snapshot: null,
  arbitrators: [],
  contenders: [],
  request: null,
};

/**
 * Reads all that is on record.
 *
 * @param root Empty for `/`.
 * @param signal Takes the watches back.
 * @returns `changed` resolves once any of it changes.
 */
export async function readOnRecord(
  ensemble: Ensemble,
  root: string,
  signal: AbortSignal,
): Promise<{ readonly value: OnRecord; readonly changed: Promise<unknown> }> {
  const changes: Promise<unknown>[] = [];
  const watch = async (path: string, withChildren = false) => {
    // The watch comes first: what changes between it and what is read after it fires it.
    const { stat, changed } = await ensemble.existsAndWatch(path, signal);
    changes.push(changed);
    if (stat === null || !withChildren) return [];
    const listed = await ensemble.childrenAndWatch(path, signal);
    changes.push(listed.changed);
    return listed.children;
  };
  await watch(`${root}/bootstrap`, true);
  await watch(`${root}/${REQUEST}`);
  const arbitrators = await watch(`${root}/arbitrators`, true);
  await Promise.all(arbitrators.map((name) => watch(`${root}/arbitrators/${name}`)));
  const snapshot = await readOrNull(readSnapshot(ensemble, root, signal));
  if (snapshot === null) await Promise.all([watch(`${root}/members`), watch(`${root}/nodes`)]);
  else changes.push(snapshot.changed);
  const value = {
    snapshot,
    arbitrators: await readArbitrators(ensemble, root),
    contenders: await new Lock(ensemble, `${root}/bootstrap`, { name: "status" }).contenders(),
    request: await readRequest(ensemble, root),
  };
  const changed = Promise.race(changes);
  changed.catch(() => {}); // Nobody has to wait for it.
  return { value, changed };
}

async function readOrNull(read: Promise<Snapshot>): Promise<Snapshot | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof NoNodeError) return null;
    throw error;
  }
}

/**
 * What a report is made of.
 *
 * @param away Why ZooKeeper does not answer; null where it does.
 */
export function factsOf(
  root: string,
  away: string | null,
  { snapshot, arbitrators, contenders, request }: OnRecord,
  advice: Facts["advice"],
): Facts {
  return {
    root,
    away,
    paused: snapshot?.paused ?? null,
    request,
    cluster: snapshot?.cluster ?? { kind: "none" },
    records: snapshot?.records ?? [],
    nodes: snapshot?.nodes ?? [],
    arbitrators,
    contenders,
    advice,
  };
}
