/** What goes wrong in a seed's run, and how it heals. */
import { AIMED_FAULTS } from "./aimed_faults.ts";
import { Attendant } from "./attendant.ts";
import { DISK_FAULTS } from "./disk_faults.ts";
import type { Machine } from "./machine.ts";
import { NETWORK_FAULTS } from "./network_faults.ts";
import { actAsTold, PERSON_FAULTS } from "./person_faults.ts";
import { SCALE_FAULTS } from "./scale_faults.ts";
import type { Simulation } from "./simulation.ts";

/** One kind of fault: what it does, and how often it comes, compared to the others. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  strike(run: FaultRun): void;
}

/** What a fault works with. */
export class FaultRun {
  readonly simulation: Simulation;
  /** How often each struck. */
  readonly counts = new Map<string, number>();
  #healing: (() => void)[] = [];
  #over = false;
  /** Who looks after it all. */
  readonly attendant: Attendant;

  readonly #kinds: readonly Fault[];
  readonly #mayStrike: (fault: Fault) => boolean;

  /**
   * @param without Kinds of faults that are left out.
   * @param mayStrike Whether one may strike now.
   */
  constructor(
    simulation: Simulation,
    without: readonly Fault[] = [],
    mayStrike: (fault: Fault) => boolean = () => true,
  ) {
    this.simulation = simulation;
    this.#mayStrike = mayStrike;
    this.#kinds = ALL_FAULTS().filter((fault) => !without.includes(fault));
    this.attendant = new Attendant(simulation);
  }

  get random() {
    return this.simulation.random;
  }

  get machine(): Machine {
    return this.random.pick(this.simulation.machines);
  }

  /** Some of the machines, at least one. */
  get some(): Machine[] {
    const all = this.random.shuffle(this.simulation.machines);
    return all.slice(0, this.random.between(1, all.length));
  }

  /** Undoes something after a while, at the latest when all heals. */
  heal(afterMs: number, undo: () => void): void {
    let isDone = false;
    const once = () => {
      if (isDone) return;
      isDone = true;
      undo();
    };
    this.#healing.push(once);
    this.simulation.time.after(afterMs, once);
  }

