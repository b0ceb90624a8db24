/**
 * A person who looks after the members: reads what those that wait say a person is to do, and does
 * that, with the commands and with their hands. Nothing else is known to them of what went wrong.
 */
import type { Machine } from "./machine.ts";
import { type Outcome, Person } from "./person.ts";
import type { Simulation } from "./simulation.ts";

/** A person who does what they are told, sometimes at a bad moment. */
export class Attendant {
  readonly person: Person;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.person = new Person(simulation);
  }

  /** What a member that waits says a person is to do; null where none does. */
  get told(): { readonly machine: Machine; readonly sentence: string } | null {
    const { machines, random } = this.#simulation;
    for (const machine of random.shuffle(machines)) {
      if (!machine.running) continue;
      const { stage, decision } = machine.member!.progress.status;
      if (stage !== "waiting" || decision?.kind !== "wait" || decision.person === null) continue;
      return { machine, sentence: decision.person };
    }
    return null;
  }

  /** Does what somebody says; nothing where nobody does. */
  async attend(): Promise<void> {
    const { told } = this;
    if (told === null) return this.#saysHowMany();
    const { machine, sentence } = told;
    this.#simulation.note(`PERSON reads what ${machine.name} says: ${sentence}`);
    await this.#do(machine, sentence);
  }

  /** Forgets a member, having made sure of what its plan says. */
  async forget(name: string): Promise<void> {
    this.#makeSureOfTheRest();
    await this.person.forget(name);
  }

  /** Has a member bootstrap; by force having made sure of what the plan says, else of who is there. */
  async bootstrap(name: string, force: boolean): Promise<Outcome | null> {
    const { machines } = this.#simulation;
    const all = machines.every((one) => this.#isOnRecord(`members/${one.name}`));
    if (!force && !all) return null;
    if (force) this.#makeSureOfTheRest();
    return await this.person.bootstrap(name, { force });
  }

  async #do(machine: Machine, sentence: string): Promise<void> {
    const { machines, random } = this.#simulation;
    if (sentence.includes("galera-keeper resume")) return void await this.person.resume();
    const started = machines.filter((one) =>
      !one.running && sentence.startsWith(`Start ${one.name} again`)
    );
    if (started.length > 0) return this.#simulation.start(...started);
    const forced = /bootstrap --force --member ([\w-]+)/.exec(sentence)?.[1];
    if (forced !== undefined) {
      const one = forced === "NAME" ? this.#choice(sentence) : forced;
      if (this.#startFirst(one)) return;
      const outcome = await this.bootstrap(one, true);
      // The other way that it says.
      const other = /^Have ([\w-]+) bootstrap: .* empty it/.exec(sentence)?.[1];
      if (outcome?.kind === "refused" && other !== undefined) {
        for (const each of machines) if (each.name === other) this.#empty(each);
      }
      return;
    }
    const forgotten = [...sentence.matchAll(/galera-keeper forget ([\w-]+)/g)].map(([, name]) =>
      name!
    );
    if (forgotten.length > 0) {
      for (const name of forgotten) await this.forget(name);
      return;
    }
    if (sentence.includes("--size N")) {
      const all = machines.every(({ name }) => this.#isOnRecord(`members/${name}`));
      if (!all || random.chance(0.5)) return this.#startWithSize();
      return void await this.bootstrap(random.pick(machines).name, false);
    }
    if (sentence.includes("delete their znodes below members/")) return this.#chooseCluster();
    const first = /^Start ([\w-]+) again, or go on without it: empty/.exec(sentence)?.[1];
    if (first !== undefined && this.#startFirst(first)) return;
    if (sentence.includes("delete the znodes below the root")) return await this.#goOnOrBeginAnew();
    if (sentence.includes("empty it")) return this.#empty(machine);
    this.#simulation.checker.violation(4, `nobody can do as ${machine.name} says: ${sentence}`);
  }

  /** Whether a member has to be started before anything else; it is, also one that was taken away. */
  #startFirst(name: string): boolean {
    const { everyMachine, removed } = this.#simulation;
    const machine = everyMachine.find((one) => one.name === name);
    if (machine === undefined || machine.running) return false;
    if (removed.includes(machine)) this.#simulation.takeBack(machine);
    this.#simulation.start(machine);
    return true;
  }

  #isOnRecord(path: string): boolean {
    return this.#simulation.ensemble.settled.tree.get(`/mariadb/${path}`) !== null;
  }

  /** `NAME`: one of those that it says, or anybody. */
  #choice(sentence: string): string {
    const { machines, everyMachine, random } = this.#simulation;
    const named = everyMachine.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(sentence));
    const able = named.length > 0 ? named : machines.filter(({ datadir }) => !datadir.torn);
    return random.pick(able.length > 0 ? able : machines).name;
  }

  /** As the plan has it: no server still runs of which the ensemble does not know. */
  #makeSureOfTheRest(): void {
    for (const machine of this.#simulation.everyMachine) {
      if (!machine.server?.alive || this.#isOnRecord(`members/${machine.name}/owner`)) continue;
      this.#simulation.note(`PERSON switches ${machine.name} off, which nobody knew to run`);
      machine.crash();
    }
  }

  /** Members that wait for others than there are say so, and no more. */
  #saysHowMany(): void {
    const { machines } = this.#simulation;
    const said = machines.map(({ sizeInForce }) => sizeInForce ?? 0);
    if (Math.max(...said) > machines.length) this.#startWithSize();
  }

  #startWithSize(): void {
    const { machines, wanted } = this.#simulation;
    for (const machine of machines) {
      machine.size = machines.length;
      // Told to stop, it is started again by whoever keeps it up.
      if (machine.running && wanted.has(machine)) machine.stop();
    }
  }

  #empty(machine: Machine): void {
    machine.crash();
    machine.datadir.empty();
    this.#simulation.checker.excuses.copyLost(machine.name, "was emptied as told");
  }

  /** The cluster is the one whose data most hold. */
  #chooseCluster(): void {
    const { machines, ensemble } = this.#simulation;
    const count = new Map<string, number>();
    for (const { datadir: { uuid } } of machines) {
      if (uuid !== null) count.set(uuid, (count.get(uuid) ?? 0) + 1);
    }
    const chosen = [...count].sort(([, a], [, b]) => b - a)[0]?.[0];
    for (const machine of this.#simulation.everyMachine) {
      if (machine.datadir.uuid === chosen) continue;
      if (!machine.isDown) machine.crash();
      if (machine.datadir.uuid !== null) this.#empty(machine);
      ensemble.deleteBelow(`/mariadb/members/${machine.name}`);
    }
  }

  /** Somebody may hold an older copy; where nobody does, all is lost. */
  async #goOnOrBeginAnew(): Promise<void> {
    const { ensemble, checker, everyMachine, machines } = this.#simulation;
    for (const { name, datadir } of machines) {
      if (datadir.kind !== "data" || datadir.torn) continue;
      this.#makeSureOfTheRest();
      const outcome = await this.person.bootstrap(name, { force: true });
      if (outcome.kind !== "refused") return;
    }
    this.#simulation.note("PERSON begins anew");
    for (const machine of everyMachine) this.#empty(machine);
    ensemble.deleteBelow("/mariadb");
    checker.excuses.ensembleEmptied();
  }
}
