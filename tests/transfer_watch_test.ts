import assert from "node:assert/strict";
import type { Running, TransferSeen } from "../lib/mariadb/database.ts";
import { Progress } from "../lib/progress.ts";
import { describeTransfer } from "../lib/transfer.ts";
import { TransferWatch } from "../lib/transfer_watch.ts";
import type { PeerStatus } from "../lib/world.ts";

const SEEN: TransferSeen = {
  number: 1,
  kind: "SST",
  role: "joiner",
  peer: "galera-2",
  done: 0,
  total: null,
  phase: null,
  elapsedMs: 0,
  hasEnded: false,
  failure: null,
};
const NODE = {
  member: "galera-2",
  datadirId: "d",
  uuid: "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d",
  primary: true,
  http: "127.0.0.2:8008",
  dataBytes: 700,
  since: "2026-01-01T00:00:00Z",
};

/** A watch over a server that is seen as told, at times that are told. */
class Stage {
  nowMs = 0;
  seen: TransferSeen | null = null;
  /** What a donor answers; null: it does not. */
  answer: PeerStatus["transfer"] | null = null;
  asked = 0;
  readonly exited = Promise.withResolvers<never>();
  readonly running = {
    exited: this.exited.promise,
    transfer: () => Promise.resolve(this.seen),
  } as unknown as Running;
  readonly progress = new Progress("galera-1", "127.0.0.1", () => this.now());
  readonly watch: TransferWatch;
  /** What went into the member's story. */
  readonly story: string[] = [];

  constructor() {
    this.progress.keepNotesIn(({ reason }) => this.story.push(reason));
    this.watch = new TransferWatch(this.progress, {
      clock: {
        nowMs: () => this.nowMs,
        now: () => this.now(),
        sleep: () => Promise.resolve(),
      },
      ask: () => {
        this.asked++;
        const peer = {
          member: "galera-2",
          datadirId: "d",
          uuid: null,
          primary: true,
          synced: true,
        };
        return this.answer === null
          ? Promise.reject(new Error("no answer"))
          : Promise.resolve({ ...peer, ...(this.answer && { transfer: this.answer }) });
      },
    });
  }

  now(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.nowMs).toISOString();
  }

  /** Looks at some time. */
  async at(nowMs: number, seen: Partial<TransferSeen>): Promise<string> {
    this.nowMs = nowMs;
    this.seen = { ...SEEN, elapsedMs: nowMs, ...seen };
    await this.watch.look(this.running);
    await new Promise((resolve) => setTimeout(resolve));
    await this.watch.look(this.running);
    const { transfer, lastTransfer } = this.progress.status;
    return describeTransfer((transfer ?? lastTransfer)!);
  }
}

const donated = (total: number | null) =>
  ({
    kind: "SST",
    role: "donor",
    peer: "galera-1",
    done: 1,
    total,
    rate: null,
    remainingSeconds: null,
    startedAt: "2026-01-01T00:00:00Z",
    endedAt: null,
  }) as const;

Deno.test("TransferWatch says rate, total and time left, and in the end how long it took", async () => {
  const stage = new Stage();
  stage.watch.donors = [{ address: "127.0.0.2", node: NODE }];
  stage.answer = donated(1_000_000);
  assert.equal(await stage.at(0, {}), "SST from galera-2: 0 %, 0 B of 1.0 MB");
  assert.equal(
    await stage.at(2000, { done: 200_000 }),
    "SST from galera-2: 20 %, 200 kB of 1.0 MB, 100 kB/s, 8 s left",
  );
  // What was long ago counts no more.
  await stage.at(10_000, { done: 200_000 });
  assert.equal(
    await stage.at(20_000, { done: 700_000 }),
    "SST from galera-2: 70 %, 700 kB of 1.0 MB, 50 kB/s, 6 s left",
  );
  assert.equal(
    await stage.at(21_000, { done: 1_000_000, phase: "preparing" }),
    "SST from galera-2: 1.0 MB copied, preparing",
  );
  assert.equal(stage.watch.copiedBytes(stage.running), null);
  assert.equal(
    await stage.at(25_000, { done: 1_000_000, hasEnded: true }),
    "SST from galera-2 done: 1.0 MB in 25 s, 40 kB/s",
  );
  assert.equal(stage.progress.status.transfer, null);
  assert.equal(stage.progress.status.lastTransfer?.startedAt, "2026-01-01T00:00:00.000Z");
  assert.equal(stage.watch.copiedBytes(stage.running), 1_000_000);
  assert.equal(stage.asked, 1);
});

