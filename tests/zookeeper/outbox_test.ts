import assert from "node:assert/strict";
import { JuteReader } from "../../lib/zookeeper/jute.ts";
import { Outbox } from "../../lib/zookeeper/outbox.ts";
import type { Socket } from "../../lib/zookeeper/transport.ts";

/** A socket that keeps what is written, takes part of it at a time, and waits when told to. */
class FakeSocket implements Socket {
  /** What was written, one entry for each run of writes from one batch. */
  readonly writes: Uint8Array[] = [];
  most = Infinity;
  gate: Promise<void> = Promise.resolve();
  failure: Error | null = null;

  async write(bytes: Uint8Array): Promise<number> {
    await this.gate;
    if (this.failure !== null) throw this.failure;
    const taken = bytes.slice(0, Math.min(bytes.length, this.most));
    this.writes.push(taken);
    return taken.length;
  }

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  close(): void {}

  /** The xids of the requests that were written, in order. */
  get xids(): number[] {
    const all = new Uint8Array(this.writes.flatMap((bytes) => [...bytes]));
    const xids: number[] = [];
    for (let at = 0; at < all.length;) {
      const frame = new JuteReader(all.subarray(at));
      at += 4 + frame.int();
      xids.push(frame.int());
    }
    return xids;
  }
}

function put(outbox: Outbox, xid: number, text = ""): boolean {
  outbox.begin(xid, 3).string(text);
  return outbox.end(1000);
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
const never = () => assert.fail("called");

Deno.test("Outbox sends all of one turn of the event loop in one write", async () => {
  const socket = new FakeSocket();
  const outbox = new Outbox(() => {}, never);
  outbox.open(socket, () => {});
  for (let xid = 1; xid <= 100; xid++) put(outbox, xid);
  await turn();
  assert.equal(socket.writes.length, 1);
  // Also those that come of promises which one reply after the other resolves.
  for (let xid = 101; xid <= 200; xid++) Promise.resolve().then(() => put(outbox, xid));
  await turn();
  assert.equal(socket.writes.length, 2);
  assert.deepEqual(socket.xids, Array.from({ length: 200 }, (_, i) => i + 1));
});

Deno.test("Outbox queues while a write is under way, and writes that next", async () => {
  const socket = new FakeSocket();
  const gate = Promise.withResolvers<void>();
  socket.gate = gate.promise;
  const outbox = new Outbox(() => {}, never);
  outbox.open(socket, () => {});
  put(outbox, 1);
  await turn();
  for (let xid = 2; xid <= 50; xid++) {
    put(outbox, xid, "x".repeat(900));
    if (xid % 10 === 0) await turn();
  }
  assert.equal(socket.writes.length, 0);
  gate.resolve();
  await outbox.idle;
  await turn();
  assert.equal(socket.writes.length, 2);
  assert.deepEqual(socket.xids, Array.from({ length: 50 }, (_, i) => i + 1));
});

Deno.test("Outbox writes on when the socket takes a part only", async () => {
  const socket = new FakeSocket();
  socket.most = 7;
  const outbox = new Outbox(() => {}, never);
  outbox.open(socket, () => {});
  for (let xid = 1; xid <= 20; xid++) put(outbox, xid, "text");
  await turn();
  await outbox.idle;
  assert.deepEqual(socket.xids, Array.from({ length: 20 }, (_, i) => i + 1));
});

Deno.test("Outbox takes back a frame that is too long", async () => {
  const socket = new FakeSocket();
  const outbox = new Outbox(() => {}, never);
  outbox.open(socket, () => {});
  assert.equal(put(outbox, 1), true);
  assert.equal(put(outbox, 2, "x".repeat(1000)), false);
  assert.equal(put(outbox, 3, "x".repeat(1000 - 12)), true);
  await turn();
  await outbox.idle;
  assert.deepEqual(socket.xids, [1, 3]);
});

Deno.test("Outbox.open() sends what must be first, then what was queued", async () => {
  const socket = new FakeSocket();
  const outbox = new Outbox(() => {}, never);
  put(outbox, 1);
  put(outbox, 2);
  await turn();
  outbox.open(socket, () => {
    put(outbox, -4);
    put(outbox, -8);
  });
  put(outbox, 3);
  await turn();
  await outbox.idle;
  assert.deepEqual(socket.xids, [-4, -8, 1, 2, 3]);
});

Deno.test("Outbox.reset() forgets what is queued, and the next socket gets what comes after", async () => {
  const first = new FakeSocket();
  const second = new FakeSocket();
  const outbox = new Outbox(() => {}, never);
  outbox.open(first, () => {});
  put(outbox, 1);
  outbox.reset();
  put(outbox, 2);
  await turn();
  outbox.open(second, () => {});
  await turn();
  assert.deepEqual([first.xids, second.xids], [[], [2]]);
});

Deno.test("Outbox tells which socket failed, and works on with the next", async () => {
  const first = new FakeSocket();
  first.failure = new Error("broken pipe");
  const second = new FakeSocket();
  const failures: unknown[] = [];
  const outbox = new Outbox(() => {}, (socket, error) => failures.push(socket, error));
  outbox.open(first, () => {});
  put(outbox, 1);
  await turn();
  await outbox.idle;
  assert.deepEqual(failures, [first, first.failure]);
  outbox.reset();
  outbox.open(second, () => {});
  put(outbox, 2);
  await turn();
  assert.deepEqual(second.xids, [2]);
});
