/** The time of day jumps by years, and nothing comes of it: no decision rests on a clock. */
import assert from "node:assert/strict";
import { Random } from "./random.ts";
import { runSeed } from "./seed.ts";

const SEEDS = 25;
const CENTURY_MS = 100 * 365 * 24 * 3_600_000;

/** Runs something while each look at the time of day finds another century. */
async function whileDatesJump<T>(random: Random, body: () => Promise<T>): Promise<T> {
  const RealDate = globalThis.Date;
  const jump = () => random.between(-CENTURY_MS, CENTURY_MS);
  globalThis.Date = class extends RealDate {
    constructor(...given: [] | [value: number]) {
      super(...(given.length === 0 ? [jump()] : given) as [number]);
    }
    static override now = jump;
  } as DateConstructor;
  try {
    return await body();
  } finally {
    globalThis.Date = RealDate;
  }
}

Deno.test("a seed gives the same run however the time of day jumps", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const still = await runSeed(seed);
    const jumping = await whileDatesJump(new Random(seed), () => runSeed(seed));
    assert.deepEqual(jumping.timeline, still.timeline, `seed ${seed}`);
    assert.deepEqual(jumping.violations, []);
  }
});
