import assert from "node:assert/strict";
import { inOrder, turnOf } from "../../lib/zookeeper/turn.ts";

/** A kazoo contender's name: the random part is one letter repeated. */
const k = (letter: string, sequence: string) => `${letter.repeat(32)}__lock__${sequence}`;

const [a1, b2, c3, d4] = [
  k("a", "0000000001"),
  k("b", "0000000002"),
  k("c", "0000000003"),
  k("d", "0000000004"),
];
/** Not contenders: kazoo's readers, Curator's, go-zookeeper's, a lab's, too few and too many digits. */
const FOREIGN = [
  `${"0".repeat(32)}__rlock__0000000000`,
  "_c_6c6d1f6e-0a4f-4f0a-9f0b-000000000000-lock-0000000000",
  "lock-0000000000",
  "galera-1",
  "x__lock__",
  "x__lock__000000001",
  "x__lock__0000000000x",
];

const held = { turn: "held" } as const;
const gone = { turn: "gone" } as const;
const behindFirst = (watch: string) => ({ turn: "wait", watch, isFirst: true }) as const;
const behind = (watch: string) => ({ turn: "wait", watch, isFirst: false }) as const;

const max = k("f", "2147483647");
const min = k("0", "-2147483648");
const min1 = k("0", "-2147483647");
const minus2 = k("0", "-000000002");
const minus1 = k("0", "-000000001");
const zero = k("0", "0000000000");

Deno.test("turnOf() follows its truth table", () => {
  const table:
    readonly (readonly [string, readonly string[], string, ReturnType<typeof turnOf>])[] = [
      ["alone", [a1], a1, held],
      ["first of two", [a1, b2], a1, held],
      ["second of two", [a1, b2], b2, behindFirst(a1)],
      ["second of two, listed the other way", [b2, a1], b2, behindFirst(a1)],
      ["third of three watches the second", [c3, a1, b2], c3, behind(b2)],
      ["third of three, listed the other way", [b2, a1, c3], c3, behind(b2)],
      ["fourth, the one before it gone", [d4, a1, b2], d4, behind(b2)],
      ["only those behind are left", [d4, c3, b2], b2, held],
      ["the number counts, not the random part", [k("z", "0000000001"), b2], b2, {
        ...behindFirst(k("z", "0000000001")),
      }],
      ["own znode gone", [a1, b2], c3, gone],
      ["own znode gone, nobody there", [], a1, gone],
      ["own name is not a contender's", ["galera-1"], "galera-1", gone],
      ["no own name yet", [a1], "", gone],
      ["foreign children do not count", [...FOREIGN, b2], b2, held],
      ["foreign children are never watched", [...FOREIGN, a1, b2], b2, behindFirst(a1)],
      ["any prefix contends, as with kazoo", ["x__lock__0000000001", b2], b2, {
        ...behindFirst("x__lock__0000000001"),
      }],
      ["before the overflow", [min, max], max, held],
      ["past the overflow", [min, max], min, behindFirst(max)],
      ["two past the overflow", [min, min1, max], min1, behind(min)],
      ["negative, nine digits", [minus2, minus1], minus1, behindFirst(minus2)],
      ["from negative to zero", [zero, minus1], zero, behindFirst(minus1)],
    ];
  for (const [name, children, own, expected] of table) {
    assert.deepEqual(turnOf(children, own), expected, name);
  }
});

Deno.test("inOrder() sorts contenders by number and leaves out all else", () => {
  const table: readonly (readonly [readonly string[], readonly string[]])[] = [
    [[], []],
    [[c3, a1, b2], [a1, b2, c3]],
    [[...FOREIGN, b2, a1], [a1, b2]],
    [[min1, max, min], [max, min, min1]],
    [[zero, minus1, minus2], [minus2, minus1, zero]],
  ];
  for (const [children, expected] of table) assert.deepEqual(inOrder(children), expected);
});
