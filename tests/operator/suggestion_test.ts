import assert from "node:assert/strict";
import { suggestionFor } from "../../lib/operator/suggestion.ts";

Deno.test("suggestionFor() finds what was meant", () => {
  const names = ["galera-1", "galera-2", "db main", "-x"];
  assert.equal(suggestionFor("galera1", names), " (did you mean galera-1?)");
  assert.equal(suggestionFor("galera-3", names), " (did you mean one of galera-1, galera-2?)");
  for (const word of ["zebra", "", "--help", "-x"]) assert.equal(suggestionFor(word, names), "");
  assert.equal(suggestionFor("galera-1", []), "");
});
