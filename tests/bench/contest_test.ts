import assert from "node:assert/strict";
import { compete, median, ratioOf, reaches } from "./contest.ts";

Deno.test("median() finds the middle", () => {
  for (
    const [figures, expected] of [
      [[3], 3],
      [[9, 1, 5], 5],
      [[4, 1, 3, 2], 2.5],
      [[10, 9, 100], 10],
      [[], NaN],
    ] as const
  ) assert.equal(median(figures), expected);
});

Deno.test("ratioOf() divides round by round, so that a slow round counts for both", () => {
  assert.deepEqual(ratioOf([10, 100, 30], [5, 50, 10]), { ratio: 2, least: 2, most: 3 });
});

Deno.test("reaches() takes the bound itself as reached", () => {
  const ratio = (ratio: number) => ({ ratio, least: ratio, most: ratio });
  for (
    const [value, kind, bound, expected] of [
      [1.1, "at most", 1.1, true],
      [1.11, "at most", 1.1, false],
      [1.5, "at least", 1.5, true],
      [1.49, "at least", 1.5, false],
      [NaN, "at least", 1.5, false],
      [NaN, "at most", 1.1, false],
    ] as const
  ) assert.equal(reaches(ratio(value), { kind, value: bound }), expected, `${value} ${kind}`);
});

Deno.test("compete() lets another begin each round, and does not count the first rounds", async () => {
  const order: string[] = [];
  const contestant = (name: string, figures: readonly number[]) => {
    let next = 0;
    return {
      name,
      measure: () => {
        order.push(name);
        return Promise.resolve(figures[next++] ?? NaN);
      },
    };
  };
  const figures = await compete([contestant("a", [1, 2, 3]), contestant("b", [4, 5, 6])], {
    rounds: 2,
    warmUpRounds: 1,
  });
  assert.deepEqual([...figures], [["a", [2, 3]], ["b", [5, 6]]]);
  assert.deepEqual(order, ["a", "b", "b", "a", "a", "b"]);
});
