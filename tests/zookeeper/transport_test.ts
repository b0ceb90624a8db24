import assert from "node:assert/strict";
import fc from "fast-check";
import { JuteWriter } from "../../lib/zookeeper/jute.ts";
import { Lookups, ProtocolError, readFrames, type Socket } from "../../lib/zookeeper/transport.ts";

/** A socket whose reads give what it was made of, piece by piece, then the end. */
class Pieces implements Socket {
  readonly #bytes: Uint8Array;
  readonly #sizes: readonly number[];
  #at = 0;
  #count = 0;
  /** The largest buffer that a read was given. */
  largest = 0;

  constructor(bytes: Uint8Array, sizes: readonly number[]) {
    this.#bytes = bytes;
    this.#sizes = sizes;
  }

  read(into: Uint8Array): Promise<number | null> {
    assert.ok(into.length > 0, "a read into nothing would never end");
    this.largest = Math.max(this.largest, into.length);
    if (this.#at === this.#bytes.length) return Promise.resolve(null);
    const size = this.#sizes[this.#count++ % this.#sizes.length] as number;
    const piece = this.#bytes.subarray(this.#at, this.#at + Math.min(size, into.length));
    into.set(piece);
    this.#at += piece.length;
    return Promise.resolve(piece.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  close(): void {}
}

function framed(frames: readonly Uint8Array[]): Uint8Array {
  const out = new JuteWriter();
  for (const frame of frames) out.buffer(frame);
  return out.bytes;
}

/** A frame of a size, filled with what tells it from others. */
const frame = (size: number, index: number) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 7 + index) % 256);

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(100) },
  { weight: 2, arbitrary: fc.nat(10_000) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) },
);

Deno.test("readFrames() gives every frame, whatever pieces it comes in", async () => {
  const pieces = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })),
    { minLength: 1 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 12 }), pieces, async (sizes, cuts) => {
      const frames = sizes.map(frame);
      const got: Uint8Array[] = [];
      await readFrames(new Pieces(framed(frames), cuts), 300_000, (bytes, begin, end) => {
        got.push(bytes.slice(begin, end));
        return true;
      });
      assert.deepEqual(got, frames);
    }),
    { numRuns: 60 },
  );
});

Deno.test("readFrames() gives the memory of a long frame back", async () => {
  const sizes = [10, 900_000, 10, ...Array.from({ length: 50 }, () => 2000)];
  const socket = new Pieces(framed(sizes.map(frame)), [65536]);
  const after: number[] = [];
  let count = 0;
  await readFrames(socket, 1_000_000, () => {
    // Two frames further, as what was read with the long one is still looked at.
    if (++count > 4) after.push(socket.largest);
    socket.largest = 0;
    return true;
  });
  assert.equal(count, sizes.length);
  assert.ok(after.length > 0 && Math.max(...after) <= 65536, String(after));
});

Deno.test("readFrames() refuses a length out of bounds before it takes memory for it", async () => {
  for (const length of [-1, -0x80000000, 1001, 0x7fffffff]) {
    const out = new JuteWriter();
    out.int(length);
    const socket = new Pieces(out.bytes, [4]);
    await assert.rejects(readFrames(socket, 1000, () => true), ProtocolError);
    assert.ok(socket.largest <= 65536);
  }
  const out = new JuteWriter();
  out.buffer(new Uint8Array(1000));
  let count = 0;
  await readFrames(new Pieces(out.bytes, [65536]), 1000, () => ++count > 0);
  assert.equal(count, 1);
});

Deno.test("readFrames() stops when it is told to", async () => {
  let count = 0;
  const socket = new Pieces(framed([1, 2, 3].map(frame)), [65536]);
  await readFrames(socket, 1000, () => ++count < 2);
  assert.equal(count, 2);
});

/** Lookups that end when a test says so. */
function slowLookups() {
  const begun: PromiseWithResolvers<string[]>[] = [];
  const clock = { nowMs: 0 };
  const lookups = new Lookups(() => {
    const one = Promise.withResolvers<string[]>();
    begun.push(one);
    return one.promise;
  }, () => clock.nowMs);
  const attempt = () => {
    const stop = new AbortController();
    return { stop, found: lookups.resolve("zk-1", stop.signal) };
  };
  const leave = async ({ stop, found }: ReturnType<typeof attempt>) => {
    stop.abort(new Error("late"));
    await assert.rejects(found, /^Error: late$/);
  };
  return { begun, clock, attempt, leave };
}

Deno.test("Lookups.resolve() goes on with a lookup that takes longer than an attempt", async () => {
  const { begun, attempt, leave } = slowLookups();
  await leave(attempt());
  await leave(attempt());
  const third = attempt();
  begun[0]!.resolve(["10.0.0.1"]);
  assert.deepEqual(await third.found, ["10.0.0.1"]);
  assert.equal(begun.length, 1);
  // What was used is not used again: the name may have another address by then.
  const fourth = attempt();
  begun[1]!.resolve(["10.0.0.2"]);
  assert.deepEqual(await fourth.found, ["10.0.0.2"]);
});

Deno.test("Lookups.resolve() uses what came between two attempts, while it is fresh", async () => {
  const { begun, clock, attempt, leave } = slowLookups();
  await leave(attempt());
  begun[0]!.resolve(["10.0.0.1"]);
  await begun[0]!.promise;
  clock.nowMs = 9000;
  assert.deepEqual(await attempt().found, ["10.0.0.1"]);
  await leave(attempt());
  begun[1]!.reject(new Error("ENOTFOUND"));
  await assert.rejects(attempt().found, /ENOTFOUND/);
  await leave(attempt());
  begun[2]!.resolve(["10.0.0.1"]);
  await begun[2]!.promise;
  clock.nowMs = 3_600_000;
  const later = attempt();
  begun[3]!.resolve(["10.0.0.3"]);
  assert.deepEqual(await later.found, ["10.0.0.3"]);
});
