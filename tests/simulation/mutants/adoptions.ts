/** Breaks of an adoption: what is put on record of servers that others start, and what is not adopted. */
import type { Mutant } from "./mutant.ts";

/** All of them. */
export const ADOPTION_MUTANTS: readonly Mutant[] = [
  {
    name: "adopts-itself-only",
    breaks: "An adoption: running for every member of the Galera view, in the same multi",
    changes: [{
      file: "lib/cluster/adopt.ts",
      from: "if (!own && saysRunning(before, cluster)) return [];",
      to: "if (!own) return [];",
    }, {
      file: "lib/adoptions.ts",
      from: "if (saysRunning(before?.record ?? null, cluster.cluster)) continue;",
      to: "continue;",
    }],
    history: "the others of an adopted member's view go on without it",
  },
  {
    name: "late-comers-unrecorded",
    breaks: "An adopted member puts who joins its Galera view by hand on record",
    changes: [{
      file: "lib/adoptions.ts",
      from: "if (saysRunning(before?.record ?? null, cluster.cluster)) continue;",
      to: "continue;",
    }],
    history: "a server that joins by hand after the adoption goes on alone",
  },
  {
    name: "any-history-adopted",
    breaks: "What nothing shows to go on with the history on record is not adopted",
    changes: [{
      file: "lib/cluster/adopt.ts",
      from: "apart(view, cluster) ??\n    unproven(view, cluster);",
      to: "apart(view, cluster); void unproven;",
    }],
    history: "a server that was bootstrapped by hand from an older copy is to be adopted",
  },
];
