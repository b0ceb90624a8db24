import assert from "node:assert/strict";
import { describeResult, summarise } from "../../lib/race/result.ts";
import type { Trace } from "../../lib/race/trace.ts";

function trace(...updates: readonly (readonly [number, number, number, number?])[]): Trace {
  return {
    readAtMs: Float64Array.from(updates, ([readAt]) => readAt),
    values: Float64Array.from(updates, ([, value]) => value),
    wroteAtMs: Float64Array.from(updates, ([, , wroteAt]) => wroteAt),
    waitMs: Float64Array.from(updates, ([, , , wait = 0]) => wait),
  };
}

Deno.test("summarise() counts what was lost and how fast it went", () => {
  const result = summarise("unlocked", 40, 41, [trace([1000, 40, 1002]), trace([1001, 40, 1003])]);
  assert.equal(result.expected, 42);
  assert.equal(result.lost, 1);
  assert.equal(result.durationMs, 3);
  assert.equal(Math.round(result.incrementsPerSecond), 667);
  assert.equal(result.lockWaitMs, null);
  assert.equal(result.firstLost?.overwritten, 1);
  assert.deepEqual(describeResult(result, "n.txt"), [
    "Without a lock: 2 processes, each of which adds 1 to n.txt 1 times, from 40",
    "  expected 42, found 41: 1 update was lost",
    "  0.00 s, 667 increments a second",
    "  The first loss:",
    "     0.000 ms  process 1 reads  40",
    "     1.000 ms  process 2 reads  40",
    "     2.000 ms  process 1 writes 41",
    "     3.000 ms  process 2 writes 41",
    "               process 2 had not seen the other's write: it is lost",
  ]);
});

Deno.test("summarise() counts a wait for the lock in, and says how long they were", () => {
  const traces = [
    trace([110, 0, 111, 10], [120, 1, 121, 2]),
    trace([130, 2, 131, 30], [140, 3, 141, 4]),
  ];
  const result = summarise("locked", 0, 4, traces);
  assert.equal(result.durationMs, 41);
  assert.deepEqual(result.lockWaitMs, { mean: 11.5, p99: 30, max: 30 });
  assert.equal(result.firstLost, null);
  assert.deepEqual(describeResult(result, "n.txt").slice(0, 2), [
    "With the ZooKeeper lock: 2 processes, each of which adds 1 to n.txt 2 times, from 0",
    "  expected 4, found 4: exact: no update was lost",
  ]);
});

Deno.test("describeResult() shows a long loss shortened", () => {
  const many = Array.from({ length: 20 }, (_, at) => [at + 1, at, at + 1.5] as const);
  const result = summarise("unlocked", 0, 1, [trace([0, 0, 99]), trace(...many)]);
  const lines = describeResult(result, "n.txt");
  assert.equal(lines.length, 4 + 10 + 1 + 1);
  assert.match(lines[9] ?? "", /… 32 more steps/);
  assert.match(lines.at(-1) ?? "", /had not seen 20 writes: they are lost$/);
});
