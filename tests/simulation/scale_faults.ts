/** Members that come and go for good. */
import type { Fault, FaultRun } from "./faults.ts";

const FEWEST = 2;
const MOST = 7;

/** What a person says of the new size, to keepers that start from now on. */
function sayHowMany(run: FaultRun): void {
  if (run.random.chance(0.5)) return;
  const { machines } = run.simulation;
  for (const machine of machines) {
    // Who goes without --size, or as the lab does, goes on so.
    if (machine.size !== null && machine.size > 1) machine.size = machines.length;
  }
}

/** With the others in `faults.ts`. */
export const SCALE_FAULTS: readonly Fault[] = [
  {
    name: "member added",
    weight: 1.5,
    strike(run) {
      const { simulation, random } = run;
      const { machines, removed, checker } = simulation;
      if (machines.length >= MOST) return;
      const back = removed.filter(({ isDown }) => isDown);
      const size = machines[0]!.size;
      if (back.length > 0 && random.chance(0.5)) {
        const machine = random.pick(back);
        const isEmpty = random.chance(0.5);
        simulation.takeBack(machine);
        if (isEmpty) {
          machine.datadir.empty();
          checker.excuses.diskLost(machine.name);
        }
        run.note(`${machine.name} is taken back, ${isEmpty ? "its disk empty" : "with its disk"}`);
        simulation.start(machine);
      } else {
        const machine = simulation.add(size);
        run.note(`${machine.name} is added`);
        simulation.start(machine);
      }
      sayHowMany(run);
    },
  },
  {
    name: "member taken away",
    weight: 1.5,
    strike(run) {
      const { simulation, machine } = run;
      if (simulation.machines.length <= FEWEST) return;
      run.note(`${machine.name} is taken away`);
      simulation.remove(machine);
      simulation.checker.excuses.takenAway();
      sayHowMany(run);
    },
  },
];
