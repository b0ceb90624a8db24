/** One session with the ensemble in memory, as a client sees it: the `Ensemble` that the real code runs on. */
import type {
  CreateMode,
  Ensemble,
  Operation,
  OperationResult,
  SessionState,
  Stat,
  Watched,
  WatchEvent,
  Znode,
  ZnodeData,
} from "../../lib/zookeeper/ensemble.ts";
import { NodeExistsError, NoNodeError, zooKeeperError } from "../../lib/zookeeper/errors.ts";
import type { Server, ServerSession, ServerWatch, SimEnsemble, WatchKind } from "./ensemble.ts";
import type { Direction, Link, SimProcess } from "./process.ts";
import { CODE, parentOf, type Tree } from "./tree.ts";

/** Where a session lives. */
export interface SessionPlace {
  readonly ensemble: SimEnsemble;
  readonly process: SimProcess;
  readonly link: Link;
  readonly timeoutMs: number;
  /** Told of each request that is about to be sent, and of each answer. */
  readonly onAsk: (what: string) => void;
}

/** A session, once one can be had. @throws The signal's reason. */
export async function connect(
  place: SessionPlace,
  signal: AbortSignal,
  onWaiting: (reason: string) => void,
): Promise<SimSession> {
  const { ensemble, process, link } = place;
  for (;;) {
    await process.later(ensemble.random.between(2, 12), () => {}, signal);
    if (ensemble.up && link.up) return new SimSession(place);
    onWaiting("No server of the simulated ensemble answers");
    await process.later(ensemble.random.between(100, 600), () => {}, signal);
  }
}

type Request =
  | { readonly kind: "read"; readonly run: (tree: Tree, server: Server) => unknown }
  | { readonly kind: "write"; readonly operations: readonly Operation[]; readonly isMulti: boolean }
  | { readonly kind: "sync" }
  | { readonly kind: "close" };

interface Pending {
  readonly request: Request;
  readonly verb: string;
  readonly path: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Watch {
  kind: WatchKind;
  readonly path: string;
  readonly fired: (event: WatchEvent) => void;
  readonly failed: (error: unknown) => void;
  atServer: ServerWatch | null;
}

/** One TCP connection. */
class Connection {
  readonly server: Server;
  /** The client has given it up. */
  broken = false;
  /** Nothing gets through any more, that way. */
  readonly #stalled = new Set<Direction>();
  readonly pending = new Set<Pending>();
  readonly arrived: Pending[] = [];
  isBusy = false;
  #nextUpMs = 0;
  #nextDownMs = 0;

  constructor(server: Server) {
    this.server = server;
  }

  /** Nothing gets through any more, in both directions where none is named. */
  stall(direction?: Direction): void {
    if (direction !== "from the ensemble") this.#stalled.add("to the ensemble");
    if (direction !== "to the ensemble") this.#stalled.add("from the ensemble");
  }

  passes(direction: Direction): boolean {
    return !this.#stalled.has(direction);
  }

  get stalled(): boolean {
    return this.#stalled.size > 0;
  }

  /** How long a message takes; none overtakes another. */
  up(nowMs: number, latencyMs: number): number {
    this.#nextUpMs = Math.max(this.#nextUpMs, nowMs + latencyMs);
    return this.#nextUpMs - nowMs;
  }

  down(nowMs: number, latencyMs: number): number {
    this.#nextDownMs = Math.max(this.#nextDownMs, nowMs + latencyMs);
    return this.#nextDownMs - nowMs;
  }
}

/** More operations than this at one instant is a loop that never ends. */
const MOST_AT_ONCE = 3000;

/** One session. */
export class SimSession implements Ensemble {
  readonly #place: SessionPlace;
  readonly #session: ServerSession;
  #connection: Connection | null = null;
  #state: SessionState = "suspended";
  #closed: Promise<void> | null = null;
  #lastZxid = 0;
  readonly #watches = new Set<Watch>();
  readonly #listeners = new Set<(state: SessionState | null) => void>();
  /** How many requests it has made, but for pings. */
  asked = 0;
  #askedAtMs = 0;
  #askedAtOnce = 0;

