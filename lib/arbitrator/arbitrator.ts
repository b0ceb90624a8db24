/**
 * An arbitrator's whole life: registered, with a `garbd` while members are Primary, until it is told
 * to stop. It holds no data: no member waits for it, and nothing here decides who bootstraps.
 */
import { getLogger } from "@logtape/logtape";
import { ArbitratorRegistry, type Scene } from "./registration.ts";
import {
  arbitrate,
  type Arbitration,
  type ArbitrationView,
  membersIn,
} from "../cluster/arbitrate.ts";
import type { Registered } from "../cluster/view.ts";
import { KeeperError, UnavailableError } from "../errors.ts";
import { News } from "../news.ts";
import { askAll } from "../peers.ts";
import { refusedByZooKeeper } from "../refusal.ts";
import { TakenError } from "../registry.ts";
import { Vote, type VoteTiming, type VoteWorld } from "./vote.ts";
import type { World } from "../world.ts";
import type { SessionState } from "../zookeeper/ensemble.ts";
import type { Arbitrator as OnRecord } from "../znodes.ts";
import {
  ConnectionLossError,
  NoNodeError,
  SessionExpiredError,
  ZooKeeperError,
} from "../zookeeper/errors.ts";

const log = getLogger(["galera-keeper", "arbitrator"]);

/** What it is told. */
export interface ArbitratorSettings {
  readonly name: string;
  readonly address: string;
  /** The znode that all is below; empty for `/`. */
  readonly root: string;
}

/** All that is outside of this program. */
export interface ArbitratorWorld extends VoteWorld, Pick<World, "connect" | "ask"> {
  /** Once it is registered, the first time. @throws {KeeperError} `garbd` could not listen. */
  requirePort(): void;
}

/** How long things may take, in milliseconds. */
export interface ArbitratorTiming extends VoteTiming {
  /** Between two questions to registered members, while it does not vote. */
  readonly askAgainMs: number;
  /** How long a start is put off for a member's at most. */
  readonly courtesyMs: number;
  /** How long a `garbd` may be without a primary component while members have one. */
  readonly patienceMs: number;
}

/** Between two looks where what is read changes at that very moment. */
const LOOK_AGAIN_MS = 100;

/** What `arbitrate` uses. */
export const ARBITRATOR_TIMING: ArbitratorTiming = {
  askAgainMs: 3000,
  // As long as a start by rsync takes; where it takes longer, the joiner is in the group by then.
  courtesyMs: 15_000,
  // A garbd that reaches nobody gives up by itself after 30 s (pc.wait_prim_timeout).
  patienceMs: 45_000,
  backOffMs: 1000,
  mostBackOffMs: 30_000,
  stopGraceMs: 10_000,
};

/**
 * Keeps an arbitrator until the signal stops it: deregisters, stops `garbd`, closes the session.
 *
 * @throws {KeeperError} What only a person can mend.
 */
export async function keepArbitrator(arbitrator: Arbitrator, signal: AbortSignal): Promise<void> {
  const life = new AbortController();
  const connected = arbitrator.keepConnected(life.signal);
  try {
    await arbitrator.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await arbitrator.stop();
    life.abort(new Error("The arbitrator is closed"));
    await connected;
  }
}

/** What an arbitrator's `/status` shows, as JSON. */
export interface ArbitratorStatus {
  readonly v: 1;
  readonly arbitrator: string;
  readonly address: string;
  /** It votes in the primary component of the cluster on record. */
  readonly votes: boolean;
  /** The members that it votes with. */
  readonly members: readonly string[];
  /** The cluster that its `garbd` was started for; null where there is none. */
  readonly uuid: string | null;
  /** Since when it votes, or does not, ISO 8601. */
  readonly since: string;
  readonly session: SessionState | "none";
  /** One plain sentence. */
  readonly doing: string;
}

/** An arbitrator, for {@link keepArbitrator}. */
export class Arbitrator {
  readonly #settings: ArbitratorSettings;
  readonly #world: ArbitratorWorld;
  readonly #timing: ArbitratorTiming;
  readonly #vote: Vote;
  readonly #news = new News();
  #registry: ArbitratorRegistry | null = null;
  /** Why there can be no session. */
  #refusal: unknown = null;
  #scene: Scene | null = null;
  /** What was read may not be so any more. */
  #changed = true;
  #watching = new AbortController();
  #isRegistered = false;
  #takenUntilMs: number | null = null;
  #putOffSinceMs: number | null = null;
  #said = "";

