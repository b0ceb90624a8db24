import assert from "node:assert/strict";
import { Progress } from "../lib/progress.ts";
import { SYNCED as PRIMARY } from "./simulation/wsrep_status.ts";

Deno.test("Progress says of a registered member that it serves only while it does", () => {
  const progress = new Progress("alice", "192.0.2.1", () => "2026-01-02T03:04:05Z");
  progress.observe({ ...PRIMARY, primary: false });
  assert.equal(progress.status.doing, "Starting");
  progress.ready();
  assert.equal(progress.status.doing, "Serving, registered and Synced");
  progress.observe({ ...PRIMARY, primary: false });
  assert.equal(
    progress.status.doing,
    "Registered and serving nobody, as it is in no primary component",
  );
  progress.observe(null);
  assert.equal(progress.status.doing, "Registered, and mariadbd does not answer");
  progress.observe({ ...PRIMARY, letsClientsIn: false });
  assert.equal(
    progress.status.doing,
    "Registered, and letting no clients in by wsrep_reject_queries",
  );
  progress.observe(PRIMARY);
  assert.equal(progress.status.doing, "Serving, registered and Synced");
  assert.equal(progress.status.seqno, "7");
});

Deno.test("Progress says of a donor that it is one, and to whom", () => {
  const progress = new Progress("alice", "192.0.2.1", () => "2026-01-02T03:04:05Z");
  progress.ready();
  const donor = { ...PRIMARY, synced: false, localState: 2 };
  progress.observe(donor);
  assert.equal(progress.status.doing, "Serving, while desynced from the others");
  const transfer = {
    kind: "SST",
    role: "donor",
    peer: "bob",
    done: 1,
    total: 2,
    rate: null,
    remainingSeconds: null,
    startedAt: "2026-01-02T03:04:05Z",
    endedAt: null,
  } as const;
  progress.transferring(transfer);
  progress.observe(donor);
  assert.equal(progress.status.doing, "Serving as the donor of bob, by SST");
  assert.deepEqual([progress.status.transfer, progress.status.lastTransfer], [transfer, null]);
  progress.transferred({ ...transfer, endedAt: "2026-01-02T03:04:06Z" });
  assert.equal(progress.status.transfer, null);
  assert.equal(progress.status.lastTransfer?.endedAt, "2026-01-02T03:04:06Z");
  progress.observe({ ...donor, localState: 3 });
  assert.equal(progress.status.doing, "Registered, and catching up with the others");
});

Deno.test("Progress keeps notes of what tells the story of an outage, each once", () => {
  const progress = new Progress("alice", "192.0.2.1", () => "2026-01-02T03:04:05Z");
  const notes: string[] = [];
  progress.keepNotesIn(({ kind, rule, reason, person }) =>
    notes.push([kind, rule, reason, person].filter((part) => part !== null).join(" | "))
  );
  const found = { datadirId: "d", held: { kind: "empty" }, attempt: null } as const;
  progress.inspected(found);
  progress.inspected(found);
  const waits = { kind: "wait", rule: 7, reason: "bob died", waitsFor: ["bob"] } as const;
  progress.decide({ ...waits, person: "Start bob." });
  progress.decide({ ...waits, person: "Start bob." });
  progress.decide({ kind: "join", rule: 1, reason: "bob answers", donors: ["192.0.2.2"] });
  progress.observe({ ...PRIMARY, primary: false });
  progress.observe(PRIMARY);
  progress.ready();
  for (const primary of [true, false, false, true]) {
    progress.observe({ ...PRIMARY, primary });
    progress.observe(null);
  }
  progress.enter("stopping", "Stopping mariadbd: told to stop");
  progress.enter("stopping", "Still stopping");
  progress.observe({ ...PRIMARY, primary: false });
  assert.deepEqual(notes, [
    "event | Started: the datadir is empty",
    "wait | 7 | bob died | Start bob.",
    "join | 1 | bob answers",
    "event | Registered, Primary and Synced, at seqno 7",
    "event | It has lost the primary component",
    "event | It is Primary again",
    "event | Stopping mariadbd: told to stop",
  ]);
});
