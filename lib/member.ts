/** One member: its settings, the world around it, and its session with the ensemble. */
import { DecisionLog } from "./decision_log.ts";
import type { Database } from "./mariadb/database.ts";
import { Pacing } from "./pacing.ts";
import type { Progress } from "./progress.ts";
import { type Identity, Registry } from "./registry.ts";
import { TransferWatch } from "./transfer_watch.ts";
import type { Timing, World } from "./world.ts";

/** What start-up and supervision are told. */
export interface MemberSettings extends Identity {
  /** The znode that all is below; empty for `/`. */
  readonly root: string;
  /** How many members the first start waits for; null: it waits for a person. */
  readonly size: number | null;
}

/** How long the last decisions may take to get on record before the session is closed, in milliseconds. */
const FLUSH_MS = 1000;

/** One member. */
export class Member {
  readonly settings: MemberSettings;
  readonly world: World;
  readonly timing: Timing;
  readonly progress: Progress;
  readonly pacing: Pacing;
  readonly #decisions: DecisionLog;
  readonly transfers: TransferWatch;
  #registry: Registry | null = null;
  #connecting: Promise<Registry> | null = null;
  /** Ends the wait for the outcome of a write whose connection is lost. */
  readonly #toldToStop = new AbortController();
  /** Ends the wait for a connection with the member. */
  readonly #life = new AbortController();

  constructor(settings: MemberSettings, world: World, timing: Timing, progress: Progress) {
    this.settings = settings;
    this.world = world;
    this.timing = timing;
    this.progress = progress;
    this.pacing = new Pacing(world, timing);
    this.transfers = new TransferWatch(progress, world);
    progress.size = settings.size;
    this.#decisions = new DecisionLog({ ...settings, clock: world.clock });
    progress.keepNotesIn((noted) => this.#decisions.note(noted));
    progress.watchSession(() => this.#registry?.ensemble.state ?? "none");
  }

  get database(): Database {
    return this.world.database;
  }

  /** The registry, where there is a session and it is connected. */
  get connected(): Registry | null {
    return this.#registry?.ensemble.state === "connected" ? this.#registry : null;
  }

  /**
   * The registry, through a session that is not lost; connects anew where there is none, as long as
   * that takes.
   *
   * @throws The signal's reason.
   */
  async registry(signal: AbortSignal): Promise<Registry> {
    if (this.#registry !== null && this.#registry.ensemble.state !== "lost") return this.#registry;
    signal.throwIfAborted();
    // Several may wait for it: that one of them gives up is no reason for the others.
    this.#connecting ??= this.#connect(this.#life.signal).finally(() => this.#connecting = null);
    const waited = new AbortController();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { signal: waited.signal });
    });
    try {
      return await Promise.race([this.#connecting, aborted]);
    } finally {
      waited.abort();
    }
  }

  async #connect(signal: AbortSignal): Promise<Registry> {
    await this.#registry?.ensemble.close();
    this.#registry = null;
    const ensemble = await this.world.connect(signal, (reason) => {
      const { stage } = this.progress.status;
      // A member that serves goes on serving; only one that starts has nothing else to say.
      if (stage === "connecting") this.progress.enter("connecting", reason);
    });
    const { root } = this.settings;
    this.#registry = new Registry(ensemble, root, this.settings, this.#toldToStop.signal);
    return this.#registry;
  }

  /**
   * This member's name is known to be its own in this session: what it decides goes on record. Before
   * that another keeper may have the name, whose list it would be.
   */
  hasName(registry: Registry): void {
    this.#decisions.use(registry.ensemble);
  }

  /** Told to stop, it waits for no write that is in doubt. */
  stopOn(signal: AbortSignal): void {
    const stop = () => this.#toldToStop.abort(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  }

  /** Waits while the session is suspended. @throws The signal's reason. */
  async untilConnected(signal: AbortSignal): Promise<void> {
    for await (const state of this.#registry?.ensemble.states(signal) ?? []) {
      if (state !== "suspended") return;
    }
    signal.throwIfAborted();
  }

  /** Closes the session, a moment after the last decisions are on record: the ephemerals go at once. */
  async close(): Promise<void> {
    await this.#decisions.flush(FLUSH_MS);
    this.#life.abort(new Error("The member is closed"));
    await this.#registry?.ensemble.close();
    this.#registry = null;
  }
}