  constructor(place: SessionPlace) {
    this.#place = place;
    this.#session = place.ensemble.beginSession(place.timeoutMs);
    this.#session.hangUp = () => this.#hungUp();
    place.process.onChange.add(() => this.#reconsider());
    place.link.onChange.add(() => this.#linkChanged());
    this.#attach(place.ensemble.random.pick(place.ensemble.servers));
    this.#state = "connected";
  }

  // The connection -------------------------------------------------------------------------------

  get #latencyMs(): number {
    const { ensemble, link } = this.#place;
    return ensemble.random.between(0, 3 + link.slowMs);
  }

  #attach(server: Server): void {
    this.#connection = new Connection(server);
    this.#reconsider();
  }

  /** Whether the ensemble hears of it. */
  #reconsider(): void {
    const { ensemble, process, link } = this.#place;
    const connection = this.#connection;
    const way = "to the ensemble";
    const heard = process.alive && !process.paused && link.passes(way) && ensemble.up &&
      connection !== null && connection.passes(way);
    if (heard) ensemble.heard(this.#session);
    else ensemble.silent(this.#session);
    if (!process.alive) this.#detach(connection);
  }

  #linkChanged(): void {
    const { ensemble, process, link } = this.#place;
    const connection = this.#connection;
    if (connection !== null && !link.up) {
      for (const way of ["to the ensemble", "from the ensemble"] as const) {
        if (!link.passes(way)) connection.stall(way);
      }
      const inMs = ensemble.random.between(0, this.#session.timeoutMs * 2 / 3);
      ensemble.time.after(inMs, () => process.deliver(() => this.#break(connection)));
    } else if (connection?.stalled) {
      ensemble.time.after(this.#latencyMs, () => process.deliver(() => this.#break(connection)));
    }
    this.#reconsider();
  }

  /** The server has closed the connection. */
  #hungUp(): void {
    const { ensemble, process, link } = this.#place;
    const connection = this.#connection;
    if (connection === null) return;
    connection.stall();
    if (!link.passes("from the ensemble")) return; // The client finds out by itself.
    ensemble.time.after(this.#latencyMs, () => process.deliver(() => this.#break(connection)));
  }

  /** A fault: the connection drops, and with it the answers to what is under way. */
  drop(): void {
    const connection = this.#connection;
    if (connection !== null) this.#place.process.deliver(() => this.#break(connection));
  }

  /** A fault: the ensemble ends the session. */
  expire(): void {
    if (this.#place.ensemble.up) this.#place.ensemble.endSession(this.#session);
  }

  /** The server forgets the watches of a connection that is gone. */
  #detach(connection: Connection | null): void {
    if (connection === null) return;
    for (const watch of this.#watches) {
      if (watch.atServer !== null) connection.server.watches.delete(watch.atServer);
      watch.atServer = null;
    }
  }

  #break(connection: Connection): void {
    if (connection.broken) return;
    connection.broken = true;
    this.#detach(connection);
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#reconsider();
    for (const one of connection.pending) {
      one.reject(
        zooKeeperError(
          this.#closed ? CODE.sessionExpired : CODE.connectionLoss,
          one.verb,
          one.path,
        ),
      );
    }
    if (this.#closed !== null || this.#state === "lost") return;
    this.#become("suspended");
    this.#reconnect();
  }

  #reconnect(): void {
    const { ensemble, process, link } = this.#place;
    ensemble.time.after(ensemble.random.between(5, 400), () => {
      if (this.#closed !== null || !process.alive) return;
      // A server that lags behind what this client has seen refuses it.
      const servers = ensemble.servers.filter((one) => one.appliedZxid >= this.#lastZxid);
      if (!ensemble.up || !link.up || process.paused || servers.length === 0) {
        return this.#reconnect();
      }
      const server = ensemble.random.pick(servers);
      const known = ensemble.knows(this.#session);
      if (known) this.#attach(server);
      process.deliver(() => {
        if (this.#closed !== null) return;
        if (!known) return this.#lose();
        this.#become("connected");
        this.#setWatchesAgain(server);
      });
    });
  }

  #lose(): void {
    this.#become("lost");
    this.#end();
    for (const watch of [...this.#watches]) {
      watch.failed(zooKeeperError(CODE.sessionExpired, "watch", watch.path));
    }
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  #end(): void {
    for (const listener of [...this.#listeners]) listener(null);
    this.#listeners.clear();
  }

  // Requests -------------------------------------------------------------------------------------

  #ask<T>(verb: string, path: string, request: Request): Promise<T> {
    return new Promise((resolve, reject) => {
      const { ensemble, process } = this.#place;
      if (!process.alive) return;
      const { time } = ensemble;
      this.#askedAtOnce = this.#askedAtMs === time.nowMs ? this.#askedAtOnce + 1 : 0;
      this.#askedAtMs = time.nowMs;
      if (this.#askedAtOnce > MOST_AT_ONCE) {
        throw new Error(`It asks without end: ${verb} ${path}`);
      }
      if (this.#closed !== null && request.kind !== "close" || this.#state === "lost") {
        return reject(zooKeeperError(CODE.sessionExpired, verb, path));
      }
      const connection = this.#connection;
      if (connection === null || this.#state !== "connected") {
        return reject(zooKeeperError(CODE.connectionLoss, verb, path));
      }
      const one: Pending = {
        request,
        verb,
        path,
        resolve: resolve as (_: unknown) => void,
        reject,
      };
      connection.pending.add(one);
      this.asked++;
      if (request.kind === "write") this.#place.onAsk(`${verb} ${path}, before`);
      time.after(connection.up(time.nowMs, this.#latencyMs), () => this.#arrive(connection, one));
    });
  }

  #arrive(connection: Connection, one: Pending): void {
    const { ensemble, link } = this.#place;
    const way = "to the ensemble";
    if (!connection.passes(way) || !link.passes(way) || !ensemble.up) return;
    // What was sent before the connection broke may arrive, or may not.
    if (connection.broken && ensemble.random.chance(0.5)) return;
    connection.arrived.push(one);
    this.#serve(connection);
  }

  #serve(connection: Connection): void {
    const { ensemble } = this.#place;
    while (!connection.isBusy) {
      const one = connection.arrived.shift();
      if (one === undefined) return;
      const { request } = one;
      switch (request.kind) {
        case "read":
          this.#answer(
            connection,
            one,
            () => request.run(connection.server.tree, connection.server),
          );
          break;
        case "sync":
        case "write":
        case "close":
          connection.isBusy = true;
          ensemble.time.after(ensemble.random.between(0, 2), () => this.#lead(connection, one));
      }
    }
  }

  /** What only the leader can do. */
  #lead(connection: Connection, one: Pending): void {
    const { ensemble } = this.#place;
    const { request } = one;
    const moved = this.#connection !== null && this.#connection !== connection;
    if (!ensemble.up || moved || request.kind === "read") return;
    const done = (zxid: number, answer: () => unknown) =>
      connection.server.whenApplied(zxid, () => {
        this.#answer(connection, one, answer);
        connection.isBusy = false;
        this.#serve(connection);
      });
    if (!ensemble.knows(this.#session)) {
      return done(0, () => {
        throw zooKeeperError(CODE.sessionExpired, one.verb, one.path);
      });
    }
    if (request.kind === "sync") return done(ensemble.zxid, () => undefined);
    if (request.kind === "close") {
      ensemble.endSession(this.#session);
      return done(0, () => undefined);
    }
    try {
      const { zxid, results } = ensemble.write(
        request.operations,
        this.#session.id,
        request.isMulti,
      );
      done(zxid, () => results);
    } catch (error) {
      done(0, () => {
        throw error;
      });
    }
  }

  #answer(connection: Connection, one: Pending, run: () => unknown): void {
    let settle: () => void;
    try {
      const value = run();
      settle = () => one.resolve(value);
    } catch (error) {
      settle = () => one.reject(error);
    }
    this.#toClient(connection, connection.server.appliedZxid, () => {
      connection.pending.delete(one);
      if (one.request.kind === "write") this.#place.onAsk(`${one.verb} ${one.path}, after`);
      settle();
    });
  }

  #toClient(connection: Connection, zxid: number, event: () => void): void {
    const { time } = this.#place.ensemble;
    time.after(connection.down(time.nowMs, this.#latencyMs), () => {
      const isClosing = this.#closed !== null;
      const way = "from the ensemble";
      if ((!connection.passes(way) && !isClosing) || !this.#place.link.passes(way)) return;
      this.#place.process.deliver(() => {
        if (connection.broken) return;
        this.#lastZxid = Math.max(this.#lastZxid, zxid);
        event();
      });
    });
  }

  // Watches --------------------------------------------------------------------------------------

  async #readAndWatch<T extends object>(
    verb: string,
    path: string,
    signal: AbortSignal,
    kindOf: (value: T) => WatchKind,
    read: (tree: Tree) => T,
  ): Promise<Watched<T>> {
    signal.throwIfAborted();
    const changed = Promise.withResolvers<WatchEvent>();
    changed.promise.catch(() => {});
    const isOver = new AbortController();
    const end = () => {
      isOver.abort();
      this.#watches.delete(watch);
      if (watch.atServer !== null) this.#connection?.server.watches.delete(watch.atServer);
    };
    const watch: Watch = {
      kind: "data",
      path,
      atServer: null,
      fired: (event) => {
        end();
        changed.resolve(event);
      },
      failed: (error) => {
        end();
        changed.reject(error);
      },
    };
    signal.addEventListener("abort", () => watch.failed(signal.reason), { signal: isOver.signal });
    const value = await this.#ask<T>(verb, path, {
      kind: "read",
      run: (tree, server) => {
        const value = read(tree);
        watch.kind = kindOf(value);
        this.#put(watch, server);
        return value;
      },
    });
    if (!isOver.signal.aborted) this.#watches.add(watch);
    return { ...value, changed: changed.promise };
  }

  #put(watch: Watch, server: Server): void {
    const connection = this.#connection;
    if (connection === null || connection.server !== server) return;
    watch.atServer = {
      kind: watch.kind,
      path: watch.path,
      fire: (event, zxid) => {
        watch.atServer = null;
        this.#toClient(connection, zxid, () => watch.fired(event));
      },
    };
    server.watches.add(watch.atServer);
  }

