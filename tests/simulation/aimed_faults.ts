/** Faults aimed at the steps of a start: what strikes at random instants seldom hits the moment that counts. */
import type { Fault, FaultRun } from "./faults.ts";
import { aWhile, cutFromEnsemble } from "./faults.ts";
import type { Machine } from "./machine.ts";

/** The steps of a start that others must not see half done, and how they are called in the timeline. */
const STEPS = [
  /^create .*__lock__.*after$/,
  /^multi .*__lock__.*before$/,
  /^multi .*__lock__.*after$/,
  /^write the identity, (before|after)$/,
  /^spawn to .*before$/,
  /^spawn to .*after$/,
  /^multi \/mariadb\/cluster, before$/,
  /^multi \/mariadb\/cluster, after$/,
  /^make writable, (before|after)$/,
];

/** Strikes when somebody, or a given machine, is at one of the steps. */
function atStep(run: FaultRun, strike: (machine: Machine, what: string) => void): void {
  const step = run.random.pick(STEPS);
  const chosen = run.random.chance(0.5) ? run.machine : null;
  run.simulation.onStep = (stepping, what) => {
    if ((chosen !== null && stepping !== chosen) || !step.test(what)) return;
    run.simulation.onStep = () => {};
    queueMicrotask(() => strike(stepping, what));
  };
}

/** Longer than a session's timeout. */
function long(run: FaultRun): number {
  return run.random.between(11_000, 40_000);
}

/** In `FAULTS`, with the others. */
export const AIMED_FAULTS: readonly Fault[] = [
  {
    name: "paused at a step",
    weight: 3,
    strike(run) {
      const all = run.random.chance(0.4);
      const ms = run.random.chance(0.7) ? long(run) : aWhile(run);
      atStep(run, (machine, what) => {
        if (machine.process?.paused) return;
        run.note(`${machine.name}: ${all ? "all" : "the keeper"} stands still: ${what}`);
        machine.pause(all);
        run.heal(ms, () => {
          run.note(`${machine.name} goes on`);
          machine.resume();
        });
      });
    },
  },
  {
    name: "cut from the ensemble at a step",
    weight: 3,
    strike(run) {
      const ms = run.random.chance(0.7) ? long(run) : aWhile(run);
      atStep(run, (machine, what) => {
        run.note(`${machine.name} cut from the ensemble: ${what}`);
        cutFromEnsemble(run, [machine], ms);
      });
    },
  },
  {
    name: "disk lost while it starts",
    weight: 1,
    strike(run) {
      atStep(run, (machine, what) => {
        run.note(`${machine.name} crashes and loses its disk: ${what}`);
        machine.crash();
        machine.datadir.empty();
        run.simulation.checker.excuses.diskLost(machine.name);
      });
    },
  },
  {
    name: "SST hangs while others wait",
    weight: 1,
    strike(run) {
      const [one, other] = run.random.shuffle(run.simulation.machines) as [Machine, Machine];
      run.note(`${one.name} loses its disk and its SST hangs; ${other.name} crashes`);
      one.crash();
      one.datadir.empty();
      run.simulation.checker.excuses.diskLost(one.name);
      one.nextTransferHangs = true;
      run.later(run.random.between(0, 8000), () => other.crash());
    },
  },
  {
    name: "one goes on alone",
    weight: 2,
    strike(run) {
      // The last of an ordered stop has what nobody else has.
      const order = run.random.shuffle(run.simulation.machines);
      const last = order.pop()!;
      run.note(`all stop but ${last.name}, which crashes later`);
      let inMs = 0;
      for (const machine of order) {
        run.later(inMs, () => {
          run.simulation.stop(machine);
          run.heal(run.random.between(12_000, 40_000), () => run.simulation.start(machine));
        });
        inMs += run.random.between(0, 1500);
      }
      run.later(inMs + run.random.between(500, 9000), () => {
        run.simulation.wanted.delete(last);
        last.crash();
        run.heal(run.random.between(15_000, 60_000), () => run.simulation.start(last));
      });
    },
  },
];
