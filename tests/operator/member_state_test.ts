import assert from "node:assert/strict";
import type { Decision, RecordData } from "../../lib/cluster/view.ts";
import { type Known, stateOf } from "../../lib/operator/member_state.ts";
import { type MemberStatus, STAGES } from "../../lib/progress.ts";
import type { Transfer } from "../../lib/transfer.ts";
import { at, record, RUNNING, SINCE, status } from "./status_reports.ts";

const TRANSFER: Transfer = {
  kind: "SST",
  role: "joiner",
  peer: "g-1",
  done: 43,
  total: 100,
  rate: null,
  remainingSeconds: null,
  startedAt: SINCE,
  endedAt: null,
};

function waits(waitsFor: readonly string[], person: string | null = null): Partial<MemberStatus> {
  const decision: Decision = { kind: "wait", rule: 7, reason: "why", waitsFor, person };
  return { stage: "waiting", decision };
}

Deno.test("stateOf() says in a few words how a member is that answers", () => {
  const table: [Partial<MemberStatus>, string][] = [
    [{}, "well: Synced"],
    [{ adopted: true }, "well: Synced, adopted"],
    [{ stage: "joining", transfer: TRANSFER }, "busy: joining 43 % from g-1"],
    [{ stage: "joining", transfer: { ...TRANSFER, total: null, peer: null } }, "busy: joining"],
    [{ stage: "joining", transfer: { ...TRANSFER, endedAt: SINCE } }, "busy: joining"],
    [{ stage: "joining" }, "busy: joining"],
    [
      { transfer: { ...TRANSFER, role: "donor", peer: "g-3" }, synced: false, localState: 2 },
      "busy: donating 43 % to g-3",
    ],
    [{ synced: false, localState: 2 }, "busy: donating or desynced"],
    [{ synced: false, localState: 3 }, "busy: Primary, not Synced"],
    [{ letsClientsIn: false }, "busy: Synced, lets no client in"],
    [{ primary: false, synced: false }, "bad: not Primary"],
    [{ primary: false, synced: false, answers: false }, "bad: mariadbd does not answer"],
    [waits(["g-1"]), "busy: waiting for g-1"],
    [waits(["g-2", "g-1"]), "busy: waiting for g-1"],
    [waits(["g-1", "g-3"], "Start it."), "bad: waiting for g-1 and g-3"],
    [waits(["g-1", "g-3", "g-4"]), "busy: waiting for 3 members"],
    [waits([], "Do it."), "bad: waiting for a person"],
    [waits([]), "busy: waiting"],
    [{ stage: "waiting" }, "busy: waiting"],
    [{ stage: "locking" }, "busy: waiting for the start-up lock"],
    [{ stage: "connecting" }, "busy: waiting for ZooKeeper"],
    [{ stage: "draining" }, "busy: draining"],
    [{ stage: "plain" }, "bad: runs without Galera"],
  ];
  for (const [rest, expected] of table) {
    const known = { status: status("g-2", rest), record: null, isPresent: true };
    const { words, health } = stateOf({ ...known, registered: "primary", offersHttp: true });
    assert.equal(`${health}: ${words}`, expected);
  }
  for (const stage of STAGES) {
    const known = { status: status("g-2", { stage }), record: null, isPresent: true };
    const { words } = stateOf({ ...known, registered: "no", offersHttp: true });
    assert.ok(words.length > 5 && words.length < 32, `${stage}: ${words}`);
  }
});

Deno.test("stateOf() says how a member is that does not answer", () => {
  const died = record("g-3", RUNNING);
  const own = died.kind === "record" ? died.record : null;
  const away = { status: null, isPresent: false, registered: "no", offersHttp: true } as const;
  const of = (data: RecordData): Known => ({ ...away, record: { ...own!, data } });
  const table: [Known, string][] = [
    [of(RUNNING), "bad: died running"],
    [of({ kind: "running", uuid: null, starting: true, floor: null }), "bad: died starting"],
    [of(at(42n)), "bad: stopped"],
    [of({ ...at(42n), safeToBootstrap: true } as RecordData), "bad: stopped, safe to bootstrap"],
    [of({ kind: "nothing" }), "bad: stopped, without data"],
    [of({ kind: "torn", floor: null }), "bad: stopped, its SST was torn"],
    [of({ kind: "standalone" }), "bad: stopped, with data of its own"],
    [{ ...away, record: null }, "bad: not there"],
    [{ ...of(RUNNING), isPresent: true }, "busy: starting, no answer"],
    [{ ...of(RUNNING), isPresent: true, registered: "primary" }, "bad: Primary, no answer"],
    [
      { ...of(RUNNING), isPresent: true, registered: "not-primary" },
      "bad: not Primary, no answer",
    ],
    [
      { ...of(RUNNING), isPresent: true, registered: "primary", offersHttp: false },
      "well: Primary, offers no HTTP",
    ],
  ];
  for (const [known, expected] of table) {
    const { words, health } = stateOf(known);
    assert.equal(`${health}: ${words}`, expected);
  }
});

Deno.test("stateOf() tells a Synced member that is not registered, where ZooKeeper can say so", () => {
  const known = { status: status("g-1"), record: null, isPresent: true, offersHttp: true };
  assert.equal(stateOf({ ...known, registered: "no" }).words, "Synced, not registered");
  assert.equal(stateOf({ ...known, registered: "unknown" }).words, "Synced");
});
