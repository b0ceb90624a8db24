/** Histories in which a person does what would be a second history. */
import assert from "node:assert/strict";
import type { Outcome, Person } from "../person.ts";
import type { History } from "./script.ts";

/** Two serve that the ensemble does not see any more, the third waits for them. */
function overTheUnseen(
  name: string,
  does: (person: Person) => Promise<readonly Outcome[]>,
): History {
  return {
    name,
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one);
      script.ensembleLink(false, two, three);
      await script.sessionEnded(two);
      await script.sessionEnded(three);
      simulation.start(one);
      await script.waits(one, /died running/);
      let outcomes: readonly Outcome[] | null = null;
      does(script.person).then((all) => outcomes = all);
      await script.until(() => outcomes !== null, "a person was told");
      await script.wait(60_000);
      for (const { kind } of outcomes!) assert.equal(kind, "refused");
      script.ensembleLink(true, two, three);
      await script.up();
    },
  };
}

/** All of them. */
export const PERSONS: readonly History[] = [
  overTheUnseen(
    "a person forces a bootstrap while two serve unseen",
    async (person) => [await person.bootstrap("galera-1", { force: true })],
  ),
  overTheUnseen(
    "a person forgets two that serve unseen",
    async (person) => [await person.forget("galera-2"), await person.forget("galera-3")],
  ),
];
