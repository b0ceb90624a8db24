/** Who waits for which znode to change, by the C client's rules. */

import { EVENT, WATCH_MODE, WATCHER_TYPE } from "./constants.ts";
import type { SetWatches } from "./records.ts";

/** Called when a watch fires, and, with EVENT.session, when the session's state changes. */
export type Watcher = (type: number, state: number, path: string) => void;

/**
 * What a read left a watch for. An exists leaves a `data` watch on a znode that is there and an
 * `exist` watch on one that is not.
 */
export type WatchKind = "data" | "exist" | "child" | "persistent" | "persistentRecursive";

/**
 * How many bytes of paths one SetWatches carries at most, so that it stays far below
 * jute.maxbuffer: the Java client's SET_WATCHES_MAX_LENGTH.
 */
const SET_WATCHES_BYTES = 128 * 1024;

/** The watches of a session, by the server's paths (chroot included). */
export class WatchTable {
  readonly #tables: Readonly<Record<WatchKind, Map<string, Watcher[]>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  };
  readonly #shared: Watcher | null;

  /** @param shared The watcher that, however often it is added to a path, is called once. */
  constructor(shared: Watcher | null = null) {
    this.#shared = shared;
  }

  /** Adds a watcher. The one-shot kinds call it once. */
  add(kind: WatchKind, path: string, watcher: Watcher): void {
    const table = this.#tables[kind];
    const present = table.get(path);
    if (present === undefined) table.set(path, [watcher]);
    else if (watcher !== this.#shared || !present.includes(watcher)) present.push(watcher);
  }

  /**
   * Gives the watchers an event is for, and forgets those of them that are one-shot. In the C
   * client's order: those of children first, the shared one last and once.
   */
  take(type: number, path: string): Watcher[] {
    const found: Watcher[] = [];
    switch (type) {
      case EVENT.deleted:
        this.#move("child", path, found);
        this.#move("exist", path, found);
        this.#move("data", path, found);
        break;
      case EVENT.created:
      case EVENT.changed:
        this.#move("exist", path, found);
        this.#move("data", path, found);
        break;
      case EVENT.child:
        this.#move("child", path, found);
        break;
      default:
        return found;
    }
    this.#copy("persistent", path, found);
    if (type !== EVENT.child && this.#tables.persistentRecursive.size > 0) {
      for (const above of selfAndAbove(path)) this.#copy("persistentRecursive", above, found);
    }
    const shared = this.#shared;
    if (shared === null || !found.includes(shared)) return found;
    return [...found.filter((watcher) => watcher !== shared), shared];
  }

  #move(kind: WatchKind, path: string, to: Watcher[]): void {
    this.#copy(kind, path, to);
    this.#tables[kind].delete(path);
  }

  #copy(kind: WatchKind, path: string, to: Watcher[]): void {
    const watchers = this.#tables[kind].get(path);
    if (watchers !== undefined) to.push(...watchers);
  }

  /** Every watcher there is, for the session's own events; the shared one is not among them. */
  all(): Watcher[] {
    const found: Watcher[] = [];
    for (const table of Object.values(this.#tables)) {
      for (const watchers of table.values()) {
        for (const watcher of watchers) if (watcher !== this.#shared) found.push(watcher);
      }
    }
    return found;
  }

  /**
   * Forgets one watcher on a path, or with null all of the kinds that a WATCHER_TYPE means, and
   * says whether there were any.
   */
  remove(path: string, type: number, watcher: Watcher | null = null): boolean {
    let removed = false;
    for (const kind of kindsOf(type)) {
      const table = this.#tables[kind];
      const watchers = table.get(path);
      if (watchers === undefined) continue;
      const at = watcher === null ? 0 : watchers.indexOf(watcher);
      if (at === -1) continue;
      removed = true;
      watchers.splice(at, watcher === null ? watchers.length : 1);
      if (watchers.length === 0) table.delete(path);
      if (watcher !== null) return true;
    }
    return removed;
  }

  /** Says whether anybody watches a path in one of the kinds that a WATCHER_TYPE means. */
  has(path: string, type: number): boolean {
    return kindsOf(type).some((kind) => this.#tables[kind].has(path));
  }

  /** Forgets all. */
  clear(): void {
    for (const table of Object.values(this.#tables)) table.clear();
  }

  /** What to send after a reconnect so that the server knows all watches again. */
  setAgain(relativeZxid: bigint): SetWatches[] {
    const tables = this.#tables;
    const second = tables.persistent.size > 0 || tables.persistentRecursive.size > 0;
    const kinds: WatchKind[] = second
      ? ["data", "exist", "child", "persistent", "persistentRecursive"]
      : ["data", "exist", "child"];
    const requests: SetWatches[] = [];
    let part = emptySetWatches(relativeZxid, second);
    let bytes = 0;
    for (const kind of kinds) {
      for (const path of tables[kind].keys()) {
        if (bytes > 0 && bytes + path.length > SET_WATCHES_BYTES) {
          requests.push(part);
          part = emptySetWatches(relativeZxid, second);
          bytes = 0;
        }
        part[kind]?.push(path);
        bytes += path.length;
      }
    }
    if (bytes > 0) requests.push(part);
    return requests;
  }
}

type Growing = SetWatches & Partial<Record<WatchKind, string[]>>;

function emptySetWatches(relativeZxid: bigint, second: boolean): Growing {
  const first = { relativeZxid, data: [], exist: [], child: [] };
  return second ? { ...first, persistent: [], persistentRecursive: [] } : first;
}

function kindsOf(type: number): readonly WatchKind[] {
  switch (type) {
    case WATCHER_TYPE.children:
      return ["child"];
    case WATCHER_TYPE.data:
      return ["data", "exist"];
    default:
      return ["data", "exist", "child", "persistent", "persistentRecursive"];
  }
}

/** The kind of watch that a mode of addWatch leaves. */
export function persistentKind(mode: number): WatchKind {
  return mode === WATCH_MODE.persistentRecursive ? "persistentRecursive" : "persistent";
}

function* selfAndAbove(path: string): Generator<string> {
  yield path;
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    yield path.slice(0, slash);
  }
  if (path !== "/") yield "/";
}
