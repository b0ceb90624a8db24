import assert from "node:assert/strict";
import fc from "fast-check";
import {
  comparePositions,
  formatPosition,
  parseGrastate,
  parsePosition,
  parseRecoveredPosition,
  PositionError,
  ZERO_UUID,
} from "../../lib/cluster/position.ts";

const A = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const B = "7d932fdd-3cfa-11f0-8e36-8b4c6f203d4e";
const MAX = "9223372036854775807";

Deno.test("parsePosition() reads what Galera writes, and nothing else", () => {
  const good: [string, string, bigint][] = [
    [`${A}:42`, A, 42n],
    [`${A}:0`, A, 0n],
    [`${A}:-1`, A, -1n],
    [`${A}:${MAX}`, A, 2n ** 63n - 1n],
    [`${A.toUpperCase()}:7`, A, 7n],
    [`${ZERO_UUID}:-1`, ZERO_UUID, -1n],
  ];
  for (const [text, uuid, seqno] of good) {
    assert.deepEqual(parsePosition(text), { uuid, seqno }, text);
    assert.equal(formatPosition(parsePosition(text)), text.toLowerCase());
  }
  const bad = [
    "",
    ":",
    A,
    `${A}:`,
    `${A}:-2`,
    `${A}:-0`,
    `${A}:+1`,
    `${A}: 1`,
    `${A}:1 `,
    `${A}:1.0`,
    `${A}:0x10`,
    `${A}:1:2`,
    `${A}:9223372036854775808`,
    `${A}:${"9".repeat(100_000)}`,
    `${A.slice(1)}:1`,
    `${A}0:1`,
    `${A.replaceAll("-", "")}:1`,
    `g${A.slice(1)}:1`,
    `\n${A}:1`,
  ];
  for (const text of bad) {
    assert.throws(() => parsePosition(text), PositionError, text.slice(0, 80));
  }
});

