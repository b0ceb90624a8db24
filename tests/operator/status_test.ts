import assert from "node:assert/strict";
import * as v from "valibot";
import { describeRequest } from "../../lib/cluster/requests.ts";
import type { RecordData } from "../../lib/cluster/view.ts";
import { buildReport, type Facts, type Heard } from "../../lib/operator/status.ts";
import { renderReport, WatchScreen } from "../../lib/operator/status_screen.ts";
import { STATUS_EXITS } from "../../lib/operator/verdict.ts";
import type { Output } from "../../lib/machine/terminal.ts";
import { MEMBER_FIELDS, STATUS_FIELDS, statusSchema } from "./status_schema.ts";
import {
  at,
  heard,
  node,
  NOTHING,
  OTHER_UUID,
  record,
  RUNNING,
  SINCE,
  status,
  THREE,
  UUID,
} from "./status_reports.ts";

const PAPER = { columns: null, isColoured: false };
const ALL = heard(status("g-1"), status("g-2"), status("g-3"));
const COPY = { position: { uuid: UUID, seqno: 42n }, attempt: "a1" };
const WAITS = {
  stage: "waiting",
  doing: "Waiting: g-3 died running",
  primary: false,
  uuid: null,
  seqno: null,
  decision: {
    kind: "wait",
    rule: 7,
    reason: "g-3 died running",
    waitsFor: ["g-3"],
    person: "Start it.",
  },
} as const;
const ARBITRATOR = {
  name: "arb-1",
  address: "10.0.0.7",
  uuid: UUID,
  attempt: "a1",
  primary: true,
  members: ["g-1", "g-2"],
  since: SINCE,
};
const REQUEST = {
  id: "1",
  kind: "restart",
  by: "ann@host",
  since: SINCE,
  members: ["g-1", "g-2"],
  outage: false,
  done: [],
  current: null,
  failed: null,
  canceled: null,
} as const;
const TRANSFER = {
  kind: "SST",
  role: "joiner",
  peer: "g-1",
  done: 1.2e9,
  total: 2.8e9,
  rate: 110e6,
  remainingSeconds: 14,
  startedAt: SINCE,
  endedAt: null,
} as const;

function linesOf(facts: Facts, said: Heard = heard()): readonly string[] {
  return renderReport(buildReport(facts, said), PAPER).map((line) =>
    line.replaceAll(/(?<=\S) {2,}/g, " | ")
  );
}

Deno.test("renderReport() shows that nobody has ever reported", () => {
  assert.deepEqual(linesOf(NOTHING), [
    "No primary component: no member has reported yet",
    "Cluster: none yet",
    "Start-up lock: free",
  ]);
  assert.equal(buildReport(NOTHING, heard()).root, "/");
});

Deno.test("renderReport() shows a cluster in which all is well", () => {
  // Asked a moment earlier, it is not behind.
  const said = heard(status("g-1"), status("g-2", { seqno: "75" }), status("g-3"));
  assert.deepEqual(linesOf(THREE, said), [
    "All well: 3 of 3 Synced",
    `Cluster: ${UUID}, running, bootstrapped by g-1`,
    "Start-up lock: free",
    "",
    "MEMBER | ADDRESS | STATE | SEQNO | SINCE",
    "g-1 | 10.0.0.1 | Synced | 77 | 2026-01-02T03:04:05Z",
    "g-2 | 10.0.0.2 | Synced | 75 | 2026-01-02T03:04:05Z",
    "g-3 | 10.0.0.3 | Synced | 77 | 2026-01-02T03:04:05Z",
  ]);
});