Deno.test("TransferWatch asks a donor again that does not know yet how much it sends", async () => {
  const stage = new Stage();
  stage.watch.donors = [{ address: "127.0.0.2", node: NODE }];
  stage.answer = donated(null);
  assert.equal(await stage.at(0, {}), "SST from galera-2: 0 B");
  assert.equal(await stage.at(500, {}), "SST from galera-2: 0 B");
  assert.equal(stage.asked, 1);
  stage.answer = donated(1_000_000);
  assert.equal(await stage.at(1000, {}), "SST from galera-2: 0 %, 0 B of 1.0 MB");
});

Deno.test("TransferWatch counts no rate over the time before anything came", async () => {
  const stage = new Stage();
  for (const nowMs of [0, 2000, 4000]) {
    assert.equal(
      await stage.at(nowMs, { total: 1_000_000 }),
      "SST from galera-2: 0 %, 0 B of 1.0 MB",
    );
  }
  assert.equal(
    await stage.at(6000, { total: 1_000_000, done: 200_000 }),
    "SST from galera-2: 20 %, 200 kB of 1.0 MB, 100 kB/s, 8 s left",
  );
});

Deno.test("TransferWatch says no rate where all came at once and nothing moves but a few bytes", async () => {
  const stage = new Stage();
  const total = 100_000_000;
  const copied = "SST from galera-2: 35 %, 35 of 100 MB";
  assert.equal(await stage.at(0, { total, done: 35_000_000 }), copied);
  for (let nowMs = 500; nowMs <= 20_000; nowMs += 500) {
    assert.equal(await stage.at(nowMs, { total, done: 35_000_000 + nowMs * 0.118 }), copied);
  }
  assert.equal(
    await stage.at(21_000, { total, done: 45_000_000 }),
    "SST from galera-2: 45 %, 45 of 100 MB, 1.0 MB/s, 55 s left",
  );
});

for (
  const [what, answer, donors, sentence] of [
    ["does not answer", null, [NODE], "SST from galera-2: 10 %, 70 B of 700 B"],
    ["says nothing of transfers", undefined, [NODE], "SST from galera-2: 10 %, 70 B of 700 B"],
    ["has no HTTP", null, [{ ...NODE, http: null }], "SST from galera-2: 10 %, 70 B of 700 B"],
    ["is not known", null, [], "SST from galera-2: 70 B"],
  ] as const
) {
  Deno.test(`TransferWatch makes do with what is registered of a donor that ${what}`, async () => {
    const stage = new Stage();
    stage.watch.donors = donors.map((node) => ({ address: "127.0.0.2", node }));
    stage.answer = answer;
    const said = await stage.at(0, { done: 70 });
    assert.equal(said.replace("70 of 700 B", "70 B of 700 B"), sentence);
  });
}

Deno.test("TransferWatch says why a transfer failed, also with the server", async () => {
  const stage = new Stage();
  await stage.at(0, { total: 1_000_000 });
  stage.seen = { ...SEEN, elapsedMs: 3000, done: 70, hasEnded: true, failure: "why" };
  stage.exited.resolve(undefined as never);
  await new Promise((resolve) => setTimeout(resolve));
  const { lastTransfer } = stage.progress.status;
  assert.equal(
    describeTransfer(lastTransfer!),
    "SST from galera-2 failed after 70 B in 3 s: why",
  );
  assert.equal(stage.watch.copiedBytes(stage.running), null);
});

Deno.test("TransferWatch follows the next transfer, and one that it hears of when it is over", async () => {
  const stage = new Stage();
  await stage.at(0, { total: 10, done: 10, hasEnded: true });
  assert.match(
    await stage.at(5000, { number: 2, kind: "IST", total: 10, done: 10, hasEnded: true }),
    /^IST from galera-2 done: 10 transactions/,
  );
  await stage.at(6000, { number: 3, role: "donor", elapsedMs: 1000, hasEnded: true });
  await stage.at(7000, { number: 4, role: "donor", elapsedMs: 1000, hasEnded: true });
  // Each is told of once, also where it went as the one before.
  assert.deepEqual(stage.story, [
    "SST from galera-2 done: 10 B in 0 s",
    "IST from galera-2 done: 10 transactions in 5 s, 2 transactions/s",
    "SST to galera-2 done: 0 B in 1 s",
    "SST to galera-2 done: 0 B in 1 s",
  ]);
});
