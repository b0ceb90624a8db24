import assert from "node:assert/strict";
import fc from "fast-check";
import type { Cluster, MemberRecord } from "../lib/cluster/view.ts";
import {
  formatArbitrator,
  formatCluster,
  formatNode,
  formatRecord,
  type Node,
  parseArbitrator,
  parseCluster,
  parseNode,
  parseRecord,
  ZnodeError,
} from "../lib/znodes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const uuid = fc.uuid();
const name = fc.string({ minLength: 1, maxLength: 20 });
const seqno = fc.bigInt(0n, 2n ** 63n - 1n);
const copy = fc.record({
  position: fc.record({ uuid, seqno }),
  attempt: fc.option(name),
});
const attempt = fc.record({
  attempt: name,
  by: name,
  uuid: fc.option(uuid),
  seqno,
  from: fc.option(name),
});
const data: fc.Arbitrary<MemberRecord["data"]> = fc.oneof(
  fc.record({
    kind: fc.constant("running" as const),
    uuid: fc.option(uuid),
    starting: fc.boolean(),
    floor: fc.oneof(fc.constant(null), fc.constant("unknown" as const), copy),
  }),
  fc.record({ kind: fc.constant("at" as const), copy, safeToBootstrap: fc.boolean() }),
  fc.constant({ kind: "nothing" as const }),
  fc.record({ kind: fc.constant("torn" as const), floor: fc.option(copy) }),
  fc.constant({ kind: "standalone" as const }),
);

Deno.test("parseRecord() reads back what formatRecord() wrote", () => {
  const record: fc.Arbitrary<MemberRecord> = fc.record({
    name,
    serverId: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 })),
    address: name,
    datadirId: name,
    data,
    instead: fc.option(fc.string()),
    insteadCopy: fc.option(copy),
    lineage: fc.array(attempt),
    http: fc.option(name),
  });
  fc.assert(fc.property(record, (record) => {
    assert.deepEqual(
      structuredClone(parseRecord(record.name, bytes(formatRecord(record)))),
      structuredClone(record),
    );
  }));
});

Deno.test("parseCluster() reads back what formatCluster() wrote", () => {
  const cluster: fc.Arbitrary<Cluster> = fc.oneof(
    fc.record({ phase: fc.constant("running" as const), uuid }),
    fc.record({ phase: fc.constant("bootstrapping" as const), uuid: fc.option(uuid) }),
  ).chain((phase) =>
    fc.record({ by: name, attempt: name, attempts: fc.array(attempt), forced: fc.boolean() })
      .map((rest) => ({ ...phase, ...rest }))
  );
  fc.assert(fc.property(cluster, (cluster) => {
    assert.deepEqual(parseCluster(bytes(formatCluster(cluster))), structuredClone(cluster));
  }));
});

Deno.test("parseNode() reads back what formatNode() wrote", () => {
  const node: fc.Arbitrary<Node> = fc.record({
    member: name,
    datadirId: name,
    uuid,
    primary: fc.boolean(),
    http: fc.option(name),
    dataBytes: fc.nat(),
    since: fc.string(),
  });
  fc.assert(fc.property(node, (node) => {
    assert.deepEqual(parseNode(bytes(formatNode(node))), structuredClone(node));
  }));
});

Deno.test("parseArbitrator() reads back what formatArbitrator() wrote", () => {
  const arbitrator = fc.record({
    name,
    address: name,
    uuid: fc.option(uuid),
    attempt: fc.option(name),
    primary: fc.boolean(),
    members: fc.array(name),
    since: fc.string(),
  });
  fc.assert(fc.property(arbitrator, (arbitrator) => {
    const data = bytes(formatArbitrator(arbitrator));
    assert.deepEqual(parseArbitrator(data), structuredClone(arbitrator));
  }));
});

Deno.test("any bytes are a value, ZnodeError or null, and nothing else", () => {
  const anything = fc.oneof(fc.uint8Array(), fc.json().map(bytes));
  fc.assert(fc.property(anything, (bytes) => {
    parseNode(bytes);
    const parseOne = (data: Uint8Array) => parseRecord("m", data);
    for (const parse of [parseCluster, parseArbitrator, parseOne]) {
      try {
        parse(bytes);
      } catch (error) {
        assert.ok(error instanceof ZnodeError, String(error));
        assert.ok(!error.message.includes("\n"), error.message);
      }
    }
  }));
});

const CLUSTER = '{"v":1,"phase":"running","uuid":"00000000-0000-0000-0000-000000000001",' +
  '"by":"a","attempt":"x","attempts":[]}';

for (
  const [what, text] of [
    ["an empty value", ""],
    ["no JSON", "galera"],
    ["another version", CLUSTER.replace('"v":1', '"v":2')],
    ["another phase", CLUSTER.replace("running", "runing")],
    ["running without a UUID", CLUSTER.replace(/"0000[^"]*"/, "null")],
    ["a UUID cut short", CLUSTER.replace("0001", "1")],
    ["attempts that are no list", CLUSTER.replace("[]", "{}")],
    [
      "a seqno as a number",
      CLUSTER.replace("[]", '[{"attempt":"x","by":"a","uuid":null,"seqno":1}]'),
    ],
    [
      "a negative seqno",
      CLUSTER.replace("[]", '[{"attempt":"x","by":"a","uuid":null,"seqno":"-1"}]'),
    ],
    [
      "a seqno beyond 2^63",
      CLUSTER.replace("[]", '[{"attempt":"x","by":"a","uuid":null,"seqno":"9223372036854775808"}]'),
    ],
  ] as const
) {
  Deno.test(`parseCluster() refuses ${what}`, () => {
    assert.doesNotThrow(() => parseCluster(bytes(CLUSTER)));
    assert.throws(() => parseCluster(bytes(text)), ZnodeError);
  });
}

Deno.test("parseNode() takes the lab's empty value, and anything else not ours, for a stranger", () => {
  for (const text of ["", "10.0.0.1", "{}", '{"v":1}']) assert.equal(parseNode(bytes(text)), null);
});
