import assert from "node:assert/strict";
import { isReady, Liveness, type Readiness, SILENCE_MS } from "../lib/health.ts";
import { type MemberStatus, Progress } from "../lib/progress.ts";
import { SYNCED } from "./simulation/wsrep_status.ts";

const NOW = "2026-01-01T00:00:00Z";

function registered(other: Partial<MemberStatus> = {}): MemberStatus {
  const progress = new Progress("galera-1", "192.0.2.1", () => NOW);
  progress.observe(SYNCED);
  progress.ready();
  return { ...progress.status, ...other };
}

const DONOR = { synced: false, localState: 2 };
const TABLE: readonly [what: string, Partial<MemberStatus>, Readiness, boolean][] = [
  ["a registered, Synced member", {}, {}, true],
  ["a member that is not Primary", { primary: false }, {}, false],
  ["a member that is not Synced", { synced: false, localState: 3 }, {}, false],
  ["a donor", DONOR, {}, false],
  ["a donor, where donors will do", DONOR, { donor: true }, true],
  ["a joined one, where donors will do", { synced: false, localState: 3 }, { donor: true }, false],
  ["a donor that is not Primary", { ...DONOR, primary: false }, { donor: true }, false],
  ["a member that lets nobody in", { letsClientsIn: false }, {}, false],
  ["a member that only reads", { readOnly: true }, {}, true],
  ["a member that serves no more", { readyAt: null }, {}, false],
  ["a member that registers yet", { stage: "registering", readyAt: null }, {}, false],
  ["a member that stops", { stage: "stopping" }, {}, false],
  [
    "a server without Galera",
    { stage: "plain", primary: false, synced: false, localState: 0, letsClientsIn: false },
    {},
    true,
  ],
  ["a silent server without Galera", { stage: "plain", answers: false }, {}, false],
  ["a server without Galera that starts", { stage: "plain", readyAt: null }, {}, false],
];
for (const [what, other, readiness, expected] of TABLE) {
  Deno.test(`isReady() is ${expected} of ${what}`, () => {
    assert.equal(isReady(registered(other), readiness), expected);
  });
}

/** A life by steps of events and time. */
function live(play: (to: { progress: Progress; pass(ms: number): void }) => void): string | null {
  let nowMs = 1000;
  const liveness = new Liveness(() => nowMs);
  const progress = new Progress("galera-1", "192.0.2.1", () => NOW);
  progress.listen((event) => liveness.note(event));
  play({ progress, pass: (ms) => nowMs += ms });
  return liveness.problem;
}

const DAY_MS = 86_400_000;
const silent = "mariadbd has not answered for 15 min";

Deno.test("Liveness has a member live however long it starts", () => {
  assert.equal(live(({ pass }) => pass(DAY_MS)), null);
  const joins = live(({ progress, pass }) => {
    progress.enter("joining", "Joining");
    progress.observe(null);
    pass(DAY_MS);
    progress.observe(null);
  });
  assert.equal(joins, null);
});

Deno.test("Liveness has a server that serves dead only once it has long been silent", () => {
  const after = (ms: number) =>
    live(({ progress, pass }) => {
      pass(DAY_MS);
      progress.ready();
      progress.observe(SYNCED);
      pass(ms);
      progress.observe(null);
    });
  assert.equal(after(SILENCE_MS - 1), null);
  assert.equal(after(SILENCE_MS), silent);
});

Deno.test("Liveness has a server live that refuses us, its password being another by now", () => {
  const refuses = live(({ progress, pass }) => {
    progress.ready();
    for (let minutes = 0; minutes < 60; minutes++) {
      progress.refused(new Error("MariaDB refuses the password"));
      progress.observe(null);
      pass(60_000);
    }
  });
  assert.equal(refuses, null);
});

Deno.test("Liveness counts answers alone, so that a keeper that hangs is dead, too", () => {
  const hangs = live(({ progress, pass }) => {
    progress.ready();
    pass(SILENCE_MS);
  });
  assert.equal(hangs, silent);
});

Deno.test("Liveness waits for a donor, and for a member that stops or has lost the others", () => {
  const states = [{ localState: 2, synced: false }, { primary: false }];
  const [donor, alone] = states.map((state) =>
    live(({ progress, pass }) => {
      progress.ready();
      for (let minutes = 0; minutes < 60; minutes++) {
        progress.observe({ ...SYNCED, ...state });
        pass(60_000);
      }
      if (state.localState === 2) pass(SILENCE_MS);
    })
  );
  assert.deepEqual([donor, alone], [null, null]);
  const stops = live(({ progress, pass }) => {
    progress.ready();
    progress.unready();
    progress.enter("stopping", "Stopping");
    pass(DAY_MS);
  });
  assert.equal(stops, null);
});
