/**
 * The simulation from the command line:
 *
 *     deno task sim --seeds N [--from SEED]    runs seeds, says what came of them; with --stop to
 *                                              the first violation
 *     deno task sim --seed SEED                one seed again, with its timeline
 */
import { parseArgs } from "node:util";
import { runSeed, type SeedResult } from "./seed.ts";

// deno-lint-ignore no-console -- a command's output
const print = (text: string) => console.log(text);

function add(to: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [key, count] of from) to.set(key, (to.get(key) ?? 0) + count);
}

function table(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([key, count]) => `  ${key}: ${count}`)
    .join("\n");
}

function report(result: SeedResult): void {
  for (const { guarantee, what, atMs } of result.violations.slice(0, 3)) {
    print(`seed ${result.seed}: guarantee ${guarantee} at ${(atMs / 1000).toFixed(3)} s: ${what}`);
  }
}

// A promise that nobody waits for ends the real program: here it is a violation, too.
globalThis.addEventListener("unhandledrejection", (event) => {
  print(`seed ${present}: guarantee 0: nobody waits for a promise: ${event.reason?.stack}`);
  Deno.exit(1);
});

let present = 0;

async function replay(seed: number): Promise<boolean> {
  const result = await runSeed(seed);
  print(result.timeline.join("\n"));
  report(result);
  print(result.excused === null ? "" : `Excused: ${result.excused}`);
  return result.violations.length === 0;
}

async function sweep(from: number, seeds: number, stop: boolean): Promise<boolean> {
  const faults = new Map<string, number>();
  const decisions = new Map<string, number>();
  let [violated, excused, acknowledged, bootstraps, virtualMs] = [0, 0, 0, 0, 0];
  const beganMs = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    present = seed;
    const result = await runSeed(seed);
    add(faults, result.faults);
    add(decisions, result.decisions);
    acknowledged += result.acknowledged;
    bootstraps += result.bootstraps;
    virtualMs += result.virtualMs;
    if (result.excused !== null) excused++;
    if (result.violations.length > 0) violated++;
    report(result);
    if (stop && violated > 0) return false;
  }
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  print(`faults\n${table(faults)}\ndecisions\n${table(decisions)}`);
  print(
    `${seeds} seeds in ${seconds} s, ${Math.round(virtualMs / 3_600_000)} virtual hours: ` +
      `${acknowledged} commits acknowledged, ${bootstraps} bootstraps, ` +
      `${excused} ended waiting for a person with an excuse, ${violated} with violations`,
  );
  return violated === 0;
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    stop: { type: "boolean", default: false },
  },
});
const isWell = values.seed === undefined
  ? await sweep(Number(values.from), Number(values.seeds), values.stop)
  : await replay(Number(values.seed));
if (!isWell) Deno.exit(1);
