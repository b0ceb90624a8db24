/** One seed, one run: a site, faults, all healed, everybody Primary again. */
import { Attendant } from "./attendant.ts";
import { DISK_FAULTS } from "./disk_faults.ts";
import { FaultRun } from "./faults.ts";
import { Migration } from "./migration.ts";
import { PERSON_FAULTS } from "./person_faults.ts";
import { SCALE_FAULTS } from "./scale_faults.ts";
import { Random } from "./random.ts";
import { Simulation } from "./simulation.ts";
import type { Violation } from "./checker.ts";

/** What came of a run. */
export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Why not all are Primary in the end without a person, where that is excused. */
  readonly excused: string | null;
  readonly faults: ReadonlyMap<string, number>;
  /** How often each rule decided what. */
  readonly decisions: ReadonlyMap<string, number>;
  readonly acknowledged: number;
  readonly bootstraps: number;
  readonly virtualMs: number;
  readonly timeline: readonly string[];
}

const MINUTE_MS = 60_000;

/** How the members of a run are set up. */
interface Setup {
  readonly name: string;
  readonly weight: number;
  readonly storage: "persistent" | "ephemeral";
  /** `--size` of each member: the number of all, none at all, or 1 for the first start alone. */
  readonly size: "all" | "none" | "first alone";
}

const SETUPS: readonly Setup[] = [
  { name: "--size N", weight: 14, storage: "persistent", size: "all" },
  { name: "without --size", weight: 2, storage: "persistent", size: "none" },
  // As in the lab: whoever has 1 and comes first begins.
  { name: "--size 1 for the first", weight: 2, storage: "persistent", size: "first alone" },
  { name: "--storage ephemeral", weight: 2, storage: "ephemeral", size: "all" },
];

const BY_HAND: Setup = { name: "by hand", weight: 1, storage: "persistent", size: "all" };

/** Copies and commands that come on top of what is done by hand. */
const NOT_BY_HAND = [...DISK_FAULTS, ...SCALE_FAULTS, ...PERSON_FAULTS];

function setupOf(seed: number): Setup {
  const random = new Random(~seed);
  let at = random.fraction() * SETUPS.reduce((sum, { weight }) => sum + weight, 0);
  return SETUPS.find(({ weight }) => (at -= weight) < 0) ?? SETUPS[0]!;
}

/** Lets all come up and stay so. @returns Whether they did. */
async function allUp(simulation: Simulation): Promise<boolean> {
  const { checker, time } = simulation;
  const endMs = time.nowMs + 20 * MINUTE_MS;
  let [lines, movedAtMs] = [0, time.nowMs];
  while (time.nowMs < endMs && checker.violations.length === 0) {
    await simulation.run(1000, () => checker.violations.length > 0);
    if (simulation.timeline.length > lines) {
      [lines, movedAtMs] = [simulation.timeline.length, time.nowMs];
    }
    // No wait in the program is as long.
    if (time.nowMs - movedAtMs > 5 * MINUTE_MS) return false;
    if (!simulation.allPrimary()) continue;
    await simulation.run(15_000);
    if (simulation.allPrimary()) return true;
  }
  return false;
}

/** What is asked of all members comes to its end, where all that are in it are there. */
async function requestOver(simulation: Simulation): Promise<void> {
  const { checker } = simulation;
  const isStuck = () => {
    const next = checker.nextInTurn();
    return next !== null && simulation.machines.some(({ name }) => name === next);
  };
  const isOver = () => !isStuck() || checker.violations.length > 0;
  if (isOver() || await simulation.run(30 * MINUTE_MS, isOver)) return;
  checker.violation(0, `what was asked is not over: it is ${checker.nextInTurn()}'s turn`);
}

/** A person does what they are told, again and again: in the end all are up. */
async function attend(simulation: Simulation): Promise<void> {
  const { checker } = simulation;
  const attendant = new Attendant(simulation);
  for (let round = 0; round < 60 && checker.violations.length === 0; round++) {
    simulation.start();
    await attendedBy(simulation, attendant);
    const up = await simulation.run(MINUTE_MS, () => simulation.allPrimary());
    if (!up || attendant.told !== null) continue;
    await simulation.run(15_000);
    if (simulation.allPrimary()) return checker.end();
  }
  if (checker.violations.length === 0) {
    checker.violation(4, `a person did as told and not all are Primary:\n${simulation.summary}`);
  }
}

async function attendedBy(simulation: Simulation, attendant: Attendant): Promise<void> {
  let isDone = false;
  attendant.attend().then(
    () => isDone = true,
    (error) => simulation.checker.violation(0, `a command broke: ${error.stack}`),
  );
  if (!await simulation.run(5 * MINUTE_MS, () => isDone)) {
    simulation.checker.violation(0, "a command hangs");
  }
}

/** A cluster of ours from the beginning, or one that is run by hand and taken over. */
export const KINDS = ["kept", "adopted"] as const;
export type Kind = typeof KINDS[number];

/** Runs a seed. */
export async function runSeed(seed: number, kind: Kind = "kept"): Promise<SeedResult> {
  const members = 2 + (seed % 6);
  const setup = kind === "kept" ? setupOf(seed) : BY_HAND;
  const simulation = new Simulation({
    seed,
    members,
    size: setup.size === "none" ? null : members,
    storage: setup.storage,
    // A container without a volume.
    losesDisks: setup.storage === "ephemeral",
    // A hanging SST is to end before the run does.
    timing: { stallMs: MINUTE_MS, drainMs: new Random(seed ^ 0x5a5a).pick([0, 2000, 8000]) },
  });
  const { checker, random } = simulation;
  const migration = kind === "adopted" ? new Migration(simulation) : null;
  const run = migration === null
    ? new FaultRun(simulation)
    : new FaultRun(simulation, NOT_BY_HAND, (fault) => migration.mayStrike(fault));
  simulation.note(`${members} members, ${setup.name}`);
  if (setup.size === "first alone") {
    const first = simulation.machine(1);
    first.size = 1;
    simulation.start(first);
    first.size = members;
  }
  if (migration === null) simulation.start();
  else await migration.begin();
  if (setup.size === "none") run.attended();
  simulation.startClients(random.pick([50, 300, 2000]));
  // Some faults strike while the first cluster begins.
  if (migration === null && random.chance(0.7)) {
    await simulation.run(5 * MINUTE_MS, () => simulation.allPrimary());
  }
  await run.run(random.between(20, 150) * 1000);
  run.healAll();
  simulation.note("ALL HEALED");
  await migration?.end();
  const up = await allUp(simulation);
  let excused: string | null = null;
  if (up) await requestOver(simulation);
  if (up && checker.violations.length === 0) {
    if (!await allUp(simulation)) {
      checker.violation(4, `not all are Primary after the request:\n${simulation.summary}`);
    }
    checker.end();
  } else if (checker.violations.length === 0) {
    excused = checker.notAllPrimary();
    if (excused !== null) await attend(simulation);
  }
  simulation.stopClients();
  return {
    seed,
    violations: checker.violations,
    excused,
    faults: run.counts,
    decisions: checker.decisions,
    acknowledged: checker.counts.acknowledged,
    bootstraps: checker.counts.bootstraps,
    virtualMs: simulation.time.nowMs,
    timeline: simulation.timeline,
  };
}
