/** What the start-up and the supervision see of the database on this machine: a port. Types only. */
import type { Position } from "../cluster/position.ts";
import type { Attempt, Held } from "../cluster/view.ts";

/** What an inspection found in the datadir. */
export interface Inspection {
  /** What kind of data it holds. */
  readonly held: Held;
  /** The random id of this datadir: it comes and goes with the data. */
  readonly datadirId: string;
  /** The attempt that was stored beside the id, see {@link Database.writeIdentity}. */
  readonly attempt: string | null;
  /** The attempts that were stored with it; empty where none are known. */
  readonly lineage: readonly Attempt[];
  /** How many starts in a row have failed, see {@link Database.writeFailedStarts}. */
  readonly failedStarts: number;
  /** Bytes of data, without Galera's cache and InnoDB's redo log. */
  readonly dataBytes: number;
  /**
   * One sentence for a person, when what was found is not as it should be: what it is, and what was
   * made of it. Absent when all is well.
   */
  readonly problem?: string;
}

/** What is kept in the datadir beside the data. */
export interface Identity {
  readonly datadirId: string;
  readonly attempt: string | null;
  /** The attempts that led to that one, itself included, oldest first. */
  readonly lineage: readonly Attempt[];
}

/** How a `mariadbd` is started. */
export type SpawnPlan =
  /**
   * The first member of a primary component: nobody writes until {@link Running.makeWritable}. This
   * alone sets `safe_to_bootstrap: 1` in grastate.dat.
   */
  | {
    readonly kind: "bootstrap";
    /** Where its history goes on; null for a new cluster. */
    readonly startPosition: Position | null;
    /** 1 to 2^32 - 1. */
    readonly serverId: number;
  }
  /** One more member. */
  | {
    readonly kind: "join";
    /** Addresses of members that are in, each IP or IP:PORT; at least one. */
    readonly donors: readonly string[];
    /** What the datadir holds; without it Galera asks for a full SST. */
    readonly startPosition: Position | null;
    /** 1 to 2^32 - 1. */
    readonly serverId: number;
  }
  /** No Galera at all (`WSREP_ON=OFF`). */
  | { readonly kind: "plain" };

/** How a process ended. */
export interface ExitStatus {
  /** Its exit status; null when a signal ended it. */
  readonly code: number | null;
  /** `SIGKILL` and so on; null when it exited by itself. */
  readonly signal: string | null;
  /** The last lines that it logged as errors, oldest first. */
  readonly lastErrors: readonly string[];
}

/** Galera's status as the server tells it. */
export interface WsrepStatus {
  /** `wsrep_cluster_status` is Primary. */
  readonly primary: boolean;
  /** `wsrep_ready`: it takes queries. */
  readonly ready: boolean;
  /** `wsrep_connected`: it is connected to a component, primary or not. */
  readonly connected: boolean;
  /** `wsrep_local_state` is 4. */
  readonly synced: boolean;
  /** `wsrep_local_state`: 1 joining, 2 donor, 3 joined, 4 synced; 0 before there is one. */
  readonly localState: number;
  /** `wsrep_local_state_comment`, in Galera's words. */
  readonly localStateComment: string;
  /** `wsrep_cluster_state_uuid`, lower case; the zero UUID or "" before there is one. */
  readonly clusterUuid: string;
  /** `wsrep_last_committed`; -1n before there is one. */
  readonly lastCommitted: bigint;
  /** `wsrep_cluster_size`; 0 before there is a view. */
  readonly clusterSize: number;
  /** `wsrep_reject_queries` is NONE: clients are let in as far as Galera is concerned. */
  readonly letsClientsIn: boolean;
  /** `read_only`. */
  readonly readOnly: boolean;
  /** `wsrep_flow_control_paused`: 0 to 1, the part of the time since the last FLUSH STATUS. */
  readonly flowControlPaused: number;
  /** `wsrep_flow_control_paused_ns`, as seconds. */
  readonly flowControlPausedSeconds: number;
  /** `wsrep_flow_control_sent`: how often it had the others pause. */
  readonly flowControlSent: number;
  /** `wsrep_flow_control_recv`: how often anybody had all pause. */
  readonly flowControlReceived: number;
  /** `wsrep_local_recv_queue`: write sets that wait to be applied. */
  readonly receiveQueue: number;
  /** `wsrep_local_send_queue`: write sets that wait to be sent. */
  readonly sendQueue: number;
  /** `wsrep_local_cert_failures`: transactions of this member that failed certification. */
  readonly certificationFailures: number;
  /** `wsrep_local_bf_aborts`: transactions of this member that gave way to replicated ones. */
  readonly aborts: number;
}

/** One member of the Galera view. */
export interface ViewMember {
  /** Its `wsrep_node_name`, which is the member's name; "" where only addresses are known. */
  readonly name: string;
  /** Its IP address, without a port. */
  readonly address: string;
  /** Its name in the group communication, another one each time that it is started; "" where not known. */
  readonly gcommUuid: string;
}

