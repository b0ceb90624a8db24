import assert from "node:assert/strict";
import fc from "fast-check";
import { JuteError, JuteReader, JuteWriter } from "../../lib/zookeeper/jute.ts";
import { anyBytes, bytes, int32, int64, text } from "./arbitraries.ts";

/** One value of each kind that Jute knows, with how it is written and read. */
type Value =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "long"; readonly value: bigint }
  | { readonly kind: "buffer"; readonly value: Uint8Array | null }
  | { readonly kind: "string"; readonly value: string | null }
  | { readonly kind: "strings"; readonly value: string[] };

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant("int" as const), value: int32 }),
  fc.record({ kind: fc.constant("long" as const), value: int64 }),
  fc.record({ kind: fc.constant("buffer" as const), value: fc.option(bytes) }),
  fc.record({ kind: fc.constant("string" as const), value: fc.option(text) }),
  fc.record({ kind: fc.constant("strings" as const), value: fc.array(text) }),
);

function write(out: JuteWriter, { kind, value }: Value): void {
  switch (kind) {
    case "bool":
      return out.bool(value);
    case "int":
      return out.int(value);
    case "long":
      return out.long(value);
    case "buffer":
      return out.buffer(value);
    case "string":
      return out.string(value);
    case "strings":
      return out.strings(value);
  }
}

function read(from: JuteReader, kind: Value["kind"]): unknown {
  switch (kind) {
    case "bool":
      return from.bool();
    case "int":
      return from.int();
    case "long":
      return from.long();
    case "buffer":
      return from.buffer();
    case "string":
      return from.stringOrNull();
    case "strings":
      return from.strings();
  }
}

Deno.test("JuteReader reads back what JuteWriter wrote, whatever the buffer's first size", () => {
  fc.assert(fc.property(fc.array(value), fc.integer({ min: 0, max: 64 }), (values, capacity) => {
    const out = new JuteWriter(capacity);
    for (const one of values) write(out, one);
    const from = new JuteReader(out.bytes);
    for (const one of values) assert.deepEqual(read(from, one.kind), one.value);
    assert.equal(from.remaining, 0);
  }));
});

Deno.test("JuteReader gives a value or a JuteError for any bytes", () => {
  const kinds = ["bool", "int", "long", "buffer", "string", "strings"] as const;
  fc.assert(fc.property(anyBytes, fc.array(fc.constantFrom(...kinds)), (bytes, kinds) => {
    const from = new JuteReader(bytes);
    try {
      for (const kind of kinds) read(from, kind);
    } catch (error) {
      assert.ok(error instanceof JuteError, String(error));
      assert.equal(error.code, -5);
    }
    assert.ok(from.remaining >= 0);
  }));
});

Deno.test("JuteReader stays inside the part of the buffer that it was given", () => {
  fc.assert(fc.property(bytes, bytes, bytes, (before, record, after) => {
    const out = new JuteWriter();
    out.raw(before);
    const begin = out.length;
    out.buffer(record);
    const end = out.length;
    out.raw(after);
    const from = new JuteReader();
    from.reset(out.bytes, begin, end);
    assert.deepEqual(from.buffer(), record);
    assert.throws(() => from.bool(), JuteError);
  }));
});

Deno.test("JuteReader.buffer() gives bytes that a later read does not change", () => {
  const bytes = Uint8Array.of(0, 0, 0, 2, 7, 8);
  const copy = new JuteReader(bytes).buffer();
  bytes.fill(9);
  assert.deepEqual(copy, Uint8Array.of(7, 8));
});

Deno.test("JuteReader.vector() refuses a count beyond the bytes that are left", () => {
  const table: readonly (readonly [number, boolean])[] = [
    [-1, true],
    [0, true],
    [-2, false],
    [1, false],
    [0x7fffffff, false],
    [-0x80000000, false],
  ];
  for (const [count, isFine] of table) {
    const out = new JuteWriter();
    out.int(count);
    const read = () => new JuteReader(out.bytes).strings();
    if (isFine) assert.deepEqual(read(), []);
    else assert.throws(read, JuteError, String(count));
  }
});

Deno.test("JuteWriter writes as ZooKeeper's servers do", () => {
  const table: readonly (readonly [string, (out: JuteWriter) => void, readonly number[]])[] = [
    ["true", (out) => out.bool(true), [1]],
    ["a negative int", (out) => out.int(-2), [255, 255, 255, 254]],
    ["an int beyond 32 bits", (out) => out.int(2 ** 32 + 1), [0, 0, 0, 1]],
    ["a long", (out) => out.long(258n), [0, 0, 0, 0, 0, 0, 1, 2]],
    ["a null string", (out) => out.string(null), [255, 255, 255, 255]],
    ["an empty string", (out) => out.string(""), [0, 0, 0, 0]],
    ["two bytes of UTF-8", (out) => out.string("aé"), [0, 0, 0, 3, 97, 195, 169]],
    ["a lone surrogate", (out) => out.string("\ud800"), [0, 0, 0, 3, 239, 191, 189]],
    ["null bytes", (out) => out.buffer(null), [255, 255, 255, 255]],
    ["bytes", (out) => out.buffer(Uint8Array.of(5)), [0, 0, 0, 1, 5]],
    ["null strings", (out) => out.strings(null), [255, 255, 255, 255]],
    ["strings", (out) => out.strings(["b"]), [0, 0, 0, 1, 0, 0, 0, 1, 98]],
  ];
  for (const [name, write, expected] of table) {
    const out = new JuteWriter(0);
    write(out);
    assert.deepEqual([...out.bytes], expected, name);
  }
});

Deno.test("JuteReader keeps a byte order mark", () => {
  const out = new JuteWriter();
  out.string("\ufeffa");
  assert.equal(new JuteReader(out.bytes).string(), "\ufeffa");
});
