/** The right product comes through each scripted history; the mutants show that it need not. */
import assert from "node:assert/strict";
import { HISTORIES, HISTORY_SEEDS } from "./histories/all.ts";
import { HistoryError, playHistory } from "./histories/script.ts";

for (const history of HISTORIES) {
  Deno.test(`history: ${history.name}`, async () => {
    for (const seed of HISTORY_SEEDS) {
      try {
        await playHistory(history, seed);
      } catch (error) {
        if (!(error instanceof HistoryError)) throw error;
        throw new Error(`seed ${seed}: ${error.message}\n${error.timeline.join("\n")}`, {
          cause: error.cause,
        });
      }
    }
  });
}

Deno.test("no two histories have one name", () => {
  assert.equal(new Set(HISTORIES.map(({ name }) => name)).size, HISTORIES.length);
});
