/** What a scripted history is told with: one event after the other, each awaited. */
import assert from "node:assert/strict";
import type { SimDatadir } from "../datadir.ts";
import type { Machine } from "../machine.ts";
import { type Outcome, Person } from "../person.ts";
import { Simulation, type SimulationOptions } from "../simulation.ts";

const MINUTE_MS = 60_000;

/** A history that the right product comes through and a mutant does not. */
export interface History {
  readonly name: string;
  readonly options?: Partial<SimulationOptions>;
  play(script: Script): Promise<void>;
}

/** Plays a history with one seed: the events are the same in each, how long things take is not. */
export async function playHistory(history: History, seed: number): Promise<void> {
  const simulation = new Simulation({ members: 3, size: 3, ...history.options, seed });
  const script = new Script(simulation);
  let failure: unknown = null;
  try {
    await history.play(script);
    assert.deepEqual(simulation.checker.violations, []);
  } catch (error) {
    failure = error;
  }
  simulation.stopClients();
  if (failure === null) return;
  const what =
    simulation.checker.violations.map(({ guarantee, what }) =>
      `guarantee ${guarantee}: ${what}`
    )[0] ?? (failure instanceof Error ? failure.message : String(failure));
  throw new HistoryError(what, simulation.timeline, { cause: failure });
}

/** What went wrong in a history. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  readonly timeline: readonly string[];

  constructor(what: string, timeline: readonly string[], options: ErrorOptions) {
    super(what, options);
    this.timeline = timeline;
  }
}

/** One run of a history. */
export class Script {
  readonly simulation: Simulation;
  readonly person: Person;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.person = new Person(simulation);
  }

  /** The machines, by their numbers from 1. */
  get machines(): readonly [Machine, Machine, Machine] {
    return this.simulation.machines as unknown as [Machine, Machine, Machine];
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean, what: string, withinMs = 5 * MINUTE_MS): Promise<void> {
    const { checker, summary } = this.simulation;
    const over = () => holds() || checker.violations.length > 0;
    await this.simulation.run(withinMs, over);
    assert.deepEqual(checker.violations, []);
    assert.ok(holds(), `It does not come to that: ${what}\n${summary}`);
  }

  /** Lets time pass; a violation ends it. */
  async wait(forMs: number): Promise<void> {
    const { checker } = this.simulation;
    await this.simulation.run(forMs, () => checker.violations.length > 0);
    assert.deepEqual(checker.violations, []);
  }

  /** Until all, or these, are registered, Synced and Primary together. */
  async up(...machines: readonly Machine[]): Promise<void> {
    const all = machines.length > 0 ? machines : this.simulation.machines;
    const names = all.map(({ name }) => name).join(", ");
    await this.until(() => this.simulation.allPrimary(all), `${names} are up`);
  }

  /** Starts all and lets clients commit for a while. */
  async serving(): Promise<void> {
    this.simulation.start();
    await this.up();
    this.simulation.startClients();
    await this.wait(10_000);
    assert.ok(this.simulation.checker.counts.acknowledged > 20, "clients got nowhere");
  }

  /** Clients commit nothing from now on, and all that they did commit is applied everywhere. */
  async quiet(): Promise<void> {
    this.simulation.stopClients();
    await this.wait(1000);
  }

  /** Stops them in order, one after the other. */
  async stop(...machines: readonly Machine[]): Promise<void> {
    for (const machine of machines) {
      this.simulation.stop(machine);
      await this.until(
        () => !machine.running && !machine.server?.alive,
        `${machine.name} has stopped`,
      );
      await this.wait(1000);
    }
  }

  /** They lose power, and nobody starts them again. */
  crash(...machines: readonly Machine[]): void {
    for (const machine of machines) {
      this.simulation.wanted.delete(machine);
      this.simulation.note(`${machine.name} crashes`);
      machine.crash();
    }
  }

  /**
   * Until somebody is at a step: `before` its effect, which nothing of this turn can stop any more, or
   * `after` it.
   */
  async step(step: RegExp, machine?: Machine): Promise<Machine> {
    let at: Machine | null = null;
    this.simulation.onStep = (stepping, what) => {
      if (machine !== undefined && stepping !== machine || !step.test(what)) return;
      at = stepping;
      this.simulation.onStep = () => {};
      this.simulation.note(`${stepping.name} is at: ${what}`);
    };
    await this.until(() => at !== null, `a step ${step}`);
    return at!;
  }

  /** A person's command is carried out. */
  async command(outcome: Promise<Outcome>): Promise<void> {
    let kind: string | null = null;
    outcome.then((done) => kind = done.kind);
    await this.until(() => kind !== null, "a command ends");
    assert.ok(kind !== "refused" && kind !== "changed", `the command is ${kind}`);
  }

  /** Cuts the way of machines to the ensemble, or heals it. */
  ensembleLink(up: boolean, ...machines: readonly Machine[]): void {
    for (const machine of machines) {
      this.simulation.note(`${machine.name} ${up ? "reaches" : "is cut from"} the ensemble`);
      machine.link.set(up);
    }
  }

  /** Cuts the ways between a machine and all others, or heals them. */
  galeraLink(up: boolean, machine: Machine): void {
    const { galera, machines } = this.simulation;
    this.simulation.note(`${machine.name} ${up ? "hears" : "is cut from"} the others`);
    for (const other of machines) {
      if (other !== machine) galera.link(machine.address, other.address, up);
    }
  }

  /** Until a machine's session has ended. */
  async sessionEnded(machine: Machine): Promise<void> {
    const { ensemble } = this.simulation;
    const owner = `/mariadb/members/${machine.name}/owner`;
    await this.until(
      () => ensemble.settled.tree.get(owner) === null,
      `the session of ${machine.name} ends`,
    );
  }

  /** Until a member waits, and says why. */
  async waits(machine: Machine, reason: RegExp): Promise<void> {
    await this.until(() => {
      const { stage, doing } = machine.member!.progress.status;
      return machine.running && stage === "waiting" && reason.test(doing);
    }, `${machine.name} waits: ${reason}`);
  }

  /** What a znode holds, or null. */
  znode(path: string): Record<string, unknown> | null {
    const node = this.simulation.ensemble.settled.tree.get(`/mariadb/${path}`);
    return node === null ? null : JSON.parse(new TextDecoder().decode(node.data));
  }
}

/** What another cluster's datadir holds, further on than any here. */
export function foreign(datadir: SimDatadir, seqno: bigint): void {
  const uuid = "f0f0f0f0-0000-4000-8000-00000000f0f0";
  datadir.empty();
  datadir.kind = "data";
  datadir.uuid = uuid;
  datadir.head = { uuid, seqno, parent: null, by: "another cluster", kind: "commit" };
}
