/** What start-up and supervision need from outside: ports, so that a simulation can take their place. */
import type { Database } from "./mariadb/database.ts";
import type { Transfer } from "./transfer.ts";
import type { Ensemble } from "./zookeeper/ensemble.ts";

/** Time that only goes forward. No decision rests on it: it paces, and ends what hangs. */
export interface Clock {
  /** Milliseconds since some instant. */
  nowMs(): number;
  /** Resolves after that time. @throws The signal's reason. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** The time of day, ISO 8601, for people. */
  now(): string;
}

/** What a member says of itself, `/status`: as much of it as others decide on. */
export interface PeerStatus {
  readonly member: string;
  readonly datadirId: string | null;
  readonly uuid: string | null;
  readonly primary: boolean;
  readonly synced: boolean;
  /** How many servers are in its Galera view; absent where it does not say. */
  readonly clusterSize?: number | null;
  /** The state transfer that it takes part in now; absent where it does not say. */
  readonly transfer?: Transfer | null;
}

/** All that is outside of this program. */
export interface World {
  /** A new session; waits as long as it takes. @throws The signal's reason. */
  connect(signal: AbortSignal, onWaiting: (reason: string) => void): Promise<Ensemble>;
  readonly database: Database;
  /** Asks a member for its status. @throws {Error} No answer, or no such answer. */
  ask(http: string, signal: AbortSignal): Promise<PeerStatus>;
  readonly clock: Clock;
  /** 32 hexadecimal digits, other ones each time. */
  randomId(): string;
}

/** How long things may take, in milliseconds. */
export interface Timing {
  /** Between two looks at a server that starts. */
  readonly startPollMs: number;
  /** Between two looks at a server that runs. */
  readonly pollMs: number;
  /** Between two questions to registered members while waiting. */
  readonly askAgainMs: number;
  /** A start without any progress (bytes, state, seqno) for this long is given up. */
  readonly stallMs: number;
  /** How long a member stays without a primary component before it stops and decides afresh. */
  readonly nonPrimaryGraceMs: number;
  /** How long it may be unsafe to stop a member that is to restart, before the restart of all fails. */
  readonly turnGraceMs: number;
  /** How long a server that is given up has to stop; a start, nothing of a client's is in it. */
  readonly giveUpGraceMs: number;
  /** Before the start after the second that failed in a row; twice as long after each more. */
  readonly backoffFirstMs: number;
  /** The longest that a failed start is waited after. */
  readonly backoffMostMs: number;
  /** A start that has served for this long has not failed. */
  readonly settledMs: number;
  /** How long a member that serves goes on, not ready, when it is told to stop. */
  readonly drainMs: number;
  /** How long a server has to stop when we are told to stop. */
  readonly stopGraceMs: number;
}

/** What `run` uses. */
export const TIMING: Timing = {
  startPollMs: 50,
  pollMs: 1000,
  askAgainMs: 3000,
  // A mariabackup joiner and its donor are silent while a long query blocks FLUSH TABLES.
  stallMs: 5 * 60_000,
  // Twice Galera's own 5.6-6 s to see that a member is gone.
  nonPrimaryGraceMs: 12_000,
  // A lost session is back after a moment, a member that was restarted by others after an IST.
  turnGraceMs: 60_000,
  giveUpGraceMs: 60_000,
  backoffFirstMs: 1000,
  // What restarts us may wait besides, Kubernetes up to 5 minutes.
  backoffMostMs: 60_000,
  settledMs: 30_000,
  // Proxies ask every two seconds or so, and Kubernetes takes as long to tell all of its nodes.
  drainMs: 5000,
  // A large buffer pool takes its time; whoever cannot wait sends SIGKILL.
  stopGraceMs: 60 * 60_000,
};
