import assert from "node:assert/strict";
import fc from "fast-check";
import { multiLayout } from "../../lib/zookeeper/addon_values.ts";
import { OP } from "../../lib/zookeeper/constants.ts";
import { JuteError, JuteReader, JuteWriter } from "../../lib/zookeeper/jute.ts";
import * as records from "../../lib/zookeeper/records.ts";
import { anyBytes, bytes, int32, int64, text } from "./arbitraries.ts";

/** A record: what it may hold, how it is written and read. */
interface Codec<T> {
  readonly values: fc.Arbitrary<T>;
  readonly write: (out: JuteWriter, value: T) => void;
  readonly read: (from: JuteReader) => T;
}

const stat = fc.record({
  czxid: int64,
  mzxid: int64,
  ctime: int64,
  mtime: int64,
  version: int32,
  cversion: int32,
  aversion: int32,
  ephemeralOwner: int64,
  dataLength: int32,
  numChildren: int32,
  pzxid: int64,
});
const acls = fc.array(fc.record({ perms: int32, scheme: text, id: text }));
const paths = fc.array(text);
const create = { path: text, data: fc.option(bytes), acls, flags: int32 };
const watches = { relativeZxid: int64, data: paths, exist: paths, child: paths };
const multiResult = fc.oneof(
  fc.record({ err: int32 }),
  fc.record({ err: fc.constant(0), path: text }),
  fc.record({ err: fc.constant(0), path: text, stat }),
  fc.record({ err: fc.constant(0), stat }),
);

function codec<T>(codec: Codec<T>): Codec<unknown> {
  return codec as unknown as Codec<unknown>;
}

const CODECS: Readonly<Record<string, Codec<unknown>>> = {
  Stat: codec({ values: stat, write: records.writeStat, read: records.readStat }),
  ACLs: codec({ values: acls, write: records.writeAcls, read: records.readAcls }),
  ConnectRequest: codec({
    values: fc.record({
      protocolVersion: int32,
      lastZxidSeen: int64,
      timeoutMs: int32,
      sessionId: int64,
      password: bytes,
      readOnly: fc.boolean(),
    }),
    write: records.writeConnectRequest,
    read: records.readConnectRequest,
  }),
  ConnectResponse: codec({
    values: fc.record({
      protocolVersion: int32,
      timeoutMs: int32,
      sessionId: int64,
      password: bytes,
      readOnly: fc.boolean(),
    }),
    write: records.writeConnectResponse,
    read: records.readConnectResponse,
  }),
  RequestHeader: codec({
    values: fc.record({ xid: int32, type: int32 }),
    write: records.writeRequestHeader,
    read: records.readRequestHeader,
  }),
  ReplyHeader: codec({
    values: fc.record({ xid: int32, zxid: int64, err: int32 }),
    write: records.writeReplyHeader,
    read: records.readReplyHeader,
  }),
  WatcherEvent: codec({
    values: fc.record({ type: int32, state: int32, path: text }),
    write: records.writeWatcherEvent,
    read: records.readWatcherEvent,
  }),
  CreateRequest: codec({
    values: fc.record(create),
    write: records.writeCreateRequest,
    read: (from) => records.readCreateRequest(from, false),
  }),
  CreateTTLRequest: codec({
    values: fc.record({ ...create, ttlMs: fc.maxSafeInteger() }),
    write: records.writeCreateRequest,
    read: (from) => records.readCreateRequest(from, true),
  }),
  VersionRequest: codec({
    values: fc.record({ path: text, version: int32 }),
    write: records.writeVersionRequest,
    read: records.readVersionRequest,
  }),
  WatchRequest: codec({
    values: fc.record({ path: text, watch: fc.boolean() }),
    write: records.writeWatchRequest,
    read: records.readWatchRequest,
  }),
  SetDataRequest: codec({
    values: fc.record({ path: text, data: fc.option(bytes), version: int32 }),
    write: records.writeSetDataRequest,
    read: records.readSetDataRequest,
  }),
  SetACLRequest: codec({
    values: fc.record({ path: text, acls, version: int32 }),
    write: records.writeSetAclRequest,
    read: records.readSetAclRequest,
  }),
  AuthPacket: codec({
    values: fc.record({ type: int32, scheme: text, auth: bytes }),
    write: records.writeAuthPacket,
    read: records.readAuthPacket,
  }),
  SetWatches: codec({
    values: fc.record(watches),
    write: records.writeSetWatches,
    read: (from) => records.readSetWatches(from, false),
  }),
  SetWatches2: codec({
    values: fc.record({ ...watches, persistent: paths, persistentRecursive: paths }),
    write: records.writeSetWatches,
    read: (from) => records.readSetWatches(from, true),
  }),
  ReconfigRequest: codec({
    values: fc.record({
      joining: fc.option(text),
      leaving: fc.option(text),
      members: fc.option(text),
      configId: int64,
    }),
    write: records.writeReconfigRequest,
    read: records.readReconfigRequest,
  }),
  MultiHeader: codec({
    values: fc.record({ type: int32, done: fc.boolean(), err: int32 }),
    write: records.writeMultiHeader,
    read: records.readMultiHeader,
  }),
  MultiResponse: codec({
    values: fc.array(multiResult),
    write: records.writeMultiResponse,
    read: (from) => records.readMultiResponse(from, multiLayout),
  }),
};

/** fast-check makes records without a prototype. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}

for (const [name, { values, write, read }] of Object.entries(CODECS)) {
  Deno.test(`${name} is read back as it was written`, () => {
    fc.assert(fc.property(values, (value) => {
      const out = new JuteWriter(0);
      write(out, value);
      const from = new JuteReader(out.bytes);
      assert.deepEqual(plain(read(from)), plain(value));
      assert.equal(from.remaining, 0);
    }));
  });

  Deno.test(`${name} read from any bytes is a value or a JuteError`, () => {
    const cut = fc.tuple(values, fc.nat(300)).map(([value, length]) => {
      const out = new JuteWriter();
      write(out, value);
      return out.bytes.slice(0, length);
    });
    fc.assert(fc.property(fc.oneof(anyBytes, cut), (bytes) => {
      try {
        read(new JuteReader(bytes));
      } catch (error) {
        assert.ok(error instanceof JuteError, String(error));
      }
    }));
  });
}

Deno.test("readConnectResponse() takes a reply of 3.3, which has no readOnly", () => {
  const out = new JuteWriter();
  const response = { protocolVersion: 0, timeoutMs: 4000, sessionId: 7n, password: bytes16() };
  records.writeConnectResponse(out, { ...response, readOnly: true });
  out.length -= 1;
  const from = new JuteReader(out.bytes);
  assert.deepEqual(records.readConnectResponse(from), { ...response, readOnly: false });
});

Deno.test("readMultiResponse() refuses an operation that it does not know", () => {
  const out = new JuteWriter();
  records.writeMultiHeader(out, { type: OP.reconfig, done: false, err: 0 });
  const read = () => records.readMultiResponse(new JuteReader(out.bytes), multiLayout);
  assert.throws(read, JuteError);
});

function bytes16(): Uint8Array {
  return new Uint8Array(16).fill(3);
}
