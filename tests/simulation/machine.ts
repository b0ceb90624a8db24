/** One machine: a disk, a keeper that an orchestrator starts again and again, and its mariadbd. */
import { adopt } from "../../lib/adoption.ts";
import { keep } from "../../lib/keeper.ts";
import { KeeperError, UnavailableError } from "../../lib/errors.ts";
import type {
  Adoptable,
  Database,
  ExitStatus,
  Inspection,
  Running,
  SpawnPlan,
} from "../../lib/mariadb/database.ts";
import { Member } from "../../lib/member.ts";
import { Progress } from "../../lib/progress.ts";
import type { PeerStatus, Timing, World } from "../../lib/world.ts";
import { SimDatadir } from "./datadir.ts";
import type { SimEnsemble } from "./ensemble.ts";
import type { Galera } from "./galera.ts";
import { Mariadbd } from "./mariadbd.ts";
import { Link, SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { connect, type SimSession } from "./session.ts";

/** What all machines of a simulation share. */
export interface Site {
  readonly ensemble: SimEnsemble;
  readonly galera: Galera;
  readonly random: Random;
  readonly timing: Timing;
  readonly sessionTimeoutMs: number;
  readonly storage: "persistent" | "ephemeral";
  readonly losesDisks: boolean;
  /** The machine that serves HTTP there. */
  machineAt(http: string): Machine | null;
  readonly events: MachineEvents;
}

/** What the checker is told. */
export interface MachineEvents {
  spawned(machine: Machine, plan: SpawnPlan): void;
  gone(machine: Machine): void;
  /** The keeper's life is over: how `keep` ended, or that it was killed. */
  ended(machine: Machine, how: KeeperEnd): void;
  /** About to reach outside: a place where a crash can strike. */
  step(machine: Machine, what: string): void;
  note(text: string): void;
}

/** How a keeper ended. */
export type KeeperEnd =
  | { readonly kind: "returned"; readonly status: ExitStatus | null }
  | { readonly kind: "refused"; readonly error: KeeperError }
  | { readonly kind: "broke"; readonly error: unknown }
  | { readonly kind: "killed" };

/** Galera's name for the cluster. */
const CLUSTER_NAME = "galera";

/** A machine. */
export class Machine {
  readonly name: string;
  /** Where the next keeper and its server are found. */
  address: string;
  /** `--size` of the next keeper. */
  size: number | null;
  readonly datadir = new SimDatadir();
  readonly link = new Link();
  readonly #site: Site;
  process: SimProcess | null = null;
  server: Mariadbd | null = null;
  member: Member | null = null;
  /** Every session of the present keeper. */
  session: SimSession | null = null;
  #told: { readonly stop: AbortController; readonly again: AbortController } | null = null;
  #pid = 100;
  /** Once set, the next mariadbd to be spawned gets no further in its SST. */
  nextTransferHangs = false;
  /** So many times mariadbd aborts from now on when it starts. */
  aborts = 0;
  /** So many times `mariadbd --wsrep-recover` ends without a position from now on. */
  failedRecoveries = 0;
  /** How far apart the chunks of an SST to it come, where that is not as usual. */
  chunkMs: number | null = null;
  /** When it last went on after it had stood still. */
  resumedAtMs = -1;
  /** When its keeper last set about to spawn, all looks behind it. */
  spawnsAtMs = -1;
  /** Its server is started and stopped by hand: a keeper adopts it, and no more. */
  byHand = false;
  /** Another program has its address and answers there. */
  answersInstead: PeerStatus | null = null;

  constructor(site: Site, name: string, address: string, size: number | null) {
    this.#site = site;
    this.name = name;
    this.address = address;
    this.size = size;
  }

  /** Whether neither a keeper nor a server runs: its disk can be changed. */
  get isDown(): boolean {
    return !this.running && !(this.server?.alive ?? false);
  }

  /** `--size` of the keeper that runs, or ran last. */
  get sizeInForce(): number | null {
    return this.member?.settings.size ?? null;
  }

  /** Whether a keeper runs. */
  get running(): boolean {
    return this.process?.alive ?? false;
  }

  get http(): string {
    return `${this.address}:8008`;
  }

  /** What the keeper says of itself. */
  get doing(): string {
    const status = this.member?.progress.status;
    return status === undefined || !this.running ? "down" : `${status.stage}: ${status.doing}`;
  }

  /** Starts a keeper. */
  start(): void {
    if (this.running) return;
    const { timing, storage, losesDisks, ensemble } = this.#site;
    if (losesDisks) {
      this.server?.kill();
      this.datadir.empty();
    }
    const { size } = this;
    const process = new SimProcess(ensemble.time);
    const progress = new Progress(this.name, this.address, () => process.clock.now());
    const settings = {
      member: this.name,
      address: this.address,
      storage,
      root: "/mariadb",
      size,
      http: this.http,
    };
    const member = new Member(settings, this.#world(process), timing, progress);
    this.process = process;
    this.member = member;
    const { stop, again } = this.#told = {
      stop: new AbortController(),
      again: new AbortController(),
    };
    const life = this.byHand
      ? adopt(member, CLUSTER_NAME, stop.signal).then(() => null)
      : keep(member, { signal: stop.signal, again: again.signal });
    life.then(
      (status) => this.#ended(process, { kind: "returned", status }),
      (error) =>
        this.#ended(
          process,
          error instanceof KeeperError ? { kind: "refused", error } : { kind: "broke", error },
        ),
    );
  }

  #ended(process: SimProcess, how: KeeperEnd): void {
    if (!process.alive) return;
    process.kill();
    this.#orphan();
    this.#site.events.ended(this, how);
  }

  /** A keeper's end is its mariadbd's: it gets SIGTERM (`setpriv --pdeathsig`). Not one that it adopted. */
  #orphan(): void {
    const server = this.server;
    if (server?.alive && !this.byHand) server.terminate();
  }

  /** SIGTERM to the keeper, for the first time or once more. */
  stop(): void {
    const told = this.#told;
    this.process?.deliver(() => {
      const which = told?.stop.signal.aborted ? told.again : told?.stop;
      which?.abort(new Error("SIGTERM"));
    });
  }

  /** kill -9 of the keeper. */
  kill(): void {
    if (!this.running) return;
    this.process!.kill();
    this.#orphan();
    this.#site.events.ended(this, { kind: "killed" });
  }

  /** The machine loses power: both are gone at once. */
  crash(): void {
    this.server?.kill();
    if (!this.running) return;
    this.process!.kill();
    this.#site.events.ended(this, { kind: "killed" });
  }

  /** SIGSTOP of the keeper, or of all where the machine stands still. */
  pause(all: boolean): void {
    this.process?.pause();
    if (all && this.server !== null) {
      this.server.paused = true;
      this.#site.galera.disturb();
    }
  }

  /** SIGCONT. */
  resume(): void {
    this.resumedAtMs = this.#site.ensemble.time.nowMs;
    if (this.server?.paused) {
      this.server.paused = false;
      this.#site.galera.disturb();
    }
    this.process?.resume();
  }

  #world(process: SimProcess): World {
    const { ensemble, random, sessionTimeoutMs } = this.#site;
    return {
      clock: process.clock,
      randomId: () => random.hex(32),
      connect: async (signal, onWaiting) => {
        const place = {
          ensemble,
          process,
          link: this.link,
          timeoutMs: sessionTimeoutMs,
          // The list of decisions is written beside a start, and is no step of it.
          onAsk: (what: string) => {
            if (!what.includes("/decisions/")) this.#site.events.step(this, what);
          },
        };
        const session = await connect(place, signal, onWaiting);
        if (process === this.process) this.session = session;
        return session;
      },
      ask: (http, signal) => this.#ask(process, http, signal),
      database: this.#database(process),
    };
  }

  async #ask(process: SimProcess, http: string, signal: AbortSignal): Promise<PeerStatus> {
    const { random, galera } = this.#site;
    const other = this.#site.machineAt(http);
    await process.later(random.between(1, 8), () => {}, signal);
    if (other?.answersInstead) return other.answersInstead;
    const reached = other !== null && galera.linked(this.address, other.address) &&
      other.running && !other.process!.paused;
    if (!reached) {
      await process.later(random.between(1, 1000), () => {}, signal);
      throw new Error(`${http} does not answer`);
    }
    const { member, datadirId, uuid, primary, synced, transfer } = other.member!.progress.status;
    return await process.later(
      random.between(1, 8),
      () => ({ member, datadirId, uuid, primary, synced, transfer }),
      signal,
    );
  }

  /** Something that is done on this machine: it takes a while, and takes effect in its midst. */
  async #do<T>(process: SimProcess, what: string, ms: number, effect: () => T): Promise<T> {
    this.#site.events.step(this, `${what}, before`);
    const value = await process.later(ms / 2, effect);
    this.#site.events.step(this, `${what}, after`);
    await process.later(ms / 2, () => {});
    return value;
  }

  #database(process: SimProcess): Database {
    const { random } = this.#site;
    return {
      adopt: () => this.#adopt(process),
      inspect: async (signal): Promise<Inspection> => {
        await process.later(random.between(5, 30), () => {}, signal);
        while (this.server?.alive) await process.later(100, () => {}, signal);
        const ms = random.between(10, 250);
        return await this.#do(process, "inspect", ms, () => {
          if (this.datadir.isAsked && this.failedRecoveries-- > 0) {
            throw new UnavailableError(`Cannot recover the position of "${this.name}"`);
          }
          return this.datadir.inspect(random);
        });
      },
      writeIdentity: (identity) =>
        this.#do(process, "write the identity", random.between(1, 6), () => {
          this.datadir.identity = { ...this.datadir.identity, ...identity };
        }),
      writeFailedStarts: (count) =>
        this.#do(process, "write the failed starts", random.between(1, 6), () => {
          this.datadir.failedStarts = count;
        }),
      initialise: async (signal) => {
        await process.later(random.between(200, 900), () => {}, signal);
        await this.#do(process, "initialise", 2, () => this.datadir.kind = "fresh");
      },
      spawn: (plan) => {
        this.spawnsAtMs = this.#site.ensemble.time.nowMs;
        const ms = random.between(4, 20);
        return this.#do(process, `spawn to ${plan.kind}`, ms, () => this.#spawn(process, plan));
      },
      close: () => process.later(1, () => {}),
    };
  }

  #spawn(process: SimProcess, plan: SpawnPlan): Running {
    const { events } = this.#site;
    const server = this.#serve(plan);
    events.spawned(this, plan);
    return this.#follow(process, server);
  }

  /** Somebody starts its server, as systemd does: a new cluster, or beside whom it finds. */
  startByHand(addresses: readonly string[] | null): void {
    const { datadir } = this;
    if (datadir.kind === "empty" && addresses === null) datadir.kind = "fresh";
    const at = datadir.kind === "data" && !datadir.torn && datadir.uuid !== null;
    const startPosition = at ? { uuid: datadir.uuid!, seqno: datadir.head?.seqno ?? 0n } : null;
    const plan: SpawnPlan = addresses === null
      ? { kind: "bootstrap", startPosition, serverId: 1 }
      : { kind: "join", donors: addresses, startPosition, serverId: 1 };
    this.#site.events.note(`${this.name}: mariadbd is started by hand`);
    this.#serve(plan).writable = true;
  }

  #serve(plan: SpawnPlan): Mariadbd {
    const { galera, events } = this.#site;
    if (this.server?.alive) throw new Error(`${this.name}: two servers on one datadir`);
    const who = { name: this.name, address: this.address, pid: ++this.#pid };
    // The one place where it is set by us.
    if (plan.kind === "bootstrap") this.datadir.safeToBootstrap = true;
    const server = new Mariadbd(galera, who, this.datadir, plan);
    server.transferHangs = this.nextTransferHangs;
    if (this.chunkMs !== null) server.chunkMs = this.chunkMs;
    this.nextTransferHangs = false;
    server.aborts = this.aborts-- > 0;
    this.server = server;
    server.onGone.push(() => events.gone(this));
    return server;
  }

  async #adopt(process: SimProcess): Promise<Adoptable> {
    const { random } = this.#site;
    await process.later(random.between(5, 30), () => {});
    const server = this.server;
    if (!server?.alive) throw new UnavailableError(`No mariadbd runs on ${this.name}`);
    const unborn = { datadirId: random.hex(32), attempt: null, lineage: [] };
    const running = this.#follow(process, server);
    return {
      running: {
        ...running,
        stop: () => Promise.reject(new Error("an adopted server is not the keeper's to stop")),
      },
      identity: () => process.later(1, () => this.datadir.identity ?? unborn),
      facts: () =>
        process.later(random.between(1, 4), () => {
          const status = server.status();
          if (status === null) throw new UnavailableError(`mariadbd on ${this.name} is silent`);
          return {
            isWsrepOn: true,
            nodeName: this.name,
            clusterName: CLUSTER_NAME,
            listenAddress: `tcp://${this.address}:4567`,
            gcacheSize: "128M",
            status,
            inView: server.viewMembers(),
          };
        }),
    };
  }

  #follow(process: SimProcess, server: Mariadbd): Running {
    const { random } = this.#site;
    const exited = new Promise<ExitStatus>((resolve) => {
      server.onGone.push((status) => process.deliver(() => resolve(status)));
    });
    return {
      pid: server.pid,
      exited,
      status: () => process.later(random.between(1, 4), () => server.status()),
      makeWritable: () => this.#do(process, "make writable", 4, () => server.makeWritable()),
      transferredBytes: () => process.later(1, () => server.transferredBytes),
      // Not later: the steps of a life are the same whether anybody looks.
      transfer: () => Promise.resolve(server.transfer()),
      viewMembers: () => process.later(2, () => server.viewMembers()),
      stop: (graceMs) => {
        server.terminate();
        process.later(graceMs, () => {}).then(() => server.kill());
        return exited;
      },
      reload: () => {},
    };
  }
}
