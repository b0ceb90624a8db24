/** Increments under the lock: `race-demo` against processes with kazoo's lock, on one server. */

import { compete } from "./contest.ts";
import { bench, keeperFromSource, PYTHON } from "./places.ts";
import { type Bench, perSecond, type Row, rowOf } from "./report.ts";
import { run, type Scratch } from "./scratch.ts";

const ROUNDS = 5;
const AIM = { kind: "at least", value: 1.5 } as const;
const OURS = "race-demo";
const KAZOO = "kazoo";
const PROCESSES = [1, 2, 10] as const;
/** By each process: what race-demo does when it is not told otherwise. */
const INCREMENTS = 1000;

/** Measures increments a second, the start of the processes left out on both sides. */
export async function measureLocks(place: Bench): Promise<readonly Row[]> {
  const { scratch, hosts } = place;
  const rows: Row[] = [];
  for (const processes of PROCESSES) {
    const title = `Locked increments, ${processes} ${processes === 1 ? "process" : "processes"}`;
    place.say(`${title} …`);
    const figures = await compete([
      { name: OURS, measure: () => raceDemo(scratch, hosts, processes) },
      { name: KAZOO, measure: () => kazoo(scratch, hosts, processes) },
    ], {
      rounds: place.rounds ?? ROUNDS,
      warmUpRounds: 1,
      onFigure: (name, figure) => place.say(`  ${name}: ${perSecond(figure)}`),
    });
    rows.push(rowOf(title, figures, { ours: OURS, theirs: KAZOO, aim: AIM, format: perSecond }));
  }
  return rows;
}

async function raceDemo(scratch: Scratch, hosts: string, processes: number): Promise<number> {
  const file = `${scratch.fastFolder}/ours.txt`;
  const [program, ...before] = keeperFromSource();
  const printed = await run(program, [
    ...before,
    "race-demo",
    "--mode=locked",
    "--json",
    `--zookeeper=${hosts}`,
    "--root=/bench-ours",
    `--processes=${processes}`,
    `--increments=${INCREMENTS}`,
    `--file=${file}`,
  ]);
  await assertTotal(OURS, file, processes);
  const { incrementsPerSecond: rate } = JSON.parse(printed).runs[0];
  if (typeof rate !== "number") throw new Error(`race-demo says no rate: ${printed}`);
  return rate;
}

/** As race-demo does it: all are connected, then begin together; from the first begin to the last end. */
async function kazoo(scratch: Scratch, hosts: string, processes: number): Promise<number> {
  const file = `${scratch.fastFolder}/kazoo.txt`;
  await Deno.writeTextFile(file, "0");
  const args = [bench("kazoo_increments.py"), hosts, "/bench-kazoo", file, `${INCREMENTS}`];
  const counters = Array.from({ length: processes }, () => scratch.spawn(PYTHON, args));
  for (const counter of counters) await counter.line();
  await Promise.all(counters.map((counter) => counter.tell("begin")));
  const lines = await Promise.all(counters.map((counter) => counter.line()));
  await Promise.all(counters.map(({ ended }) => ended));
  await assertTotal(KAZOO, file, processes);
  const times = lines.map((line) => line.split(" ").map(Number));
  const began = Math.min(...times.map(([at = NaN]) => at));
  const ended = Math.max(...times.map(([, at = NaN]) => at));
  return processes * INCREMENTS / (ended - began);
}

/** A lock that does not exclude would be fast. */
async function assertTotal(name: string, file: string, processes: number): Promise<void> {
  const found = Number(await Deno.readTextFile(file));
  const expected = processes * INCREMENTS;
  if (found !== expected) throw new Error(`${name} counted to ${found}, not to ${expected}`);
}
