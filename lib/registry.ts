/** The registry: znodes to what a member can see, and back. Layout: README, "Znodes". */
import { afterInspection, type Found, joined, type Known } from "./cluster/record.ts";
import type { Attempt, Cluster, MemberRecord, SeenRecord } from "./cluster/view.ts";
import {
  PAUSE,
  readCluster,
  readSnapshot,
  type Snapshot,
  type VersionedCluster,
} from "./snapshot.ts";
import { Adoptions } from "./adoptions.ts";
import { Requests } from "./requests.ts";
import { readZnode } from "./read_znode.ts";
import { settle } from "./settle.ts";
import type { Ensemble, Operation } from "./zookeeper/ensemble.ts";
import { NoNodeError } from "./zookeeper/errors.ts";
import { formatCluster, formatNode, formatRecord, type Node, parseRecord } from "./znodes.ts";

/** Who speaks through this registry. */
export interface Identity {
  readonly member: string;
  readonly address: string;
  readonly storage: "persistent" | "ephemeral";
  /** Where others ask for our status, `host:port`; null: nowhere. */
  readonly http: string | null;
}

/** A record and its version. */
export interface VersionedRecord {
  readonly record: MemberRecord;
  readonly version: number;
}

/** Another keeper speaks for the name or holds the address. */
export class TakenError extends Error {
  override readonly name = "TakenError";
  /** Resolves when what is in the way may have gone. */
  readonly changed: Promise<unknown>;

  constructor(message: string, changed: Promise<unknown>) {
    super(message);
    this.changed = changed;
  }
}

/** What was read has changed meanwhile: look again. */
export class StaleError extends Error {
  override readonly name = "StaleError";
}

/** The registry below a root, through one session. */
export class Registry {
  readonly ensemble: Ensemble;
  readonly #root: string;
  readonly #self: Identity;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param root An absolute path such as `/mariadb`; empty for `/`.
   * @param signal We are told to stop: a write in doubt is no longer waited for.
   */
  constructor(ensemble: Ensemble, root: string, self: Identity, signal?: AbortSignal) {
    this.ensemble = ensemble;
    this.#root = root;
    this.#signal = signal;
    this.#self = self;
  }

  /** The path of the start-up lock. */
  get lockPath(): string {
    return `${this.#root}/bootstrap`;
  }