  /** After a new connection: what has changed meanwhile fires, the rest is watched again. */
  #setWatchesAgain(server: Server): void {
    const last = BigInt(this.#lastZxid);
    for (const watch of [...this.#watches]) {
      const type = missed(watch, server.tree, last);
      const { path } = watch;
      const connection = this.#connection!;
      if (type === null) this.#put(watch, server);
      else this.#toClient(connection, server.appliedZxid, () => watch.fired({ type, path }));
    }
  }

  // The port -------------------------------------------------------------------------------------

  get state(): SessionState {
    return this.#state;
  }

  get sessionId(): bigint {
    return this.#session.id;
  }

  get sessionTimeoutMs(): number {
    return this.#session.timeoutMs;
  }

  async *states(signal?: AbortSignal): AsyncGenerator<SessionState, void, void> {
    const queue: (SessionState | null)[] = [this.#state];
    let wake = () => {};
    const put = (state: SessionState | null) => {
      queue.push(state);
      wake();
    };
    const stop = () => put(null);
    if (this.#closed !== null || this.#state === "lost") queue.push(null);
    else this.#listeners.add(put);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) return;
        const next = queue.shift();
        if (next === null) return;
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      this.#listeners.delete(put);
      signal?.removeEventListener("abort", stop);
    }
  }

  async #write(verb: string, path: string, operation: Operation): Promise<OperationResult> {
    const results = await this.#ask<OperationResult[]>(verb, path, {
      kind: "write",
      operations: [operation],
      isMulti: false,
    });
    return results[0]!;
  }

