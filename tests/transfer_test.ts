import assert from "node:assert/strict";
import {
  describeTransfer,
  durationOf,
  formatBytes,
  percentOf,
  type Transfer,
} from "../lib/transfer.ts";

const SST: Transfer = {
  kind: "SST",
  role: "joiner",
  peer: "galera-2",
  done: 1.2e9,
  total: 2.8e9,
  rate: 110e6,
  remainingSeconds: 14.4,
  startedAt: "2026-01-02T03:04:05.000Z",
  endedAt: null,
};
const IST: Transfer = {
  ...SST,
  kind: "IST",
  done: 1200,
  total: 4000,
  rate: 700.4,
  remainingSeconds: 4,
};
const ENDED = { endedAt: "2026-01-02T03:04:31.400Z", remainingSeconds: null };

const SENTENCES: readonly (readonly [Transfer, string])[] = [
  [SST, "SST from galera-2: 42 %, 1.2 of 2.8 GB, 110 MB/s, 14 s left"],
  [
    { ...SST, role: "donor", peer: "galera-3" },
    "SST to galera-3: 42 %, 1.2 of 2.8 GB, 110 MB/s, 14 s left",
  ],
  [
    { ...SST, done: 43e6, rate: null, remainingSeconds: null },
    "SST from galera-2: 1 %, 43 MB of 2.8 GB",
  ],
  [{ ...SST, peer: null, total: null, remainingSeconds: null }, "SST: 1.2 GB, 110 MB/s"],
  [
    { ...SST, role: "donor", peer: null, total: null, remainingSeconds: null },
    "SST to another member: 1.2 GB, 110 MB/s",
  ],
  // A donor that goes on writing sends more than it held.
  [{ ...SST, done: 2.9e9, remainingSeconds: null }, "SST from galera-2: 99 %, 2.9 GB, 110 MB/s"],
  [{ ...SST, phase: "preparing" }, "SST from galera-2: 1.2 GB copied, preparing"],
  [
    { ...SST, role: "donor", done: 0, phase: "flushing tables" },
    "SST to galera-2: flushing tables",
  ],
  [{ ...SST, ...ENDED, done: 2.8e9 }, "SST from galera-2 done: 2.8 GB in 26 s, 110 MB/s"],
  [
    { ...SST, ...ENDED, failure: "the donor has gone" },
    "SST from galera-2 failed after 1.2 GB in 26 s: the donor has gone",
  ],
  [IST, "IST from galera-2: 30 %, 1200 of 4000 transactions, 700 transactions/s, 4 s left"],
  [
    { ...IST, ...ENDED, done: 4000, rate: null },
    "IST from galera-2 done: 4000 transactions in 26 s",
  ],
  [
    { ...IST, done: 1, total: 2, rate: 1, remainingSeconds: 1 },
    "IST from galera-2: 50 %, 1 of 2 transactions, 1 transaction/s, 1 s left",
  ],
];

for (const [transfer, sentence] of SENTENCES) {
  Deno.test(`describeTransfer() says "${sentence}"`, () => {
    assert.equal(describeTransfer(transfer), sentence);
  });
}

Deno.test("percentOf() says 100 only of a transfer that ended well", () => {
  const of = (more: Partial<Transfer>) => percentOf({ ...SST, ...more });
  assert.equal(of({ done: 0 }), 0);
  assert.equal(of({ done: 2.8e9 }), 99);
  assert.equal(of({ total: null }), null);
  assert.equal(of({ total: 0 }), null);
  assert.equal(of(ENDED), 100);
  assert.equal(of({ ...ENDED, failure: "why" }), 42);
});

Deno.test("formatBytes() goes on to the next unit where four digits would be written", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [999, "999 B"],
    [999.6, "1.0 kB"],
    [9.94e6, "9.9 MB"],
    [9.96e6, "10 MB"],
    [999.6e6, "1.0 GB"],
    [2e15, "2.0 PB"],
    [5e18, "5000 PB"],
  ];
  for (const [bytes, text] of table) assert.equal(formatBytes(bytes), text);
});

Deno.test("durationOf() names two units at most", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 s"],
    [0.04, "0 s"],
    [9.94, "9.9 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [125, "2 min 5 s"],
    [3599.6, "1 h"],
    [12_000, "3 h 20 min"],
  ];
  for (const [seconds, text] of table) assert.equal(durationOf(seconds), text);
});
