/** What an operator does: read all that is on record, and write a plan, all or nothing. */
import type { Plan, Sight } from "../cluster/operate.ts";
import { cancel } from "../cluster/requests.ts";
import { nameOf } from "../cluster/say.ts";
import type { SeenRecord } from "../cluster/view.ts";
import { Requests } from "../requests.ts";
import { askSight } from "./sight.ts";
import { settle } from "../settle.ts";
import { PAUSE, readArbitrators, readSnapshot, type Snapshot } from "../snapshot.ts";
import type { World } from "../world.ts";
import type { Ensemble, Operation } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";
import {
  formatCluster,
  formatPause,
  formatRecord,
  formatRequest,
  parsePause,
  parseRecord,
} from "../znodes.ts";

/** What was read when a plan was made. */
export interface Reading {
  readonly sight: Sight;
  readonly snapshot: Snapshot;
}

/** An operator's hand on what is on record below a root. */
export class Operator {
  readonly #ensemble: Ensemble;
  readonly #root: string;
  readonly #ask: World["ask"];

  /** @param root An absolute path such as `/mariadb`; empty for `/`. */
  constructor(ensemble: Ensemble, root: string, ask: World["ask"]) {
    this.#ensemble = ensemble;
    this.#root = root;
    this.#ask = ask;
  }

  /**
   * Reads all that is on record and asks every member that has an address, registered or not.
   *
   * @throws {NoNodeError} Nobody has ever reported below this root.
   */
  async read(signal: AbortSignal): Promise<Reading> {
    const watches = new AbortController();
    try {
      const snapshot = await readSnapshot(this.#ensemble, this.#root, watches.signal);
      const arbitrators = () => readArbitrators(this.#ensemble, this.#root);
      return { snapshot, sight: await askSight(snapshot, arbitrators, this.#ask, signal) };
    } finally {
      watches.abort();
    }
  }

  /**
   * Writes a plan: one multi with the version of all that it rests on.
   *
   * @returns false where anything has changed since it was read.
   */
  async carryOut(plan: Plan, { snapshot }: Reading): Promise<boolean> {
    const cluster = `${this.#root}/cluster`;
    const { version } = snapshot;
    const operations: Operation[] = [];
    if (plan.cluster !== null) {
      const data = formatCluster(plan.cluster);
      operations.push(
        version === null
          ? { op: "create", path: cluster, data }
          : { op: "set", path: cluster, data, version },
      );
    } else if (version !== null && snapshot.cluster.kind === "known") {
      // The same again, with another version: whoever decided on what was there decides anew.
      operations.push({
        op: "set",
        path: cluster,
        data: formatCluster(snapshot.cluster.cluster),
        version,
      });
    }
    for (const seen of snapshot.records) {
      const operation = await this.#rewrite(plan, seen);
      if (operation === null) return false;
      operations.push(operation);
    }
    return await settle(this.#ensemble, operations, () => this.#isCarriedOut(plan));
  }

  /** What becomes of a record; null where it is no longer what was read. */
  async #rewrite(plan: Plan, seen: SeenRecord): Promise<Operation | null> {
    const name = nameOf(seen);
    const path = `${this.#root}/members/${name}`;
    try {
      const { data, stat } = await this.#ensemble.get(path);
      const { version } = stat;
      const same = seen.kind === "unreadable" ||
        formatRecord(parseRecord(name, data)) === formatRecord(seen.record);
      if (!same) return null;
      if (plan.forgotten.includes(name)) return { op: "delete", path, version };
      const next = plan.records.find((record) => record.name === name);
      return next === undefined
        ? { op: "check", path, version }
        : { op: "set", path, data: formatRecord(next), version };
    } catch (error) {
      if (error instanceof NoNodeError) return null;
      throw error;
    }
  }

  async #isCarriedOut({ cluster, forgotten }: Plan): Promise<boolean> {
    const watches = new AbortController();
    try {
      const now = await readSnapshot(this.#ensemble, this.#root, watches.signal);
      if (cluster !== null) {
        return now.cluster.kind === "known" &&
          now.cluster.cluster.attempts.some(({ attempt }) => attempt === cluster.attempt);
      }
      return !now.records.some((seen) => forgotten.includes(nameOf(seen)));
    } finally {
      watches.abort();
    }
  }

  /**
   * Has keepers start, stop and elect nothing until {@link resume}; what runs serves on.
   *
   * @param by Who says so. @param since ISO 8601; for people.
   * @returns false where that was said before.
   */
  async pause(by: string, since: string): Promise<boolean> {
    const path = `${this.#root}/${PAUSE}`;
    const data = formatPause({ by, since });
    await this.#ensemble.ensurePath(path.slice(0, path.lastIndexOf("/")));
    return await settle(
      this.#ensemble,
      [{ op: "create", path, data }],
      async () => await this.paused() === parsePause(new TextEncoder().encode(data)),
    );
  }

  /**
   * Lets all go on; what was asked for as a stop of all is taken back in the same multi, whoever has
   * stopped by it or not.
   *
   * @param by Who says so. @param since ISO 8601; for people.
   * @returns false where nothing was paused.
   */
  async resume(by: string, since: string): Promise<boolean> {
    const requests = new Requests(this.#ensemble, this.#root);
    const path = `${this.#root}/${PAUSE}`;
    for (;;) {
      const takeBack = cancel(`by ${by} at ${since}`);
      // A server that lags would say of a pause that was just made that there is none.
      await this.#ensemble.sync(path);
      const stat = await this.#ensemble.exists(path);
      if (stat === null) {
        // A pause that was removed by hand has ended the stop, too: nothing of it is to stay.
        await requests.change((now) => now.kind === "stop" ? takeBack(now) : null);
        return false;
      }
      const operations: Operation[] = [{ op: "delete", path, version: stat.version }];
      const standing = await requests.read();
      const stop = standing?.request.kind === "stop" ? standing : null;
      const next = stop === null ? null : takeBack(stop.request);
      if (stop !== null) {
        operations.push(
          next === null
            ? { op: "delete", path: requests.path, version: stop.version }
            : { op: "set", path: requests.path, data: formatRequest(next), version: stop.version },
        );
      }
      const isGone = async () => await this.#ensemble.exists(path) === null;
      if (await settle(this.#ensemble, operations, isGone)) return true;
    }
  }

  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  async paused(): Promise<string | null> {
    try {
      await this.#ensemble.sync(`${this.#root}/${PAUSE}`);
      return parsePause((await this.#ensemble.get(`${this.#root}/${PAUSE}`)).data);
    } catch (error) {
      if (error instanceof NoNodeError) return null;
      throw error;
    }
  }
}
