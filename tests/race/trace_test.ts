import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeTrace, encodeTrace, firstLostUpdate, type Trace } from "../../lib/race/trace.ts";

/** A trace of [read at, value read, wrote at]. */
function trace(...updates: readonly (readonly [number, number, number])[]): Trace {
  return {
    readAtMs: Float64Array.from(updates, ([readAt]) => readAt),
    values: Float64Array.from(updates, ([, value]) => value),
    wroteAtMs: Float64Array.from(updates, ([, , wroteAt]) => wroteAt),
    waitMs: Float64Array.from(updates, () => 0),
  };
}

/** The steps in a word each: 1r41 is process 1 reading 41. */
function lost(...traces: readonly Trace[]): string | null {
  const found = firstLostUpdate(traces);
  if (found === null) return null;
  const words = found.steps.map(({ process, does, value }) => `${process}${does[0]}${value}`);
  return `${words.join(" ")} -${found.overwritten}`;
}

Deno.test("firstLostUpdate() finds who overwrote whom", () => {
  const table: [string, string | null, readonly Trace[]][] = [
    ["nothing happened", null, [trace(), trace()]],
    ["one process alone", null, [trace([0, 0, 1], [2, 1, 3])]],
    ["one after the other", null, [trace([0, 0, 1]), trace([2, 1, 3])]],
    ["both read 41", "1r41 2r41 2w42 1w42 -1", [trace([1, 41, 4]), trace([2, 41, 3])]],
    ["both read 41, the second writes last", "1r41 2r41 1w42 2w42 -1", [
      trace([1, 41, 3]),
      trace([2, 41, 4]),
    ]],
    ["three read 41: the first loss is of two", "1r41 2r41 2w42 1w42 -1", [
      trace([1, 41, 5]),
      trace([2, 41, 4]),
      trace([3, 41, 6]),
    ]],
    ["one sleeps while the other counts on", "1r0 2r0 2w1 2r1 2w2 2r2 2w3 1w1 -3", [
      trace([0, 0, 9]),
      trace([1, 0, 2], [3, 1, 4], [5, 2, 6]),
    ]],
    ["later losses are left out", "1r0 2r0 2w1 1w1 -1", [
      trace([0, 0, 3], [4, 1, 7]),
      trace([1, 0, 2], [5, 1, 6]),
    ]],
    ["the times cross, but 42 was read after it was written", null, [
      trace([1, 41, 3.1]),
      trace([3, 42, 4]),
    ]],
    ["a read before the other's write that saw less", "1r7 2r6 1w8 2w7 -1", [
      trace([1, 7, 3]),
      trace([2, 6, 4]),
    ]],
  ];
  for (const [name, expected, traces] of table) assert.equal(lost(...traces), expected, name);
});

Deno.test("firstLostUpdate() finds none in any run where updates take turns", () => {
  fc.assert(fc.property(fc.array(fc.nat(3), { maxLength: 50 }), (turns) => {
    const rows: [number, number, number][][] = [[], [], [], []];
    turns.forEach((process, at) => rows[process]!.push([3 * at, at, 3 * at + 1]));
    assert.equal(firstLostUpdate(rows.map((updates) => trace(...updates))), null);
  }));
});

Deno.test("firstLostUpdate() finds one whenever two updates read the same number", () => {
  // A file that any interleaving of reads and writes goes to: the sum tells the truth.
  const schedule = fc.array(fc.nat(2), { maxLength: 60 });
  fc.assert(fc.property(schedule, (turns) => {
    let file = 0;
    const open: ([number, number] | null)[] = [null, null, null];
    const rows: [number, number, number][][] = [[], [], []];
    turns.forEach((process, at) => {
      const before = open[process];
      if (before === null || before === undefined) {
        open[process] = [at, file];
        return;
      }
      file = before[1] + 1;
      rows[process]!.push([...before, at]);
      open[process] = null;
    });
    const updates = rows.flat().length;
    const found = firstLostUpdate(rows.map((row) => trace(...row)));
    assert.equal(found !== null, file < updates);
    if (found !== null) assert.ok(found.overwritten >= 1);
  }));
});

Deno.test("decodeTrace() reads what encodeTrace() writes", () => {
  const one = trace([1.5, 41, 4.25], [5, 42, 6]);
  assert.deepEqual(decodeTrace(encodeTrace(one)), one);
  assert.throws(() => decodeTrace(new Uint8Array(40)), RangeError);
});