  later(afterMs: number, then: () => void): void {
    this.simulation.time.after(afterMs, () => {
      if (!this.#over) then();
    });
  }

  /** Lets faults strike for so long. */
  async run(durationMs: number): Promise<void> {
    const { time } = this.simulation;
    const endMs = time.nowMs + durationMs;
    // Some runs are rough, some have a fault or two.
    const meanMs = this.random.pick([1_000, 4_000, 15_000, 40_000]);
    const weights = this.#chooseFaults();
    while (time.nowMs < endMs) {
      await this.simulation.run(this.random.between(1, 2 * meanMs));
      const fault = this.#pick(weights);
      if (!this.#mayStrike(fault)) continue;
      this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1);
      fault.strike(this);
    }
  }

  /**
   * Each run has some kinds of faults only, some of them more often than in other runs: what needs
   * two kinds to come together, and a third not to come between, happens in few runs otherwise.
   */
  #chooseFaults(): ReadonlyMap<Fault, number> {
    const share = this.random.pick([0.15, 0.4, 1]);
    const weights = new Map<Fault, number>();
    for (const fault of this.#kinds) {
      const isIn = this.random.chance(share);
      const factor = this.random.pick([0.3, 1, 1, 4]);
      if (isIn) weights.set(fault, fault.weight * factor);
    }
    if (weights.size === 0) weights.set(this.random.pick(this.#kinds), 1);
    return weights;
  }

  #pick(weights: ReadonlyMap<Fault, number>): Fault {
    let at = this.random.fraction() * [...weights.values()].reduce((sum, one) => sum + one, 0);
    for (const [fault, weight] of weights) if ((at -= weight) < 0) return fault;
    return [...weights.keys()][0]!;
  }

  /** Somebody looks every now and then, as the first start without `--size` needs. */
  attended(): void {
    const look = () => {
      actAsTold(this);
      this.later(this.random.between(5_000, 60_000), look);
    };
    this.later(this.random.between(1_000, 20_000), look);
  }

  /** Everything works again, and everybody is to be up. */
  healAll(): void {
    this.#over = true;
    for (const undo of this.#healing.splice(0)) undo();
    this.simulation.onStep = () => {};
    for (const machine of this.simulation.machines) machine.aborts = machine.failedRecoveries = 0;
    this.simulation.start();
  }

  note(text: string): void {
    this.simulation.note(`FAULT ${text}`);
  }
}

const LENGTHS_MS = [[50, 1500], [2000, 9000], [10_000, 60_000]] as const;

/** Short, long, longer than a session's timeout. */
export function aWhile(run: FaultRun): number {
  const [low, high] = run.random.pick(LENGTHS_MS);
  return run.random.between(low, high);
}

function names(machines: readonly Machine[]): string {
  return machines.map(({ name }) => name).join(", ");
}

/** Cuts the ways between two sides, as far as they are not cut already. */
function cut(run: FaultRun, side: readonly Machine[], ms: number): void {
  const { galera, machines } = run.simulation;
  const others = machines.filter((one) => !side.includes(one));
  for (const a of side) {
    for (const b of others) {
      const [one, other] = [a.address, b.address];
      if (!galera.linked(one, other)) continue;
      galera.link(one, other, false);
      run.heal(ms, () => galera.link(one, other, true));
    }
  }
}

/** Cuts the way to the ensemble, where it is not cut already. */
export function cutFromEnsemble(run: FaultRun, machines: readonly Machine[], ms: number): void {
  for (const machine of machines.filter(({ link }) => link.up)) {
    machine.link.set(false);
    run.heal(ms, () => machine.link.set(true));
  }
}

/** All kinds; the lists know each other, so they are put together late. */
const ALL_FAULTS = (): readonly Fault[] => [
  ...FAULTS,
  ...AIMED_FAULTS,
  ...DISK_FAULTS,
  ...SCALE_FAULTS,
  ...PERSON_FAULTS,
  ...NETWORK_FAULTS,
];

const FAULTS: readonly Fault[] = [
  {
    name: "keeper killed",
    weight: 4,
    strike(run) {
      const { machine } = run;
      run.note(`keeper of ${machine.name} is killed`);
      machine.kill();
    },
  },
  {
    name: "mariadbd killed",
    weight: 4,
    strike(run) {
      const { machine } = run;
      run.note(`mariadbd of ${machine.name} is killed`);
      machine.server?.kill();
    },
  },
  {
    name: "machine crashed",
    weight: 4,
    strike(run) {
      const { machine } = run;
      run.note(`${machine.name} crashes`);
      machine.crash();
    },
  },
  {
    name: "crash at a step",
    weight: 5,
    strike(run) {
      const { machine } = run;
      let steps = run.random.between(1, run.random.pick([6, 30, 100]));
      const whole = run.random.chance(0.5);
      run.simulation.onStep = (stepping, what) => {
        if (stepping !== machine || --steps > 0) return;
        run.simulation.onStep = () => {};
        queueMicrotask(() => {
          run.note(`${machine.name} ${whole ? "crashes" : "loses its keeper"}: ${what}`);
          const isAway = run.random.chance(0.4);
          if (isAway) run.simulation.wanted.delete(machine);
          if (whole) machine.crash();
          else machine.kill();
          if (isAway) run.heal(aWhile(run), () => run.simulation.start(machine));
        });
      };
    },
  },
  {
    name: "all crashed",
    weight: 2,
    strike(run) {
      run.note("all machines crash");
      for (const machine of run.simulation.machines) {
        run.later(run.random.chance(0.5) ? 0 : run.random.between(0, 8000), () => machine.crash());
      }
    },
  },
  {
    name: "machine crashed for long",
    weight: 3,
    strike(run) {
      const { machine } = run;
      run.note(`${machine.name} crashes and stays away`);
      run.simulation.wanted.delete(machine);
      machine.crash();
      run.heal(aWhile(run), () => run.simulation.start(machine));
    },
  },
  {
    name: "paused",
    weight: 4,
    strike(run) {
      const { machine } = run;
      const all = run.random.chance(0.4);
      if (machine.process?.paused) return;
      run.note(`${machine.name}: ${all ? "all" : "the keeper"} stands still`);
      machine.pause(all);
      run.heal(aWhile(run), () => {
        run.note(`${machine.name} goes on`);
        machine.resume();
      });
    },
  },
  {
    name: "cut from the ensemble",
    weight: 4,
    strike(run) {
      const some = run.random.chance(0.6) ? [run.machine] : run.some;
      run.note(`${names(some)} cut from the ensemble`);
      cutFromEnsemble(run, some, aWhile(run));
    },
  },
  {
    name: "cut from each other",
    weight: 4,
    strike(run) {
      const { some } = run;
      run.note(`${names(some)} cut from the others`);
      cut(run, some, aWhile(run));
    },
  },
  {
    name: "all cut from each other",
    weight: 1,
    strike(run) {
      run.note("all cut from each other");
      const ms = aWhile(run);
      for (const machine of run.simulation.machines) cut(run, [machine], ms);
    },
  },
  {
    name: "cut from everything",
    weight: 2,
    strike(run) {
      const { some } = run;
      run.note(`${names(some)} cut from the others and the ensemble`);
      const ms = aWhile(run);
      cut(run, some, ms);
      cutFromEnsemble(run, some, ms);
    },
  },
  {
    name: "connection dropped",
    weight: 8,
    strike(run) {
      const { machine } = run;
      run.note(`${machine.name}'s connection drops`);
      machine.session?.drop();
    },
  },
  {
    name: "connection dropped at a write",
    weight: 6,
    strike(run) {
      const { machine } = run;
      const afterMs = run.random.between(0, 8);
      run.simulation.onStep = (stepping, what) => {
        if (stepping !== machine || !/^(multi|create|write|delete) .*before$/.test(what)) return;
        run.simulation.onStep = () => {};
        run.note(`${machine.name}'s connection drops: ${what}`);
        run.later(afterMs, () => machine.session?.drop());
      };
    },
  },
  {
    name: "disk emptied",
    weight: 1.5,
    strike(run) {
      const down = run.simulation.machines.filter(({ running }) => !running);
      const machine = down.length > 0 && run.random.chance(0.5)
        ? run.random.pick(down)
        : run.machine;
      run.note(`${machine.name} crashes and loses its disk`);
      machine.crash();
      machine.datadir.empty();
      run.simulation.checker.excuses.diskLost(machine.name);
    },
  },
  {
    name: "ensemble restarted",
    weight: 2,
    strike(run) {
      const { ensemble } = run.simulation;
      if (!ensemble.up) return;
      run.note("the ensemble stops");
      ensemble.stop();
      run.heal(aWhile(run), () => {
        run.note("the ensemble starts");
        ensemble.start();
      });
    },
  },
  {
    name: "ensemble emptied",
    weight: 0.5,
    strike(run) {
      const { ensemble } = run.simulation;
      if (!ensemble.up) return;
      run.note("the ensemble stops and loses its data");
      ensemble.stop();
      run.heal(aWhile(run), () => {
        run.note("the ensemble starts with nothing");
        ensemble.start("nothing");
        run.simulation.checker.excuses.ensembleEmptied();
      });
    },
  },
  {
    name: "znodes deleted",
    weight: 0.5,
    strike(run) {
      if (!run.simulation.ensemble.up) return;
      run.note("a person deletes all znodes");
      run.simulation.ensemble.deleteBelow("/mariadb");
      run.simulation.checker.excuses.ensembleEmptied();
    },
  },
  {
    name: "server of the ensemble behind",
    weight: 2,
    strike(run) {
      const server = run.random.pick(run.simulation.ensemble.servers);
      run.note("a server of the ensemble falls behind");
      server.lagMs = run.random.between(100, 3000);
      run.heal(aWhile(run), () => server.lagMs = 3);
    },
  },
  {
    name: "session ended",
    weight: 2,
    strike(run) {
      const { machine } = run;
      run.note(`${machine.name}'s session is ended`);
      machine.session?.expire();
    },
  },
  {
    name: "stopped one by one",
    weight: 2,
    strike(run) {
      run.note("all are stopped in order");
      let inMs = 0;
      const order = run.random.shuffle(run.simulation.machines);
      const last = order.at(-1)!;
      if (run.random.chance(0.2)) {
        run.later(20_000, () => {
          if (last.running || last.server?.alive) return;
          run.note(`${last.name}, the last, loses its disk`);
          last.datadir.empty();
          run.simulation.checker.excuses.diskLost(last.name);
        });
      }
      for (const machine of order) {
        run.later(inMs, () => {
          run.simulation.stop(machine);
          run.heal(aWhile(run) + 30_000, () => run.simulation.start(machine));
        });
        inMs += run.random.between(200, 4000);
      }
    },
  },
  {
    name: "stopped at once",
    weight: 2,
    strike(run) {
      const some = run.random.chance(0.5) ? run.some : run.simulation.machines;
      run.note(`stopped at once: ${names(some)}`);
      run.simulation.stop(...some);
      const isAgain = run.random.chance(0.3);
      if (isAgain) run.later(run.random.between(0, 4000), () => some.forEach((one) => one.stop()));
      for (const machine of some) run.heal(aWhile(run), () => run.simulation.start(machine));
    },
  },
  {
    name: "SST hangs",
    weight: 1,
    strike(run) {
      const { machine } = run;
      run.note(`the next SST to ${machine.name} hangs`);
      machine.nextTransferHangs = true;
    },
  },
];
