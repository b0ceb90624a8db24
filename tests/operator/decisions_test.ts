import assert from "node:assert/strict";
import { describeTold, renderStory, type Told } from "../../lib/operator/decisions.ts";
import { plain, shorten, wrap } from "../../lib/operator/layout.ts";

function told(member: string, second: string, rest: Partial<Told>): Told {
  const at = `2026-01-02T03:04:${second}.678Z`;
  return { member, at, kind: "event", rule: null, reason: "Started", person: null, ...rest };
}

const ENTRIES = [
  told("galera-1", "05", {}),
  told("g-2", "06", {
    kind: "wait",
    rule: 7,
    reason: "galera-1 died running and has not come back",
    person: "Start it again.",
  }),
];

Deno.test("renderStory() gives each entry a line, and on a terminal no line is longer than there is room", () => {
  assert.deepEqual(renderStory(ENTRIES, null), [
    "2026-01-02T03:04:05Z  galera-1  Started",
    "2026-01-02T03:04:06Z  g-2       wait (rule 7): galera-1 died running and has not come back. " +
    "A person is needed: Start it again.",
  ]);
  assert.deepEqual(renderStory(ENTRIES, 60), [
    "2026-01-02T03:04:05Z  galera-1  Started",
    "2026-01-02T03:04:06Z  g-2       wait (rule 7): galera-1 died",
    "                                running and has not come",
    "                                back. A person is needed:",
    "                                Start it again.",
  ]);
  assert.deepEqual(renderStory([], 60), []);
});

Deno.test("describeTold() says the decision with its rule, and an event as it is", () => {
  assert.equal(describeTold(ENTRIES[0]!), "Started");
  assert.equal(
    describeTold({ ...ENTRIES[0]!, kind: "join", rule: 1, reason: "g-1 answers" }),
    "join (rule 1): g-1 answers",
  );
});

Deno.test("wrap() breaks between words, cuts what is longer than a line, and leaves no room alone", () => {
  const table: [text: string, columns: number | null, indent: number, lines: string[]][] = [
    ["a b c", null, 0, ["a b c"]],
    ["", 40, 2, [""]],
    ["one two three four five six", 22, 2, ["one two three four", "  five six"]],
    ["x".repeat(30), 25, 0, ["x".repeat(25), "x".repeat(5)]],
    [`a ${"x".repeat(40)} b`, 25, 2, [`a ${"x".repeat(23)}`, `  ${"x".repeat(17)} b`]],
    ["one two three four", 10, 8, ["one two three four"]],
  ];
  for (const [text, columns, indent, lines] of table) {
    assert.deepEqual(wrap(text, columns, indent), lines, text);
  }
});

Deno.test("shorten() and plain() keep a line a line", () => {
  assert.equal(shorten("abcdef", null), "abcdef");
  assert.equal(shorten("abcdef", 6), "abcdef");
  assert.equal(shorten("abcdef", 5), "abcd…");
  assert.equal(shorten("abcdef", 0), "");
  assert.equal(plain("a\x1b[31m\n b"), "a [31m b");
});
