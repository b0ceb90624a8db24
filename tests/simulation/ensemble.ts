/**
 * An ensemble in memory: servers that follow the writes at their own pace, sessions, ephemerals,
 * expiry. What a client sees of it is in `session.ts`.
 */
import type { Operation, OperationResult, WatchEvent } from "../../lib/zookeeper/ensemble.ts";
import type { Cancel, VirtualTime } from "./clock.ts";
import type { Random } from "./random.ts";
import { type Change, parentOf, type Transaction, Tree } from "./tree.ts";

/** What kind of read left a watch: ZooKeeper keeps them apart. */
export type WatchKind = "data" | "exist" | "child";

/** A one-shot watch, at the server that its session is connected to. */
export interface ServerWatch {
  readonly kind: WatchKind;
  readonly path: string;
  fire(event: WatchEvent, zxid: number): void;
}

/** One server: the same writes in the same order as the others, some of them later. */
export class Server {
  tree = new Tree();
  appliedZxid = 0;
  /** The most it is behind, in milliseconds. */
  lagMs: number;
  readonly watches = new Set<ServerWatch>();
  readonly #waiting: { readonly zxid: number; readonly then: () => void }[] = [];

  constructor(lagMs: number) {
    this.lagMs = lagMs;
  }

  /** Runs something once a write is in. */
  whenApplied(zxid: number, then: () => void): void {
    if (zxid <= this.appliedZxid) then();
    else this.#waiting.push({ zxid, then });
  }

  apply({ zxid, changes }: Transaction): void {
    for (const change of changes) this.tree.put(change);
    this.appliedZxid = zxid;
    for (const change of changes) this.#fire(change, zxid);
    const ready = this.#waiting.filter((one) => one.zxid <= zxid);
    this.#waiting.splice(0, Infinity, ...this.#waiting.filter((one) => one.zxid > zxid));
    for (const { then } of ready) then();
  }

  #fire({ path, before, after, isParent }: Change, zxid: number): void {
    if (isParent) return;
    if (before === null && after === null) return;
    const fire = (kinds: readonly WatchKind[], at: string, type: WatchEvent["type"]) => {
      for (const watch of [...this.watches]) {
        if (watch.path !== at || !kinds.includes(watch.kind)) continue;
        this.watches.delete(watch);
        watch.fire({ type, path: at }, zxid);
      }
    };
    if (before === null) fire(["data", "exist"], path, "created");
    else if (after === null) fire(["data", "exist", "child"], path, "deleted");
    else fire(["data", "exist"], path, "changed");
    if (before === null || after === null) fire(["child"], parentOf(path), "children");
  }

  /** It starts anew from another's tree. */
  reset(tree: Tree, zxid: number): void {
    this.tree = tree;
    this.appliedZxid = zxid;
    this.watches.clear();
    this.#waiting.length = 0;
  }
}

/** A session as the ensemble knows it. */
export interface ServerSession {
  readonly id: bigint;
  readonly timeoutMs: number;
  alive: boolean;
  /** Ends it, unless it is heard of before. */
  expiry: Cancel | null;
  /** Closes the connection that the client has, if any. */
  hangUp: () => void;
}

/** The ensemble. */
export class SimEnsemble {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly servers: readonly Server[];
  /** What is settled: what a server shows once it has caught up. */
  readonly settled = new Server(0);
  readonly #sessions = new Map<bigint, ServerSession>();
  #log: Transaction[] = [];
  /** The zxid before the log's first. */
  #logBegin = 0;
  #nextSession = 0x1000n;
  #zxid = 0;
  #up = true;
  /** Told of each write that took effect. */
  onWrite: (transaction: Transaction, session: bigint) => void = () => {};
  /** Told of each session that is over, with or without its consent. */
  onSessionEnd: (session: bigint) => void = () => {};

  constructor(time: VirtualTime, random: Random, servers: number) {
    this.time = time;
    this.random = random;
    this.servers = Array.from({ length: servers }, () => new Server(3));
  }

  get up(): boolean {
    return this.#up;
  }

  get zxid(): number {
    return this.#zxid;
  }

