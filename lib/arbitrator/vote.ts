/** The vote of an arbitrator: its `garbd`, started, watched, stopped, and not too often anew. */
import { getLogger } from "@logtape/logtape";
import type { Followed, RunningGarbd } from "../cluster/arbitrate.ts";
import { describeExit } from "../exit.ts";
import type { ExitStatus } from "../mariadb/database.ts";
import type { Garbd } from "../mariadb/garbd.ts";
import type { Clock } from "../world.ts";

const log = getLogger(["galera-keeper", "arbitrator"]);

/** What it needs from outside. */
export interface VoteWorld {
  readonly clock: Clock;
  /**
   * Starts a `garbd`.
   *
   * @param onChange Called when it is in another component.
   * @throws {import("../errors.ts").KeeperError} It cannot be started.
   */
  spawn(members: readonly string[], onChange: () => void): Promise<Garbd>;
}

/** How long things may take, in milliseconds. */
export interface VoteTiming {
  /** The first pause after a `garbd` that came to nothing, doubled after each further one. */
  readonly backOffMs: number;
  readonly mostBackOffMs: number;
  /** How long a `garbd` has to stop. */
  readonly stopGraceMs: number;
}

/** A `garbd` and what it was started for. */
interface Started {
  readonly garbd: Garbd;
  readonly follows: Followed;
  /** Once it has exited by itself. */
  exit: ExitStatus | null;
  /** Since when it is without a primary component; null while it is in one. */
  withoutPrimarySinceMs: number | null;
}

/** An arbitrator's `garbd`, or that there is none. */
export class Vote {
  readonly #world: VoteWorld;
  readonly #timing: VoteTiming;
  readonly #onNews: () => void;
  #started: Started | null = null;
  #failures = 0;
  #notBeforeMs = -Infinity;
  #wasCounted = false;
  #since: string;

  /** @param onNews Called when it has exited or is in another component. */
  constructor(world: VoteWorld, timing: VoteTiming, onNews: () => void) {
    this.#world = world;
    this.#timing = timing;
    this.#onNews = onNews;
    this.#since = world.clock.now();
  }

  /** It votes in the primary component of the cluster that it was started for. */
  get isCounted(): boolean {
    const started = this.#started;
    if (started === null || started.exit !== null) return false;
    const { component } = started.garbd;
    return component !== null && component.primary && component.uuid === started.follows.uuid;
  }

  /** Since when that is so, or is not so, ISO 8601. */
  get since(): string {
    return this.#since;
  }

  /** What it was started for; null where there is none. */
  get follows(): Followed | null {
    return this.#started?.follows ?? null;
  }

  /** One has been started before, for better or worse. */
  get wasTried(): boolean {
    return this.#started !== null || this.#failures > 0;
  }

  /** How long it is not to be started yet, in milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#notBeforeMs - this.#world.clock.nowMs());
  }

  /** As it is judged; null where there is none. */
  get running(): RunningGarbd | null {
    if (this.#started === null) return null;
    const { garbd, follows, withoutPrimarySinceMs } = this.#started;
    const nowMs = this.#world.clock.nowMs();
    return {
      follows,
      component: garbd.component,
      withoutPrimaryMs: nowMs - (withoutPrimarySinceMs ?? nowMs),
    };
  }

  /** Starts one. @throws {import("../errors.ts").KeeperError} It cannot be started. */
  async start(members: readonly string[], follows: Followed): Promise<void> {
    log.info("Starting garbd against {members}", { members: members.join(", ") });
    let garbd: Garbd;
    try {
      garbd = await this.#world.spawn(members, () => this.#noteComponent());
    } catch (error) {
      this.#backOff();
      throw error;
    }
    const withoutPrimarySinceMs = this.#world.clock.nowMs();
    const started: Started = { garbd, follows, exit: null, withoutPrimarySinceMs };
    this.#started = started;
    garbd.exited.then((exit) => {
      started.exit = exit;
      this.#noteVote();
      this.#onNews();
    });
    this.#noteComponent();
  }

  /** Notices that it has exited by itself, and says so. */
  noticeExit(): void {
    const exit = this.#started?.exit ?? null;
    if (exit === null) return;
    log.warn("garbd has exited {how}", { how: describeExit(exit) });
    this.#started = null;
    this.#backOff();
  }

  /** Stops it, where there is one. Never rejects. */
  async stop(): Promise<void> {
    const started = this.#started;
    if (started === null) return;
    // One that was counted has done its work; one that was not is not to be started again at once.
    if (!this.isCounted) this.#backOff();
    await started.garbd.stop(this.#timing.stopGraceMs);
    this.#started = null;
    this.#noteVote();
  }

  #backOff(): void {
    const { backOffMs, mostBackOffMs } = this.#timing;
    const pauseMs = Math.min(backOffMs * 2 ** this.#failures++, mostBackOffMs);
    this.#notBeforeMs = this.#world.clock.nowMs() + pauseMs;
  }

  #noteComponent(): void {
    const started = this.#started;
    if (started === null) return;
    if (started.garbd.component?.primary) started.withoutPrimarySinceMs = null;
    else started.withoutPrimarySinceMs ??= this.#world.clock.nowMs();
    this.#noteVote();
    this.#onNews();
  }

  #noteVote(): void {
    const { isCounted } = this;
    if (isCounted) this.#failures = 0;
    if (isCounted !== this.#wasCounted) this.#since = this.#world.clock.now();
    this.#wasCounted = isCounted;
  }
}
