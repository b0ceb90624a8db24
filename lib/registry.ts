/** The registry: znodes to what a member can see, and back. Layout: README, "Znodes". */
import { afterInspection, type Found, joined, type Known } from "./cluster/record.ts";
import type {
  Attempt,
  Cluster,
  ClusterOnRecord,
  MemberRecord,
  SeenRecord,
} from "./cluster/view.ts";
import type { Ensemble, Operation, Watched } from "./zookeeper/ensemble.ts";
import {
  BadVersionError,
  ConnectionLossError,
  NodeExistsError,
  NoNodeError,
  SessionExpiredError,
} from "./zookeeper/errors.ts";
import {
  formatCluster,
  formatNode,
  formatRecord,
  type Node,
  parseCluster,
  parseNode,
  parseRecord,
  ZnodeError,
} from "./znodes.ts";

/** Who speaks through this registry. */
export interface Identity {
  readonly member: string;
  readonly address: string;
  readonly storage: "persistent" | "ephemeral";
}

/** A child of `nodes/`. */
export interface NodeChild {
  readonly address: string;
  /** Null where it is not one of ours. */
  readonly node: Node | null;
}

/** All that is on record, read at one time. */
export interface Snapshot {
  readonly cluster: ClusterOnRecord;
  /** The version of `cluster` for a compare-and-set; null where there is no such znode. */
  readonly clusterVersion: number | null;
  readonly records: readonly SeenRecord[];
  readonly nodes: readonly NodeChild[];
  /** Resolves with the path of the first znode that changes. Rejects when the session is lost. */
  readonly changed: Promise<string>;
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

  /**
   * @param root An absolute path such as `/mariadb`.
   */
  constructor(ensemble: Ensemble, root: string, self: Identity) {
    this.ensemble = ensemble;
    this.#root = root === "/" ? "" : root;
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

  /** Creates what the registry lives in. */
  async prepare(): Promise<void> {
    for (const folder of ["bootstrap", "members", "nodes"]) {
      await this.ensemble.ensurePath(`${this.#root}/${folder}`);
    }
  }

  /**
   * Reads all that is on record, after a sync, leaving a watch on each of it.
   *
   * @param signal Takes the watches back.
   */
  async observe(signal: AbortSignal): Promise<Snapshot> {
    await this.ensemble.sync(this.#root === "" ? "/" : this.#root);
    const changes: Promise<string>[] = [];
    const watch = async <T>(read: Promise<Watched<T>>) => {
      const result = await read;
      changes.push(result.changed.then(({ path }) => path));
      return result;
    };
    const [cluster, records, nodes] = await Promise.all([
      this.#readCluster(watch, signal),
      this.#readRecords(watch, signal),
      this.#readNodes(watch, signal),
    ]);
    const changed = Promise.race(changes);
    changed.catch(() => {}); // Whoever waits for it gets the rejection; nobody has to.
    return { ...cluster, records, nodes, changed };
  }

  async #readCluster(
    watch: Watch,
    signal: AbortSignal,
  ): Promise<Pick<Snapshot, "cluster" | "clusterVersion">> {
    const { stat } = await watch(this.ensemble.existsAndWatch(this.#cluster, signal));
    if (stat === null) return { cluster: { kind: "none" }, clusterVersion: null };
    const current = await this.readCluster();
    return { cluster: current.cluster, clusterVersion: current.version };
  }

  /** What is on record of the cluster now, and the version for a compare-and-set. */
  async readCluster(): Promise<{ cluster: ClusterOnRecord; version: number | null }> {
    try {
      const { data, stat } = await this.ensemble.get(this.#cluster);
      try {
        const cluster = parseCluster(data);
        return { cluster: { kind: "known", cluster }, version: stat.version };
      } catch (error) {
        if (!(error instanceof ZnodeError)) throw error;
        const problem = `${this.#cluster}: ${error.message}`;
        return { cluster: { kind: "unreadable", problem }, version: stat.version };
      }
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      return { cluster: { kind: "none" }, version: null };
    }
  }

  async #readRecords(watch: Watch, signal: AbortSignal): Promise<SeenRecord[]> {
    const folder = `${this.#root}/members`;
    const { children } = await watch(this.ensemble.childrenAndWatch(folder, signal));
    const seen = await Promise.all(
      children.toSorted().map(async (name) => {
        try {
          const path = `${folder}/${name}`;
          const [{ data, stat }, below] = await Promise.all([
            watch(this.ensemble.getAndWatch(path, signal)),
            watch(this.ensemble.childrenAndWatch(path, signal)),
          ]);
          const present = stat.ephemeralOwner !== 0n || below.children.includes("owner");
          return [seeRecord(name, data, present)];
        } catch (error) {
          if (error instanceof NoNodeError) return [];
          throw error;
        }
      }),
    );
    return seen.flat();
  }

  async #readNodes(watch: Watch, signal: AbortSignal): Promise<NodeChild[]> {
    const folder = `${this.#root}/nodes`;
    const { children } = await watch(this.ensemble.childrenAndWatch(folder, signal));
    const nodes = await Promise.all(
      children.toSorted().map(async (address) => {
        try {
          const { data } = await watch(
            this.ensemble.getAndWatch(`${folder}/${address}`, signal),
          );
          return [{ address, node: parseNode(data) }];
        } catch (error) {
          if (error instanceof NoNodeError) return [];
          throw error;
        }
      }),
    );
    return nodes.flat();
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
        await this.#settle(this.#firstReport(found), () => this.#isReported());
        continue;
      }
      await this.#claimName(signal);
      const known = afterInspection(before.record, found);
      const record: MemberRecord = { ...before.record, ...known, address: this.#self.address };
      if (formatRecord(record) === formatRecord(before.record)) return before;
      await this.#setRecord(record, before.version);
    }
  }

  #firstReport(found: Found): readonly Operation[] {
    const known: Known = afterInspection(null, found);
    const record: MemberRecord = {
      name: this.#self.member,
      serverId: null,
      address: this.#self.address,
      ...known,
    };
    const ephemeral = this.#self.storage === "ephemeral";
    const create: Operation = {
      op: "create",
      path: this.#own,
      data: formatRecord(record),
      mode: ephemeral ? "ephemeral" : "persistent",
    };
    // An ephemeral znode has no children; the record itself then says that a keeper is there.
    return ephemeral ? [create] : [create, this.#createOwner()];
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
      await this.#settle([this.#createOwner()], () => Promise.resolve(false));
    }
  }