/** A state transfer as it is seen at one of its two ends. */
export interface TransferSeen {
  /** Another one for each transfer of this server. */
  readonly number: number;
  readonly kind: "SST" | "IST";
  readonly role: "joiner" | "donor";
  /** The other member's name; null where not known. */
  readonly peer: string | null;
  /** SST: bytes; IST: transactions. Only grows. */
  readonly done: number;
  /** What `done` comes to in the end, as far as this end knows; null where it does not. */
  readonly total: number | null;
  /** What it does besides copying, in a word; null while it copies. */
  readonly phase: string | null;
  /** How long it has taken, in milliseconds. */
  readonly elapsedMs: number;
  readonly hasEnded: boolean;
  /** Why it failed, in a few words; null where it did not. */
  readonly failure: string | null;
}

/** A `mariadbd` that was started. */
export interface Running {
  readonly pid: number;
  /** Settles when it has exited; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /**
   * Asks for Galera's status, on one kept connection.
   *
   * @returns null while it does not answer: not up yet, receiving an SST, gone.
   * @throws {import("../errors.ts").ConfigError} When it is up and refuses root's password.
   */
  status(): Promise<WsrepStatus | null>;
  /** Lets clients in, on a server that was started to bootstrap. */
  makeWritable(): Promise<void>;
  /**
   * How many bytes state transfers have moved, as far as it can be seen from outside. Only grows; an
   * SST makes progress when this number does.
   */
  transferredBytes(): Promise<number>;
  /** The state transfer that goes on, else the last one; null before the first. */
  transfer(): Promise<TransferSeen | null>;
  /** The members of its Galera view; empty while it does not answer. */
  viewMembers(): Promise<readonly ViewMember[]>;
  /**
   * SIGTERM now; after `graceMs` one line that says what is still running, and SIGKILL. Resolves when
   * it has exited and no SST script or child of one is left. Asked twice it is one stop, with the
   * shorter grace.
   */
  stop(graceMs: number): Promise<ExitStatus>;
  /** SIGHUP, where it serves: logs are opened again and privileges read. */
  reload(): void;
  /** Has Galera read its certificates again, for new connections. @returns Whether it did. */
  reloadCertificates?(): Promise<boolean>;
}

/** What a server that others started says of itself. */
export interface ServerFacts {
  /** `wsrep_on`, with a provider. */
  readonly isWsrepOn: boolean;
  /** Its name in the cluster. */
  readonly nodeName: string;
  readonly clusterName: string;
  /** Where Galera listens for the others, as in `tcp://192.0.2.1:4567`. */
  readonly listenAddress: string;
  /** Galera's `gcache.size`: what is not in it, nobody gets by IST. */
  readonly gcacheSize: string;
  /** Null where it does not answer that. */
  readonly status: WsrepStatus | null;
  /** Its Galera view; arbitrators have no address in it. */
  readonly inView: readonly ViewMember[];
}

/** A server that others started, on this member's datadir. */
export interface Adoptable {
  /** It runs on whatever becomes of us: `stop` is refused. */
  readonly running: Running;
  /** What is kept in the datadir now; where nothing is yet, an id that is to be. */
  identity(): Promise<Identity>;
  /** Asks it, anew each time. @throws {import("../errors.ts").KeeperError} It does not answer. */
  facts(): Promise<ServerFacts>;
}

/** The database of this member. */
export interface Database {
  /**
   * Finds the server that others started on the datadir, and takes the datadir for us as long as we live.
   *
   * @throws {import("../errors.ts").KeeperError} There is none, it is a keeper's, or another keeper has
   * the datadir.
   */
  adopt(): Promise<Adoptable>;
  /**
   * Waits for a `mariadbd` that still holds the datadir, saying so in the log, then looks at what it
   * holds. Gives the datadir an id if it has none.
   *
   * @throws {import("../errors.ts").KeeperError} When the datadir is missing, no folder, not ours,
   * read-only, another keeper's, or its grastate.dat is corrupt: what to do is in the message.
   */
  inspect(signal: AbortSignal): Promise<Inspection>;
  /**
   * Stores the id and the attempt in the datadir, all or nothing: before each spawn, and again once
   * the server has joined. What is stored outlives an SST, one that is cut off too: a copy that came
   * by an SST and lost its id would be taken for a stranger's when its keeper dies before it is
   * written again, and nothing but a person would end the wait for the one that the record speaks of.
   */
  writeIdentity(identity: Identity): Promise<void>;
  /** Keeps beside the id how many starts in a row have failed. It goes with the data. */
  writeFailedStarts(count: number): Promise<void>;
  /** Makes an empty datadir a fresh one. An initialisation that was cut off starts from nothing. */
  initialise(signal: AbortSignal): Promise<void>;
  /** Starts `mariadbd`; resolves once it is spawned. */
  spawn(plan: SpawnPlan): Promise<Running>;
  /** Lets go of the datadir, for another keeper. */
  close(): Promise<void>;
}
