/**
 * A cluster that is run by hand and is taken over: systemd starts its servers again and again, somebody
 * adopts one or two of them, stops one after the other and starts a keeper in its place, as the README has it.
 */
import type { Fault } from "./faults.ts";
import type { Machine } from "./machine.ts";
import type { Simulation } from "./simulation.ts";

/** How long nobody serves before a person gives up waiting. */
const OUTAGE_MS = 40_000;

/** Faults that take a disk's data away. */
const LOSES_DISKS = [
  "disk emptied",
  "disk lost while it starts",
  "SST hangs while others wait",
  "stopped one by one",
];

/** systemd's `TimeoutStartSec`. */
const START_MS = 90_000;

/** Brings a cluster up that nobody keeps. */
export async function startAllByHand(simulation: Simulation): Promise<void> {
  const { machines } = simulation;
  const addresses = machines.map(({ address }) => address);
  for (const machine of machines) machine.byHand = true;
  for (const machine of machines) {
    machine.startByHand(machine === machines[0] ? null : addresses);
    const isSynced = () => machine.server!.status()?.synced === true;
    if (!await simulation.run(120_000, isSynced)) throw new Error(`${machine.name} is not Synced`);
  }
}

/** One migration. */
export class Migration {
  readonly #simulation: Simulation;
  /** Whose servers systemd starts no more. */
  readonly #masked = new Set<Machine>();
  #isOver = false;
  #isBusy = false;
  #servedAtMs = 0;
  #registeredAtMs = 0;
  #isHurried = false;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Brings the cluster up by hand, and has somebody begin. */
  async begin(): Promise<void> {
    const { machines, random, time } = this.#simulation;
    await startAllByHand(this.#simulation);
    this.#servedAtMs = this.#registeredAtMs = time.nowMs;
    for (const machine of machines) this.#keepUp(machine);
    for (const machine of random.shuffle(machines).slice(0, random.chance(0.3) ? 2 : 1)) {
      time.after(random.between(0, 5000), () => this.#adopt(machine));
    }
    time.after(random.between(2000, 30_000), () => this.#goOn());
  }

  /** All works again: what is left is taken over without further ado. */
  async end(): Promise<void> {
    this.#isHurried = true;
    const isDone = () => this.#left.length === 0 || this.#simulation.checker.violations.length > 0;
    if (!await this.#simulation.run(30 * 60_000, isDone)) {
      this.#simulation.checker.violation(4, `not all are taken over:\n${this.#simulation.summary}`);
    }
    this.#isOver = true;
    this.#simulation.start();
  }

  /** Until the cluster is on record nobody can know what a disk held that is lost. */
  mayStrike({ name }: Fault): boolean {
    const isOnRecord = this.#simulation.ensemble.settled.tree.get("/mariadb/cluster") !== null;
    return isOnRecord || !LOSES_DISKS.includes(name);
  }

  get #addresses(): readonly string[] {
    return this.#simulation.machines.map(({ address }) => address);
  }

  get #left(): readonly Machine[] {
    return this.#simulation.machines.filter(({ byHand }) => byHand);
  }

  #adopt(machine: Machine): void {
    if (machine.byHand && !this.#masked.has(machine)) this.#simulation.start(machine);
  }

  /**
   * systemd: what has ended is started again, with all addresses that are in its option file; what does not
   * come up is killed.
   */
  #keepUp(machine: Machine, silentMs = 0): void {
    const { random, time } = this.#simulation;
    if (!machine.byHand) return;
    const { server } = machine;
    const isLeft = !this.#masked.has(machine);
    if (isLeft && !server?.alive) machine.startByHand(this.#addresses);
    else if (silentMs > START_MS) server?.kill();
    const inMs = random.between(1000, 5000);
    const isSilent = server?.alive && !server.paused && server.status() === null;
    time.after(inMs, () => this.#keepUp(machine, isSilent ? silentMs + inMs : 0));
  }

  /** A person looks every now and then, and takes the next one over where all is calm. */
  #goOn(): void {
    const { random, time } = this.#simulation;
    if (this.#isOver || this.#left.length === 0) return;
    time.after(random.between(2000, this.#isHurried ? 4000 : 20_000), () => this.#goOn());
    if (this.#servesAnywhere) this.#servedAtMs = time.nowMs;
    if (this.#isRegisteredAnywhere) this.#registeredAtMs = time.nowMs;
    if (this.#isBusy) return;
    if (time.nowMs - this.#servedAtMs > OUTAGE_MS) {
      this.#simulation.note("PERSON stops all servers, as nobody serves, and starts keepers");
      for (const machine of this.#left) this.#takeOver(machine);
    } else if (time.nowMs - this.#registeredAtMs > OUTAGE_MS && this.#waiting !== undefined) {
      this.#giveBack(this.#waiting);
    } else if (this.#isCalm) this.#takeOver(this.#next);
    else if (this.#left.every((one) => !one.running)) this.#adopt(random.pick(this.#left));
  }

  get #servesAnywhere(): boolean {
    return this.#simulation.machines.some(({ server }) => server?.status()?.synced === true);
  }

  get #isRegisteredAnywhere(): boolean {
    return this.#simulation.machines.some((one) => this.#simulation.isPrimary(one));
  }

  /** One that was taken over, and nobody is registered that it could join. */
  get #waiting(): Machine | undefined {
    return this.#simulation.machines.find(({ byHand, server }) => !byHand && !server?.alive);
  }

  /** As an adoption that is refused says: it is run by hand again, so that it joins the others. */
  #giveBack(machine: Machine): void {
    this.#simulation.note(`PERSON runs ${machine.name} by hand again`);
    this.#registeredAtMs = this.#simulation.time.nowMs;
    this.#simulation.stop(machine);
    const start = () => {
      if (!machine.isDown) {
        this.#simulation.time.after(500, start);
        return;
      }
      machine.byHand = true;
      this.#masked.delete(machine);
      this.#keepUp(machine);
    };
    this.#simulation.time.after(500, start);
  }

  /** All are Synced, those with a keeper are registered, and one of them is another than the next. */
  get #isCalm(): boolean {
    const { machines } = this.#simulation;
    const registered = machines.filter((one) => this.#simulation.isPrimary(one));
    return machines.every((one) =>
      one.byHand ? one.server?.status()?.synced === true : registered.includes(one)
    ) && registered.some((one) => one !== this.#next);
  }

  /** Those that nobody adopted come first. */
  get #next(): Machine {
    const left = this.#left;
    return left.find((one) => !this.#simulation.wanted.has(one)) ?? left[0]!;
  }

  /** `systemctl mask --now`, then `galera-keeper run`. */
  #takeOver(machine: Machine): void {
    if (this.#masked.has(machine)) return;
    const { random, time, wanted } = this.#simulation;
    this.#simulation.note(`PERSON takes ${machine.name} over`);
    this.#isBusy = true;
    this.#masked.add(machine);
    wanted.delete(machine);
    if (random.chance(0.3)) machine.stop();
    machine.server?.terminate();
    const start = () => {
      if (machine.server?.alive) machine.server.terminate();
      else if (!machine.running) {
        machine.byHand = false;
        this.#isBusy = this.#left.some((one) => this.#masked.has(one));
        this.#simulation.start(machine);
        return;
      }
      wanted.delete(machine);
      time.after(500, start);
    };
    time.after(500, start);
  }
}
