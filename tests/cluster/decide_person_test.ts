/** What a person's word changes in what members decide: a pause, a forced bootstrap. */
import assert from "node:assert/strict";
import { decide } from "../../lib/cluster/decide.ts";
import type { Attempt } from "../../lib/cluster/view.ts";
import { cluster, inWords, type Scene, viewOf } from "./views.ts";

type Case = [what: string, scene: Scene, told: Readonly<Record<string, string>>];

function check(cases: readonly Case[]): void {
  for (const [what, scene, told] of cases) {
    const got = Object.keys(told).map((name) => [name, inWords(decide(viewOf(name, scene)))]);
    assert.deepEqual(Object.fromEntries(got), told, what);
  }
}

Deno.test("decide() does nothing while all is paused, whatever there is to do", () => {
  const paused = "since 2026-01-02T03:04:05Z by root@host";
  const scene: Scene = { cluster: "running A a1@0", records: "g1 at A:10 | g2 at A:9", paused };
  const wait = { g1: "wait 0, person", g2: "wait 0, person" };
  check([
    ["who would bootstrap", scene, wait],
    ["who would join", { ...scene, records: "g1 at A:10 | g2 running", registered: "g2 primary" }, {
      g1: "wait 0, person",
    }],
    ["who would begin", { cluster: "none", records: "g1 nothing", size: 1, paused }, {
      g1: "wait 0, person",
    }],
  ]);
  const decision = decide(viewOf("g1", scene));
  assert.equal(decision.reason, `Paused ${paused}`);
  assert.equal(
    decision.kind === "wait" && decision.person,
    "Let all go on: `galera-keeper resume`.",
  );
});

Deno.test("decide() has the one that a person chose bootstrap, whatever the others hold", () => {
  const forced = "forced g1 A a1@0 a2@10";
  check([
    ["others died running", { cluster: forced, records: "g1 at A:10 | g2 running away" }, {
      g1: "bootstrap 6",
    }],
    ["others hold more", { cluster: forced, records: "g1 at A:10 | g2 at A:12" }, {
      g1: "bootstrap 6",
      g2: "wait 3 for g1",
    }],
    ["others cannot be read", { cluster: forced, records: "g1 at A:10 | g2 unreadable" }, {
      g1: "bootstrap 6",
    }],
    ["it had got further", { cluster: forced, records: "g1 at A:11@a2 | g2 at A:12" }, {
      g1: "bootstrap 6",
    }],
    [
      "not with less than it was chosen for",
      { cluster: forced, records: "g1 at A:9 | g2 at A:12" },
      {
        g1: "wait 3, person",
      },
    ],
    ["nor with more of an old branch", { cluster: forced, records: "g1 at A:12@a1" }, {
      g1: "wait 3, person",
    }],
    ["nor with a position that is not known", {
      cluster: forced,
      records: "g1 running but at A:-1",
      held: { g1: "at A:-1" },
    }, { g1: "wait 3, person" }],
    ["nor with another cluster's", { cluster: forced, records: "g1 at B:10" }, {
      g1: "wait 3, person",
    }],
    ["nor with nothing", { cluster: forced, records: "g1 at A:10 but empty" }, {
      g1: "wait 3, person",
    }],
    ["nor on a record that is not true", {
      cluster: forced,
      records: "g1 running",
      held: { g1: "at A:10" },
    }, { g1: "wait 7 for g1" }],
    ["nor, without being told again, on a copy that took its place", {
      cluster: forced,
      records: "g1 running but at A:10",
      held: { g1: "at A:10" },
    }, { g1: "wait 7, person" }],
    ["nor where one answers", {
      cluster: forced,
      records: "g1 at A:10 | g2 running",
      registered: "g2 primary",
    }, { g1: "wait 1 for g2" }],
    ["it is away", { cluster: forced, records: "g1 at A:10 away | g2 at A:12" }, {
      g2: "wait 3 for g1, person",
    }],
    ["a new cluster", { cluster: "forced g1 ? a2@0", records: "g1 nothing | g2 first away" }, {
      g1: "bootstrap 5",
    }],
    ["over others that hold data of an older one", {
      cluster: "forced g1 ? a2@0",
      records: "g1 nothing | g2 at A:10",
    }, { g1: "bootstrap 5" }],
    ["once finished it counts no more", {
      cluster: "running A a1@0 a2@10",
      records: "g1 at A:12@a2 | g2 running away",
    }, { g1: "wait 7 for g2, person" }],
  ]);
});

