import assert from "node:assert/strict";
import { type AdoptionView, planAdoption } from "../../lib/cluster/adopt.ts";
import { UNKNOWN_DATADIR } from "../../lib/cluster/record.ts";
import type { Cluster, MemberRecord, RecordData, SeenRecord } from "../../lib/cluster/view.ts";

const UUID = "6b1c1f36-5d2c-11ef-9d3a-0242ac120002";
const OTHER = "0c8c6d4e-5d2c-11ef-9d3a-0242ac120002";
/** The attempt of a cluster of which nothing is known: two that adopt it tell of the same one. */
const NEW = "6b1c1f365d2c11ef9d3a0242ac120002";
const ATTEMPT = { attempt: "x", by: "a", uuid: UUID, seqno: 0n, from: null };

const CLUSTER: Cluster = {
  phase: "running",
  uuid: UUID,
  by: "a",
  attempt: "x",
  attempts: [ATTEMPT],
  forced: false,
};

function record(name: string, data: RecordData, more: Partial<MemberRecord> = {}): SeenRecord {
  return {
    kind: "record",
    present: false,
    record: {
      name,
      serverId: null,
      address: `192.0.2.${name.charCodeAt(0) - 96}`,
      datadirId: `disk-${name}`,
      data,
      instead: null,
      insteadCopy: null,
      lineage: [],
      http: null,
      ...more,
    },
  };
}

const running = (uuid = UUID): RecordData => ({
  kind: "running",
  uuid,
  starting: false,
  floor: null,
});
const at = (seqno: bigint, uuid = UUID): RecordData => ({
  kind: "at",
  copy: { position: { uuid, seqno }, attempt: null },
  safeToBootstrap: false,
});

/** A server called a, with b and c in its view, on an empty ensemble. */
const VIEW: AdoptionView = {
  self: {
    name: "a",
    datadirId: "disk-a",
    attempt: null,
    lineage: [],
    position: { uuid: UUID, seqno: 100n },
  },
  sighting: null,
  inView: ["a", "b", "c"].map((name, at) => ({
    name,
    address: `192.0.2.${at + 1}`,
    gcommUuid: `server-${name}`,
  })),
  storage: "persistent",
  cluster: { kind: "none" },
  records: [],
  registered: [],
  asked: null,
  size: null,
};

const known = (more: Partial<Cluster> = {}): AdoptionView["cluster"] => ({
  kind: "known",
  cluster: { ...CLUSTER, ...more },
});
const primary = (name: string): AdoptionView["registered"][number] => ({
  address: `192.0.2.${name.charCodeAt(0) - 96}`,
  name,
  answer: { kind: "primary" },
});

function adopted(view: Partial<AdoptionView>) {
  const plan = planAdoption({ ...VIEW, ...view });
  assert.equal(plan.kind, "adopt", plan.kind === "refuse" ? plan.reason : "");
  return plan as typeof plan & { kind: "adopt" };
}

Deno.test("planAdoption() puts a cluster on record that began with nothing, and that all of the view run", () => {
  const { cluster, records } = adopted({});
  assert.deepEqual(cluster, {
    ...CLUSTER,
    attempt: NEW,
    attempts: [{ ...ATTEMPT, attempt: NEW }],
  });
  assert.deepEqual(
    records.map(({ name, data, datadirId, serverId }) => [name, data, datadirId, serverId]),
    [
      ["a", running(), "disk-a", 1],
      ["b", running(), UNKNOWN_DATADIR, null],
      ["c", running(), UNKNOWN_DATADIR, null],
    ],
  );
});

Deno.test("planAdoption() goes on with what the datadir knows of its past", () => {
  const past = [ATTEMPT, { attempt: "y", by: "b", uuid: UUID, seqno: 50n, from: "x" }];
  const self = { ...VIEW.self, attempt: "y", lineage: past };
  const { cluster } = adopted({ self });
  assert.deepEqual([cluster.attempt, cluster.attempts, cluster.by], ["y", past, "b"]);
  // Another cluster's past is none.
  const foreign = { ...self, position: { uuid: OTHER, seqno: 9n } };
  assert.equal(adopted({ self: foreign }).cluster.attempt, OTHER.replaceAll("-", ""));
});

