/** What an adoption puts on record, and keeps on record: that the members of a Galera view run. */
import { type InView, runningRecord, saysRunning, type Sighting } from "./cluster/adopt.ts";
import type { Cluster, MemberRecord } from "./cluster/view.ts";
import type { ViewMember } from "./mariadb/database.ts";
import { isMemberName } from "./settings/values.ts";
import { type Identity, StaleError, type VersionedRecord } from "./registry.ts";
import { readZnode } from "./read_znode.ts";
import { settle } from "./settle.ts";
import { readCluster } from "./snapshot.ts";
import type { Ensemble, Operation } from "./zookeeper/ensemble.ts";
import {
  formatCluster,
  formatRecord,
  formatSighting,
  parseRecord,
  parseSighting,
} from "./znodes.ts";

/** A sighting and its version. */
export interface VersionedSighting {
  readonly sighting: Sighting;
  readonly version: number;
}

/** The members of a Galera view, another text for each view with others in it, or the same started anew. */
export function fingerprint(view: readonly ViewMember[]): string {
  return view.map(({ name, gcommUuid }) => `${name} ${gcommUuid}`).toSorted().join(", ");
}

/** The members of a Galera view that can be put on record; arbitrators hold nothing. */
export function inViewOf(view: readonly ViewMember[]): readonly InView[] {
  return view.filter(({ name, address }) => isMemberName(name) && address !== "");
}

/** Their names, in order. */
export function namesOf(view: readonly InView[]): readonly string[] {
  return view.map(({ name }) => name).toSorted();
}

/** The registry as an adoption uses it, through one session. */
export class Adoptions {
  readonly #ensemble: Ensemble;
  readonly #root: string;
  readonly #self: Identity;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param root An absolute path such as `/mariadb`; empty for `/`.
   * @param signal Ends the wait for the outcome of a write whose connection is lost.
   */
  constructor(ensemble: Ensemble, root: string, self: Identity, signal?: AbortSignal) {
    this.#ensemble = ensemble;
    this.#root = root;
    this.#self = self;
    this.#signal = signal;
  }

  /**
   * Puts on record, all or nothing and only while the lock is held, that the cluster runs and who of it.
   *
   * @param lock The path of the own contender: without it the lock is no longer ours.
   * @param version Of the `cluster` that is on record; null where there is none.
   * @throws {StaleError} When anything has changed meanwhile.
   */
  async begin(
    lock: string,
    { cluster, version, records, inView, sighting }: {
      readonly cluster: Cluster;
      readonly version: number | null;
      readonly records: readonly MemberRecord[];
      readonly inView: readonly InView[];
      readonly sighting: VersionedSighting | null;
    },
  ): Promise<void> {
    const path = `${this.#root}/cluster`;
    const operations: Operation[] = [
      { op: "check", path: lock },
      version === null
        ? { op: "create", path, data: formatCluster(cluster) }
        : { op: "check", path, version },
      this.#putSighting(inView, cluster.attempt, sighting),
    ];
    for (const record of records) {
      const before = await this.#read(record.name);
      operations.push(this.#put(record, before));
      if (before === null && record.name === this.#self.member) {
        operations.push(this.#createOwner());
      }
    }
    const done = await settle(this.#ensemble, operations, async () => {
      for (const record of records) {
        const now = await this.#read(record.name);
        if (now === null || formatRecord(now.record) !== formatRecord(record)) return false;
      }
      return true;
    }, this.#signal);
    if (!done) throw new StaleError("The lock, a record or the cluster changed meanwhile");
  }

  /**
   * Puts on record who is in the view, and that those of it run of whom it does not say so and for whom no keeper speaks:
   * servers that others start come and go unseen, and may hold what nobody else does.
   *
   * @param view Asks for the view. It is asked once more behind the records: who is in it then runs.
   * @param attempt The attempt that this member follows.
   * @returns The view as it was then.
   * @throws {StaleError} When anything has changed meanwhile.
   */
  async keep(
    view: () => Promise<readonly InView[]>,
    attempt: string,
  ): Promise<readonly InView[]> {
    const { cluster, version } = await readCluster(this.#ensemble, this.#root);
    if (cluster.kind !== "known" || version === null || cluster.cluster.attempt !== attempt) {
      throw new StaleError("Another attempt is on record");
    }
    const sighting = await this.sighting();
    const missing = new Map<string, VersionedRecord | null>();
    for (const { name } of await view()) {
      if (name === this.#self.member) continue;
      const before = await this.#read(name);
      if (saysRunning(before?.record ?? null, cluster.cluster)) continue;
      if (await this.#ensemble.exists(`${this.#path(name)}/owner`) === null) {
        missing.set(name, before);
      }
    }
    const now = await view();
    const puts = now.flatMap((one) => {
      const before = missing.get(one.name);
      if (before === undefined) return [];
      missing.delete(one.name); // Of two with one name there is one record.
      const record = runningRecord(one, before?.record ?? null, cluster.cluster);
      return [this.#put(record, before)];
    });
    const operations: readonly Operation[] = [
      { op: "check", path: `${this.#root}/cluster`, version },
      this.#putSighting(now, attempt, sighting),
      ...puts,
    ];
    const never = () => Promise.resolve(false); // Looked at again, it is seen what was written.
    if (await settle(this.#ensemble, operations, never, this.#signal)) return now;
    throw new StaleError("A record or the cluster changed meanwhile");
  }

  /** What an adopted member saw last; null where none ever was. @throws {ZnodeError} It is not one of ours. */
  async sighting(): Promise<VersionedSighting | null> {
    const read = await readZnode(this.#ensemble, this.#sightingPath, parseSighting);
    return read && { sighting: read.value, version: read.version };
  }

  get #sightingPath(): string {
    return `${this.#root}/adoption`;
  }

  #putSighting(
    inView: readonly InView[],
    attempt: string,
    before: VersionedSighting | null,
  ): Operation {
    const path = this.#sightingPath;
    const servers = inView.map(({ gcommUuid }) => gcommUuid).filter((uuid) => uuid !== "");
    const data = formatSighting({ attempt, servers });
    return before === null
      ? { op: "create", path, data }
      : { op: "set", path, data, version: before.version };
  }

  #path(name: string): string {
    return `${this.#root}/members/${name}`;
  }

  /** @throws {import("./znodes.ts").ZnodeError} When it is not one of ours. */
  async #read(name: string): Promise<VersionedRecord | null> {
    const parse = (data: Uint8Array) => parseRecord(name, data);
    const read = await readZnode(this.#ensemble, this.#path(name), parse);
    return read && { record: read.value, version: read.version };
  }

  #put(record: MemberRecord, before: VersionedRecord | null): Operation {
    const path = this.#path(record.name);
    const data = formatRecord(record);
    return before === null
      ? { op: "create", path, data }
      : { op: "set", path, data, version: before.version };
  }

  #createOwner(): Operation {
    return {
      op: "create",
      path: `${this.#path(this.#self.member)}/owner`,
      data: this.#self.address,
      mode: "ephemeral",
    };
  }
}
