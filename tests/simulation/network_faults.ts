/** Faults of networks that are not clean cuts: one direction, slow ways, addresses that change. */
import { whileDown } from "./disk_faults.ts";
import { aWhile, type Fault } from "./faults.ts";

/** With the others in `faults.ts`. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: "cut from the ensemble one way",
    weight: 2,
    strike(run) {
      const { machine: { name, link }, random } = run;
      const direction = random.pick(["to the ensemble", "from the ensemble"] as const);
      if (!link.passes(direction)) return;
      run.note(`${name}: nothing gets ${direction}`);
      link.set(false, direction);
      run.heal(aWhile(run), () => link.set(true, direction));
    },
  },
  {
    name: "slow ways",
    weight: 2,
    strike(run) {
      const { machine: { name, link }, random } = run;
      const ms = random.pick([100, 500, 3000]);
      run.note(`${name}: messages take up to ${ms} ms`);
      link.slowMs = ms;
      run.heal(aWhile(run), () => link.slowMs = 0);
    },
  },
  {
    name: "server behind with what is ordered",
    weight: 2,
    strike(run) {
      const { machine: { name, address }, random, simulation: { galera } } = run;
      const ms = random.pick([200, 1000, 4000]);
      run.note(`mariadbd of ${name} is up to ${ms} ms behind`);
      galera.slow(address, ms);
      run.heal(aWhile(run), () => galera.slow(address, null));
    },
  },
  {
    name: "messages lost in a view",
    weight: 2,
    strike(run) {
      const { machine: { name, address }, random, simulation: { galera } } = run;
      run.note(`${name} gets none of what is sent to it in its view`);
      galera.deafen(address);
      // Galera leaves it out after 5 s.
      const ms = random.chance(0.6) ? random.between(50, 4500) : random.between(5000, 30_000);
      run.heal(ms, () => galera.undeafen(address));
    },
  },
  {
    name: "address changed",
    weight: 1,
    strike(run) {
      const { machine, random, simulation } = run;
      const other = run.machine;
      whileDown(run, machine, () => {
        if (other !== machine && other.isDown && random.chance(0.7)) {
          run.note(`${machine.name} and ${other.name} change addresses`);
          return simulation.swap(machine, other);
        }
        simulation.move(machine);
        run.note(`${machine.name} has the address ${machine.address} now`);
      });
    },
  },
  {
    name: "addresses swapped",
    weight: 0.5,
    strike(run) {
      const { machine, simulation } = run;
      const other = run.machine;
      if (other === machine) return;
      run.note(`${machine.name} and ${other.name} crash and change addresses`);
      machine.crash();
      other.crash();
      simulation.swap(machine, other);
    },
  },
  {
    name: "mariadbd aborts when it starts",
    weight: 1.5,
    strike(run) {
      const { machine, random } = run;
      machine.aborts = random.between(1, 3);
      run.note(`mariadbd of ${machine.name} aborts the next ${machine.aborts} times`);
    },
  },
  {
    name: "a recovery fails",
    weight: 1.5,
    strike(run) {
      const { machine, random } = run;
      machine.failedRecoveries = random.between(1, 3);
      run.note(`the next ${machine.failedRecoveries} recoveries of ${machine.name} fail`);
    },
  },
];