  async create(
    path: string,
    data: ZnodeData,
    options: { readonly mode?: CreateMode; readonly makePath?: boolean } = {},
  ): Promise<string> {
    if (options.makePath) await this.ensurePath(parentOf(path));
    const mode = options.mode ?? "persistent";
    const done = await this.#write("create", path, { op: "create", path, data, mode });
    return done.op === "create" ? done.path : path;
  }

  get(path: string): Promise<Znode> {
    return this.#ask("read", path, { kind: "read", run: (tree) => nodeOf(tree, path) });
  }

  exists(path: string): Promise<Stat | null> {
    return this.#ask("look for", path, {
      kind: "read",
      run: (tree) => tree.get(path)?.stat ?? null,
    });
  }

  children(path: string): Promise<{ readonly children: readonly string[]; readonly stat: Stat }> {
    return this.#ask("list", path, { kind: "read", run: (tree) => childrenOf(tree, path) });
  }

  async set(path: string, data: ZnodeData, version = -1): Promise<Stat> {
    const done = await this.#write("write", path, { op: "set", path, data, version });
    if (done.op !== "set") throw new Error("A set gives a stat");
    return done.stat;
  }

  async delete(path: string, version = -1): Promise<void> {
    await this.#write("delete", path, { op: "delete", path, version });
  }

  async deleteRecursive(path: string): Promise<void> {
    try {
      const { children } = await this.children(path);
      for (const child of children) await this.deleteRecursive(`${path}/${child}`);
      await this.delete(path);
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
    }
  }

  async ensurePath(path: string): Promise<void> {
    if (path === "/" || await this.exists(path) !== null) return;
    await this.ensurePath(parentOf(path));
    try {
      await this.create(path, "");
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
    }
  }

  async sync(path: string): Promise<void> {
    await this.#ask("sync", path, { kind: "sync" });
  }

  multi(operations: readonly Operation[]): Promise<readonly OperationResult[]> {
    const path = operations[0]?.path ?? "";
    return this.#ask("multi", path, { kind: "write", operations, isMulti: true });
  }

  getAndWatch(path: string, signal: AbortSignal): Promise<Watched<Znode>> {
    return this.#readAndWatch("read", path, signal, () => "data", (tree) => nodeOf(tree, path));
  }

  existsAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly stat: Stat | null }>> {
    return this.#readAndWatch<{ readonly stat: Stat | null }>(
      "look for",
      path,
      signal,
      ({ stat }) => stat === null ? "exist" : "data",
      (tree) => ({ stat: tree.get(path)?.stat ?? null }),
    );
  }

  childrenAndWatch(
    path: string,
    signal: AbortSignal,
  ): Promise<Watched<{ readonly children: readonly string[]; readonly stat: Stat }>> {
    return this.#readAndWatch(
      "list",
      path,
      signal,
      () => "child",
      (tree) => childrenOf(tree, path),
    );
  }

  close(): Promise<void> {
    if (this.#closed !== null) return this.#closed;
    const isOpen = this.#state === "connected" && this.#connection !== null;
    const asked = isOpen ? this.#ask("close", "", { kind: "close" }) : Promise.resolve();
    this.#closed = Promise.race([
      asked.then(() => {}, () => {}),
      this.#place.process.later(3000, () => {}),
    ]).then(() => {
      const connection = this.#connection;
      if (connection !== null) this.#break(connection);
    });
    for (const one of this.#connection?.pending ?? []) {
      if (one.request.kind === "close") continue;
      one.reject(zooKeeperError(CODE.sessionExpired, one.verb, one.path));
    }
    this.#end();
    for (const watch of [...this.#watches]) {
      watch.failed(zooKeeperError(CODE.sessionExpired, "watch", watch.path));
    }
    return this.#closed;
  }
}

function nodeOf(tree: Tree, path: string): Znode {
  const node = tree.get(path);
  if (node === null) throw zooKeeperError(CODE.noNode, "read", path);
  return { data: node.data, stat: node.stat };
}

function childrenOf(
  tree: Tree,
  path: string,
): { readonly children: readonly string[]; readonly stat: Stat } {
  const { stat } = nodeOf(tree, path);
  return { children: tree.childrenOf(path), stat };
}

/** What a watch would have told, had there been a connection; by DataTree.setWatches. */
function missed({ kind, path }: Watch, tree: Tree, last: bigint): WatchEvent["type"] | null {
  const stat = tree.get(path)?.stat;
  switch (kind) {
    case "data":
      return stat === undefined ? "deleted" : stat.mzxid > last ? "changed" : null;
    case "exist":
      return stat === undefined ? null : "created";
    case "child":
      return stat === undefined ? "deleted" : stat.pzxid > last ? "children" : null;
  }
}
