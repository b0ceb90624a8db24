/** Machines, an ensemble, clients: a whole site in virtual time, from one seed. */
import { TIMING, type Timing } from "../../lib/world.ts";
import { Checker } from "./checker.ts";
import { VirtualTime } from "./clock.ts";
import { SimEnsemble } from "./ensemble.ts";
import { Galera } from "./galera.ts";
import { type KeeperEnd, Machine, type Site } from "./machine.ts";
import { Random } from "./random.ts";

/** What a simulation is made with. */
export interface SimulationOptions {
  readonly seed: number;
  readonly members: number;
  /** `--size`. */
  readonly size: number | null;
  readonly storage?: "persistent" | "ephemeral";
  /** A machine that starts again does so with an empty disk, as a container without a volume does. */
  readonly losesDisks?: boolean;
  readonly timing?: Partial<Timing>;
  /** Starts a keeper again that has ended; true by default. */
  readonly restarts?: boolean;
}

/**
 * A server of the simulation stops in 8 s at most, and a session is closed in 3; a write through a server
 * of the ensemble that lags behind is tried again and again.
 */
const STOP_MS = 90_000;

/** A site. */
export class Simulation {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly ensemble: SimEnsemble;
  readonly galera: Galera;
  /** The machines that belong to the cluster now. */
  readonly machines: Machine[];
  /** Those that were taken away for good: their disks and their records stay. */
  readonly removed: Machine[] = [];
  readonly checker: Checker;
  /** What happened, a line each, with the virtual time. */
  readonly timeline: string[] = [];
  /** How each keeper's last life ended. */
  readonly ends = new Map<string, KeeperEnd>();
  /** The machines that the orchestrator keeps up. */
  readonly wanted = new Set<Machine>();
  /** Runs at each step of a keeper's that reaches outside. */
  onStep: (machine: Machine, what: string) => void = () => {};
  readonly #restarts: boolean;
  readonly #site: Site;
  #clients = false;

  constructor(options: SimulationOptions) {
    this.random = new Random(options.seed);
    this.#restarts = options.restarts ?? true;
    const checker = this.checker = new Checker(this);
    this.ensemble = new SimEnsemble(this.time, this.random, this.random.between(1, 3));
    this.ensemble.onWrite = (transaction) => checker.written(transaction);
    this.ensemble.onSessionEnd = (session) => checker.sessionEnded(session);
    const note = (text: string) => this.note(text);
    this.galera = new Galera(this.time, this.random, {
      primary: (component, from) => checker.primary(component, from),
      diverged: (server, why) => checker.diverged(server.name, why),
      acknowledged: (txn) => checker.acknowledged(txn),
      writable: (server) => {
        checker.writable(server);
        // Some clients are there at once.
        for (const ms of [0, 3, 20]) {
          this.time.after(ms, () => this.#clients && server.commit());
        }
      },
      torn: (server, hadCopy) => checker.excuses.torn(server.name, hadCopy),
      note,
    });
    const site: Site = this.#site = {
      ensemble: this.ensemble,
      galera: this.galera,
      random: this.random,
      timing: { ...TIMING, ...options.timing },
      sessionTimeoutMs: 10_000,
      storage: options.storage ?? "persistent",
      losesDisks: options.losesDisks ?? false,
      machineAt: (http) =>
        this.everyMachine.find((one) =>
          one.http === http && (one.running || one.answersInstead !== null)
        ) ?? null,
      events: {
        spawned: (machine, plan) => {
          note(`${machine.name}: mariadbd is spawned to ${plan.kind}`);
          checker.spawned(machine, plan);
        },
        gone: (machine) => {
          note(`${machine.name}: mariadbd is gone`);
          checker.gone(machine);
        },
        ended: (machine, how) => this.#ended(machine, how),
        step: (machine, what) => this.onStep(machine, what),
        note,
      },
    };
    this.machines = Array.from(
      { length: options.members },
      (_, i) => new Machine(site, `galera-${i + 1}`, `10.0.0.${i + 1}`, options.size),
    );
  }

  get storage(): "persistent" | "ephemeral" {
    return this.#site.storage;
  }

  /** Those that were taken away, too. */
  get everyMachine(): readonly Machine[] {
    return [...this.machines, ...this.removed];
  }