  get #cluster(): string {
    return `${this.#root}/cluster`;
  }

  get #own(): string {
    return `${this.#root}/members/${this.#self.member}`;
  }

  get #ownNode(): string {
    return `${this.#root}/nodes/${this.#self.address}`;
  }

  /** What a person asked of all members. */
  get requests(): Requests {
    return new Requests(this.ensemble, this.#root, this.#signal);
  }

  /** What an adoption puts on record. */
  get adoptions(): Adoptions {
    return new Adoptions(this.ensemble, this.#root, this.#self, this.#signal);
  }

  /** Speaks for this member's name, where it has a record. @throws {TakenError} Another keeper does. */
  async claim(signal: AbortSignal): Promise<void> {
    if (await this.readOwnRecord() !== null) await this.#claimName(signal);
  }

  /** Creates what the registry lives in. */
  async prepare(): Promise<void> {
    for (const folder of ["bootstrap", "members", "nodes"]) {
      await this.ensemble.ensurePath(`${this.#root}/${folder}`);
    }
  }

  /** Reads all that is on record, after a sync, leaving a watch on each of it. */
  observe(signal: AbortSignal): Promise<Snapshot> {
    return readSnapshot(this.ensemble, this.#root, signal);
  }

  /** What is on record of the cluster now, and the version for a compare-and-set. */
  readCluster(): Promise<VersionedCluster> {
    return readCluster(this.ensemble, this.#root);
  }

  /**
   * Puts on record what an inspection found, and speaks for this member's name from then on.
   *
   * @throws {TakenError} When another keeper speaks for that name.
   * @throws {ZnodeError} When the record is not one of ours.
   */
  async report(found: Found, signal: AbortSignal): Promise<VersionedRecord> {
    for (;;) {
      const before = await this.readOwnRecord();
      if (before === null) {
        await this.prepare();
        await this.#settle(this.#firstReport(found), () => this.#isReported());
        continue;
      }
      await this.#claimName(signal);
      const known = afterInspection(before.record, found);
      const { address, http } = this.#self;
      const record: MemberRecord = { ...before.record, ...known, address, http };
      if (formatRecord(record) === formatRecord(before.record)) return before;
      await this.#setRecord(record, before.version);
    }
  }

  #firstReport(found: Found): readonly Operation[] {
    const { member, address, http } = this.#self;
    return this.#createRecord({
      name: member,
      serverId: null,
      address,
      http,
      ...afterInspection(null, found),
    });
  }

  /** The record of a member that has none, and that its keeper is there. */
  #createRecord(record: MemberRecord): readonly Operation[] {
    const create = { op: "create", path: this.#own, data: formatRecord(record) } as const;
    // An ephemeral znode has no children; the record itself then says that a keeper is there.
    return this.#self.storage === "ephemeral"
      ? [{ ...create, mode: "ephemeral" }]
      : [create, this.#createOwner()];
  }

  #putRecord(record: MemberRecord, version: number): Operation {
    return { op: "set", path: this.#own, data: formatRecord(record), version };
  }

  #createOwner(): Operation {
    return {
      op: "create",
      path: `${this.#own}/owner`,
      data: this.#self.address,
      mode: "ephemeral",
    };
  }

  async #isReported(): Promise<boolean> {
    return await this.ensemble.exists(this.#own) !== null;
  }

  /** Creates `owner` where it is not ours yet. */
  async #claimName(signal: AbortSignal): Promise<void> {
    const ephemeral = this.#self.storage === "ephemeral";
    const path = ephemeral ? this.#own : `${this.#own}/owner`;
    for (;;) {
      const { stat, changed } = await this.ensemble.existsAndWatch(path, signal);
      if (stat?.ephemeralOwner === this.ensemble.sessionId) return;
      if (stat !== null) {
        throw new TakenError(
          `Another keeper speaks for the member ${this.#self.member}: ${path} is there`,
          changed,
        );
      }
      if (ephemeral) throw new StaleError(`The record ${path} has gone`);
      const done = await this.#settle([this.#createOwner()], () => Promise.resolve(false));
      if (!done && await this.ensemble.exists(path.slice(0, -"/owner".length)) === null) {
        throw new StaleError("The own record has gone");
      }
    }
  }

  /** The own record; null where there is none. @throws {ZnodeError} When it is not one of ours. */
  async readOwnRecord(): Promise<VersionedRecord | null> {
    const parse = (data: Uint8Array) => parseRecord(this.#self.member, data);
    const read = await readZnode(this.ensemble, this.#own, parse);
    return read && { record: read.value, version: read.version };
  }

  /** `changed` resolves when the own record changes or goes. */
  async watchOwnRecord(signal: AbortSignal): Promise<{ readonly changed: Promise<unknown> }> {
    return await this.ensemble.existsAndWatch(this.#own, signal);
  }

  /**
   * Waits until another attempt is on record than this one, as long as that takes.
   *
   * @throws The signal's reason, or what the session says when it is lost.
   */
  async untilAnotherAttempt(attempt: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { changed } = await this.ensemble.existsAndWatch(this.#cluster, signal);
      const onRecord = await this.#attemptOnRecord();
      if (onRecord !== null && onRecord !== attempt) return;
      await changed;
    }
  }

  /**
   * Waits until a person has this member bootstrap, as long as that takes.
   *
   * @throws The signal's reason, or what the session says when it is lost.
   */
  async untilChosen(signal: AbortSignal): Promise<void> {
    const before = await this.#attemptOnRecord();
    for (;;) {
      const { changed } = await this.ensemble.existsAndWatch(this.#cluster, signal);
      const { cluster } = await this.readCluster();
      const now = cluster.kind === "known" ? cluster.cluster : null;
      if (now !== null && now.attempt !== before && now.by === this.#self.member) return;
      await changed;
    }
  }

  async #setRecord(record: MemberRecord, version: number): Promise<void> {
    await this.#settle([this.#putRecord(record, version)], () => this.#isOnRecord(record));
  }

  async #isOnRecord(record: MemberRecord): Promise<boolean> {
    const now = await this.readOwnRecord();
    return now !== null && formatRecord(now.record) === formatRecord(record);
  }

  /** Gives a member its `server_id`, under the lock: one more than the highest on record. */
  async giveServerId(own: VersionedRecord, records: readonly SeenRecord[]): Promise<number> {
    if (own.record.serverId !== null) return own.record.serverId;
    const given = records.map((seen) => seen.kind === "record" ? seen.record.serverId ?? 0 : 0);
    const serverId = Math.max(0, ...given) + 1;
    await this.#setRecord({ ...own.record, serverId }, own.version);
    return serverId;
  }

  /**
   * Writes what is true before a `mariadbd` is spawned, all or nothing and only while the lock is
   * held: the own record says running, and for a bootstrap `cluster` says by whom.
   *
   * @param lock The path of the own contender: without it the lock is no longer ours.
   * @param cluster The compare-and-set on `cluster`; null for a member that joins.
   * @throws {StaleError} When anything has changed meanwhile.
   */
  async begin(
    lock: string,
    own: VersionedRecord,
    known: Known,
    cluster: { readonly next: Cluster; readonly version: number | null } | null,
  ): Promise<void> {
    const record = { ...own.record, ...known };
    const operations: Operation[] = [
      { op: "check", path: lock },
      this.#putRecord(record, own.version),
    ];
    if (cluster !== null) operations.push(this.#putCluster(cluster.next, cluster.version));
    const done = await this.#settle(operations, async () => {
      const attempt = await this.#attemptOnRecord();
      return await this.#isOnRecord(record) &&
        (cluster === null || attempt === cluster.next.attempt);
    });
    if (!done) throw new StaleError("The lock, the record or the cluster changed meanwhile");
  }

  #putCluster(next: Cluster, version: number | null): Operation {
    const data = formatCluster(next);
    return version === null
      ? { op: "create", path: this.#cluster, data }
      : { op: "set", path: this.#cluster, data, version };
  }

  async #attemptOnRecord(): Promise<string | null> {
    const { cluster } = await this.readCluster();
    return cluster.kind === "known" ? cluster.cluster.attempt : null;
  }

  /**
   * A last look before a spawn: the session lives, the lock is ours, the attempt is the same.
   *
   * @throws {StaleError} When it is not so.
   */
  async lookOnceMore(lock: string, attempt: string): Promise<void> {
    await this.ensemble.sync(this.lockPath);
    if (await this.ensemble.exists(lock) === null) throw new StaleError("The lock is lost");
    if (await this.#attemptOnRecord() !== attempt) {
      throw new StaleError("Another attempt is on record");
    }
    if (await this.isPaused()) throw new StaleError("All starts are paused");
  }

  /** Whether a person had all starts pause. */
  async isPaused(): Promise<boolean> {
    return await this.ensemble.exists(`${this.#root}/${PAUSE}`) !== null;
  }

  /** The same; `changed` resolves when it is no longer so. */
  async watchPaused(
    signal: AbortSignal,
  ): Promise<{ readonly paused: boolean; readonly changed: Promise<unknown> }> {
    const { stat, changed } = await this.ensemble.existsAndWatch(`${this.#root}/${PAUSE}`, signal);
    return { paused: stat !== null, changed };
  }

  /**
   * Finishes a bootstrap: `cluster` says running, with the UUID.
   *
   * @returns false where another attempt is on record: a person decided otherwise.
   * @throws {StaleError} When none is on record any more.
   */
  async finishBootstrap(attempt: string, uuid: string): Promise<boolean> {
    for (;;) {
      const { cluster: now, version } = await this.readCluster();
      if (now.kind !== "known" || version === null) throw new StaleError("The cluster has gone");
      if (now.cluster.attempt !== attempt) return false;
      if (now.cluster.phase === "running") return now.cluster.uuid === uuid;
      const attempts = now.cluster.attempts.map((past): Attempt =>
        past.attempt === attempt ? { ...past, uuid } : past
      );
      const next: Cluster = { ...now.cluster, phase: "running", uuid, attempts, forced: false };
      await this.#settle([this.#putCluster(next, version)], () => Promise.resolve(false));
    }
  }

  /**
   * Takes an unfinished bootstrap of this member's back.
   *
   * @param before What `cluster` is to say again.
   * @returns false where that bootstrap is not on record, or is finished.
   */
  async takeBack(attempt: string, before: Cluster): Promise<boolean> {
    const { cluster: now, version } = await this.readCluster();
    if (now.kind !== "known" || version === null) return false;
    if (now.cluster.attempt !== attempt || now.cluster.phase !== "bootstrapping") return false;
    return await this.#settle(
      [this.#putCluster(before, version)],
      async () => await this.#attemptOnRecord() === before.attempt,
    );
  }

  /**
   * Registers a member that has joined: one multi creates `nodes/<address>` and sets the own record
   * to running, and `owner` where the session is a new one.
   *
   * @throws {TakenError} When another session holds the name or the address.
   * @throws {StaleError} When anything has changed meanwhile.
   */
  async register(
    node: Node,
    attempt: string,
    serverId: number,
    signal: AbortSignal,
  ): Promise<void> {
    const own = await this.readOwnRecord();
    if (own !== null) await this.#claimName(signal);
    const inTheWay = await this.#clearNode(signal);
    const { cluster, version } = await this.readCluster();
    if (cluster.kind !== "known" || cluster.cluster.attempt !== attempt || version === null) {
      throw new StaleError("Another attempt is on record");
    }
    const record: MemberRecord = {
      name: this.#self.member,
      serverId,
      address: this.#self.address,
      datadirId: node.datadirId,
      data: joined(node.uuid),
      instead: null,
      insteadCopy: null,
      lineage: cluster.cluster.attempts,
      http: this.#self.http,
    };
    const done = await this.#settle([
      { op: "check", path: this.#cluster, version },
      ...inTheWay,
      { op: "create", path: this.#ownNode, data: formatNode(node), mode: "ephemeral" },
      ...own === null ? this.#createRecord(record) : [this.#putRecord(record, own.version)],
    ], async () => {
      const stat = await this.ensemble.exists(this.#ownNode);
      return stat?.ephemeralOwner === this.ensemble.sessionId;
    });
    // Read again, all of it: the folders, too, may have gone.
    if (!done) {
      throw new StaleError("The record, the registration or the cluster changed meanwhile");
    }
  }

  /** What must go from `nodes/<address>` first: our own, or what a lab's script left there for good. */
  async #clearNode(signal: AbortSignal): Promise<readonly Operation[]> {
    const { stat, changed } = await this.ensemble.existsAndWatch(this.#ownNode, signal);
    if (stat === null) return [];
    const owner = stat.ephemeralOwner;
    if (owner !== 0n && owner !== this.ensemble.sessionId) {
      throw new TakenError(
        `Another session has registered ${this.#self.address}: ${this.#ownNode} is there`,
        changed,
      );
    }
    return [{ op: "delete", path: this.#ownNode, version: stat.version }];
  }

  /** Keeps `nodes/<address>` true; false where it has gone and is to be registered again. */
  async updateNode(node: Node): Promise<boolean> {
    try {
      await this.ensemble.set(this.#ownNode, formatNode(node));
      return true;
    } catch (error) {
      if (error instanceof NoNodeError) return false;
      throw error;
    }
  }

  /** Takes `nodes/<address>` back, where it is ours. */
  async deregister(): Promise<void> {
    try {
      const stat = await this.ensemble.exists(this.#ownNode);
      if (stat?.ephemeralOwner === this.ensemble.sessionId) {
        await this.ensemble.delete(this.#ownNode);
      }
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  }

  /**
   * After the ensemble was emptied: puts `cluster` back as this member last knew it and, in the same
   * multi, a running record for every member of its Galera view that has none.
   */
  async restore(
    cluster: Cluster,
    members: readonly { readonly record: MemberRecord; readonly own: boolean }[],
  ): Promise<void> {
    await this.prepare();
    const operations: Operation[] = [this.#putCluster(cluster, null)];
    for (const { record, own } of members) {
      const path = `${this.#root}/members/${record.name}`;
      if (await this.ensemble.exists(path) !== null) continue;
      const ephemeral = this.#self.storage === "ephemeral";
      if (ephemeral && !own) continue; // Its own keeper alone can give it a life of its session.
      operations.push({
        op: "create",
        path,
        data: formatRecord(record),
        mode: ephemeral ? "ephemeral" : "persistent",
      });
    }
    await this.#settle(operations, async () => {
      const { cluster: now } = await this.readCluster();
      return now.kind === "known";
    });
  }

  /** `changed` resolves once `cluster`, `nodes/<address>` or the own record changes. */
  async watchOwn(signal: AbortSignal): Promise<{ readonly changed: Promise<unknown> }> {
    const watched = await Promise.all(
      [this.#cluster, this.#own, this.#ownNode].map((path) =>
        this.ensemble.existsAndWatch(path, signal)
      ),
    );
    const changed = Promise.race(watched.map((one) => one.changed));
    changed.catch(() => {});
    return { changed };
  }

  /** Whether the own registration is there. */
  async isRegistered(): Promise<boolean> {
    const stat = await this.ensemble.exists(this.#ownNode);
    return stat?.ephemeralOwner === this.ensemble.sessionId;
  }

  #settle(
    operations: readonly Operation[],
    tookEffect: () => Promise<boolean>,
  ): Promise<boolean> {
    return settle(this.ensemble, operations, tookEffect, this.#signal);
  }
}
