/** What a run of the race came to, for people and for machines. Pure. */

import { firstLostUpdate, type LostUpdate, type Trace } from "./trace.ts";

/** Without the lock, or with it. */
export type RaceMode = "unlocked" | "locked";

/** What a run came to. */
export interface RaceResult {
  readonly mode: RaceMode;
  readonly processes: number;
  readonly increments: number;
  /** What the file held before, should hold, and does hold. */
  readonly from: number;
  readonly expected: number;
  readonly found: number;
  readonly lost: number;
  /** From the first read to the last write, without the processes' start-up. */
  readonly durationMs: number;
  readonly incrementsPerSecond: number;
  /** How long an increment waited for the lock; null without one. */
  readonly lockWaitMs: { readonly mean: number; readonly p99: number; readonly max: number } | null;
  readonly firstLost: LostUpdate | null;
}

/** Sums a run up. */
export function summarise(
  mode: RaceMode,
  from: number,
  found: number,
  traces: readonly Trace[],
): RaceResult {
  const processes = traces.length;
  const increments = traces[0]?.values.length ?? 0;
  const expected = from + processes * increments;
  const starts = traces.map(({ readAtMs, waitMs }) => (readAtMs[0] ?? 0) - (waitMs[0] ?? 0));
  const ends = traces.map(({ wroteAtMs }) => wroteAtMs.at(-1) ?? 0);
  const durationMs = Math.max(...ends) - Math.min(...starts);
  return {
    mode,
    processes,
    increments,
    from,
    expected,
    found,
    lost: expected - found,
    durationMs,
    incrementsPerSecond: processes * increments / (durationMs / 1000),
    lockWaitMs: mode === "locked" ? waitsOf(traces) : null,
    firstLost: firstLostUpdate(traces),
  };
}

function waitsOf(traces: readonly Trace[]): NonNullable<RaceResult["lockWaitMs"]> {
  const all = new Float64Array(traces.reduce((length, { waitMs }) => length + waitMs.length, 0));
  let at = 0;
  for (const { waitMs } of traces) {
    all.set(waitMs, at);
    at += waitMs.length;
  }
  all.sort();
  return {
    mean: all.reduce((one, other) => one + other, 0) / all.length,
    p99: all[Math.ceil(all.length * 0.99) - 1] ?? 0,
    max: all.at(-1) ?? 0,
  };
}

/** Steps shown at most: the first ones and the last ones. */
const SHOWN_STEPS = 10;

/** Writes what a run came to, in lines. */
export function describeResult(result: RaceResult, file: string): readonly string[] {
  const { processes, increments, from, expected, found, lost } = result;
  const who = processes === 1 ? "1 process adds" : `${processes} processes, each of which adds`;
  const how = result.mode === "locked" ? "With the ZooKeeper lock" : "Without a lock";
  const verdict = lost === 0
    ? "exact: no update was lost"
    : `${lost} ${lost === 1 ? "update was" : "updates were"} lost`;
  const rate = Math.round(result.incrementsPerSecond);
  const waits = result.lockWaitMs;
  return [
    `${how}: ${who} 1 to ${file} ${increments} times, from ${from}`,
    `  expected ${expected}, found ${found}: ${verdict}`,
    `  ${(result.durationMs / 1000).toFixed(2)} s, ${rate} increments a second` +
    (waits === null ? "" : `; waited for the lock ${waits.mean.toFixed(2)} ms on average, ` +
      `99 of 100 at most ${waits.p99.toFixed(2)} ms, at most ${waits.max.toFixed(2)} ms`),
    ...describeLoss(result),
  ];
}

function describeLoss({ firstLost, lost, processes }: RaceResult): readonly string[] {
  if (firstLost === null) {
    return lost === 0 || processes === 1 ? [] : ["  which one first is not known: the times cross"];
  }
  const { steps, overwritten } = firstLost;
  const half = SHOWN_STEPS / 2;
  const isLong = steps.length > SHOWN_STEPS;
  const shown = isLong ? [...steps.slice(0, half), ...steps.slice(-half)] : steps;
  const lines = shown.map(({ atMs, process, does, value }) => {
    const time = atMs.toFixed(3).padStart(10);
    return `${time} ms  process ${process} ${does.padEnd(6)} ${value}`;
  });
  if (isLong) lines.splice(half, 0, `${" ".repeat(15)}… ${steps.length - SHOWN_STEPS} more steps`);
  const writer = steps.at(-1)!.process;
  return [
    "  The first loss:",
    ...lines,
    `${" ".repeat(15)}process ${writer} had not seen ` +
    `${overwritten === 1 ? "the other's write: it is" : `${overwritten} writes: they are`} lost`,
  ];
}
