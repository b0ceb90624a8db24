/** A person who acts while all goes wrong, as told or not, on a connection no better than the others'. */
import type { Attendant } from "./attendant.ts";
import { aWhile, type Fault, type FaultRun } from "./faults.ts";
import { ZooKeeperError } from "../../lib/zookeeper/errors.ts";

/** Lets a person act; a command may fail as the connection does. @returns Whether it went through. */
async function act(run: FaultRun, what: (attendant: Attendant) => Promise<unknown>) {
  const { attendant, simulation } = run;
  try {
    await what(attendant);
    return true;
  } catch (error) {
    if (error instanceof ZooKeeperError) simulation.note(`PERSON could not: ${error.message}`);
    else simulation.checker.violation(0, `a command broke: ${(error as Error).stack}`);
    return false;
  }
}

/** Now and then what a person does loses its connection. */
function disturb(run: FaultRun): void {
  const { attendant: { person }, random } = run;
  if (random.chance(0.3)) run.later(random.between(0, 100), () => person.drop());
  if (random.chance(0.1) && person.link.up) {
    run.later(random.between(0, 100), () => person.link.set(false));
    run.heal(random.between(500, 15_000), () => person.link.set(true));
  }
}

/** Does what some member says, if any does. */
export function actAsTold(run: FaultRun): void {
  act(run, (attendant) => attendant.attend());
}

async function resume(run: FaultRun): Promise<void> {
  // Somebody who lets all go on makes sure that it does.
  while (!await act(run, ({ person }) => person.resume()));
}

/** With the others in `faults.ts`. */
export const PERSON_FAULTS: readonly Fault[] = [
  {
    name: "a person does as told",
    weight: 2,
    strike(run) {
      actAsTold(run);
      disturb(run);
    },
  },
  {
    name: "a person forgets a member",
    weight: 0.7,
    strike(run) {
      const { name } = run.random.pick(run.simulation.everyMachine);
      act(run, (attendant) => attendant.forget(name));
      disturb(run);
    },
  },
  {
    name: "a person has a member bootstrap",
    weight: 0.7,
    strike(run) {
      const { machine: { name } } = run;
      const force = run.random.chance(0.7);
      act(run, (attendant) => attendant.bootstrap(name, force));
      disturb(run);
    },
  },
  {
    name: "a person has members restart in turn",
    weight: 2,
    strike(run) {
      const { random, simulation } = run;
      const outage = random.chance(0.3);
      if (random.chance(0.5)) act(run, ({ person }) => person.restart({ outage }));
      else {
        const members = random.shuffle(simulation.machines.map(({ name }) => name))
          .slice(0, random.between(1, 3));
        act(run, ({ person }) => person.askAnyway({ kind: "restart", members, outage }));
      }
      disturb(run);
      if (random.chance(0.2)) {
        run.later(aWhile(run), () => act(run, ({ person }) => person.cancelRestart()));
      }
      if (random.chance(0.7)) run.later(aWhile(run), () => act(run, ({ person }) => person.goOn()));
    },
  },
  {
    name: "a person has all stop",
    weight: 1,
    strike(run) {
      const { random, simulation } = run;
      const members = random.shuffle(simulation.machines.map(({ name }) => name));
      const asked = act(
        run,
        ({ person }) =>
          random.chance(0.5)
            ? person.stopAll()
            : person.askAnyway({ kind: "stop", members, outage: true }),
      );
      disturb(run);
      run.heal(random.between(5_000, 60_000), () => asked.then(() => resume(run)));
    },
  },
  {
    name: "a person has all pause",
    weight: 0.5,
    strike(run) {
      const paused = act(run, ({ person }) => person.pause());
      disturb(run);
      run.heal(aWhile(run), () => paused.then(() => resume(run)));
    },
  },
];