Deno.test("renderReport() shows members that serve, join, died, are stopped, silent and strangers", () => {
  const facts: Facts = {
    ...THREE,
    records: [
      record("g-1", RUNNING),
      record("g-2", { ...RUNNING, starting: true } as RecordData),
      record("g-3", RUNNING, false),
      record("g-4", RUNNING),
      record("g-5", at(42n), false),
      { kind: "unreadable", name: "g-6", problem: 'it holds "junk"' },
      record("g-7", at(7n, OTHER_UUID), false),
      record("g-8", RUNNING, true, { instead: "nothing" }),
    ],
    nodes: [node("g-1"), node("g-4", false), { address: "10.0.0.9", node: null }],
    contenders: ["g-2", "g-5", "g-6"],
    paused: "since 2026-01-02 by ann@host",
    request: REQUEST,
    advice: [
      { members: ["g-3"], needed: true, says: "g-3 has gone: start it." },
      { members: ["g-5"], needed: false, says: "g-5 may go." },
    ],
  };
  const said = heard(
    status("g-1"),
    status("g-2", { stage: "joining", transfer: TRANSFER, uuid: null, seqno: null }),
  );
  const report = buildReport(facts, said);
  assert.deepEqual(report.lock, { holder: "g-2", waiting: ["g-5", "g-6"] });
  assert.deepEqual(linesOf(facts, said), [
    "Degraded: keepers are paused; g-2 joining 42 % from g-1; g-3 died running; g-4 not Primary, " +
    "no answer; and 6 more (1 of 9 Synced)",
    "Paused since 2026-01-02 by ann@host: keepers start, stop and elect nothing, what runs serves " +
    "on; `galera-keeper resume` lets all go on",
    describeRequest(REQUEST),
    `Cluster: ${UUID}, running, bootstrapped by g-1`,
    "Start-up lock: held by g-2; waiting: g-5, g-6",
    "",
    "MEMBER | ADDRESS | STATE | SEQNO | SINCE",
    "g-1 | 10.0.0.1 | Synced | 77 | 2026-01-02T03:04:05Z",
    "g-2 | 10.0.0.2 | joining 42 % from g-1 | - | 2026-01-02T03:04:05Z",
    "g-3 | 10.0.0.3 | died running | - | -",
    "g-4 | 10.0.0.4 | not Primary, no answer | - | 2026-01-02T03:04:05Z",
    "g-5 | 10.0.0.5 | stopped | 42 (-35) | -",
    "g-6 | record not readable | - | -",
    "g-7 | 10.0.0.7 | stopped | 7 | -",
    "g-8 | 10.0.0.8 | starting, no answer | - | -",
    "(not known) | 10.0.0.9 | not one of ours | - | -",
    "",
    "g-2: SST from g-1: 42 %, 1.2 of 2.8 GB, 110 MB/s, 14 s left",
    'g-6: it holds "junk"',
    `g-7: its data is of another cluster, ${OTHER_UUID}:7`,
    "g-8: its datadir now holds nothing",
    "10.0.0.9: registered by another program",
    "A person is needed: g-3 has gone: start it.",
    "g-5 may go.",
  ]);
});

Deno.test("renderReport() keeps within the terminal, colours what it shows, and lets no order through", () => {
  const facts: Facts = {
    ...THREE,
    advice: [{ members: ["g-3"], needed: true, says: "a word ".repeat(20) + "\x1b[2J" }],
  };
  const said = heard(status("g-1"), status("g-2", WAITS), status("g-3"));
  const report = buildReport(facts, said);
  for (const columns of [80, 60, 45]) {
    const lines = renderReport(report, { columns, isColoured: false });
    assert.ok(lines.every((line) => line.length <= columns), lines.join("\n"));
    assert.ok(!lines.join("").includes("\x1b"), "an order of somebody else's");
  }
  assert.deepEqual(
    renderReport(report, { columns: 45, isColoured: false }).filter((line) => /^[Mg]/.test(line)),
    [
      "MEMBER  ADDRESS   STATE            SEQNO",
      "g-1     10.0.0.1  Synced              77",
      "g-2     10.0.0.2  waiting for g-3      -",
      "g-3     10.0.0.3  Synced              77",
      "g-2: g-3 died running",
    ],
  );
  const coloured = renderReport(report, { columns: 45, isColoured: true });
  assert.ok(coloured[0]!.startsWith("\x1b[33mDegraded: "));
  assert.ok(coloured[0]!.endsWith("\x1b[0m"));
  assert.ok(coloured.some((line) => line.includes("\x1b[32mSynced         \x1b[0m")));
  assert.ok(coloured.some((line) => line.includes("\x1b[31mwaiting for g-3\x1b[0m")));
});

Deno.test("renderReport() gives each arbitrator a line of its own", () => {
  const waiting = { ...ARBITRATOR, name: "arb-2", primary: false, members: [] };
  const facts = { ...THREE, arbitrators: [ARBITRATOR, waiting] };
  assert.deepEqual(linesOf(facts, ALL).slice(-2), [
    "Arbitrator: arb-1, 10.0.0.7, votes since 2026-01-02T03:04:05Z, with g-1, g-2",
    "Arbitrator: arb-2, 10.0.0.7, does not vote now",
  ]);
});

Deno.test("renderReport() shows what members say where ZooKeeper does not answer", () => {
  const facts = { ...NOTHING, away: "Cannot reach ZooKeeper at zk:2181 in 3 s: no server answers" };
  const silent = [{ address: "g-3:8008", problem: "the connection is refused" }];
  const said = { ...heard(status("g-1"), status("g-2", { seqno: "75", synced: false })), silent };
  assert.deepEqual(linesOf(facts, said), [
    "Degraded: ZooKeeper does not answer; g-2 Primary, not Synced; g-3:8008 no answer (1 of 3 Synced)",
    "ZooKeeper does not answer: Cannot reach ZooKeeper at zk:2181 in 3 s: no server answers",
    "",
    "MEMBER | ADDRESS | STATE | SEQNO | SINCE",
    "g-1 | 10.0.0.1 | Synced | 77 | 2026-01-02T03:04:05Z",
    "g-2 | 10.0.0.2 | Primary, not Synced | 75 (-2) | 2026-01-02T03:04:05Z",
    "(not known) | g-3:8008 | no answer | - | -",
    "",
    "g-2: Serving, registered and Synced",
    "g-3:8008: the connection is refused",
  ]);
});