  /** The own record; null where there is none. @throws {ZnodeError} When it is not one of ours. */
  async readOwnRecord(): Promise<VersionedRecord | null> {
    try {
      const { data, stat } = await this.ensemble.get(this.#own);
      try {
        return { record: parseRecord(this.#self.member, data), version: stat.version };
      } catch (error) {
        if (!(error instanceof ZnodeError)) throw error;
        throw new ZnodeError(`${this.#own}: ${error.message}`, { cause: error });
      }
    } catch (error) {
      if (error instanceof NoNodeError) return null;
      throw error;
    }
  }

  /** Resolves when the own record changes or goes. */
  async watchOwnRecord(signal: AbortSignal): Promise<Promise<unknown>> {
    return (await this.ensemble.existsAndWatch(this.#own, signal)).changed;
  }

  async #setRecord(record: MemberRecord, version: number): Promise<void> {
    const data = formatRecord(record);
    await this.#settle([{ op: "set", path: this.#own, data, version }], async () => {
      const now = await this.readOwnRecord();
      return now !== null && formatRecord(now.record) === data;
    });
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
    data: MemberRecord["data"],
    cluster: { readonly next: Cluster; readonly version: number | null } | null,
  ): Promise<void> {
    const record = formatRecord({ ...own.record, data });
    const operations: Operation[] = [
      { op: "check", path: lock },
      { op: "set", path: this.#own, data: record, version: own.version },
    ];
    if (cluster !== null) operations.push(this.#putCluster(cluster.next, cluster.version));
    const done = await this.#settle(operations, async () => {
      const now = await this.readOwnRecord();
      const attempt = await this.#attemptOnRecord();
      return now !== null && formatRecord(now.record) === record &&
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
  }

  /**
   * Finishes a bootstrap: `cluster` says running, with the UUID.
   *
   * @returns false where another attempt is on record: a person decided otherwise.
   */
  async finishBootstrap(attempt: string, uuid: string): Promise<boolean> {
    for (;;) {
      const { cluster: now, version } = await this.readCluster();
      if (now.kind !== "known" || version === null) return false;
      if (now.cluster.attempt !== attempt) return false;
      if (now.cluster.phase === "running") return now.cluster.uuid === uuid;
      const attempts = now.cluster.attempts.map((past): Attempt =>
        past.attempt === attempt ? { ...past, uuid } : past
      );
      const next: Cluster = { ...now.cluster, phase: "running", uuid, attempts };
      await this.#settle([this.#putCluster(next, version)], () => Promise.resolve(false));
    }
  }

  /**
   * Registers a member that has joined: one multi creates `nodes/<address>` and sets the own record
   * to running, and `owner` where the session is a new one.
   *
   * @throws {TakenError} When another session holds the name or the address.
   */
  async register(node: Node, attempt: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const own = await this.readOwnRecord();
      if (own === null) throw new StaleError("The own record has gone");
      await this.#claimName(signal);
      const inTheWay = await this.#clearNode(signal);
      const { cluster, version } = await this.readCluster();
      if (cluster.kind !== "known" || cluster.cluster.attempt !== attempt || version === null) {
        throw new StaleError("Another attempt is on record");
      }
      const record: MemberRecord = {
        ...own.record,
        datadirId: node.datadirId,
        address: this.#self.address,
        data: joined(node.uuid),
        instead: null,
      };
      const data = formatNode(node);
      const done = await this.#settle([
        { op: "check", path: this.#cluster, version },
        ...inTheWay,
        { op: "create", path: this.#ownNode, data, mode: "ephemeral" },
        { op: "set", path: this.#own, data: formatRecord(record), version: own.version },
      ], async () => {
        const stat = await this.ensemble.exists(this.#ownNode);
        return stat?.ephemeralOwner === this.ensemble.sessionId;
      });
      if (done) return;
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

  /** Resolves once `cluster`, `nodes/<address>` or the own record changes. */
  async watchOwn(signal: AbortSignal): Promise<Promise<unknown>> {
    const watched = await Promise.all(
      [this.#cluster, this.#own, this.#ownNode].map((path) =>
        this.ensemble.existsAndWatch(path, signal)
      ),
    );
    const changed = Promise.race(watched.map((one) => one.changed));
    changed.catch(() => {});
    return changed;
  }

  /** Whether the own registration is there. */
  async isRegistered(): Promise<boolean> {
    const stat = await this.ensemble.exists(this.#ownNode);
    return stat?.ephemeralOwner === this.ensemble.sessionId;
  }

  /**
   * Runs a multi until it is known whether it took effect. A lost connection says neither: once
   * connected again, what is there is read back.
   *
   * @returns false where it was refused because something had changed.
   */
  async #settle(
    operations: readonly Operation[],
    tookEffect: () => Promise<boolean>,
  ): Promise<boolean> {
    let doubtful = false;
    for (;;) {
      try {
        if (doubtful && await tookEffect()) return true;
        await this.ensemble.multi(operations);
        return true;
      } catch (error) {
        if (
          error instanceof BadVersionError || error instanceof NodeExistsError ||
          error instanceof NoNodeError
        ) return doubtful ? await tookEffect() : false;
        if (!(error instanceof ConnectionLossError)) throw error;
        doubtful = true;
        await this.untilConnected();
      }
    }
  }

  /** Resolves once connected. @throws {SessionExpiredError} When the session is lost. */
  async untilConnected(): Promise<void> {
    for await (const state of this.ensemble.states()) {
      if (state === "connected") return;
      if (state === "lost") break;
    }
    throw new SessionExpiredError(-112, "The session with ZooKeeper is over");
  }
}

type Watch = <T>(read: Promise<Watched<T>>) => Promise<Watched<T>>;

function seeRecord(name: string, data: Uint8Array, present: boolean): SeenRecord {
  try {
    return { kind: "record", record: parseRecord(name, data), present };
  } catch (error) {
    if (!(error instanceof ZnodeError)) throw error;
    return { kind: "unreadable", name, problem: error.message };
  }
}
