/** Starts that fail come ever more slowly, before they take the lock: a crash loop holds nobody else up. */
import { getLogger } from "@logtape/logtape";
import type { Inspection } from "./mariadb/database.ts";
import type { Progress } from "./progress.ts";
import type { Registry } from "./registry.ts";
import type { Timing, World } from "./world.ts";

const log = getLogger(["galera-keeper", "pacing"]);

/**
 * How long to wait before the next start. One that failed once may be tried again at once.
 *
 * @param failed How many starts in a row have failed.
 * @param fraction From 0 to 1, by chance, so that several that failed together do not go on so.
 * @returns Milliseconds, from 3/4 of `backoffFirstMs` to `backoffMostMs`.
 */
export function backoffMs(
  failed: number,
  { backoffFirstMs, backoffMostMs }: Pick<Timing, "backoffFirstMs" | "backoffMostMs">,
  fraction: number,
): number {
  if (failed < 2) return 0;
  const ms = Math.min(backoffFirstMs * 2 ** (failed - 2), backoffMostMs);
  return Math.round(ms * (1 - fraction / 4));
}

/**
 * Counts starts that failed: the server was to be spawned and has not served for a while since. The
 * count is kept beside the datadir's id, as whoever dies at each start is another process each time.
 * It paces and decides nothing.
 */
export class Pacing {
  readonly #world: Pick<World, "clock" | "database" | "randomId">;
  readonly #timing: Timing;
  #failed = 0;
  /** The count that was waited for. */
  #waitedFor = 0;

  constructor(world: Pick<World, "clock" | "database" | "randomId">, timing: Timing) {
    this.#world = world;
    this.#timing = timing;
  }

  /** Takes over what the datadir says, where this process does not know of more. */
  inspected({ failedStarts }: Inspection): void {
    this.#failed = Math.max(failedStarts, this.#failed);
  }

  /** A start counts as failed from now on, until it is more than that. */
  async begin(): Promise<void> {
    await this.#write(this.#failed + 1);
  }

  /** It did not come to a start, and that is not the server's fault. */
  async undo(): Promise<void> {
    await this.#write(Math.max(0, this.#failed - 1));
  }

  /** It has served for a while, or was told to stop and did. */
  async succeeded(): Promise<void> {
    if (this.#failed > 0) await this.#write(0);
  }

  async #write(failed: number): Promise<void> {
    this.#failed = failed;
    try {
      await this.#world.database.writeFailedStarts(failed);
    } catch (error) {
      log.warn("How many starts have failed cannot be kept beside the data: {problem}", {
        problem: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /**
   * Waits where starts have failed too fast; once for each that failed. A person who has this member
   * bootstrap ends the wait.
   *
   * @throws The signal's reason.
   */
  async wait(
    { progress, registry, signal }: {
      readonly progress: Progress;
      readonly registry: Registry;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    if (this.#waitedFor === this.#failed) return;
    const fraction = Number.parseInt(this.#world.randomId().slice(0, 2), 16) / 255;
    const ms = backoffMs(this.#failed, this.#timing, fraction);
    if (ms > 0) {
      const { member } = progress.status;
      const seconds = Math.ceil(ms / 1000);
      const why = `${member} has failed to start ${this.#failed} times in a row`;
      progress.enter("waiting", `Waiting: ${why}, next try in ${seconds} s`);
      progress.note(`${why}, next try in ${seconds} s`);
      await this.#sleep(ms, registry, signal);
    }
    this.#waitedFor = this.#failed;
  }

  async #sleep(ms: number, registry: Registry, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const chosen = registry.untilChosen(either).catch(() => new Promise<void>(() => {}));
    try {
      await Promise.race([this.#world.clock.sleep(ms, either), chosen]);
    } finally {
      ended.abort();
    }
  }
}
