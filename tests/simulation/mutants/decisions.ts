/** Breaks of the rules: who joins, who bootstraps, who waits. */
import type { Mutant } from "./mutant.ts";

/** All of them. */
export const DECISION_MUTANTS: readonly Mutant[] = [
  {
    name: "old-branch-joins",
    breaks: "This datadir does not lie beyond a later attempt's beginning",
    changes: [{
      file: "lib/cluster/attempts.ts",
      from: "if (next === undefined || (one === own && !isBeyond(position, next))) return PRESENT;",
      to: "if (next === undefined || own !== null) return PRESENT;",
    }],
    history: "a person forgets the newest copy, and it comes back",
  },
  {
    name: "strangers-count",
    breaks: "A stranger's record does not hold up the others",
    changes: [{
      file: "lib/cluster/elect.ts",
      from: ".filter(({ record }) => !isStranger(record, cluster))",
      to: "",
    }],
    history: "a newcomer's datadir is of another cluster",
  },
  {
    name: "uuids-mixed",
    breaks: "Positions of different UUIDs are never compared",
    changes: [
      { file: "lib/cluster/position.ts", from: "if (a.uuid !== b.uuid) {", to: "if (false) {" },
      {
        file: "lib/cluster/elect.ts",
        from: "bar: uuids.length === 1 ? highest(copies) : null,",
        to: "bar: highest(copies),",
      },
      { file: "lib/cluster/doubt.ts", from: "evidence.uuids.length > 1", to: "false" },
    ],
    history: "two clusters' copies, and none on record",
    secondLine:
      "The election has no bar where there are two UUIDs; rule 7 waits for a person; and " +
      "comparing them throws",
  },
  {
    name: "bootstrap-taken-over",
    breaks: "Nothing takes an unfinished bootstrap over by a timeout",
    changes: [
      {
        file: "lib/cluster/decide.ts",
        from: "if (gone) return null;",
        to: "if (gone || !view.records.some((seen) => seen.kind === 'record' && seen.present && " +
          "seen.record.name === cluster.by)) return null;",
      },
      {
        file: "lib/cluster/elect.ts",
        from: 'running: seen.filter(({ record }) => record.data.kind === "running"),',
        to: 'running: seen.filter(({ record, present }) => record.data.kind === "running" && ' +
          "(present || !record.data.starting)),",
      },
    ],
    history: "who bootstraps is cut from the ensemble",
    secondLine: "The record of who bootstraps says running, and no election goes over that",
  },
  {
    name: "running-ignored",
    breaks: "Rule 6: no record is `running`",
    changes: [{
      file: "lib/cluster/doubt.ts",
      from: "if (evidence.running.length > 0)",
      to: "if (evidence.running.length < 0)",
    }],
    seed: 16,
    history: "the last to run does not come back",
  },
  {
    name: "absent-ignored",
    breaks: "Rule 6: the most advanced of all bootstraps, there or not",
    changes: [{
      file: "lib/cluster/elect.ts",
      from: "comparePositions(copy.position, bar.copy.position) >= 0",
      to: "comparePositions(copy.position, bar.copy.position) >= -1",
    }],
    seed: 3,
    history: "the last to run does not come back",
  },
  {
    name: "pc-bootstrap",
    breaks: "`pc.bootstrap` is never used",
    changes: [
      {
        file: "lib/supervise.ts",
        from: 'return primary ? null : "no registered member is Primary, nor is this one";',
        to: "// deno-lint-ignore no-explicit-any\n" +
          "      if (!primary) (this.#started.running as any).bootstrapPrimary();\n" +
          "      return null;",
      },
      {
        file: "tests/simulation/machine.ts",
        from: "reload: () => {},",
        to:
          "reload: () => {},\n      bootstrapPrimary: () => this.#site.galera.bootstrapPrimary(server),",
      },
      {
        file: "tests/simulation/galera.ts",
        from: "  /** A server is gone; `inOrder` after it said so. */",
        to: "  bootstrapPrimary({ component, lastPrimary, lastOrdered }) {\n" +
          "    if (component === null || component.primary || lastPrimary === null) return;\n" +
          "    const state = { primary: true, uuid: lastPrimary.uuid, head: lastOrdered };\n" +
          '    this.#view(component.members, state, "bootstrap");\n' +
          "  }\n\n" +
          "  /** A server is gone; `inOrder` after it said so. */",
      },
    ],
    seed: 9,
    history: "all are cut from each other",
  },
  {
    name: "forces-over-the-living",
    breaks: "`bootstrap --force` refuses while a member is alive",
    changes: [{
      file: "lib/cluster/operate.ts",
      from: "if (serving.length > 0) {",
      to: "if (serving.length < 0) {",
    }],
    history: "a person forces a bootstrap while two serve unseen",
  },
  {
    name: "forgets-the-living",
    breaks: "`forget` refuses for a member that is alive",
    changes: [{
      file: "lib/cluster/operate.ts",
      from: "if (sight.serving.includes(member)) {",
      to: "if (member === null) {",
    }],
    history: "a person forgets two that serve unseen",
  },
];
