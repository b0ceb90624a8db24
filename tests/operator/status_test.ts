import assert from "node:assert/strict";
import type { RecordData, SeenRecord } from "../../lib/cluster/view.ts";
import type { MemberStatus } from "../../lib/progress.ts";
import type { NodeChild } from "../../lib/snapshot.ts";
import { buildReport, type Facts, renderReport } from "../../lib/operator/status.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const BARE = { instead: null, insteadCopy: null, lineage: [], http: null };
const COPY = { position: { uuid: UUID, seqno: 42n }, attempt: "a1" };

function record(name: string, data: RecordData, present = true): SeenRecord {
  const number = Number(name.at(-1));
  const address = `10.0.0.${number}`;
  return {
    kind: "record",
    record: { name, serverId: number, address, datadirId: "d", data, ...BARE },
    present,
  };
}

function node(member: string, primary = true): NodeChild {
  const address = `10.0.0.${member.at(-1)}`;
  return {
    address,
    node: {
      member,
      datadirId: "d",
      uuid: UUID,
      primary,
      http: `${address}:8008`,
      dataBytes: 1,
      since: "2026-01-02T03:04:05.678Z",
    },
  };
}

const RUNNING: RecordData = { kind: "running", uuid: UUID, starting: false, floor: null };
const EMPTY: Facts = {
  root: "",
  paused: null,
  request: null,
  cluster: { kind: "none" },
  records: [],
  nodes: [],
  arbitrators: [],
  contenders: [],
  advice: [],
};

Deno.test("buildReport() and renderReport() show an empty registry", () => {
  assert.deepEqual(renderReport(buildReport(EMPTY, new Map())), [
    "Cluster: none yet",
    "Start-up lock: free",
    "No member has reported yet",
  ]);
  assert.equal(buildReport(EMPTY, new Map()).root, "/");
});

Deno.test("renderReport() shows members that serve, start, wait, died and are strangers", () => {
  const facts: Facts = {
    root: "/mariadb",
    request: null,
    cluster: {
      kind: "known",
      cluster: {
        phase: "running",
        uuid: UUID,
        by: "g-1",
        attempt: "a1",
        attempts: [{ attempt: "a1", by: "g-1", uuid: UUID, seqno: 0n, from: null }],
        forced: false,
      },
    },
    records: [
      record("g-1", RUNNING),
      record("g-2", { kind: "nothing" }),
      record("g-3", RUNNING, false),
      record("g-4", RUNNING),
    ],
    nodes: [node("g-1"), node("g-4", false), { address: "10.0.0.9", node: null }],
    arbitrators: [],
    contenders: ["g-2", "g-5", "g-6"],
    paused: "since 2026-01-02 by ann@host",
    advice: [
      { members: ["g-3"], needed: true, says: "g-3 has gone: start it." },
      { members: ["g-2"], needed: false, says: "g-2 may go." },
    ],
  };
  const status = { uuid: UUID, seqno: "77", serverId: 1, doing: "Serving" } as MemberStatus;
  const report = buildReport(facts, new Map([["g-1", status]]));
  assert.deepEqual(report.lock, { holder: "g-2", waiting: ["g-5", "g-6"] });
  assert.deepEqual(renderReport(report).map((line) => line.replaceAll(/ {2,}/g, " | ")), [
    "Paused since 2026-01-02 by ann@host: keepers start, stop and elect nothing, what runs serves " +
    "on; `galera-keeper resume` lets all go on",
    `Cluster: ${UUID}, running, bootstrapped by g-1`,
    "Start-up lock: held by g-2; waiting: g-5, g-6",
    "MEMBER | ADDRESS | SERVER_ID | REGISTERED SINCE | POSITION | STATE",
    `g-1 | 10.0.0.1 | 1 | 2026-01-02T03:04:05Z | ${UUID}:77 | Serving`,
    "g-2 | 10.0.0.2 | 2 | - | nothing | starting or waiting",
    "g-3 | 10.0.0.3 | 3 | - | died running | not running",
    "g-4 | 10.0.0.4 | 4 | 2026-01-02T03:04:05Z | running, it does not answer | " +
    "registered, not Primary, does not answer",
    "(not ours) | 10.0.0.9 | - | - | not known | starting or waiting; registered by another program",
    "A person is needed: g-3 has gone: start it.",
    "g-2 may go.",
  ]);
});

Deno.test("renderReport() gives each arbitrator a line of its own", () => {
  const arbitrator = {
    name: "arb-1",
    address: "10.0.0.7",
    uuid: UUID,
    attempt: "a1",
    primary: true,
    members: ["g-1", "g-2"],
    since: "2026-01-02T03:04:05.678Z",
  };
  const waiting = {
    ...arbitrator,
    name: "arb-2",
    uuid: null,
    attempt: null,
    primary: false,
    members: [],
  };
  const report = buildReport({ ...EMPTY, arbitrators: [arbitrator, waiting] }, new Map());
  assert.deepEqual(report.arbitrators, [arbitrator, waiting]);
  assert.deepEqual(renderReport(report).slice(-2), [
    "Arbitrator: arb-1, 10.0.0.7, votes since 2026-01-02T03:04:05Z, with g-1, g-2",
    "Arbitrator: arb-2, 10.0.0.7, does not vote now",
  ]);
});

Deno.test("buildReport() says what is on record of a member that is not running", () => {
  const table: [RecordData, string][] = [
    [{ kind: "at", copy: COPY, safeToBootstrap: false }, `${UUID}:42`],
    [{ kind: "at", copy: COPY, safeToBootstrap: true }, `${UUID}:42, safe to bootstrap`],
    [{ kind: "torn", floor: null }, "torn: an SST into it did not finish"],
    [
      { kind: "torn", floor: COPY },
      `torn: an SST into it did not finish, before it ${UUID}:42`,
    ],
    [{ kind: "standalone" }, "data that never was in a cluster"],
    [{ ...RUNNING, starting: true }, "starting"],
  ];
  for (const [data, position] of table) {
    const report = buildReport({ ...EMPTY, records: [record("g-1", data, false)] }, new Map());
    assert.equal(report.members[0]?.position, position);
  }
});

Deno.test("buildReport() shows what cannot be read, and JSON takes all of it", () => {
  const report = buildReport({
    ...EMPTY,
    cluster: { kind: "unreadable", problem: "/cluster: it holds nothing" },
    records: [{ kind: "unreadable", name: "g-1", problem: "it holds junk" }],
    nodes: [node("g-2")],
  }, new Map());
  assert.equal(
    renderReport(report)[0],
    "Cluster: not readable, a person is needed: /cluster: it holds nothing",
  );
  assert.equal(report.members[0]?.problem, "it holds junk");
  assert.equal(report.members[1]?.problem, "it has no record");
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
});