  constructor(settings: ArbitratorSettings, world: ArbitratorWorld, timing: ArbitratorTiming) {
    this.#settings = settings;
    this.#world = world;
    this.#timing = timing;
    this.#vote = new Vote(world, timing, () => this.#news.tell());
  }

  /** What it says of itself now. */
  get status(): ArbitratorStatus {
    const { name, address, uuid, primary, members, since } = this.#own();
    const session = this.#registry?.ensemble.state ?? "none";
    const doing = this.#said || "Connecting to ZooKeeper";
    return {
      v: 1,
      arbitrator: name,
      address,
      votes: primary,
      members,
      uuid,
      since,
      session,
      doing,
    };
  }

  /** One session after the other, until the signal ends it. Never rejects. */
  async keepConnected(signal: AbortSignal): Promise<void> {
    const { root, name } = this.#settings;
    while (!signal.aborted) {
      try {
        const ensemble = await this.#world.connect(signal, (reason) => this.#say(reason));
        try {
          this.#registry = new ArbitratorRegistry(ensemble, root, name);
          for await (const _ of ensemble.states(signal)) this.#change();
        } finally {
          await ensemble.close();
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#refusal = error;
        this.#change();
        await this.#world.clock.sleep(this.#timing.askAgainMs, signal).catch(() => {});
      }
    }
  }

  /** Looks whenever there is news, and acts on it. @throws The signal's reason. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      this.#news.forget();
      const againMs = await this.#look(signal).catch((error) => this.#waitOut(error, signal));
      await this.#news.wait(this.#world.clock, againMs, signal);
    }
  }

  /** Deregisters and stops `garbd`. Never rejects. */
  async stop(): Promise<void> {
    this.#watching.abort();
    try {
      if (this.#isRegistered) await this.#connected()?.deregister();
    } catch (error) {
      log.warn("Not deregistered: {problem}", { problem: messageOf(error) });
    }
    await this.#vote.stop();
  }

  /** What was read is to be read again. */
  #change(): void {
    this.#changed = true;
    this.#news.tell();
  }

  /** One look. @returns After how long to look again without any news; null: not at all. */
  async #look(signal: AbortSignal): Promise<number | null> {
    this.#vote.noticeExit();
    const registry = this.#connected();
    try {
      if (registry !== null) await this.#observe(registry, signal);
    } catch (error) {
      // A garbd is judged by what it says, too, whatever is the matter with the ensemble.
      const step = arbitrate(await this.#see(null, signal));
      if (step.kind === "stop") await this.#act(step);
      throw error;
    }
    const step = arbitrate(await this.#see(registry === null ? null : this.#scene, signal));
    signal.throwIfAborted();
    // It changed while members were asked: what is decided would be of yesterday.
    if (registry !== null && this.#changed) return 0;
    const againMs = await this.#act(step);
    if (this.#isRegistered) await this.#connected()?.update(this.#own());
    return againMs;
  }

  /** What there is to decide by. @param scene Null without a connection. */
  async #see(scene: Scene | null, signal: AbortSignal): Promise<ArbitrationView> {
    const nowMs = this.#world.clock.nowMs();
    const { courtesyMs, patienceMs } = this.#timing;
    return {
      registry: scene && {
        ...scene.snapshot,
        isStarting: scene.isStarting ?? false,
        registered: await this.#ask(scene, signal),
      },
      putOffMs: nowMs - (this.#putOffSinceMs ?? nowMs),
      courtesyMs,
      arbitrators: this.#arbitrators,
      garbd: this.#vote.running,
      patienceMs,
    };
  }

  /** The registry, where there is a session and it is connected. @throws Why there can be none. */
  #connected(): ArbitratorRegistry | null {
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal !== null) throw refusal;
    return this.#registry?.ensemble.state === "connected" ? this.#registry : null;
  }

  /** Registers and reads anew, where what was read may not be so any more. */
  async #observe(registry: ArbitratorRegistry, signal: AbortSignal): Promise<void> {
    // Where its garbd has gone its own registration has changed: then the lock is looked at again.
    if (!this.#changed) return;
    this.#changed = false;
    // Of several watches one has fired: the others would pile up from change to change.
    this.#watching.abort();
    const watching = this.#watching = new AbortController();
    const change = () => {
      if (!watching.signal.aborted) this.#change();
    };
    await registry.register(this.#own(), watching.signal, change);
    this.#takenUntilMs = null;
    if (!this.#isRegistered) this.#world.requirePort();
    this.#isRegistered = true;
    const either = AbortSignal.any([signal, watching.signal]);
    this.#scene = await registry.observe(this.#vote.running === null, either);
    this.#scene.changed.then(change, change);
  }

  /** The names of all that were last seen registered, its own too. */
  get #arbitrators(): readonly string[] {
    return this.#scene?.arbitrators ?? [this.#settings.name];
  }

  #own(): OnRecord {
    const { name, address } = this.#settings;
    const { follows, isCounted, since, running } = this.#vote;
    const { uuid, attempt } = follows ?? { uuid: null, attempt: null };
    const component = isCounted ? running?.component ?? null : null;
    const members = component === null ? [] : membersIn(component, this.#arbitrators);
    return { name, address, uuid, attempt, primary: isCounted, members, since };
  }

  async #ask({ snapshot }: Scene, signal: AbortSignal): Promise<readonly Registered[]> {
    if (this.#vote.isCounted) return [];
    const { cluster, nodes } = snapshot;
    const clusterUuid = cluster.kind === "known" ? cluster.cluster.uuid : null;
    // It is none of the members, whatever it is called and wherever it runs.
    return await askAll(
      nodes,
      { member: "", address: "", clusterUuid },
      this.#world.ask,
      signal,
    );
  }

  async #act(step: Arbitration): Promise<number | null> {
    this.#say(step.reason);
    if (step.kind !== "put-off") this.#putOffSinceMs = null;
    switch (step.kind) {
      case "put-off":
        this.#putOffSinceMs ??= this.#world.clock.nowMs();
        return this.#timing.askAgainMs;
      case "wait":
      case "stay": {
        // A healed link changes no znode: those that are registered are asked again.
        const isAsking = !this.#vote.isCounted && this.#scene?.snapshot.nodes.length !== 0;
        return isAsking ? this.#timing.askAgainMs : null;
      }
      case "stop":
        await this.#vote.stop();
        return 0;
      case "start": {
        const { pauseMs } = this.#vote;
        if (pauseMs > 0) return pauseMs;
        await this.#vote.start(step.members, step.follows);
        return this.#timing.askAgainMs;
      }
    }
  }

  /** Waits out what stands in the way. @throws What only a person can mend. */
  #waitOut(error: unknown, signal: AbortSignal): number {
    signal.throwIfAborted();
    this.#changed = true;
    if (error instanceof ConnectionLossError || error instanceof SessionExpiredError) {
      this.#say("The connection to ZooKeeper was lost");
      return LOOK_AGAIN_MS;
    }
    // Somebody empties the ensemble, or makes the folders at the same time.
    if (error instanceof NoNodeError) return LOOK_AGAIN_MS;
    if (error instanceof TakenError) return this.#waitForName(error);
    const isMendable = error instanceof KeeperError || error instanceof ZooKeeperError;
    // A garbd that runs is left alone whatever the ensemble does, and one that ran is tried again.
    if (isMendable && this.#vote.wasTried) {
      this.#say(error.message, "warning");
      return this.#timing.askAgainMs;
    }
    if (!(error instanceof ZooKeeperError)) throw error;
    throw refusedByZooKeeper(error);
  }

  /** A registration of a session that nobody uses any more goes within its timeout. */
  #waitForName(error: TakenError): number {
    this.#say(error.message);
    error.changed.then(() => this.#change(), () => {});
    if (this.#isRegistered) return this.#timing.askAgainMs;
    const nowMs = this.#world.clock.nowMs();
    this.#takenUntilMs ??= nowMs + this.#registry!.ensemble.sessionTimeoutMs * 4 / 3;
    if (nowMs >= this.#takenUntilMs) throw new UnavailableError(`${error.message}: stop it first`);
    return 1000;
  }

  /** Says what is news. */
  #say(reason: string, level: "info" | "warning" = "info"): void {
    if (reason !== this.#said) log[level]("{reason}", { reason });
    this.#said = reason;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
