/** Whether a member lives and whether it is ready, from what it says of itself. */
import type { MemberEvent } from "./events.ts";
import type { MemberStatus } from "./progress.ts";

/** Galera's `wsrep_local_state` of a donor, and of a member with `wsrep_desync`. */
const DONOR = 2;

/** How ready is meant. */
export interface Readiness {
  /** A member that donates counts as ready, too. */
  readonly donor?: boolean;
}

/**
 * Whether clients are to be sent to a member: registered, Synced in the primary component, and letting
 * clients in. One that is read-only by `read_only` is, as with clustercheck: it serves reads.
 */
export function isReady(status: MemberStatus, { donor = false }: Readiness = {}): boolean {
  if (status.readyAt === null) return false;
  if (status.stage === "plain") return status.answers;
  const isIn = status.synced || donor && status.localState === DONOR;
  return status.stage === "registered" && status.primary && isIn && status.letsClientsIn;
}

/** What a probe is told. */
export interface Verdict {
  readonly isOk: boolean;
  /** A line, or more where it is not well. */
  readonly text: string;
}

/** Whether a member is ready, in the words of Percona's `clustercheck` as it is used with MariaDB. */
export function readiness(status: MemberStatus, asked: Readiness): Verdict {
  return isReady(status, asked)
    ? { isOk: true, text: "MariaDB Cluster Node is synced." }
    : { isOk: false, text: `MariaDB Cluster Node is not synced.\r\n${status.doing}` };
}

/** Whether somebody lives who does `doing`. @param problem Why not, in a sentence; null where it does. */
export function liveness(doing: string, problem: string | null): Verdict {
  return problem === null
    ? { isOk: true, text: `Live: ${doing}` }
    : { isOk: false, text: `Not live: ${problem}` };
}

/**
 * How long a server that serves may be silent before we call ourselves dead, in milliseconds. Whoever
 * then kills it brings about a crash recovery: a volume that moves to another machine may take minutes,
 * and InnoDB ends a server by itself that has waited 600 s for a latch
 * (`innodb_fatal_semaphore_wait_threshold`). This is for what even that does not see.
 */
export const SILENCE_MS = 15 * 60_000;

/**
 * Whether a member lives. Whatever it waits for, it does; only a server that serves and has not
 * answered for {@link SILENCE_MS}, or that nobody has asked for so long as we hang ourselves, does not.
 */
export class Liveness {
  readonly #nowMs: () => number;
  #isServing = false;
  #isDonor = false;
  #answeredAtMs: number;

  /** @param nowMs A clock that only goes forward. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#answeredAtMs = nowMs();
  }

  /** Hears what happens to the member. */
  note(event: MemberEvent): void {
    switch (event.kind) {
      case "ready":
        this.#isServing = true;
        this.#answeredAtMs = this.#nowMs();
        break;
      case "unready":
      case "exited":
        this.#isServing = false;
        break;
      case "refused":
        this.#answeredAtMs = this.#nowMs();
        break;
      case "observed":
        if (event.status === null) break;
        this.#answeredAtMs = this.#nowMs();
        this.#isDonor = event.status.localState === DONOR;
    }
  }

  /** Why it does not live, in a sentence; null where it does. */
  get problem(): string | null {
    // An SST may have its donor stand still for as long as it takes.
    if (!this.#isServing || this.#isDonor) return null;
    const silentMs = this.#nowMs() - this.#answeredAtMs;
    if (silentMs < SILENCE_MS) return null;
    return `mariadbd has not answered for ${Math.floor(silentMs / 60_000)} min`;
  }
}
