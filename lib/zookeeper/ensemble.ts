/**
 * What the rest of the program sees of ZooKeeper: types only. `session.ts` is the real one; the
 * simulation has another in memory.
 */

/**
 * The three states of a session, as in kazoo: operations work when connected; when suspended nobody
 * knows whether the session still lives; lost is final, its ephemerals are gone.
 */
export type SessionState = "connected" | "suspended" | "lost";

/** A znode's stat, as the server gives it. */
export interface Stat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  /** Milliseconds since 1970. */
  readonly ctimeMs: number;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session that owns an ephemeral znode; 0n for others. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** What kind of znode a create makes. A TTL needs servers that enable extended types. */
export type CreateMode =
  | "persistent"
  | "ephemeral"
  | "persistent_sequential"
  | "ephemeral_sequential"
  | "container"
  | { readonly ttlMs: number; readonly sequential?: boolean };

/** Data to write; a string goes as UTF-8. */
export type ZnodeData = Uint8Array | string;

/** One operation of a multi. A version left out or -1 matches any. */
export type Operation =
  | {
    readonly op: "create";
    readonly path: string;
    readonly data: ZnodeData;
    readonly mode?: CreateMode;
  }
  | {
    readonly op: "set";
    readonly path: string;
    readonly data: ZnodeData;
    readonly version?: number;
  }
  | { readonly op: "delete"; readonly path: string; readonly version?: number }
  | { readonly op: "check"; readonly path: string; readonly version?: number };

/** What one operation of a multi that succeeded gave back. */
export type OperationResult =
  | { readonly op: "create"; readonly path: string }
  | { readonly op: "set"; readonly stat: Stat }
  | { readonly op: "delete" }
  | { readonly op: "check" };

/** Why a watch fired. */
export interface WatchEvent {
  readonly type: "created" | "deleted" | "changed" | "children";
  readonly path: string;
}

/** A znode's data and stat. */
export interface Znode {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

/**
 * A read that left a one-shot watch. `changed` resolves when it fires, rejects with
 * `SessionExpiredError` when the session is lost and with the signal's reason when it is aborted;
 * whoever does not look at it gets no unhandled rejection.
 */
export type Watched<T> = T & { readonly changed: Promise<WatchEvent> };

/**
 * One session with an ensemble. Every operation rejects with a `ZooKeeperError` (see `errors.ts`)
 * that names the path; one in flight when the connection drops rejects with `ConnectionLossError`,
 * and may or may not have taken effect.
 */
export interface Ensemble {
  readonly state: SessionState;
  readonly sessionId: bigint;
  /** As negotiated with the server, in milliseconds. */
  readonly sessionTimeoutMs: number;
  /** The states from now on, the present one first; ends after `lost` or close. */
  states(signal?: AbortSignal): AsyncIterable<SessionState>;
  /** Creates a znode, its missing parents too with `makePath`; gives its path, sequence number included. */
  create(
    path: string,
    data: ZnodeData,
    options?: { readonly mode?: CreateMode; readonly makePath?: boolean },
  ): Promise<string>;
  get(path: string): Promise<Znode>;
  /** The stat, or null where there is no such znode. */
  exists(path: string): Promise<Stat | null>;
  children(path: string): Promise<{ readonly children: readonly string[]; readonly stat: Stat }>;
  set(path: string, data: ZnodeData, version?: number): Promise<Stat>;
  delete(path: string, version?: number): Promise<void>;
  /** Deletes a znode and all below it; what vanished meanwhile is no error. */
  deleteRecursive(path: string): Promise<void>;
  /** Creates a path and its parents, persistent and empty, where they are missing. */
  ensurePath(path: string): Promise<void>;
  /** Makes reads that follow see all that was written before it. */
  sync(path: string): Promise<void>;
  /** All or nothing; rejects with the error of the operation that failed, naming its index and path. */
  multi(operations: readonly Operation[]): Promise<readonly OperationResult[]>;
  getAndWatch(path: string, signal: AbortSignal): Promise<Watched<Znode>>;
  existsAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly stat: Stat | null }>>;
  childrenAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly children: readonly string[]; readonly stat: Stat }>>;
  /** Closes the session: its ephemerals go at once. Never rejects, never hangs. */
  close(): Promise<void>;
}
