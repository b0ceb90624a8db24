/** A thread that runs the seeds that it is told, one after the other. */
import type { Violation } from "./checker.ts";
import { type Kind, runSeed, type SeedResult } from "./seed.ts";

/** What a seed came to: all but its timeline, which only a replay shows. */
export type SeedReport = Omit<SeedResult, "timeline">;

/** What is to be run. */
export interface SeedTask {
  readonly seed: number;
  readonly kind: Kind;
}

const thread = self as unknown as Worker;

/** Promises that nobody waited for: they end the real program, so here they are violations, too. */
const unawaited: Violation[] = [];

self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  const what = `nobody waits for a promise: ${event.reason?.stack ?? event.reason}`;
  unawaited.push({ guarantee: 0, what, atMs: 0 });
});

thread.addEventListener("message", async ({ data }: MessageEvent<SeedTask>) => {
  const { timeline: _, ...result } = await runSeed(data.seed, data.kind);
  const violations = [...result.violations, ...unawaited.splice(0)];
  thread.postMessage({ ...result, violations } satisfies SeedReport);
});
