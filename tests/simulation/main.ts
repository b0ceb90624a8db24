/**
 * The simulation from the command line:
 *
 *     deno task sim --seeds N [--from SEED]    runs seeds on all cores, says what came of them
 *     deno task sim --seed SEED                one seed again, with its timeline
 *     deno task sim --kind adopted …           clusters that are run by hand, and taken over
 *
 * The last line is `N passed, N failed`, counted in seeds.
 */
import { parseArgs } from "node:util";
import { type Kind, KINDS, runSeed } from "./seed.ts";
import type { SeedReport, SeedTask } from "./worker.ts";

// deno-lint-ignore no-console -- a command's output
const print = (text: string) => console.log(text);

function kindOf(text: string): Kind {
  const kind = KINDS.find((one) => one === text);
  if (kind === undefined) throw new Error(`There is no kind "${text}"`);
  return kind;
}

function add(to: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [key, count] of from) to.set(key, (to.get(key) ?? 0) + count);
}

function table(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([key, count]) => `  ${key}: ${count}`)
    .join("\n");
}

function tell({ seed, violations }: Pick<SeedReport, "seed" | "violations">): void {
  for (const { guarantee, what, atMs } of violations.slice(0, 3)) {
    print(`seed ${seed}: guarantee ${guarantee} at ${(atMs / 1000).toFixed(3)} s: ${what}`);
  }
}

async function replay(seed: number): Promise<boolean> {
  const result = await runSeed(seed, kind);
  print(result.timeline.join("\n"));
  tell(result);
  if (result.excused !== null) print(`Excused: ${result.excused}`);
  return result.violations.length === 0;
}

/** Runs seeds, as many at once as there are cores. Each gives the same run wherever it runs. */
async function runAll(
  from: number,
  seeds: number,
  done: (report: SeedReport) => void,
): Promise<void> {
  let next = from;
  const work = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        if (next < from + seeds) worker.postMessage({ seed: next++, kind } satisfies SeedTask);
        else resolve();
      };
      worker.addEventListener("message", ({ data }: MessageEvent<SeedReport>) => {
        done(data);
        go();
      });
      worker.addEventListener("error", ({ message }) => reject(new Error(message)));
      go();
    }).finally(() => worker.terminate());
  const cores = Math.min(navigator.hardwareConcurrency, seeds);
  await Promise.all(
    Array.from(
      { length: cores },
      () => work(new Worker(new URL("worker.ts", import.meta.url), { type: "module" })),
    ),
  );
}

async function sweep(from: number, seeds: number): Promise<boolean> {
  const faults = new Map<string, number>();
  const decisions = new Map<string, number>();
  let [violated, excused, acknowledged, bootstraps, virtualMs] = [0, 0, 0, 0, 0];
  const beganMs = performance.now();
  await runAll(from, seeds, (report) => {
    add(faults, report.faults);
    add(decisions, report.decisions);
    acknowledged += report.acknowledged;
    bootstraps += report.bootstraps;
    virtualMs += report.virtualMs;
    if (report.excused !== null) excused++;
    if (report.violations.length > 0) violated++;
    tell(report);
  });
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  print(`faults\n${table(faults)}\ndecisions\n${table(decisions)}`);
  print(
    `${seeds} seeds in ${seconds} s, ${Math.round(virtualMs / 3_600_000)} virtual hours: ` +
      `${acknowledged} commits acknowledged, ${bootstraps} bootstraps, ` +
      `${excused} ended waiting for a person with an excuse, ${violated} with violations`,
  );
  print(`${seeds - violated} passed, ${violated} failed`);
  return violated === 0;
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    kind: { type: "string", default: KINDS[0] },
  },
});
const kind = kindOf(values.kind);
const isWell = values.seed === undefined
  ? await sweep(Number(values.from), Number(values.seeds))
  : await replay(Number(values.seed));
if (!isWell) Deno.exit(1);