Deno.test("comparePositions() orders seqnos of one cluster and refuses any others", () => {
  const at = (uuid: string, seqno: bigint) => ({ uuid, seqno });
  const table: [bigint, bigint, number][] = [
    [0n, 0n, 0],
    [-1n, 0n, -1],
    [9n, 10n, -1],
    [10n, 9n, 1],
    [2n ** 63n - 1n, 2n ** 63n - 2n, 1],
    [2n ** 53n, 2n ** 53n + 1n, -1],
  ];
  for (const [a, b, expected] of table) {
    assert.equal(comparePositions(at(A, a), at(A, b)), expected, `${a} ${b}`);
  }
  assert.throws(() => comparePositions(at(A, 1n), at(B, 1n)), PositionError);
  assert.throws(() => comparePositions(at(A, 1n), at(ZERO_UUID, 1n)), PositionError);
  assert.throws(() => comparePositions(at(ZERO_UUID, 1n), at(ZERO_UUID, 1n)), /no cluster's/);
});

const REAL = `# GALERA saved state
version: 2.1
uuid:    ${A}
seqno:   17
safe_to_bootstrap: 1
`;

Deno.test("parseGrastate() reads what Galera wrote, with what time and editors added", () => {
  const at17 = { uuid: A, seqno: 17n, safeToBootstrap: true };
  const table: [string, string, unknown][] = [
    ["as written", REAL, at17],
    ["Windows line ends", REAL.replaceAll("\n", "\r\n"), at17],
    ["no last line end", REAL.trimEnd(), at17],
    ["padded with blanks", REAL + " ".repeat(40), at17],
    ["unknown keys and comments", `# x\n\ncert_index:\nfoo bar\n${REAL}#uuid: ${B}\n`, at17],
    ["upper case", REAL.replace(A, A.toUpperCase()), at17],
    ["crashed", REAL.replace("17", "-1").replace("p: 1", "p: 0"), {
      uuid: A,
      seqno: -1n,
      safeToBootstrap: false,
    }],
    ["without safe_to_bootstrap, as before 3.19", REAL.replace(/safe.*\n/, ""), {
      ...at17,
      safeToBootstrap: false,
    }],
    ["zero UUID", REAL.replace(A, ZERO_UUID), { ...at17, uuid: ZERO_UUID }],
  ];
  for (const [what, text, expected] of table) assert.deepEqual(parseGrastate(text), expected, what);
});

Deno.test("parseGrastate() refuses a corrupt or truncated file", () => {
  const table: [string, string, RegExp][] = [
    ["empty", "", /no uuid/],
    ["a file of zeros", "\0".repeat(100), /no text/],
    ["zeros behind it", `${REAL}\0\0\0`, /no text/],
    ["not UTF-8", new TextDecoder().decode(new Uint8Array([0xff, 0xfe])), /no text/],
    ["cut in the comment", REAL.slice(0, 10), /no uuid/],
    ["cut in the UUID", REAL.slice(0, 60), /Not a UUID/],
    ["cut behind the UUID", REAL.slice(0, REAL.indexOf("seqno")), /no seqno/],
    ["cut in the seqno's name", REAL.slice(0, REAL.indexOf("qno")), /no seqno/],
    ["cut before the seqno", REAL.slice(0, REAL.indexOf("17")), /cut off/],
    ["cut in the seqno", REAL.slice(0, REAL.indexOf("17") + 1), /cut off/],
    ["cut behind the seqno", REAL.slice(0, REAL.indexOf("17") + 2), /cut off/],
    ["seqno without a value", REAL.replace("17", ""), /Not a seqno/],
    ["seqno below -1", REAL.replace("17", "-2"), /Not a seqno/],
    ["seqno over 2^63 - 1", REAL.replace("17", "9223372036854775808"), /Not a seqno/],
    ["seqno in words", REAL.replace("17", "seventeen"), /Not a seqno/],
    ["UUID in words", REAL.replace(A, "my-cluster"), /Not a UUID/],
    ["safe_to_bootstrap in words", REAL.replace("p: 1", "p: yes"), /no 0 or 1/],
    ["two UUIDs", `${REAL}uuid: ${B}\n`, /uuid twice/],
    ["two seqnos", `${REAL}seqno: 18\n`, /seqno twice/],
  ];
  for (const [what, text, message] of table) {
    assert.throws(
      () => parseGrastate(text),
      (error) => error instanceof PositionError && message.test(error.message),
      what,
    );
  }
});

Deno.test("parseGrastate() of a file cut anywhere gives no other position than the whole file's", () => {
  for (let length = 0; length < REAL.length; length++) {
    let read;
    try {
      read = parseGrastate(REAL.slice(0, length));
    } catch (error) {
      assert.ok(error instanceof PositionError);
      continue;
    }
    assert.equal(read.uuid, A);
    assert.equal(read.seqno, 17n, `cut at ${length}`);
  }
});

Deno.test("parseRecoveredPosition() takes the one position that the log has", () => {
  const line = (position: string) =>
    `2026-01-02  3:04:05 0 [Note] WSREP: Recovered position: ${position}\n`;
  const table: [string, string, string | null][] = [
    ["none", "2026-01-02 [Note] InnoDB: all well\n", null],
    ["empty", "", null],
    ["plain", line(`${A}:42`), `${A}:42`],
    ["with a GTID behind it", line(`${A}:42,0-1-7`), `${A}:42`],
    ["doubled", line(`${A}:42`) + "noise\n" + line(`${A}:42,0-1-7`), `${A}:42`],
    ["Windows line ends", line(`${A}:42`).replace("\n", "\r\n"), `${A}:42`],
    ["never in a cluster", line(`${ZERO_UUID}:-1`), `${ZERO_UUID}:-1`],
    ["the lines alone", line(`${A}:42`).trimEnd(), `${A}:42`],
  ];
  for (const [what, text, expected] of table) {
    const position = parseRecoveredPosition(text);
    assert.equal(position && formatPosition(position), expected, what);
  }
  for (const other of [`${A}:43`, `${A}:-1`, `${B}:42`, `${ZERO_UUID}:-1`, "junk"]) {
    for (const text of [line(`${A}:42`) + line(other), line(other) + line(`${A}:42`)]) {
      assert.throws(() => parseRecoveredPosition(text), PositionError, other);
    }
  }
  for (const junk of ["", "junk", `${A}`, `${A}:`, `${A}:-2`, `${A}:99999999999999999999`]) {
    assert.throws(() => parseRecoveredPosition(line(junk)), PositionError, junk);
  }
});

Deno.test("any bytes in give a value or a PositionError", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((raw) => new TextDecoder().decode(raw)),
    fc.string({ maxLength: 300, unit: "binary" }),
    // Near misses: the real file with a piece replaced.
    fc.tuple(fc.nat(REAL.length), fc.nat(8), fc.string({ maxLength: 8 })).map(
      ([at, cut, put]) => REAL.slice(0, at) + put + REAL.slice(at + cut),
    ),
    fc.string().map((text) => `WSREP: Recovered position: ${text}`),
    fc.tuple(fc.uuid(), fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })).map(
      ([uuid, seqno]) => `WSREP: Recovered position: ${uuid}:${seqno}`,
    ),
  );
  fc.assert(fc.property(bytes, (text) => {
    for (const parse of [parsePosition, parseGrastate, parseRecoveredPosition]) {
      try {
        const position = parse(text);
        if (position === null) continue;
        assert.match(position.uuid, /^[0-9a-f-]{36}$/);
        assert.ok(position.seqno >= -1n && position.seqno < 2n ** 63n);
      } catch (error) {
        assert.ok(error instanceof PositionError, String(error));
        assert.ok(!error.message.includes("\n") && error.message.length < 300);
      }
    }
  }));
});

Deno.test("formatPosition() is read back by parsePosition()", () => {
  fc.assert(fc.property(fc.uuid(), fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }), (uuid, seqno) => {
    assert.deepEqual(parsePosition(formatPosition({ uuid, seqno })), { uuid, seqno });
  }));
});