  /** One machine more, with an empty disk. */
  add(size: number | null): Machine {
    const number = this.everyMachine.length + 1;
    const machine = new Machine(this.#site, `galera-${number}`, this.#freeAddress(), size);
    this.machines.push(machine);
    return machine;
  }

  /** One that nobody has; now and then one that somebody had. */
  #freeAddress(): string {
    const taken = new Set(this.everyMachine.map(({ address }) => address));
    const old = [...this.#addresses].filter((address) => !taken.has(address));
    if (old.length > 0 && this.random.chance(0.6)) return this.random.pick(old);
    for (let i = 1;; i++) if (!taken.has(`10.0.0.${i}`)) return `10.0.0.${i}`;
  }

  /** A machine that is down comes back with another address. */
  move(machine: Machine): void {
    this.#addresses.add(machine.address);
    machine.address = this.#freeAddress();
  }

  /** Two machines that are down come back with each other's address. */
  swap(one: Machine, other: Machine): void {
    [one.address, other.address] = [other.address, one.address];
  }

  /** Addresses that somebody gave up. */
  readonly #addresses = new Set<string>();

  /** One that was taken away is back. */
  takeBack(machine: Machine): void {
    this.removed.splice(this.removed.indexOf(machine), 1);
    this.machines.push(machine);
  }

  /** A machine is stopped in order and not started again. */
  remove(machine: Machine): void {
    this.machines.splice(this.machines.indexOf(machine), 1);
    this.removed.push(machine);
    this.stop(machine);
  }

  note(text: string): void {
    this.timeline.push(`${(this.time.nowMs / 1000).toFixed(3).padStart(9)} ${text}`);
  }

  /** One machine, by its number from 1. */
  machine(number: number): Machine {
    return this.machines[number - 1]!;
  }

  #ended(machine: Machine, how: KeeperEnd): void {
    this.ends.set(machine.name, how);
    this.note(`${machine.name}: the keeper ends: ${describeEnd(how)}`);
    if (how.kind === "broke") this.checker.violation(0, `${machine.name}: ${stackOf(how.error)}`);
    if (!this.#restarts) return;
    const again = () => {
      if (!this.wanted.has(machine)) return;
      this.note(`${machine.name}: the keeper starts again`);
      machine.start();
    };
    this.time.after(this.random.between(200, 3000), again);
  }

  /** Starts keepers, all of them where none is named; those that were taken away stay down. */
  start(...machines: readonly Machine[]): void {
    for (const machine of machines.length > 0 ? machines : this.machines) {
      if (!this.machines.includes(machine)) continue;
      this.wanted.add(machine);
      if (machine.running) continue;
      this.note(`${machine.name}: the keeper starts`);
      machine.start();
    }
  }

  /** Tells keepers to stop, all of them where none is named. */
  stop(...machines: readonly Machine[]): void {
    for (const machine of machines.length > 0 ? machines : this.machines) {
      this.wanted.delete(machine);
      this.note(`${machine.name}: the keeper is told to stop`);
      machine.stop();
      this.#checkObeys(machine);
    }
  }

  /** Whoever is told to stop does, whatever the ensemble does; who stands still is not looked at. */
  #checkObeys({ name, process }: Machine): void {
    const toldAtMs = this.time.nowMs;
    this.time.after(STOP_MS, () => {
      if (!process?.alive || process.paused || process.resumedAtMs >= toldAtMs) return;
      this.checker.violation(0, `${name} was told to stop ${STOP_MS / 1000} s ago and has not`);
    });
  }

  /** Lets time pass. @returns Whether the condition came to hold. */
  async run(durationMs: number, until?: () => boolean): Promise<boolean> {
    return await this.time.run(durationMs, until, () => this.#look());
  }

  #look(): void {
    for (const machine of this.everyMachine) {
      if (!machine.running) continue;
      const status = machine.member!.progress.status;
      const { decision } = status;
      const doing = `${machine.name}: ${status.stage}: ${status.doing}` +
        (decision === null ? "" : ` [${decision.kind}, rule ${decision.rule}]`);
      if (this.#said.get(machine) === doing) continue;
      this.#said.set(machine, doing);
      this.note(doing);
      if (decision !== null && decision !== this.#decided.get(machine)) {
        this.#decided.set(machine, decision);
        this.checker.decided(decision.kind, decision.rule);
      }
    }
    this.checker.look();
  }

  readonly #said = new Map<Machine, string>();
  readonly #decided = new Map<Machine, unknown>();

  /** Starts clients that commit, each wherever it can. */
  startClients(everyMs = 150): void {
    this.#clients = true;
    const commit = () => {
      if (!this.#clients) return;
      this.random.pick(this.machines).server?.commit();
      this.time.after(this.random.between(1, 2 * everyMs), commit);
    };
    commit();
  }

  stopClients(): void {
    this.#clients = false;
  }

  /** Whether all that are wanted are registered and Synced in one primary component. */
  allPrimary(machines: readonly Machine[] = [...this.wanted]): boolean {
    const component = machines[0]?.server?.component;
    return machines.length > 0 &&
      machines.every((one) => one.server?.component === component && this.isPrimary(one));
  }

  /** Whether it is registered and Synced in a primary component. */
  isPrimary({ running, member, server, session, address }: Machine): boolean {
    const component = server?.component ?? null;
    return running && member!.progress.status.stage === "registered" &&
      server!.alive && server!.phase === "synced" &&
      component !== null && component.primary && !component.frozen &&
      this.checker.isRegistered(address, session);
  }

  /** What each member does now, for a test that failed. */
  get summary(): string {
    return this.everyMachine.map((one) => `${one.name}: ${one.doing}`).join("\n");
  }
}

function describeEnd(how: KeeperEnd): string {
  switch (how.kind) {
    case "returned":
      return how.status === null
        ? "as told"
        : `with mariadbd's ${how.status.code ?? how.status.signal}`;
    case "refused":
      return `${how.error.exitStatus}: ${how.error.message}`;
    case "broke":
      return `by a mistake: ${how.error}`;
    case "killed":
      return "killed";
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