Deno.test("buildReport() judges: the summary and the exit status", () => {
  const two = heard(status("g-1"), status("g-2"));
  const dead: Facts = {
    ...THREE,
    records: [record("g-1", RUNNING), record("g-2", RUNNING), record("g-3", RUNNING, false)],
    nodes: [node("g-1"), node("g-2")],
  };
  const away = { ...NOTHING, away: "no server answers" };
  const needed = { members: ["g-1"], needed: true, says: "Do it." };
  const noPrimary = { primary: false, synced: false };
  const table: [exit: number, summary: string, Facts, Heard][] = [
    [0, "All well: 3 of 3 Synced", THREE, ALL],
    [
      0,
      "All well: 3 of 3 Synced, and an arbitrator votes",
      { ...THREE, arbitrators: [ARBITRATOR] },
      ALL,
    ],
    // Advice that is only wise changes nothing, nor that one offers no HTTP.
    [0, "All well: 3 of 3 Synced", { ...THREE, advice: [{ ...needed, needed: false }] }, ALL],
    [
      0,
      "All well: 3 of 3 Synced",
      {
        ...THREE,
        nodes: [node("g-1"), node("g-2"), node("g-3", true, false)],
        records: THREE.records.map((seen) =>
          seen.kind === "record" ? { ...seen, record: { ...seen.record, http: null } } : seen
        ),
      },
      two,
    ],
    [1, "Degraded: g-3 died running (2 of 3 Synced)", dead, two],
    [1, "Degraded: g-3 Primary, no answer (2 of 3 Synced)", THREE, two],
    [1, "Degraded: keepers are paused (3 of 3 Synced)", { ...THREE, paused: "by ann" }, ALL],
    [
      1,
      "Degraded: arb-1 does not vote (3 of 3 Synced)",
      { ...THREE, arbitrators: [{ ...ARBITRATOR, primary: false }] },
      ALL,
    ],
    [1, "Degraded: a person is needed (3 of 3 Synced)", { ...THREE, advice: [needed] }, ALL],
    [
      1,
      "Degraded: the znode of the cluster cannot be read (3 of 3 Synced)",
      { ...THREE, cluster: { kind: "unreadable", problem: "junk" } },
      ALL,
    ],
    [0, "All well: 3 of 3 Synced", { ...THREE, request: REQUEST }, ALL],
    [
      1,
      "Degraded: the restart stands still (3 of 3 Synced)",
      { ...THREE, request: { ...REQUEST, failed: { member: "g-1", why: "it died" } } },
      ALL,
    ],
    [
      1,
      "Degraded: g-3 draining (2 of 3 Synced)",
      THREE,
      heard(status("g-1"), status("g-2"), status("g-3", { stage: "draining" })),
    ],
    [
      1,
      "Degraded: members are Primary in different clusters; g-3: its data is of another cluster, " +
      `${OTHER_UUID}:77 (3 of 3 Synced)`,
      THREE,
      heard(status("g-1"), status("g-2"), status("g-3", { uuid: OTHER_UUID })),
    ],
    [1, "Degraded: ZooKeeper does not answer (3 of 3 Synced)", away, ALL],
    [
      2,
      "No primary component: g-1 not Primary; g-2 not Primary; g-3 not Primary",
      THREE,
      heard(...["g-1", "g-2", "g-3"].map((name) => status(name, noPrimary))),
    ],
    [
      2,
      "No primary component: g-1 waiting for g-3; g-2 waiting for g-3; g-3 died running; a person " +
      "is needed",
      { ...dead, nodes: [], advice: [needed] },
      heard(status("g-1", WAITS), status("g-2", WAITS)),
    ],
    [
      2,
      "No primary component: ZooKeeper does not answer; g-1 not Primary",
      away,
      heard(status("g-1", noPrimary)),
    ],
    // One that bootstraps lets nobody in yet.
    [
      2,
      "No primary component: g-1 bootstrapping; g-2 stopped, without data",
      {
        ...THREE,
        nodes: [],
        records: [record("g-1", RUNNING), record("g-2", { kind: "nothing" }, false)],
      },
      heard(status("g-1", { stage: "bootstrapping" })),
    ],
    [69, "Not known: ZooKeeper does not answer, no member was asked", away, heard()],
    [69, "Not known: ZooKeeper does not answer, no member either", away, {
      ...heard(),
      silent: [{ address: "g-1:8008", problem: "no answer in 2 s" }],
    }],
  ];
  for (const [exit, summary, facts, said] of table) {
    const report = buildReport(facts, said);
    assert.deepEqual([STATUS_EXITS[report.health], report.summary], [exit, summary]);
    assert.equal(renderReport(report, PAPER)[0], summary);
  }
});

