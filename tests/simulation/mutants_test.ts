/** The mutants still fit the source: one that fits nowhere would break nothing. */
import assert from "node:assert/strict";
import { HISTORIES } from "./histories/all.ts";
import { MUTANTS, SENTENCES } from "./mutants.ts";

Deno.test("each change of a mutant fits one place of the source", async () => {
  for (const { name, changes } of MUTANTS) {
    for (const { file, from } of changes) {
      const source = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
      assert.equal(source.split(from).length - 1, 1, `${name} in ${file}`);
    }
  }
});

Deno.test("each mutant is found by a history that there is, or by a seed", () => {
  const histories = new Set(HISTORIES.map(({ name }) => name));
  for (const { name, seed, history } of MUTANTS) {
    assert.ok(seed !== undefined || history !== undefined, name);
    if (history !== undefined) assert.ok(histories.has(history), `${name}: ${history}`);
  }
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});

Deno.test("each sentence that closes a hole has a mutant", () => {
  const names = new Set(MUTANTS.map(({ name }) => name));
  for (const [sentence, mutants] of Object.entries(SENTENCES)) {
    assert.ok(mutants.length > 0, sentence);
    for (const name of mutants) assert.ok(names.has(name), `${sentence}: ${name}`);
  }
});
