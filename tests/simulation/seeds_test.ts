/** A few seeds of the many that `deno task sim` runs. */
import assert from "node:assert/strict";
import { runSeed } from "./seed.ts";

const SEEDS = 40;

Deno.test(`the guarantees hold through ${SEEDS} seeds of faults`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations } = await runSeed(seed);
    assert.deepEqual(violations, [], `deno task sim --seed ${seed} shows what happened`);
  }
});

Deno.test("they hold where a cluster that is run by hand is taken over", async () => {
  for (let seed = 1; seed <= SEEDS / 4; seed++) {
    const { violations } = await runSeed(seed, "adopted");
    assert.deepEqual(violations, [], `deno task sim --kind adopted --seed ${seed} shows it`);
  }
});

Deno.test("a seed gives the same run each time", async () => {
  const [one, other] = [await runSeed(7), await runSeed(7)];
  assert.deepEqual(one.timeline, other.timeline);
});