Deno.test("decide() goes by what the copies tell of bootstraps where no cluster is on record", () => {
  const known = (text: string): readonly Attempt[] => {
    const seen = cluster(text);
    return seen.kind === "known" ? seen.cluster.attempts : [];
  };
  const scene: Scene = { cluster: "none", records: "g1 at A:10@a2 | g2 at A:12", size: 2 };
  const told = (name: string, lineages: Readonly<Record<string, readonly Attempt[]>>) => {
    const view = viewOf(name, scene);
    const records = view.records.map((seen) =>
      seen.kind === "record"
        ? { ...seen, record: { ...seen.record, lineage: lineages[seen.record.name] ?? [] } }
        : seen
    );
    return decide({ ...view, records });
  };
  const branched = { g1: known("running A a1@0 a2@5"), g2: known("running A a1@0") };
  // By its seqno alone g2 would win, with what the cluster went on without.
  assert.equal(inWords(told("g1", branched)), "bootstrap 6");
  assert.equal(inWords(told("g2", branched)), "wait 6 for g1");
  const apart = { g1: known("running A a1@0 a2@5"), g2: known("running A a1@0 a9@6") };
  for (const name of ["g1", "g2"]) {
    const decision = told(name, apart);
    assert.equal(inWords(decision), "wait 7, person");
    assert.match(decision.reason, /the copies tell of different bootstraps/);
  }
});

Deno.test("decide() tells a person of a way on, also where the newest copy is lost for good", () => {
  const table: [what: string, records: string, told: string][] = [
    [
      "another copy is there",
      "g1 at A:8 | g2 running but empty",
      "Give g2 the datadir that it had, or go on without what only it held: " +
      "`galera-keeper bootstrap --force --member g1`.",
    ],
    [
      "another copy is away",
      "g1 nothing | g2 running but empty | g3 at A:8 away",
      "Give g2 the datadir that it had, or go on without what only it held: " +
      "start g3 again and `galera-keeper bootstrap --force --member g3`.",
    ],
    [
      "no other copy is left",
      "g1 nothing | g2 running but empty",
      "Give g2 the datadir that it had, or, where no copy is left, begin anew: empty the datadirs " +
      "of all members and delete the znodes below the root.",
    ],
    [
      "no copy is known of",
      "g1 torn | g2 nothing",
      "Give a member the datadir or a backup of the cluster, or begin anew: empty the datadirs of " +
      "all members and delete the znodes below the root.",
    ],
  ];
  for (const [what, records, told] of table) {
    const decision = decide(viewOf("g1", { cluster: "running A a1@0", records }));
    assert.equal(decision.kind === "wait" && decision.person, told, what);
  }
});

Deno.test("decide() has a person choose where a copy may be newest and does not say what it followed", () => {
  const scene: Scene = { cluster: "running A a1@0 a2@5", records: "g1 at A:8@a2 | g2 at A:12@?" };
  const decision = decide(viewOf("g1", scene));
  assert.equal(
    decision.kind === "wait" && decision.person,
    "Have g2 bootstrap: `galera-keeper bootstrap --force --member g2`, or save what is needed of " +
      "its datadir, empty it, and start it again.",
  );
});

Deno.test("decide() has a person choose among copies only where somebody still holds one", () => {
  const none = "Give a member the datadir that it had, or begin anew: empty the datadirs of all " +
    "members and delete the znodes below the root.";
  const table: [what: string, records: string, told: string][] = [
    ["nobody does", "g1 at A:5 but empty | g2 at B:7 but empty", none],
    [
      "one does",
      "g1 at A:5 | g2 at B:7 but empty",
      "Decide which cluster it is to be and have the member that holds most of it bootstrap, one " +
      "of g1: `galera-keeper bootstrap --force --member NAME`. The others then say what to do.",
    ],
    [
      "one holds an older copy",
      "g1 at A:5 but empty | g2 at B:7 but at B:6",
      "Decide which cluster it is to be and have the member that holds most of it bootstrap, one " +
      "of g2: `galera-keeper bootstrap --force --member NAME`. The others then say what to do.",
    ],
  ];
  for (const [what, records, told] of table) {
    for (const cluster of ["none", "bootstrapping g1 ? a1@0"]) {
      const decision = decide(viewOf("g1", { cluster, size: 2, records }));
      assert.equal(decision.kind === "wait" && decision.person, told, `${what}, ${cluster}`);
    }
  }
});
