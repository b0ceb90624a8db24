/** A running member and what a person asked of all: it sees when its turn comes, and takes it under the lock. */
import { getLogger } from "@logtape/logtape";
import {
  begin,
  complete,
  dutyOf,
  enlist,
  fail,
  isDone,
  type Other,
  type Request,
  type Runner,
  type TurnSight,
  whyNotNow,
} from "./cluster/requests.ts";
import { beginDrain } from "./drain.ts";
import type { Member } from "./member.ts";
import type { News } from "./news.ts";
import { askNode } from "./peers.ts";
import type { Started } from "./registration.ts";
import type { Registry } from "./registry.ts";
import { acquireStartLock, letGo } from "./startup/lock.ts";
import type { Snapshot } from "./snapshot.ts";
import { ZnodeError } from "./znodes.ts";
import { ConnectionLossError, SessionExpiredError } from "./zookeeper/errors.ts";

const log = getLogger(["galera-keeper", "turn"]);

/** How long nothing is asked where ZooKeeper refuses to say what was asked of all members. */
const QUIET_MS = 60_000;

/** The start-up lock, as it is handed on from the stop to the start. */
export type StartLock = Awaited<ReturnType<typeof acquireStartLock>>;

/** A turn that has begun: it is on record, and the server is to be stopped. */
export interface BegunTurn {
  readonly request: Request;
  /** The start-up lock; it is not held any more where the session was lost meanwhile. */
  readonly lock: StartLock;
}

/** Waiting for the lock, or holding it. */
interface Attempt {
  readonly giveUp: AbortController;
  lock: StartLock | null;
}

/**
 * Looks after the turns of one running server. The request is watched: an idle member asks for nothing.
 */
export class TurnWatch implements Disposable {
  readonly #member: Member;
  readonly #self: Runner;
  #registry: Registry | null = null;
  #request: Request | null = null;
  #isPaused = false;
  #changed = true;
  #attempt: Attempt | null = null;
  /** From here on nothing takes the turn back: who drains has been left by clients. */
  #begun: BegunTurn & { readonly stopAtMs: number } | null = null;
  #unsafeSinceMs: number | null = null;
  #againAtMs = 0;
  #quietUntilMs = 0;
  #said = "";
  #watching = new AbortController();
  /** Told when there is something to look at. */
  readonly #news: News;

  constructor(member: Member, started: Started, news: News) {
    this.#news = news;
    this.#member = member;
    this.#self = { member: member.settings.member, datadirId: started.datadirId };
  }

