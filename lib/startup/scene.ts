/** What the steps of a start-up hand to each other. */
import type { Cluster, Decision } from "../cluster/view.ts";
import type { ExitStatus, Identity, Inspection, Running } from "../mariadb/database.ts";
import type { Member } from "../member.ts";
import type { Started } from "../registration.ts";
import type { Registry, VersionedRecord } from "../registry.ts";
import type { Snapshot } from "../snapshot.ts";
import type { HeldLock } from "../zookeeper/lock.ts";

/** How a start-up ended: with a registered member, or with a `mariadbd` that exited by itself. */
export type StartUp =
  | { readonly kind: "registered"; readonly started: Started }
  | { readonly kind: "exited"; readonly status: ExitStatus };

/** What an act works with: all of it read while the lock was held. */
export interface Scene {
  readonly member: Member;
  readonly registry: Registry;
  readonly lock: HeldLock;
  readonly found: Inspection;
  readonly own: VersionedRecord;
  readonly snapshot: Snapshot;
}

/** A decision that ends in a spawn. */
export type Act = Exclude<Decision, { readonly kind: "wait" }>;

/** A server that was spawned, and what for. */
export interface Spawned {
  readonly running: Running;
  readonly serverId: number;
  /** As it was put on record for this start, or read for it. */
  readonly cluster: Cluster;
}

/** What the datadir is told of itself, for a start that follows this cluster. */
export function identityOf({ datadirId }: Inspection, { attempt, attempts }: Cluster): Identity {
  return { datadirId, attempt, lineage: attempts };
}
