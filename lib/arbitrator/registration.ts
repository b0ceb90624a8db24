/** An arbitrator's place in the registry: `arbitrators/<name>`, and what it watches of the rest. */
import { TakenError } from "../registry.ts";
import { readArbitrators, readSnapshot, type Snapshot } from "../snapshot.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NodeExistsError, NoNodeError } from "../zookeeper/errors.ts";
import { type Arbitrator, formatArbitrator } from "../znodes.ts";

/** What an arbitrator has read. */
export interface Scene {
  readonly snapshot: Snapshot;
  /** The names of all arbitrators that are registered. */
  readonly arbitrators: readonly string[];
  /** A member has the start-up lock, or waits for it; null where that was not looked at. */
  readonly isStarting: boolean | null;
  /** Resolves when any of it may have changed. Rejects when the session is lost. */
  readonly changed: Promise<unknown>;
}

/** The registry as an arbitrator uses it, through one session. */
export class ArbitratorRegistry {
  readonly ensemble: Ensemble;
  readonly #root: string;
  readonly #path: string;
  #written = "";

  /** @param root An absolute path such as `/mariadb`; empty for `/`. */
  constructor(ensemble: Ensemble, root: string, name: string) {
    this.ensemble = ensemble;
    this.#root = root;
    this.#path = `${root}/arbitrators/${name}`;
  }

  /**
   * Registers, where that is not so, and keeps the registration true.
   *
   * @param onChange Called once it changes or goes, also by our own doing.
   * @throws {TakenError} Another one of that name is registered.
   */
  async register(own: Arbitrator, signal: AbortSignal, onChange: () => void): Promise<void> {
    const { stat, changed } = await this.#prepareAndWatch(signal);
    if (stat !== null && stat.ephemeralOwner !== this.ensemble.sessionId) {
      throw new TakenError(
        `Another arbitrator is registered as ${own.name}: ${this.#path} is there`,
        changed,
      );
    }
    changed.then(onChange, onChange);
    if (stat === null) await this.#create(own);
    else await this.update(own);
  }

  async #prepareAndWatch(signal: AbortSignal) {
    // Members make the same; who comes first, or after an ensemble was emptied, makes it.
    for (const folder of ["bootstrap", "members", "nodes", "arbitrators"]) {
      await this.ensemble.ensurePath(`${this.#root}/${folder}`);
    }
    return await this.ensemble.existsAndWatch(this.#path, signal);
  }

  async #create(own: Arbitrator): Promise<void> {
    try {
      this.#written = formatArbitrator(own);
      await this.ensemble.create(this.#path, this.#written, { mode: "ephemeral" });
    } catch (error) {
      // Made meanwhile, perhaps by us before a connection was lost: the watch tells.
      if (!(error instanceof NodeExistsError)) throw error;
      this.#written = "";
    }
  }

  /** Keeps what is registered true; where it has gone, its watch tells. */
  async update(own: Arbitrator): Promise<void> {
    const data = formatArbitrator(own);
    if (data === this.#written) return;
    try {
      await this.ensemble.set(this.#path, data);
      this.#written = data;
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  }

  /** Takes the registration back. */
  async deregister(): Promise<void> {
    const stat = await this.ensemble.exists(this.#path);
    if (stat?.ephemeralOwner === this.ensemble.sessionId) await this.ensemble.delete(this.#path);
  }

  /**
   * Reads all that is on record, leaving a watch on what a member decides by.
   *
   * @param withLock Looks at the start-up lock, too: it changes often.
   */
  async observe(withLock: boolean, signal: AbortSignal): Promise<Scene> {
    const snapshot = await readSnapshot(this.ensemble, this.#root, signal);
    const arbitrators = (await readArbitrators(this.ensemble, this.#root)).map(({ name }) => name);
    if (!withLock) return { snapshot, arbitrators, isStarting: null, changed: snapshot.changed };
    const lock = await this.ensemble.childrenAndWatch(`${this.#root}/bootstrap`, signal);
    const changed = Promise.race([snapshot.changed, lock.changed]);
    changed.catch(() => {}); // Whoever waits for it gets the rejection; nobody has to.
    return { snapshot, arbitrators, isStarting: lock.children.length > 0, changed };
  }
}