Deno.test("planAdoption() overwrites what a keeper said before its server was started by hand", () => {
  const { records } = adopted({
    records: [record("b", at(90n), { serverId: 7 }), record("c", running(), { serverId: 8 })],
  });
  assert.deepEqual(records.map(({ name, serverId, data }) => [name, serverId, data.kind]), [
    ["a", 9, "running"],
    ["b", 7, "running"],
  ]);
});

Deno.test("planAdoption() keeps the cluster that is on record, where something shows that it is this one", () => {
  const table: [string, Partial<AdoptionView>][] = [
    ["a registered member in the view", {
      registered: [primary("b")],
      records: [record("b", running()), record("d", at(200n))],
    }],
    ["all on record in the view", { records: [record("b", running()), record("c", at(200n))] }],
    ["a server that was seen in a component of it", {
      sighting: { attempt: "x", servers: ["server-d", "server-c"] },
      records: [record("a", running()), record("d", at(200n))],
    }],
    ["one that never held any of it is away", { records: [record("d", { kind: "nothing" })] }],
    ["another cluster's member is away", { records: [record("d", running(OTHER))] }],
  ];
  for (const [why, view] of table) {
    assert.deepEqual(adopted({ cluster: known(), ...view }).cluster, CLUSTER, why);
  }
});

Deno.test("planAdoption() refuses, and says why", () => {
  const table: [Partial<AdoptionView>, RegExp][] = [
    [{ cluster: { kind: "unreadable", problem: "junk" } }, /cannot be read: junk/],
    [{ storage: "ephemeral" }, /--storage ephemeral/],
    [{ asked: "Restart in turn" }, /^Restart in turn$/],
    [{ size: 4 }, /^3 of 4 members are in this server's Galera view: a, b, c$/],
    [
      { records: [{ kind: "unreadable", name: "d", problem: "junk" }] },
      /record of d cannot be read/,
    ],
    [
      { records: [{ ...record("b", at(90n)), present: true } as SeenRecord] },
      /^A keeper speaks for b and runs no server/,
    ],
    [{ cluster: known({ uuid: OTHER }) }, /^Another cluster is on record: its UUID is 0c8c/],
    [{ cluster: known({ phase: "bootstrapping" }) }, /^a began a bootstrap that is not finished/],
    [{ records: [record("d", at(1n, OTHER))] }, /^The record of d speaks of another cluster/],
    [{ cluster: known(), records: [record("a", at(1n, OTHER))] }, /record of a speaks of another/],
    [{ registered: [primary("b")] }, /^b is registered, and the cluster is not on record yet/],
    [
      { cluster: known(), registered: [primary("b"), primary("d"), primary("e")] },
      /^d and e are registered and Primary, and not in this server's Galera view: they are two/,
    ],
    [{ records: [record("d", at(1n))] }, /^d is on record with data of this cluster, and not in/],
    [
      { cluster: known(), records: [record("b", running()), record("d", running())] },
      /^d is on record with data of this cluster/,
    ],
    [{
      cluster: known(),
      sighting: { attempt: "x", servers: ["server-d"] },
      records: [record("d", running())],
    }, /^d is on record with data of this cluster/],
    // Seen before, and a person decided otherwise since.
    [{
      cluster: known({ attempt: "z" }),
      sighting: { attempt: "x", servers: ["server-a"] },
      records: [record("d", running())],
    }, /^d is on record with data of this cluster/],
    [
      { records: [record("a", at(200n), { datadirId: "another" })] },
      /^The record of a says that its data may be newer, and the server now holds a copy at .*:100;/,
    ],
    [
      { cluster: known(), records: [record("a", running(), { datadirId: "another" })] },
      /^The record of a says that its data may be newer/,
    ],
  ];
  for (const [view, reason] of table) {
    const plan = planAdoption({ ...VIEW, ...view });
    assert.equal(plan.kind, "refuse", `${reason}`);
    assert.match(plan.kind === "refuse" ? plan.reason : "", reason);
  }
});

Deno.test("planAdoption() asks for no number of members once the cluster is on record", () => {
  adopted({ cluster: known(), size: 4 });
});
