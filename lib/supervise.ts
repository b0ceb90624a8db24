/** From a registered member to one that has exited, or that decides afresh. */
import { getLogger } from "@logtape/logtape";
import { describeExit, exitSignal } from "./exit.ts";
import type { ExitStatus, WsrepStatus } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { OtherPrimary } from "./peers.ts";
import { News } from "./news.ts";
import { nodeOf, registerOnce, type Started } from "./registration.ts";
import { type Registry, StaleError, TakenError } from "./registry.ts";
import { noteServerStopped } from "./requests.ts";
import { problemOfNames } from "./adoptable.ts";
import { fingerprint, inViewOf, namesOf } from "./adoptions.ts";
import { recordAfterStop } from "./startup/stopped.ts";
import { type BegunTurn, type StartLock, TurnWatch } from "./turn.ts";
import { ConnectionLossError, SessionExpiredError } from "./zookeeper/errors.ts";

const log = getLogger(["galera-keeper", "supervise"]);

/** How a supervision ended. */
export type Supervision =
  /** The server exited by itself. */
  | { readonly kind: "exited"; readonly status: ExitStatus }
  /** We were told to stop, and it has stopped. */
  | { readonly kind: "stopped" }
  /** It was stopped, for a reason that a new decision mends. */
  | { readonly kind: "decide-afresh" }
  /** It was stopped as a person asked of all members; the lock is for the start that comes next. */
  | { readonly kind: "turn"; readonly lock: StartLock };

/**
 * Keeps a registered member: its registration true, its server watched. A server that runs is left
 * alone while the ensemble cannot be reached.
 *
 * @param signal Stops it: deregisters, stops the server, records its position.
 */
export async function supervise(
  member: Member,
  started: Started,
  signal: AbortSignal,
): Promise<Supervision> {
  const news = new News();
  using watch = new Supervisor(member, started, news);
  using turns = new TurnWatch(member, started, news);
  using exit = exitSignal(started.running, signal);
  const look = async () => {
    news.forget();
    const verdict = await watch.look(exit.signal);
    // A turn ends with a stop, and an adopted server is not ours to stop.
    const isOver = verdict !== null || exit.signal.aborted || isAdopted(started);
    return { verdict, turn: isOver ? null : await turns.look(exit.signal) };
  };
  let looking: ReturnType<typeof look> | null = null;
  for (;;) {
    const status = await started.running.status()
      .catch((error) => member.progress.refused(error));
    if (signal.aborted || exit.exited) {
      // It may be registering: nothing is to be registered behind what follows. Without a connection it
      // gets no further.
      if (signal.aborted || member.connected !== null) await looking;
      return signal.aborted ? await stop(member, started) : await exited(member, started);
    }
    await member.transfers.look(started.running);
    member.progress.observe(status);
    await watch.noteService(status);
    looking ??= look();
    const seen = await untilLate(member, looking, exit.signal);
    if (seen === undefined || signal.aborted || exit.exited) continue;
    looking = null;
    if (seen.verdict !== null) return await decideAfresh(member, started, seen.verdict);
    if (seen.turn !== null) return await stopForTurn(member, started, seen.turn);
    // A second, or less where the ensemble has news; whether all is over is looked at above.
    await news.wait(member.world.clock, member.timing.pollMs, exit.signal).catch(() => {});
  }
}

/**
 * What a look came to; undefined where the next one is due before that: a write in doubt keeps it
 * waiting for as long as the ensemble is away, and the server is watched meanwhile.
 */
async function untilLate<Seen>(
  { world, timing }: Member,
  looking: Promise<Seen>,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  // Not by AbortSignal.any(): it leaves something with a signal that lives as long as the server.
  const ended = new AbortController();
  const end = () => ended.abort();
  if (signal.aborted) end();
  else signal.addEventListener("abort", end);
  const late = world.clock.sleep(timing.pollMs, ended.signal);
  try {
    return await Promise.race([looking, late.then(() => undefined, () => undefined)]);
  } finally {
    end();
    signal.removeEventListener("abort", end);
  }
}

/** Whether others started the server: nothing here stops it. */
function isAdopted({ adopted }: Started): boolean {
  return adopted !== undefined;
}

const OVERRULED = "another attempt is on record, a person decided otherwise";

/** What a supervision remembers from one look to the next. */
class Supervisor implements Disposable {
  readonly #member: Member;
  readonly #others: OtherPrimary;
  readonly #started: Started;
  #registry: Registry | null;
  /** What `nodes/<address>` says of Primary, and of an adopted server's view; null where it is not there. */
  #registeredAs: string | null = null;
  /** The view whose members are on record, and in which session. */
  #recordedView = "";
  #recordedIn: Registry | null = null;
  /** Why not all of it are, as it was said last. */
  #oddView: string | null = null;
  /** It is not registered, and is to be once it is Primary. */
  #isLost = false;
  #changed = true;
  #withoutPrimarySinceMs: number | null = null;
  /** Another attempt is on record, as far as it was read. */
  #isOverruled = false;
  /** The registry that says that all starts are paused. */
  #pausedIn: Registry | null = null;
  readonly #pauseWatching = new AbortController();
  readonly #sinceMs: number;
  #hasSettled = false;
  #said = "";
  #isReached = true;
  #watching = new AbortController();
  /** Told when there is something to look at. */
  readonly #news: News;