  /**
   * One look.
   *
   * @returns The turn of this member, once it has begun and clients had their time to leave: whoever
   *   gets it stops the server, and lets go of the lock.
   */
  async look(signal: AbortSignal): Promise<BegunTurn | null> {
    if (this.#begun === null) await this.#look(signal);
    const begun = this.#begun;
    if (begun === null || this.#member.world.clock.nowMs() < begun.stopAtMs) return null;
    this.#begun = null;
    return begun;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const registry = this.#member.connected;
    const { nowMs } = this.#member.world.clock;
    if (registry === null || nowMs() < this.#quietUntilMs) return;
    if (registry !== this.#registry) {
      this.#registry = registry;
      this.#changed = true;
      this.#giveUp();
    }
    try {
      if (this.#changed) await this.#read(registry, signal);
      await this.#act(registry, signal);
    } catch (error) {
      this.#changed = true;
      const passing = error instanceof ConnectionLossError || error instanceof SessionExpiredError;
      if (passing || signal.aborted) return;
      this.#giveUp();
      this.#say(error);
      // As an ACL that does not let us read it: ZooKeeper is not asked every second.
      this.#quietUntilMs = nowMs() + QUIET_MS;
    }
  }

  #say(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#said) log.warn("Not looking at what was asked: {problem}", { problem });
    this.#said = problem;
  }

  /** Reads what was asked, and leaves a watch on it; where it may concern this member, on the pause too. */
  async #read(registry: Registry, signal: AbortSignal): Promise<void> {
    this.#changed = false;
    this.#watching.abort();
    const watching = this.#watching = new AbortController();
    const either = AbortSignal.any([signal, watching.signal]);
    const touch = () => {
      if (watching.signal.aborted) return;
      this.#changed = true;
      this.#news.tell();
    };
    const { requests } = registry;
    (await requests.watch(either)).changed.then(touch, touch);
    this.#request = await this.#readRequest(registry);
    if (this.#request === null || (this.#request.kind === "restart" && isDone(this.#request))) {
      return;
    }
    const { paused, changed } = await registry.watchPaused(either);
    this.#isPaused = paused;
    changed.then(touch, touch);
  }

  /** What is none of ours asks for nothing. */
  async #readRequest({ requests }: Registry): Promise<Request | null> {
    try {
      return (await requests.read())?.request ?? null;
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      this.#say(error);
      return null;
    }
  }

  async #act(registry: Registry, signal: AbortSignal): Promise<void> {
    const duty = dutyOf(this.#request, this.#self, this.#isPaused);
    if (duty !== "turn") this.#giveUp();
    switch (duty) {
      case "none":
        return;
      case "enlist":
        log.info("All members are to stop, this one too");
        await registry.requests.change(enlist(this.#self));
        return;
      case "complete":
        await registry.requests.change(complete(this.#self));
        log.info("Restarted, as was asked of all members in turn");
        return;
      case "turn":
        await this.#takeTurn(registry, signal);
    }
  }

  async #takeTurn(registry: Registry, signal: AbortSignal): Promise<void> {
    const { clock } = this.#member.world;
    if (clock.nowMs() < this.#againAtMs) return;
    this.#attempt ??= this.#contend(registry);
    const { lock } = this.#attempt;
    if (lock === null) return;
    // What was read before the lock was held is not acted on.
    await this.#read(registry, signal);
    if (dutyOf(this.#request, this.#self, this.#isPaused) !== "turn") {
      return this.#giveUp();
    }
    const why = this.#request!.kind === "stop"
      ? null
      : whyNotNow(this.#request!, this.#self.member, await this.#see(registry, signal));
    if (why !== null) return await this.#putOff(registry, why);
    const request = await registry.requests.change(begin(this.#self), lock.path);
    const { current } = request ?? {};
    if (current?.member !== this.#self.member || current.datadirId !== this.#self.datadirId) {
      return this.#giveUp();
    }
    this.#attempt = null; // The lock goes on with the turn.
    const drainMs = beginDrain(this.#member, "Asked to stop");
    this.#begun = { request: request!, lock, stopAtMs: clock.nowMs() + drainMs };
  }

  /** In the background: who waits for the lock serves on. */
  #contend(registry: Registry): Attempt {
    const attempt: Attempt = { giveUp: new AbortController(), lock: null };
    acquireStartLock(this.#member, registry, attempt.giveUp.signal).then((lock) => {
      attempt.lock = lock;
      if (this.#attempt === attempt) this.#news.tell();
      else letGo(lock);
    }, () => {
      // The session is lost, or it was given up.
      if (this.#attempt === attempt) this.#attempt = null;
    });
    return attempt;
  }

  /** Not now: the lock goes to those who may bring about that it is safe. */
  async #putOff(registry: Registry, why: string): Promise<void> {
    const { clock } = this.#member.world;
    const { turnGraceMs, askAgainMs } = this.#member.timing;
    this.#unsafeSinceMs ??= clock.nowMs();
    const sinceMs = this.#unsafeSinceMs;
    if (this.#said !== why) log.info("Not restarted yet: {why}", { why });
    this.#said = why;
    if (clock.nowMs() - sinceMs >= turnGraceMs) {
      await registry.requests.change(fail(this.#self.member, `it was not stopped: ${why}`));
    }
    this.#giveUp();
    this.#unsafeSinceMs = sinceMs;
    this.#againAtMs = clock.nowMs() + askAgainMs;
  }

  async #see(registry: Registry, signal: AbortSignal): Promise<TurnSight> {
    const reading = new AbortController();
    try {
      const snapshot = await registry.observe(reading.signal);
      return {
        primary: this.#member.progress.status.primary,
        others: await this.#askOthers(snapshot, signal),
        records: snapshot.records,
      };
    } finally {
      reading.abort();
    }
  }

  #askOthers({ nodes, cluster }: Snapshot, signal: AbortSignal): Promise<Other[]> {
    const uuid = cluster.kind === "known" ? cluster.cluster.uuid : null;
    const others = nodes.filter(({ node }) => node?.member !== this.#self.member);
    return Promise.all(others.map(async ({ node }): Promise<Other> => {
      const { answer, status } = await askNode(node, uuid, this.#member.world.ask, signal);
      if (node === null) return { name: null, primary: false, synced: false, answer };
      const { member: name, primary } = node;
      return { name, primary, synced: answer.kind === "mute" || (status?.synced ?? false), answer };
    }));
  }

  #giveUp(): void {
    this.#unsafeSinceMs = null;
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    attempt.giveUp.abort(new Error("It is not this member's turn"));
    if (attempt.lock !== null) letGo(attempt.lock);
  }

  /** Lets go of the lock, where it was not handed on. */
  [Symbol.dispose](): void {
    this.#giveUp();
    if (this.#begun !== null) letGo(this.#begun.lock);
    this.#watching.abort();
  }
}
