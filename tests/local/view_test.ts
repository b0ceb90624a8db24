import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { JsonScreen, LineScreen, LiveScreen } from "../../lib/local/screen.ts";
import {
  backoffMs,
  describeState,
  isServing,
  type MemberView,
  type ProcessState,
  renderTable,
  stopOrder,
} from "../../lib/local/view.ts";
import type { MemberStatus } from "../../lib/progress.ts";
import type { Output } from "../../lib/machine/terminal.ts";

const STATUS: MemberStatus = {
  v: 1,
  member: "galera-1",
  datadirId: null,
  held: null,
  attempt: null,
  size: null,
  address: "127.0.1.1",
  uuid: null,
  primary: true,
  synced: true,
  stage: "registered",
  doing: "Serving, registered and Synced",
  decision: null,
  seqno: "42",
  clusterSize: 3,
  answers: true,
  localState: 4,
  letsClientsIn: true,
  readOnly: false,
  flowControlPaused: 0,
  serverId: 1,
  session: "connected",
  since: "2026-01-01T00:00:00Z",
  startedAt: "2026-01-01T00:00:00Z",
  readyAt: null,
  certificateExpiresAt: null,
  adopted: false,
  transfer: null,
  lastTransfer: null,
};

function running(status: Partial<MemberStatus> | null): ProcessState {
  return { kind: "running", status: status === null ? null : { ...STATUS, ...status } };
}

function view(state: ProcessState, name = "galera-1"): MemberView {
  return { name, address: "127.0.1.1", state, takenMs: 5210 };
}

const WAIT = {
  kind: "wait",
  rule: 3,
  reason: "galera-1 bootstraps",
  waitsFor: ["galera-1"],
  person: null,
} as const;

Deno.test("describeState() says what a member does now and why", () => {
  const table: [ProcessState, string][] = [
    [running(null), "starting"],
    [running({}), "Serving, registered and Synced"],
    [
      running({ stage: "waiting", doing: "Waiting", decision: WAIT }),
      "Waiting (galera-1 bootstraps)",
    ],
    [
      running({ stage: "waiting", doing: "Waiting: galera-1 bootstraps", decision: WAIT }),
      "Waiting: galera-1 bootstraps",
    ],
    [
      running({ stage: "waiting", doing: "Waiting", decision: { ...WAIT, person: "forget it" } }),
      "Waiting (galera-1 bootstraps); a person is needed: forget it",
    ],
    [
      { kind: "ended", how: "status 69: no way", againInMs: 4000 },
      "ended with status 69: no way; starts again in 4 s",
    ],
    [{ kind: "stopping" }, "stopping"],
    [{ kind: "stopped", how: "status 0" }, "stopped (status 0)"],
  ];
  for (const [state, text] of table) assert.equal(describeState(view(state)), text);
});

Deno.test("isServing() wants registered, Primary and Synced", () => {
  const table: [ProcessState, boolean][] = [
    [running({}), true],
    [running({ stage: "joining" }), false],
    [running({ primary: false }), false],
    [running({ synced: false }), false],
    [running(null), false],
    [{ kind: "stopping" }, false],
  ];
  for (const [state, expected] of table) assert.equal(isServing(view(state)), expected);
});

Deno.test("stopOrder() stops the most advanced last", () => {
  const at = (seqno: string) => view(running({ seqno }));
  const waiting = view(running({ stage: "waiting", seqno: null }));
  const table: [readonly MemberView[], readonly number[]][] = [
    [[], []],
    [[at("7"), at("7"), at("7")], [2, 1, 0]],
    [[at("9"), at("10"), at("8")], [2, 0, 1]],
    [[at("9223372036854775807"), at("9223372036854775806")], [1, 0]],
    [[waiting, at("3"), waiting], [2, 0, 1]],
    [[at("3"), view({ kind: "ended", how: "status 1", againInMs: 1 })], [1, 0]],
  ];
  for (const [views, order] of table) assert.deepEqual(stopOrder(views), order);
});

Deno.test("backoffMs() doubles up to half a minute", () => {
  assert.deepEqual([1, 2, 3, 6, 50].map(backoffMs), [1000, 2000, 4000, 30_000, 30_000]);
});

Deno.test("renderTable() fits the terminal", () => {
  const views = [view(running({})), view(running({ doing: "x".repeat(200) }), "galera-22")];
  const lines = renderTable(views, 60).map(stripVTControlCharacters);
  assert.equal(lines[0], "MEMBER     ADDRESS    SEQNO   TIME  WHAT IT DOES NOW, AND W…");
  assert.equal(lines[1], "galera-1   127.0.1.1     42  5.2 s  Serving, registered and…");
  for (const line of lines) assert.ok(line.length <= 60, line);
  const wide = renderTable(views.slice(0, 1), 200).map(stripVTControlCharacters);
  assert.equal(wide[1], "galera-1  127.0.1.1     42  5.2 s  Serving, registered and Synced");
});