  beginSession(timeoutMs: number): ServerSession {
    const session: ServerSession = {
      id: this.#nextSession++,
      timeoutMs,
      alive: true,
      expiry: null,
      hangUp: () => {},
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Whether the ensemble still knows it. */
  knows(session: ServerSession): boolean {
    return session.alive && this.#sessions.get(session.id) === session;
  }

  /** Nothing is heard of it from now on. */
  silent(session: ServerSession): void {
    if (session.expiry !== null || !session.alive || !this.#up) return;
    // It was heard of up to a third of the timeout ago, and is looked at once a tick.
    const inMs = session.timeoutMs * (2 + this.random.fraction()) / 3 + this.random.between(0, 500);
    session.expiry = this.time.after(inMs, () => {
      session.expiry = null;
      this.endSession(session);
    });
  }

  /** It is heard of again. */
  heard(session: ServerSession): void {
    session.expiry?.();
    session.expiry = null;
  }

  /** Its ephemerals go. */
  endSession(session: ServerSession): void {
    if (!this.knows(session)) return;
    session.alive = false;
    this.heard(session);
    this.#sessions.delete(session.id);
    const { tree } = this.settled;
    const owned = tree.paths().filter((path) => tree.get(path)!.stat.ephemeralOwner === session.id);
    this.write(owned.map((path) => ({ op: "delete", path })), session.id, true);
    this.onSessionEnd(session.id);
    session.hangUp();
  }

  /**
   * Settles a write.
   *
   * @returns Its zxid, for the server that has to show it before it answers.
   * @throws {ZooKeeperError} It is refused.
   */
  write(
    operations: readonly Operation[],
    session: bigint,
    isMulti: boolean,
  ): { readonly zxid: number; readonly results: readonly OperationResult[] } {
    const zxid = this.#zxid + 1;
    const { tree } = this.settled;
    const done = tree.execute(operations, { zxid, nowMs: this.time.nowMs, session }, isMulti);
    if (done.changes.length === 0) return { zxid: this.#zxid, results: done.results };
    this.#zxid = zxid;
    const transaction = { zxid, changes: done.changes };
    this.#log.push(transaction);
    for (const server of this.servers) this.#follow(server);
    this.onWrite(transaction, session);
    return { zxid, results: done.results };
  }

  /** A server comes to see the last write, at its own pace. */
  #follow(server: Server): void {
    const log = this.#log;
    this.time.after(this.random.between(0, server.lagMs), () => {
      if (this.#log !== log) return;
      const upToZxid = server.lagMs > 10
        ? this.random.between(server.appliedZxid, this.#zxid)
        : this.#zxid;
      while (server.appliedZxid < upToZxid) server.apply(log[server.appliedZxid - this.#logBegin]!);
      if (server.appliedZxid < this.#zxid) this.#follow(server);
    });
  }

  /** A server that lags behind the others, up to so many milliseconds. */
  lag(server: Server, lagMs: number): void {
    server.lagMs = lagMs;
  }

  /** All servers stop: nobody is heard, no session ends. */
  stop(): void {
    this.#up = false;
    for (const session of [...this.#sessions.values()]) {
      this.heard(session);
      session.hangUp();
    }
  }

  /** All servers start again, with what was settled, or with nothing at all. */
  start(withWhat: "everything" | "nothing" = "everything"): void {
    if (withWhat === "nothing") {
      const paths = this.settled.tree.paths().filter((path) => path !== "/");
      const ended = [...this.#sessions.values()];
      this.#sessions.clear();
      for (const session of ended) session.alive = false;
      this.write(
        paths.sort((a, b) => b.length - a.length).map((path) => ({ op: "delete", path })),
        0n,
        true,
      );
      for (const session of ended) {
        this.onSessionEnd(session.id);
        session.hangUp();
      }
    }
    this.#log = [];
    this.#logBegin = this.#zxid;
    for (const server of this.servers) {
      const tree = new Tree();
      const from = this.settled.tree;
      for (const path of from.paths()) tree.put({ path, after: from.get(path) });
      server.reset(tree, this.#zxid);
    }
    this.#up = true;
    for (const session of this.#sessions.values()) this.silent(session);
  }

  /** A person deletes all that is below a path; the sessions live on. */
  deleteBelow(root: string): void {
    const paths = this.settled.tree.paths().filter((path) =>
      path === root || path.startsWith(`${root}/`)
    );
    for (const path of paths.sort((a, b) => b.length - a.length)) {
      this.write([{ op: "delete", path }], 0n, false);
    }
  }
}
