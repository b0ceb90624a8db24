/** What each process read and wrote, and when: finds the first update that was lost. Pure. */

/**
 * The updates of one process in their order, as columns: a run has many. Each update read a number
 * and wrote one more. Times are milliseconds since 1970, finer than a microsecond, taken when the
 * read or the write was done.
 */
export interface Trace {
  readonly values: Float64Array;
  readonly readAtMs: Float64Array;
  readonly wroteAtMs: Float64Array;
  /** How long each waited for the lock, in milliseconds; all 0 without one. */
  readonly waitMs: Float64Array;
}

/** One thing that one process did. */
export interface Step {
  /** Milliseconds since the first step. */
  readonly atMs: number;
  /** 1 for the first process. */
  readonly process: number;
  readonly does: "reads" | "writes";
  readonly value: number;
}

/** An update that overwrote others it had not seen. */
export interface LostUpdate {
  /** In the order of time: the last is the write that overwrote the others'. */
  readonly steps: readonly Step[];
  /** How many writes of others it overwrote. */
  readonly overwritten: number;
}

const COLUMNS = 4;

/** An empty trace for so many updates. */
export function newTrace(updates: number): Trace {
  const column = () => new Float64Array(updates);
  return { values: column(), readAtMs: column(), wroteAtMs: column(), waitMs: column() };
}

/** A trace as bytes, for a pipe between two processes of this machine. */
export function encodeTrace(trace: Trace): Uint8Array<ArrayBuffer> {
  const updates = trace.values.length;
  const all = new Float64Array(COLUMNS * updates);
  [trace.values, trace.readAtMs, trace.wroteAtMs, trace.waitMs].forEach((column, at) => {
    all.set(column, at * updates);
  });
  return new Uint8Array(all.buffer);
}

/** Reads what `encodeTrace()` wrote. @throws {RangeError} It is not whole. */
export function decodeTrace(bytes: Uint8Array): Trace {
  const all = new Float64Array(bytes.slice().buffer);
  const updates = all.length / COLUMNS;
  if (!Number.isInteger(updates)) throw new RangeError(`A trace of ${bytes.length} bytes is cut`);
  const column = (at: number) => all.subarray(at * updates, (at + 1) * updates);
  return { values: column(0), readAtMs: column(1), wroteAtMs: column(2), waitMs: column(3) };
}

interface Write {
  readonly process: number;
  readonly update: number;
}

/** All writes in the order of time, process by process in turn: each trace is in order already. */
function* writesInOrder(traces: readonly Trace[]): Generator<Write> {
  const next = traces.map(() => 0);
  for (;;) {
    let first: number | undefined;
    let firstAtMs = Infinity;
    traces.forEach(({ wroteAtMs }, process) => {
      const atMs = wroteAtMs[next[process]!];
      if (atMs !== undefined && atMs < firstAtMs) [first, firstAtMs] = [process, atMs];
    });
    if (first === undefined) return;
    yield { process: first, update: next[first]!++ };
  }
}

/**
 * Finds the first write that overwrote a write it had not seen: between its process's read and it,
 * another process wrote. Where the number read is the one that the other wrote, the two may only
 * seem to be in that order, as times are taken a little after the fact: that is no loss.
 *
 * @returns null where no update was lost.
 */
export function firstLostUpdate(traces: readonly Trace[]): LostUpdate | null {
  const last: (number | undefined)[] = traces.map(() => undefined);
  for (const { process, update } of writesInOrder(traces)) {
    const trace = traces[process]!;
    const readAtMs = trace.readAtMs[update]!;
    const value = trace.values[update]!;
    const isLost = last.some((other, at) =>
      other !== undefined && at !== process && traces[at]!.wroteAtMs[other]! > readAtMs &&
      traces[at]!.values[other]! + 1 !== value
    );
    if (isLost) return describe(traces, { process, update });
    last[process] = update;
  }
  return null;
}

function describe(traces: readonly Trace[], { process, update }: Write): LostUpdate {
  const trace = traces[process]!;
  const [fromMs, toMs] = [trace.readAtMs[update]!, trace.wroteAtMs[update]!];
  const steps: Step[] = [];
  let overwritten = 0;
  traces.forEach(({ values, readAtMs, wroteAtMs }, at) => {
    for (let one = 0; one < values.length && readAtMs[one]! <= toMs; one++) {
      const isInside = at === process ? one === update : wroteAtMs[one]! >= fromMs;
      // A read whose write comes later says nothing about this loss.
      if (!isInside || wroteAtMs[one]! > toMs) continue;
      if (at !== process) overwritten++;
      steps.push({ atMs: readAtMs[one]!, process: at + 1, does: "reads", value: values[one]! });
      steps.push({
        atMs: wroteAtMs[one]!,
        process: at + 1,
        does: "writes",
        value: values[one]! + 1,
      });
    }
  });
  steps.sort((one, other) => one.atMs - other.atMs);
  const startMs = steps[0]!.atMs;
  return { steps: steps.map((step) => ({ ...step, atMs: step.atMs - startMs })), overwritten };
}
