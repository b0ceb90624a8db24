/** What a member can see when it decides, and what it can decide. Types only. */
import type { Position } from "./position.ts";

/** What a datadir holds, as an inspection found it. */
export type Held =
  /** No data of a database: it was never initialised, or its initialisation did not finish. */
  | { readonly kind: "empty" }
  /** Initialised, no schema of a user's, never in a cluster. */
  | { readonly kind: "fresh" }
  /** A user's schemas, never in a cluster. */
  | { readonly kind: "standalone" }
  /** A position in a cluster's history. */
  | { readonly kind: "at"; readonly position: Position; readonly safeToBootstrap: boolean }
  /** An SST into it did not finish: not usable, only good for another SST. */
  | { readonly kind: "torn" };

/** A copy of a cluster's data: how far it goes, and in which attempt it last took part. */
export interface Copy {
  readonly position: Position;
  /** The bootstrap it last followed, from the datadir's id file; null where none is known. */
  readonly attempt: string | null;
}

/** What the cluster must reckon with of one member: it only ever grows (see `record.ts`). */
export type RecordData =
  /** It runs, or died running: its data may be newer than anything written here. */
  | {
    readonly kind: "running";
    /** The cluster's UUID, where it was known. */
    readonly uuid: string | null;
    /** Spawned but not registered yet. */
    readonly starting: boolean;
    /** What it held before: a copy, nothing (null), or `unknown` after it died running. */
    readonly floor: Copy | "unknown" | null;
  }
  | { readonly kind: "at"; readonly copy: Copy; readonly safeToBootstrap: boolean }
  /** Empty or fresh. */
  | { readonly kind: "nothing" }
  /** An SST into it did not finish; below the floor no automatic election goes. */
  | { readonly kind: "torn"; readonly floor: Copy | null }
  /** A user's schemas that never were in a cluster. */
  | { readonly kind: "standalone" };

/** The record of a member: `members/<name>`. */
export interface MemberRecord {
  readonly name: string;
  /** Given once, under the lock, and kept; null until then. */
  readonly serverId: number | null;
  readonly address: string;
  readonly datadirId: string;
  readonly data: RecordData;
  /**
   * Where the datadir does not hold what `data` says (a lost disk, a stranger's volume, an older
   * backup): what it holds instead, in a few words. Null where it does.
   */
  readonly instead: string | null;
  /** The copy that it holds instead, where that is one: a person may have the cluster go on with it. */
  readonly insteadCopy: Copy | null;
  /** The attempts that its copy knows of: all that is left of them where the ensemble is emptied. */
  readonly lineage: readonly Attempt[];
  /** Where its keeper answers, `host:port`; null where it offers none. */
  readonly http: string | null;
}

/** One bootstrap in the cluster's past. */
export interface Attempt {
  /** Random, also in the id file of every datadir that follows it. */
  readonly attempt: string;
  /** The member that bootstrapped. */
  readonly by: string;
  /** Null while the first bootstrap of a new cluster is not finished. */
  readonly uuid: string | null;
  /** The position it began at; what lies beyond in an older attempt is another branch. */
  readonly seqno: bigint;
  /** The attempt that the copy it began with had followed; null where that is not known. */
  readonly from: string | null;
}

/** `cluster`: the one point where it is settled who bootstraps. */
export interface Cluster {
  readonly phase: "bootstrapping" | "running";
  readonly uuid: string | null;
  readonly by: string;
  readonly attempt: string;
  /** Oldest first; the last one is `attempt`. */
  readonly attempts: readonly Attempt[];
  /** A person had `by` bootstrap whatever the others hold; until that bootstrap is finished. */
  readonly forced: boolean;
}

/** What is on record of the cluster. */
export type ClusterOnRecord =
  | { readonly kind: "none" }
  | { readonly kind: "unreadable"; readonly problem: string }
  | { readonly kind: "known"; readonly cluster: Cluster };

/** A member's record as another one sees it. */
export type SeenRecord =
  | {
    readonly kind: "record";
    readonly record: MemberRecord;
    /** A keeper speaks for it now: its `owner` is there. */
    readonly present: boolean;
  }
  | { readonly kind: "unreadable"; readonly name: string; readonly problem: string };

/** What a registered member other than oneself said when it was asked. */
export type Answer =
  /** It answers: same name, same datadir id, Primary, the cluster's UUID. */
  | { readonly kind: "primary" }
  | { readonly kind: "not-primary" }
  /** It offers no HTTP (`--http off`): nobody can tell how it is. */
  | { readonly kind: "mute" }
  /** No answer over HTTP. */
  | { readonly kind: "silent"; readonly problem: string }
  /** Somebody else answers at that address, or with another cluster's UUID. */
  | { readonly kind: "mismatch"; readonly problem: string }
  /** Not registered by us, as the lab's: a member of unknown position. */
  | { readonly kind: "foreign" };

/** A child of `nodes/`, other than oneself. */
export interface Registered {
  readonly address: string;
  /** Null where it is not one of ours. */
  readonly name: string | null;
  readonly answer: Answer;
  /** Others started its server: its keeper never stops it. */
  readonly isAdopted?: boolean;
}

/** All that a decision rests on. */
export interface View {
  readonly self: {
    readonly name: string;
    readonly held: Held;
    /** The attempt in the datadir's id file. */
    readonly attempt: string | null;
  };
  /** `--size`: how many members the first start waits for. */
  readonly size: number | null;
  /** `--storage`: whether records outlive their members. */
  readonly storage: "persistent" | "ephemeral";
  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  readonly paused: string | null;
  readonly cluster: ClusterOnRecord;
  /** All records, one's own too. */
  readonly records: readonly SeenRecord[];
  readonly registered: readonly Registered[];
}

/** What a member does next, with the reason in one plain sentence. */
export type Decision =
  | { readonly kind: "bootstrap"; readonly rule: number; readonly reason: string }
  | {
    readonly kind: "join";
    readonly rule: number;
    readonly reason: string;
    /** The addresses of members that answer. */
    readonly donors: readonly string[];
  }
  | {
    readonly kind: "wait";
    readonly rule: number;
    readonly reason: string;
    /** The members it waits for; empty where it waits for a person or a report. */
    readonly waitsFor: readonly string[];
    /** What a person is to do where nothing else ends the wait; null where no person is needed. */
    readonly person: string | null;
  };
