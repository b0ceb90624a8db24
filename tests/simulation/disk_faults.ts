/** Faults of disks: copies that come back from the past, from another machine or from another cluster. */
import { SimDatadir } from "./datadir.ts";
import { aWhile, type Fault, type FaultRun } from "./faults.ts";
import { next, type Txn } from "./history.ts";
import type { Machine } from "./machine.ts";

/** Takes a machine down, changes something, and lets it up again. */
export function whileDown(run: FaultRun, machine: Machine, change: () => void): void {
  const { simulation, random } = run;
  if (random.chance(0.5)) {
    simulation.wanted.delete(machine);
    machine.crash();
    change();
    run.heal(random.chance(0.5) ? random.between(0, 3000) : aWhile(run), () => up(run, machine));
    return;
  }
  simulation.stop(machine);
  let looks = 0;
  const look = () => {
    if (machine.isDown) change();
    else if (++looks < 200) return run.later(200, look);
    run.heal(aWhile(run), () => up(run, machine));
  };
  run.later(200, look);
}

function up(run: FaultRun, machine: Machine): void {
  if (!run.simulation.wanted.has(machine)) run.simulation.start(machine);
}

/** Puts a datadir in the place of a machine's own. */
function replace(run: FaultRun, machine: Machine, by: SimDatadir, what: string): void {
  run.note(`${machine.name} gets ${what}`);
  run.simulation.checker.overwritten(machine, by, `got ${what}`);
  machine.datadir.copyOf(by);
}

/** A datadir of a cluster that nobody here knows. */
function strangers(run: FaultRun): SimDatadir {
  const { random } = run;
  const datadir = new SimDatadir();
  datadir.kind = "data";
  const uuid = datadir.uuid = random.uuid();
  let head: Txn | null = null;
  const length = random.pick([3, 40, 400]);
  for (let i = 0; i < length; i++) head = next(head, uuid, "a stranger", "commit");
  datadir.head = head;
  datadir.safeToBootstrap = random.chance(0.3);
  datadir.seqnoIsWritten = random.chance(0.7);
  if (random.chance(0.7)) {
    datadir.identity = { datadirId: random.hex(32), attempt: random.hex(32), lineage: [] };
  }
  return datadir;
}

/** With the others in `faults.ts`. */
export const DISK_FAULTS: readonly Fault[] = [
  {
    name: "backup restored",
    weight: 1.5,
    strike(run) {
      const { random } = run;
      const from = run.machine;
      const to = random.chance(0.6) ? from : run.machine;
      from.server?.head; // What it has applied by now is in the copy.
      const backup = from.datadir.clone();
      const seqno = backup.head?.seqno ?? 0n;
      const withId = random.chance(0.6);
      if (!withId) backup.identity = null;
      run.note(`a backup of ${from.name} is taken, at ${seqno}`);
      run.later(random.between(1000, 60_000), () => {
        const what = `an old copy ${from === to ? "of its own" : `of ${from.name}`} at ${seqno}` +
          (withId ? "" : ", without its id");
        whileDown(run, to, () => replace(run, to, backup, what));
      });
    },
  },
  {
    name: "stranger's datadir",
    weight: 1,
    strike(run) {
      const { machine, random, simulation } = run;
      const stranger = strangers(run);
      const isSwappedBack = random.chance(0.5);
      whileDown(run, machine, () => {
        const own = machine.datadir.clone();
        const before = simulation.checker.excuses.gone.get(machine.name);
        replace(run, machine, stranger, "a datadir of another cluster");
        simulation.checker.excuses.stranger(stranger.uuid!);
        if (!isSwappedBack) return;
        run.heal(aWhile(run), () => {
          machine.crash();
          if (machine.datadir.uuid !== stranger.uuid) return;
          run.note(`${machine.name} gets back the datadir that it had`);
          machine.datadir.copyOf(own);
          simulation.checker.excuses.diskBack(machine.name, before);
        });
      });
    },
  },
];
