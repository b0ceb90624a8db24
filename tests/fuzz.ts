/** What is thrown at parsers, and what may come of it. */
import assert from "node:assert/strict";
import fc from "fast-check";

/** Classes of errors, as `instanceof` takes them. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** How long a sentence of a parser's may be. */
const LONGEST_MESSAGE = 2500;

/** What a terminal obeys, and what ends a line. */
// deno-lint-ignore no-control-regex
const OBEYED = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** Asserts that something gives a value or one of its own errors, which is one plain line. */
export function givesValueOrError(
  what: string,
  act: () => unknown,
  errors: readonly ErrorClass[],
): void {
  try {
    act();
  } catch (error) {
    assertPlain(what, error, errors);
  }
}

/** Asserts that an error is one of these, and its message one plain line. */
export function assertPlain(what: string, error: unknown, errors: readonly ErrorClass[]): void {
  assert(
    error instanceof Error && errors.some((one) => error instanceof one),
    `${what}: ${error instanceof Error ? error.stack : error}`,
  );
  const { message } = error;
  assert(!OBEYED.test(message), `${what}: ${JSON.stringify(message)}`);
  assert(message.length <= LONGEST_MESSAGE, `${what}: ${message.length} characters`);
}

/** What breaks terminals, regular expressions, paths, numbers and objects. */
const NASTY = [
  ..."\0\t\n\r\x1b\x7f\x9b\u2028\u202e\ufeff\ufffd\ud800 \"'\\;:,=/#[]{}()%$`|<>&*?~^",
  "\x1b[2J\x1b]0;x\x07",
  "\r\n",
  "..",
  "-1",
  "1e9",
  "0x10",
  "99999999999999999999",
  "NaN",
  "__proto__",
  "constructor",
  "null",
  "é",
  "💥",
  "٣",
];

/** Texts of any characters, and examples that are cut, doubled and mended with nasty ones. */
export function textLike(examples: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    drop: fc.nat(8),
    put: fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: "binary", maxLength: 6 })),
  });
  const edited = fc.tuple(fc.constantFrom(...examples), fc.array(edit, { maxLength: 4 }))
    .map(([text, edits]) =>
      edits.reduce((before, { at, drop, put }) => {
        const index = Math.floor(at * before.length);
        return before.slice(0, index) + put + before.slice(index + drop);
      }, text)
    );
  return fc.oneof(
    { weight: 4, arbitrary: edited },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 100 }) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(...NASTY)).map((parts) => parts.join("")) },
  );
}

const MEGABYTE = 1 << 20;

/**
 * Texts of a megabyte, each of one piece again and again, before and behind an example: a regular
 * expression that goes back and forth on one of them would not come to an end.
 */
export function* longTexts(examples: readonly string[]): Generator<string> {
  const pieces = new Set([...' a0\t\n:,;="-./[(', "ab ", "0,", "a=b;", "a:1,", ...examples]);
  for (const piece of pieces) {
    if (piece === "") continue;
    const text = piece.repeat(Math.ceil(MEGABYTE / piece.length));
    yield `${text}\x01`;
    yield `${examples[0] ?? ""}${text}`;
  }
}

/** JSON documents with parts taken away, put elsewhere, or of another kind. */
export function jsonLike(examples: readonly object[]): fc.Arbitrary<string> {
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 2 ** 53, "", [], {}, ...NASTY),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const change = fc.record({ which: fc.nat(), value, drop: fc.boolean() });
  const changed = fc.tuple(fc.constantFrom(...examples), fc.array(change, { maxLength: 3 }))
    .map(([document, changes]) => {
      const copy = structuredClone(document);
      for (const { which, value, drop } of changes) {
        const places = [...placesIn(copy)];
        const place = places[which % Math.max(places.length, 1)];
        if (place === undefined) continue;
        if (drop) delete place[0][place[1]];
        else place[0][place[1]] = value;
      }
      return JSON.stringify(copy);
    });
  const texts = examples.map((one) => JSON.stringify(one));
  return fc.oneof(
    { weight: 3, arbitrary: changed },
    { weight: 1, arbitrary: textLike(texts) },
    { weight: 1, arbitrary: fc.json({ stringUnit: "binary" }) },
  );
}

type Container = Record<string, unknown>;

function* placesIn(value: object): Generator<[Container, string]> {
  for (const [key, child] of Object.entries(value)) {
    yield [value as Container, key];
    if (typeof child === "object" && child !== null) yield* placesIn(child);
  }
}