Deno.test("buildReport() says what is on record of a member that is not running", () => {
  const table: [RecordData, string, string | null][] = [
    [at(42n), `${UUID}:42`, "42"],
    [
      { kind: "at", copy: COPY, safeToBootstrap: true },
      `${UUID}:42, safe to bootstrap`,
      "42",
    ],
    [{ kind: "torn", floor: null }, "torn: an SST into it did not finish", null],
    [
      { kind: "torn", floor: COPY },
      `torn: an SST into it did not finish, before it ${UUID}:42`,
      null,
    ],
    [{ kind: "standalone" }, "data that never was in a cluster", null],
    [{ ...RUNNING, starting: true } as RecordData, "starting", null],
    [RUNNING, "died running", null],
  ];
  for (const [data, position, seqno] of table) {
    const report = buildReport({ ...NOTHING, records: [record("g-1", data, false)] }, heard());
    assert.deepEqual([report.members[0]?.position, report.members[0]?.seqno], [position, seqno]);
  }
});

Deno.test("status --json is what the README says, field by field", async () => {
  const reports = [
    buildReport(NOTHING, heard()),
    buildReport({ ...THREE, arbitrators: [ARBITRATOR], contenders: ["g-1", "g-2"] }, ALL),
    buildReport({
      ...NOTHING,
      cluster: { kind: "unreadable", problem: "/cluster: it holds nothing" },
      records: [{ kind: "unreadable", name: "g-1", problem: "it holds junk" }],
      nodes: [node("g-2"), { address: "10.0.0.9", node: null }],
      advice: [{ members: ["g-3"], needed: true, says: "Start it." }],
    }, heard()),
    buildReport({ ...NOTHING, away: "no server answers" }, {
      ...heard(status("g-1")),
      silent: [{ address: "g-2:8008", problem: "no answer" }],
    }),
  ];
  for (const report of reports) {
    const printed = JSON.parse(JSON.stringify(report));
    assert.deepEqual(v.parse(statusSchema, printed), report);
  }
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const rows = [...readme.matchAll(/^\| `(\.?\w+)` \| /gm)].map(([, name]) => name);
  for (const field of STATUS_FIELDS) assert.ok(rows.includes(field), field);
  for (const field of MEMBER_FIELDS) assert.ok(rows.includes(`.${field}`), `members[].${field}`);
});

/** An output that keeps what is written. */
function outputOf(isTerminal: boolean, rows = 24): Output & { text: string } {
  return {
    text: "",
    isTerminal: () => isTerminal,
    size: () => ({ columns: 80, rows }),
    write(text) {
      this.text += text;
    },
    writeBytes() {},
  };
}

Deno.test("WatchScreen draws over what it drew, only where something changed", () => {
  const output = outputOf(true, 6);
  const screen = new WatchScreen(output, () => PAPER);
  assert.ok(screen.show(buildReport(THREE, ALL), false));
  screen.show(buildReport(THREE, ALL), false);
  assert.deepEqual(output.text.split("\n"), [
    "\x1b[2J\x1b[HAll well: 3 of 3 Synced\x1b[K",
    `Cluster: ${UUID}, running, bootstrapped by g-1\x1b[K`,
    "Start-up lock: free\x1b[K",
    "\x1b[K",
    "…\x1b[K",
    "\x1b[J",
  ]);
  screen.show(buildReport({ ...THREE, paused: "by ann" }, ALL), false);
  assert.ok(output.text.includes("\x1b[J\x1b[HDegraded: keepers are paused "));
  assert.ok(output.text.endsWith("\x1b[J"));
});

Deno.test("WatchScreen without a terminal prints one screen below the other, or one document a line", () => {
  const output = outputOf(false);
  const screen = new WatchScreen(output, () => PAPER);
  for (const facts of [NOTHING, NOTHING, THREE]) screen.show(buildReport(facts, ALL), false);
  assert.equal(output.text.match(/^(All well|Degraded): /gm)?.length, 2, output.text);
  const json = outputOf(false);
  const documents = new WatchScreen(json, () => PAPER);
  for (const facts of [NOTHING, NOTHING, THREE]) documents.show(buildReport(facts, ALL), true);
  const lines = json.text.trimEnd().split("\n").map((line) => JSON.parse(line).health);
  assert.deepEqual(lines, ["degraded", "well"]);
  assert.equal(
    new WatchScreen({ ...json, isGone: () => true }, () => PAPER).show(
      buildReport(THREE, ALL),
      true,
    ),
    false,
  );
});