  constructor(member: Member, started: Started, news: News) {
    this.#news = news;
    this.#member = member;
    this.#others = new OtherPrimary(member.settings.member);
    this.#started = started;
    this.#sinceMs = member.world.clock.nowMs();
    this.#registry = member.connected;
  }

  [Symbol.dispose](): void {
    this.#watching.abort();
    this.#pauseWatching.abort();
    this.#others.forget();
  }

  /** As it was last seen: a look may take longer than that stays so. */
  get #isPrimary(): boolean {
    return this.#member.progress.status.primary;
  }

  /** Once it has served for a while, its start has not failed. */
  async noteService(status: WsrepStatus | null): Promise<void> {
    const { world, timing, pacing } = this.#member;
    if (this.#hasSettled || status === null) return;
    if (world.clock.nowMs() - this.#sinceMs < timing.settledMs) return;
    this.#hasSettled = true;
    await pacing.succeeded();
  }

  /** One look; a sentence where the server is to be stopped for a new decision. */
  async look(signal: AbortSignal): Promise<string | null> {
    // In the background: a server is supervised without an ensemble, too.
    this.#member.registry(signal).catch(() => {});
    const registry = this.#member.connected;
    this.#noteReach(registry !== null);
    if (registry === null) {
      this.#withoutPrimarySinceMs = null; // Without the ensemble nothing is decided.
      return null;
    }
    try {
      const why = await this.#keepRegistered(registry, signal) ??
        (isAdopted(this.#started)
          ? await this.#keepView(registry)
          : await this.#withoutPrimary(registry));
      if (why === null || !await this.#isPaused(registry)) return why;
      // What runs is left alone until somebody lets all go on.
      this.#say(new Error(`all starts and stops are paused, and ${why}`));
      return null;
    } catch (error) {
      this.#changed = true;
      const passing = error instanceof ConnectionLossError || error instanceof StaleError ||
        error instanceof SessionExpiredError;
      if (!passing && !signal.aborted) this.#say(error);
      if (error instanceof TakenError) error.changed.then(() => this.#news.tell(), () => {});
      return null;
    }
  }

  /** Said once each time. */
  #noteReach(isReached: boolean): void {
    if (isReached === this.#isReached) return;
    this.#isReached = isReached;
    if (isReached) log.info("ZooKeeper is reached again");
    else log.warn("ZooKeeper is not reached: what runs is left alone, nothing is decided");
  }

  /** Asked once, as long as it lasts. */
  async #isPaused(registry: Registry): Promise<boolean> {
    if (this.#pausedIn === registry) return true;
    const { signal } = this.#pauseWatching;
    const { paused, changed } = await registry.watchPaused(signal);
    if (!paused) return false;
    this.#pausedIn = registry;
    const ended = () => {
      if (signal.aborted) return;
      this.#pausedIn = null;
      this.#news.tell();
    };
    changed.then(ended, ended);
    return true;
  }

  #say(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#said) log.warn("Not registered: {problem}", { problem });
    this.#said = problem;
  }

  /** Registers where that is not so, and keeps what is registered true. */
  async #keepRegistered(
    registry: Registry,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (registry !== this.#registry) {
      this.#registry = registry;
      this.#changed = true;
    }
    if (this.#changed || (this.#isLost && this.#isPrimary)) {
      this.#changed = false;
      // Of three watches one has fired: the others would pile up from change to change.
      this.#watching.abort();
      const watching = this.#watching = new AbortController();
      const touch = () => {
        if (watching.signal.aborted) return;
        this.#changed = true;
        this.#news.tell();
      };
      const either = AbortSignal.any([signal, watching.signal]);
      (await registry.watchOwn(either)).changed.then(touch, touch);
      const { cluster } = await registry.readCluster();
      const known = cluster.kind === "known" ? cluster.cluster : null;
      if (known !== null && known.attempt !== this.#started.cluster.attempt) {
        return this.#overruled();
      }
      this.#isOverruled = false;
      this.#isLost = cluster.kind !== "known" || known?.phase !== "running" ||
        !await registry.isRegistered();
      // Only a Primary member knows the cluster; others wait for one, or for a new decision.
      if (this.#isLost && this.#isPrimary) {
        if (await registerOnce(this.#member, registry, this.#started, signal) === "overruled") {
          return this.#overruled();
        }
        log.info("Registered again");
        this.#member.progress.note("Registered again, as the registration had gone");
        this.#isLost = false;
        this.#changed = true; // The registration fired the watches that were set before it.
        this.#registeredAs = null;
      } else if (known !== null) {
        this.#started.cluster = known;
      }
    }
    if (this.#isOverruled) return OVERRULED;
    if (!this.#isLost) await this.#update(registry);
    return null;
  }

  /** Remembered until the ensemble has news: where all is paused, nothing comes of it. */
  #overruled(): string {
    this.#isOverruled = true;
    this.#isLost = false;
    return OVERRULED;
  }

  async #update(registry: Registry): Promise<void> {
    const now = `${this.#isPrimary} ${this.#started.adopted ?? ""}`;
    if (this.#registeredAs === now) return;
    const isThere = await registry.updateNode(nodeOf(this.#member, this.#started));
    this.#registeredAs = isThere ? now : null;
  }

  /**
   * Others start and stop servers of the view that no keeper looks after: each that comes is put on record
   * as running. Looked at with each change of the view, and once in each session.
   */
  async #keepView(registry: Registry): Promise<null> {
    if (!this.#isPrimary || this.#isLost || this.#isOverruled) return null;
    const { running, cluster, uuid } = this.#started;
    const seen = await running.viewMembers();
    const now = fingerprint(seen);
    if (now === "" || (now === this.#recordedView && registry === this.#recordedIn)) return null;
    const view = async () => {
      const members = inViewOf(await running.viewMembers());
      const status = await running.status();
      if (status?.primary && status.clusterUuid === uuid) return members;
      throw new StaleError("It is in no primary component any more");
    };
    const problem = problemOfNames(seen);
    if (problem !== null && problem !== this.#oddView) {
      log.warn("Not all that run are on record: {problem}", { problem });
      this.#member.progress.note(problem);
    }
    this.#oddView = problem;
    this.#started.adopted = namesOf(await registry.adoptions.keep(view, cluster.attempt));
    this.#recordedView = now;
    this.#recordedIn = registry;
    await this.#update(registry);
    return null;
  }

  /**
   * A member without a primary component stays where another is Primary: Galera heals. Where no
   * registered member is, it stops after a grace and decides afresh; `pc.bootstrap` is never used.
   */
  async #withoutPrimary(registry: Registry): Promise<string | null> {
    const { clock } = this.#member.world;
    if (!this.#member.progress.status.answers || this.#isPrimary) {
      this.#withoutPrimarySinceMs = null;
      this.#others.forget();
      return null;
    }
    this.#withoutPrimarySinceMs ??= clock.nowMs();
    if (clock.nowMs() - this.#withoutPrimarySinceMs < this.#member.timing.nonPrimaryGraceMs) {
      return null;
    }
    const primary = await this.#others.isThere(registry);
    return primary ? null : "no registered member is Primary, nor is this one";
  }
}

async function exited(member: Member, started: Started): Promise<Supervision> {
  const status = await started.running.exited;
  member.progress.unready();
  const how = isAdopted(started) ? "" : ` by itself ${describeExit(status)}`;
  member.progress.enter("stopping", `mariadbd has exited${how}`);
  await deregister(member);
  // Who started an adopted one may be starting it again: it says running until a keeper has looked.
  if (!isAdopted(started)) await recordAfterStop(member);
  return { kind: "exited", status };
}

async function stop(member: Member, started: Started): Promise<Supervision> {
  await stopServer(member, started, "told to stop");
  return { kind: "stopped" };
}

async function decideAfresh(member: Member, started: Started, why: string): Promise<Supervision> {
  if (!isAdopted(started)) log.warn("Stopping mariadbd to decide afresh: {why}", { why });
  await stopServer(member, started, why);
  return { kind: "decide-afresh" };
}

async function stopForTurn(
  member: Member,
  started: Started,
  { request, lock }: BegunTurn,
): Promise<Supervision> {
  await stopServer(member, started, `${request.by} asked for a ${request.kind} of all members`);
  // No start of its own has failed by it.
  await member.pacing.succeeded();
  await noteServerStopped(member);
  return { kind: "turn", lock };
}

/** Not ready, deregister, SIGTERM to `mariadbd`, wait, record; an adopted one runs on. */
async function stopServer(member: Member, started: Started, why: string): Promise<void> {
  member.progress.unready();
  if (isAdopted(started)) {
    member.progress.enter("stopping", `Letting go of mariadbd, which runs on: ${why}`);
    return await deregister(member);
  }
  member.progress.enter("stopping", `Stopping mariadbd: ${why}`);
  await deregister(member);
  await started.running.stop(member.timing.stopGraceMs);
  await recordAfterStop(member);
}

/** Best effort: without a connection the registration goes with its session. */
async function deregister(member: Member): Promise<void> {
  try {
    await member.connected?.deregister();
  } catch (error) {
    log.warn("Not deregistered: {problem}", {
      problem: error instanceof Error ? error.message : String(error),
    });
  }
}
