/** The mutants still fit the source: one that fits nowhere would break nothing. */
import assert from "node:assert/strict";
import { MUTANTS } from "./mutants.ts";

Deno.test("each mutant changes one place of the source", async () => {
  for (const { name, file, from } of MUTANTS) {
    const source = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    assert.equal(source.split(from).length - 1, 1, `${name} in ${file}`);
  }
});
