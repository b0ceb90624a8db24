/** Increments under the lock: `race-demo` against processes with kazoo's lock, on one server. */

import { compete } from "./contest.ts";
import { bench, keeperFromSource, PYTHON } from "./places.ts";
import { type Bench, perSecond, type Row, rowOf } from "./report.ts";
import { run, type Scratch } from "./scratch.ts";

const ROUNDS = 7;
const AIM = { kind: "at least", value: 1.5 } as const;
const OURS = "race-demo";
const KAZOO = "kazoo";
/** How many processes, and how many increments each: some seconds for the slowest. */
const RACES = [
  { processes: 1, increments: 2000 },
  { processes: 2, increments: 1000 },
  { processes: 10, increments: 200 },
] as const;

type Race = typeof RACES[number];

/** Measures increments a second, the start of the processes left out on both sides. */
export async function measureLocks(place: Bench): Promise<readonly Row[]> {
  const { scratch, hosts } = place;
  const rows: Row[] = [];
  for (const race of RACES) {
    const { processes } = race;
    const title = `Locked increments, ${processes} ${processes === 1 ? "process" : "processes"}`;
    place.say(`${title} …`);
    const figures = await compete([
      { name: OURS, measure: () => raceDemo(scratch, hosts, race) },
      { name: KAZOO, measure: () => kazoo(scratch, hosts, race) },
    ], {
      rounds: place.rounds ?? ROUNDS,
      warmUpRounds: 1,
      onFigure: (name, figure) => place.say(`  ${name}: ${perSecond(figure)}`),
    });
    rows.push(rowOf(title, figures, { ours: OURS, theirs: KAZOO, aim: AIM, format: perSecond }));
  }
  return rows;
}

async function raceDemo(scratch: Scratch, hosts: string, race: Race): Promise<number> {
  const file = `${scratch.fastFolder}/ours.txt`;
  const [program, ...before] = keeperFromSource();
  const printed = await run(program, [
    ...before,
    "race-demo",
    "--mode=locked",
    "--json",
    `--zookeeper=${hosts}`,
    "--root=/bench-ours",
    `--processes=${race.processes}`,
    `--increments=${race.increments}`,
    `--file=${file}`,
  ]);
  await assertTotal(OURS, file, race);
  const { incrementsPerSecond: rate } = JSON.parse(printed).runs[0];
  if (typeof rate !== "number") throw new Error(`race-demo says no rate: ${printed}`);
  return rate;
}

/** As race-demo does it: all are connected, then begin together; from the first begin to the last end. */
async function kazoo(scratch: Scratch, hosts: string, race: Race): Promise<number> {
  const file = `${scratch.fastFolder}/kazoo.txt`;
  await Deno.writeTextFile(file, "0");
  const args = [bench("kazoo_increments.py"), hosts, "/bench-kazoo", file, `${race.increments}`];
  const processes = Array.from({ length: race.processes }, () => scratch.spawn(PYTHON, args));
  for (const process of processes) await process.line();
  await Promise.all(processes.map((process) => process.tell("begin")));
  const lines = await Promise.all(processes.map((process) => process.line()));
  await Promise.all(processes.map(({ ended }) => ended));
  await assertTotal(KAZOO, file, race);
  const times = lines.map((line) => line.split(" ").map(Number));
  const began = Math.min(...times.map(([at = NaN]) => at));
  const ended = Math.max(...times.map(([, at = NaN]) => at));
  return race.processes * race.increments / (ended - began);
}

/** A lock that does not exclude would be fast. */
async function assertTotal(name: string, file: string, race: Race): Promise<void> {
  const found = Number(await Deno.readTextFile(file));
  const expected = race.processes * race.increments;
  if (found !== expected) throw new Error(`${name} counted to ${found}, not to ${expected}`);
}