function output(): Output & { text: string } {
  const captured = {
    text: "",
    isTerminal: () => true,
    size: () => ({ columns: 80, rows: 24 }),
    write: (part: string) => void (captured.text += part),
    writeBytes: () => assert.fail(),
  };
  return captured;
}

Deno.test("LineScreen says each change once", () => {
  const out = output();
  const screen = new LineScreen(out);
  screen.show([view(running(null))]);
  screen.show([view(running(null))]);
  screen.show([view(running({}))]);
  screen.say("done");
  const lines = out.text.replaceAll(/\[ +\d+\.\d s\] /g, "").split("\n");
  assert.deepEqual(lines, [
    "galera-1 127.0.1.1: starting",
    "galera-1 127.0.1.1: Serving, registered and Synced, after 5.2 s, at seqno 42",
    "done",
    "",
  ]);
});

const SST = {
  kind: "SST",
  role: "joiner",
  peer: "galera-2",
  done: 43e6,
  total: 100e6,
  rate: 20e6,
  remainingSeconds: 3,
  startedAt: "2026-01-01T00:00:00Z",
  endedAt: null,
} as const;
const joining = (done: number) =>
  view(running({ stage: "joining", doing: "Joining", transfer: { ...SST, done } }));

Deno.test("renderTable() shows how far a state transfer is", () => {
  const lines = renderTable([joining(43e6)], 200).map(stripVTControlCharacters);
  assert.match(lines[1] ?? "", / SST from galera-2: 43 %, 43 of 100 MB, 20 MB\/s, 3 s left$/);
});

Deno.test("LineScreen says each tenth of a state transfer, and how it ended", () => {
  const out = output();
  const screen = new LineScreen(out);
  for (const done of [43e6, 44e6, 50e6]) screen.show([joining(done)]);
  const lastTransfer = { ...SST, done: 100e6, endedAt: "2026-01-01T00:00:05Z" };
  for (let times = 0; times < 2; times++) screen.show([view(running({ lastTransfer }))]);
  assert.deepEqual(out.text.replaceAll(/^.*127\.0\.1\.1: /gm, "").trim().split("\n"), [
    "SST from galera-2: 43 %, 43 of 100 MB, 20 MB/s, 3 s left",
    "SST from galera-2: 50 %, 50 of 100 MB, 20 MB/s, 3 s left",
    "SST from galera-2 done: 100 MB in 5 s, 20 MB/s",
    "Serving, registered and Synced, after 5.2 s, at seqno 42",
  ]);
});

Deno.test("JsonScreen writes one document a change", () => {
  const out = output();
  const screen = new JsonScreen(out);
  screen.show([view(running(null)), view({ kind: "stopping" }, "galera-2")]);
  screen.show([view(running({})), view({ kind: "stopping" }, "galera-2")]);
  screen.say("done");
  const events = out.text.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ v, event, member, serving, takenMs, text }) =>
      [v, event, member, serving, takenMs, text].filter((field) => field !== undefined)
    ),
    [
      [1, "member", "galera-1", false, 5210],
      [1, "member", "galera-2", false, 5210],
      [1, "member", "galera-1", true, 5210],
      [1, "message", "done"],
    ],
  );
  assert.equal(events[2].status.seqno, "42");
});

Deno.test("LiveScreen draws the table over itself and keeps what is said above it", () => {
  const out = output();
  const screen = new LiveScreen(out);
  screen.show([view(running(null))]);
  const first = out.text.length;
  screen.show([view(running(null))]);
  assert.equal(out.text.length, first, "nothing changed, nothing is drawn");
  screen.say("hello");
  assert.ok(out.text.slice(first).startsWith("\r\x1b[2A\x1b[Jhello\n"));
});

Deno.test("LiveScreen says above the table how a state transfer ended, once", () => {
  const out = output();
  const screen = new LiveScreen(out);
  const lastTransfer = { ...SST, done: 100e6, endedAt: "2026-01-01T00:00:05Z" };
  for (let times = 0; times < 2; times++) screen.show([view(running({ lastTransfer }))]);
  const lines = stripVTControlCharacters(out.text).split("\n");
  assert.equal(lines[0], "galera-1 127.0.1.1: SST from galera-2 done: 100 MB in 5 s, 20 MB/s");
  assert.equal(lines.filter((line) => line.includes("SST from")).length, 1);
});
