import assert from "node:assert/strict";
import { decide } from "../../lib/cluster/decide.ts";
import type { Decision } from "../../lib/cluster/view.ts";
import { inWords, type Scene, viewOf } from "./views.ts";

/** What it is, the scene, and what each member that decides is told. */
type Case = [what: string, scene: Scene, told: Readonly<Record<string, string>>];

function check(cases: readonly Case[]): void {
  for (const [what, scene, told] of cases) {
    const got = Object.keys(told).map((name) => [name, inWords(decide(viewOf(name, scene)))]);
    assert.deepEqual(Object.fromEntries(got), told, what);
  }
}

/** One member's decision, for its sentence. */
function of(name: string, scene: Scene): Decision {
  return decide(viewOf(name, scene));
}

const ON_RECORD = "running A a1@0";
const BRANCHED = "running A a1@0 a2@10";
const TWO_53 = 2n ** 53n;

Deno.test("decide() rule 1: a member answers, and whoever loses nothing by it joins", () => {
  const g1 = (says: string, more: Partial<Scene> = {}): Scene => ({
    cluster: ON_RECORD,
    records: `g1 ${says} | g2 running`,
    registered: "g2 primary",
    ...more,
  });
  const joins = { g1: "join 1 10.0.0.2" };
  const refused = { g1: "wait 1, person" };
  const branched = (says: string, cluster = BRANCHED) => g1(says, { cluster });
  check([
    ["empty", g1("nothing"), joins],
    ["fresh", g1("nothing", { held: { g1: "fresh" } }), joins],
    ["never reported", g1("nothing", { records: "g2 running" }), joins],
    ["torn", g1("torn"), joins],
    ["torn, with a floor", g1("torn A:99"), joins],
    ["behind", g1("at A:5"), joins],
    ["ahead in the same attempt", g1("at A:999"), joins],
    ["safe to bootstrap joins all the same", g1("at A:999 safe"), joins],
    ["its position is not known", g1("at A:-1"), joins],
    ["beyond 2^53", g1(`at A:${TWO_53 + 1n}`), joins],
    ["its disk was lost", g1("at A:99 but empty"), joins],
    ["its disk was lost while it ran", g1("running but empty"), joins],
    ["an SST was torn over its newest copy", g1("running but torn"), joins],
    ["standalone", g1("standalone"), refused],
    ["another cluster's", g1("at B:5"), refused],
    ["another cluster's, with a higher seqno", g1("at B:999 safe"), refused],
    ["a volume of another cluster in place of its own", g1("at A:5 but at B:5"), refused],
    ["a standalone volume in place of its own", g1("at A:5 but standalone"), refused],
    ["the zero UUID", g1("nothing", { held: { g1: "at ZERO:-1 safe" } }), refused],
    ["the zero UUID, with a seqno", g1("nothing", { held: { g1: "at ZERO:999 safe" } }), refused],

    ["where a later attempt began", branched("at A:10@a1"), joins],
    ["before a later attempt began", branched("at A:9@a1"), joins],
    ["beyond where a later attempt began", branched("at A:11@a1"), refused],
    ["beyond, in the later attempt itself", branched("at A:11@a2"), joins],
    ["beyond, in an unknown attempt", branched("at A:11@?"), refused],
    ["beyond, in an attempt nobody knows", branched("at A:11@a9"), refused],
    ["before, in an unknown attempt", branched("at A:10@?", "running A a2@10"), joins],
    [
      "beyond the last of three, not the second",
      branched("at A:8@a1", `${BRANCHED} a3@5`),
      refused,
    ],
    ["beyond the second of three", branched("at A:11@a1", `${BRANCHED} a3@20`), refused],
    ["beyond the last of three", branched("at A:11@a2", `${BRANCHED} a3@5`), refused],
    [
      "beyond by one above 2^53",
      branched(`at A:${TWO_53 + 1n}@a1`, `running A a1@0 a2@${TWO_53}`),
      refused,
    ],

    ["not finished: the Primary member completes it", {
      ...g1("nothing"),
      cluster: "bootstrapping g2 A a1@0",
    }, { g1: "wait 1 for g2" }],
    ["mine, not finished, and another is Primary", {
      ...g1("at A:10"),
      cluster: "bootstrapping g1 A a1@0 a2@10",
    }, { g1: "wait 1 for g2" }],
    ["not on record yet, as after an emptied ensemble", g1("nothing", { cluster: "none" }), {
      g1: "wait 1 for g2",
    }],
    [
      "several answer",
      g1("nothing", { registered: "g2 primary | g3 primary" }),
      { g1: "join 1 10.0.0.2 10.0.0.3" },
    ],
    [
      "only donors that answer count",
      g1("nothing", {
        registered: "g2 primary | g3 not-primary | g4 silent | g5 mismatch | 10.0.0.9 foreign",
      }),
      joins,
    ],
    [
      "others' records that cannot be read",
      g1("at A:5", { records: "g1 at A:5 | g2 unreadable" }),
      {
        g1: "join 1 10.0.0.2",
      },
    ],
  ]);
  assert.equal(of("g1", g1("nothing")).reason, "g2 answers and is Primary");
  assert.equal(
    of("g1", g1("nothing", { registered: "g2 primary | g3 primary" })).reason,
    "g2 and g3 answer and are Primary",
  );
  assert.match(of("g1", g1("at B:5")).reason, /another cluster.*bbbbbbbb.*aaaaaaaa/);
  assert.match(of("g1", branched("at A:11@a1")).reason, /A?:11 lies beyond 10, where g1 boot/);
});

Deno.test("decide() rule 2: a registered member that is not known to be Primary is waited for", () => {
  const top = (registered: string): Scene => ({
    cluster: ON_RECORD,
    records: "g1 at A:99 safe | g2 at A:5 | g3 at A:5",
    registered,
  });
  check([
    ["not Primary", top("g2 not-primary"), { g1: "wait 2 for g2", g3: "wait 2 for g2" }],
    ["silent", top("g2 silent"), { g1: "wait 2 for g2" }],
    ["without HTTP", top("g2 mute"), { g1: "wait 2 for g2, person" }],
    ["somebody else answers", top("g2 mismatch"), { g1: "wait 2 for g2" }],
    ["a lab's member", top("10.0.0.9 foreign"), { g1: "wait 2 for 10.0.0.9, person" }],
    ["the one that can heal first", top("g2 silent | g3 not-primary"), { g1: "wait 2 for g3" }],
    ["all that can heal", top("g2 not-primary | g3 not-primary"), { g1: "wait 2 for g2 g3" }],
    ["before any cluster is on record", { ...top("g2 silent"), cluster: "none", size: 3 }, {
      g1: "wait 2 for g2",
    }],
    ["where a first start would be due", {
      cluster: "none",
      size: 1,
      records: "g1 nothing",
      registered: "10.0.0.9 foreign",
    }, { g1: "wait 2 for 10.0.0.9, person" }],
    ["where my own bootstrap is not finished", {
      ...top("g2 not-primary"),
      cluster: "bootstrapping g1 A a1@0 a2@99",
    }, { g1: "wait 2 for g2" }],
  ]);
  assert.equal(
    of("g1", top("g2 not-primary")).reason,
    "g2 runs but is not Primary: it heals or stops",
  );
  assert.equal(
    of("g1", top("g2 not-primary | g3 not-primary")).reason,
    "g2 and g3 run but are not Primary: they heal or stop",
  );
  assert.equal(
    of("g1", top("g2 silent")).reason,
    "g2 is registered and does not answer at 10.0.0.2: connection refused",
  );
});

Deno.test("decide() rule 3: an unfinished bootstrap is waited for, whatever else holds", () => {
  check([
    ["the first", {
      cluster: "bootstrapping g2 ? a1@0",
      size: 2,
      records: "g1 nothing | g2 nothing",
    }, { g1: "wait 3 for g2", g2: "bootstrap 5" }],
    ["a later one", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:10 safe | g2 at A:10 | g3 torn A:3",
    }, { g1: "wait 3 for g2", g2: "bootstrap 6", g3: "wait 3 for g2" }],
    ["no seqno takes it over", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:99 safe | g2 at A:10",
    }, { g1: "wait 3 for g2" }],
    ["nor does its absence, though then somebody has to start it", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:10 safe | g2 at A:10 away",
    }, { g1: "wait 3 for g2, person" }],
    ["nor that its record has gone", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:10 safe",
    }, { g1: "wait 3 for g2, person" }],
    ["with volumes, at least", {
      cluster: "bootstrapping g2 ? a1@0",
      records: "g1 nothing",
      size: 1,
      storage: "ephemeral",
    }, { g1: "bootstrap 5" }],
    ["a stranger waits too", {
      cluster: "bootstrapping g2 A a1@0",
      records: "g1 at B:10 | g2 at A:10",
    }, { g1: "wait 3 for g2" }],

    ["mine, crashed before anything was written", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 nothing | g2 nothing | g3 standalone",
    }, { g1: "bootstrap 5", g2: "wait 3 for g1", g3: "wait 3 for g1" }],
    ["mine from a standalone database, crashed before it had a UUID", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 standalone | g2 nothing",
    }, { g1: "bootstrap 5" }],
    ["mine, crashed after the cluster got its UUID", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 at A:1 | g2 nothing",
    }, { g1: "bootstrap 6", g2: "wait 3 for g1" }],
    ["mine, and ties go to me", {
      cluster: "bootstrapping g3 A a1@0 a2@10",
      records: "g1 at A:10 safe | g2 at A:10 | g3 at A:10",
    }, { g1: "wait 3 for g3", g2: "wait 3 for g3", g3: "bootstrap 6" }],
    ["mine, and it had got further", {
      cluster: "bootstrapping g3 A a1@0 a2@10",
      records: "g1 at A:10 safe | g3 at A:11@a2",
    }, { g3: "bootstrap 6" }],
    ["mine, but another runs", {
      cluster: "bootstrapping g1 A a1@0 a2@10",
      records: "g1 at A:10 | g2 running away",
    }, { g1: "wait 7 for g2, person" }],
    ["mine, but my copy is gone and an equal one is there: neither waits for ever", {
      cluster: "bootstrapping g1 A a1@0 a2@10",
      records: "g1 at A:10 but empty | g2 at A:10",
    }, { g1: "wait 3, person", g2: "wait 3 for g1" }],
    ["mine, the first, but another brings a cluster's data: neither waits for ever", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 nothing | g2 at B:50",
    }, { g1: "wait 3, person", g2: "wait 3 for g1" }],
    ["mine, the first, died over a disk that is lost", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 first but empty | g2 nothing",
    }, { g1: "wait 7, person", g2: "wait 3 for g1" }],
  ]);
  const scene: Scene = {
    cluster: "bootstrapping g2 A a1@0",
    records: "g1 at A:10 | g2 at A:10 away",
  };
  assert.equal(
    of("g1", scene).reason,
    "g2 began a bootstrap, did not finish it and has not come back",
  );
  assert.equal(
    of("g1", { ...scene, records: "g1 at A:10 | g2 at A:10" }).reason,
    "g2 is bootstrapping the cluster",
  );
});

Deno.test("decide() rule 4: a stranger's datadir waits for a person and does not hold up the others", () => {
  check([
    ["another cluster's", {
      cluster: ON_RECORD,
      records: "g1 at B:99 safe | g2 at A:10 | g3 at A:9",
    }, { g1: "wait 4, person", g2: "bootstrap 6", g3: "wait 6 for g2" }],
    ["standalone", {
      cluster: ON_RECORD,
      records: "g1 standalone | g2 at A:10",
    }, { g1: "wait 4, person", g2: "bootstrap 6" }],
    ["the zero UUID", {
      cluster: ON_RECORD,
      records: "g1 nothing | g2 at A:10",
      held: { g1: "at ZERO:-1 safe" },
    }, { g1: "wait 4, person", g2: "bootstrap 6" }],
    ["a stranger that died running in its own cluster", {
      cluster: ON_RECORD,
      records: "g1 running B but at B:99 | g2 at A:10",
    }, { g1: "wait 4, person", g2: "bootstrap 6" }],
    ["it once carried the cluster's UUID, and had the newest copy", {
      cluster: ON_RECORD,
      records: "g1 at A:11 but at B:99 | g2 at A:10",
    }, { g1: "wait 4, person", g2: "wait 7 for g1, person" }],
    ["it once carried the cluster's UUID, and died running", {
      cluster: ON_RECORD,
      records: "g1 running but at B:99 | g2 at A:10",
    }, { g1: "wait 4, person", g2: "wait 7 for g1, person" }],
    ["it once carried the cluster's UUID, and others have as much", {
      cluster: ON_RECORD,
      records: "g1 at A:10 but at B:99 | g2 at A:10",
    }, { g1: "wait 4, person", g2: "bootstrap 6" }],
    ["only strangers are left", {
      cluster: ON_RECORD,
      records: "g1 at B:99 | g2 at B:98 | g3 nothing",
    }, { g1: "wait 4, person", g2: "wait 4, person", g3: "wait 7, person" }],
    ["mine, forced, over a stranger's datadir", {
      cluster: "bootstrapping g1 A a1@0 a2@10",
      records: "g1 at B:10",
    }, { g1: "wait 4, person" }],
  ]);
  const scene: Scene = { cluster: ON_RECORD, records: "g1 at B:99 | g2 standalone" };
  assert.match(of("g1", scene).reason, /^This datadir belongs to another cluster: .*bbbb.*aaaa/);
  assert.equal(
    of("g2", scene).reason,
    "This datadir never was in a cluster, and a cluster is on record",
  );
});

Deno.test("decide() rule 5: the first cluster begins when all have reported and nobody holds data", () => {
  check([
    ["all three reported; the lock settles who is first", {
      cluster: "none",
      size: 3,
      records: "g1 nothing | g2 nothing | g3 nothing",
    }, { g1: "bootstrap 5", g2: "bootstrap 5", g3: "bootstrap 5" }],
    ["two of three", { cluster: "none", size: 3, records: "g1 nothing | g2 nothing" }, {
      g1: "wait 5",
    }],
    ["one of three", { cluster: "none", size: 3, records: "g1 nothing" }, { g1: "wait 5" }],
    ["who has reported counts, present or not", {
      cluster: "none",
      size: 3,
      records: "g1 nothing | g2 nothing away | g3 nothing away",
    }, { g1: "bootstrap 5" }],
    ["more than expected", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 nothing | g3 nothing",
    }, { g3: "bootstrap 5" }],
    ["the lab's way", { cluster: "none", size: 1, records: "g1 nothing" }, { g1: "bootstrap 5" }],
    ["without --size", { cluster: "none", records: "g1 nothing" }, { g1: "wait 5, person" }],
    ["without --size, though there are three", {
      cluster: "none",
      records: "g1 nothing | g2 nothing | g3 nothing",
    }, { g1: "wait 5, person" }],
    ["without --size, but by `galera-keeper bootstrap`", {
      cluster: "bootstrapping g1 ? a1@0",
      records: "g1 nothing",
    }, { g1: "bootstrap 5" }],
    ["a cluster is on record", {
      cluster: ON_RECORD,
      size: 3,
      records: "g1 nothing | g2 nothing | g3 nothing",
    }, { g1: "wait 7, person", g2: "wait 7, person" }],
    ["one is standalone: that one", {
      cluster: "none",
      size: 3,
      records: "g1 nothing | g2 standalone | g3 nothing",
    }, { g1: "wait 5 for g2", g2: "bootstrap 5", g3: "wait 5 for g2" }],
    ["one is standalone and away: it has to be started", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 standalone away",
    }, { g1: "wait 5 for g2, person" }],
    ["one is standalone, and not all have reported", {
      cluster: "none",
      size: 3,
      records: "g1 nothing | g2 standalone",
    }, { g1: "wait 5", g2: "wait 5" }],
    ["two are standalone", {
      cluster: "none",
      size: 3,
      records: "g1 standalone | g2 standalone | g3 nothing",
    }, { g1: "wait 5, person", g2: "wait 5, person", g3: "wait 5, person" }],
    ["one holds a copy: no first cluster", {
      cluster: "none",
      size: 3,
      records: "g1 nothing | g2 at A:10 | g3 standalone",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6", g3: "wait 6 for g2" }],
    ["one died running: no first cluster", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 running away",
    }, { g1: "wait 7 for g2, person" }],
    ["one died starting the first cluster, as after an emptied `cluster`", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 first away",
    }, { g1: "wait 7 for g2, person" }],
    ["one has a torn datadir: there was a cluster", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 torn",
    }, { g1: "wait 7, person", g2: "wait 7, person" }],
    ["one record cannot be read", {
      cluster: "none",
      size: 2,
      records: "g1 nothing | g2 unreadable",
    }, { g1: "wait 7, person" }],
    ["the cluster cannot be read", {
      cluster: "unreadable",
      size: 2,
      records: "g1 nothing | g2 nothing",
    }, { g1: "wait 0, person" }],
    ["a disk lost: the record still speaks of a copy", {
      cluster: "none",
      size: 2,
      records: "g1 at A:10 but empty | g2 nothing",
    }, { g1: "wait 7 for g1, person", g2: "wait 7 for g1, person" }],
  ]);
  const empty: Scene = { cluster: "none", size: 2, records: "g1 nothing | g2 nothing" };
  assert.equal(
    of("g1", empty).reason,
    "All members have reported (2 of 2) and none holds data: this one begins a new cluster",
  );
  assert.equal(
    of("g1", { ...empty, size: 3 }).reason,
    "No cluster is on record, and 2 of 3 members have reported: g1, g2",
  );
  assert.equal(
    of("g1", { cluster: "none", records: "g1 nothing" }).reason,
    "No cluster is on record, and --size does not say how many members it has",
  );
  assert.equal(
    of("g2", { ...empty, records: "g1 standalone | g2 nothing" }).reason,
    "g1 holds the only data and begins the cluster",
  );
  assert.equal(
    of("g1", { ...empty, records: "g1 standalone | g2 nothing" }).reason,
    "All members have reported (2 of 2) and only this one holds data: it begins the cluster",
  );
  assert.equal(
    of("g1", { ...empty, records: "g1 standalone | g2 standalone" }).reason,
    "g1 and g2 each hold a database that never was in a cluster",
  );
});

Deno.test("decide() rule 6: after a full outage the most advanced copy bootstraps", () => {
  const known = (records: string, more: Partial<Scene> = {}): Scene => ({
    cluster: ON_RECORD,
    records,
    ...more,
  });
  const none = (records: string, size?: number): Scene => ({
    cluster: "none",
    records,
    ...(size !== undefined && { size }),
  });
  check([
    ["the highest seqno", known("g1 at A:8 | g2 at A:10 | g3 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
      g3: "wait 6 for g2",
    }],
    ["a higher seqno than the safe one's", known("g1 at A:8 safe | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["equal: the safe one", known("g1 at A:9 | g2 at A:9 safe | g3 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
      g3: "wait 6 for g2",
    }],
    ["equal and all safe, as after a parallel stop: the lowest name", {
      ...known("g3 at A:9 safe | g2 at A:9 safe | g1 at A:9 safe"),
    }, { g1: "bootstrap 6", g2: "wait 6 for g1", g3: "wait 6 for g1" }],
    ["equal and none safe, as after a power loss: the lowest name", {
      ...known("g3 at A:9 | g1 at A:9 | g2 at A:9"),
    }, { g1: "bootstrap 6", g2: "wait 6 for g1", g3: "wait 6 for g1" }],
    ["apart by one above 2^53", known(`g1 at A:${TWO_53} safe | g2 at A:${TWO_53 + 1n}`), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["as numbers, not as text", known("g1 at A:9 | g2 at A:10"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["the largest seqno there is", known(`g1 at A:${2n ** 63n - 1n} | g2 at A:0`), {
      g1: "bootstrap 6",
    }],
    ["nothing was ever written", known("g1 at A:0 | g2 nothing"), { g1: "bootstrap 6" }],
    ["one emptied disk that held less does not count", known("g1 at A:8 but empty | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["one emptied disk that held as much does not count", {
      ...known("g1 at A:9 but empty | g2 at A:9"),
    }, { g1: "wait 6 for g2", g2: "bootstrap 6" }],
    ["a torn datadir with a lower floor", known("g1 torn A:8 | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["a torn datadir that never had a position", known("g1 torn | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["one that never had data", known("g1 nothing | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["the most advanced is away: it has to be started", known("g1 at A:8 | g2 at A:9 away"), {
      g1: "wait 6 for g2, person",
    }],
    ["one that is away holds less", known("g1 at A:9 | g2 at A:8 safe away"), {
      g1: "bootstrap 6",
    }],
    ["one that is away holds no more: nothing is lost without it", {
      ...known("g1 at A:9 safe away | g2 at A:9"),
    }, { g2: "bootstrap 6" }],
    ["two are away and hold no more", known("g1 at A:9 away | g2 at A:9 | g3 at A:9 safe away"), {
      g2: "bootstrap 6",
    }],

    ["an old branch does not count, however far it went", {
      cluster: BRANCHED,
      records: "g1 at A:99@a1 safe | g2 at A:11@a2",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6" }],
    ["where a later attempt began is no other branch", {
      cluster: BRANCHED,
      records: "g1 at A:10@a1 | g2 at A:9@a1",
    }, { g1: "bootstrap 6", g2: "wait 6 for g1" }],
    ["an old branch's torn floor does not count", {
      cluster: BRANCHED,
      records: "g1 torn A:99@a1 | g2 at A:11@a2",
    }, { g2: "bootstrap 6" }],
    ["a copy that may be on the present branch counts", {
      cluster: BRANCHED,
      records: "g1 at A:12@? | g2 at A:11@a2",
    }, { g1: "wait 7 for g1, person", g2: "wait 7 for g1, person" }],
    ["a copy of an unknown branch that is no more advanced", {
      cluster: BRANCHED,
      records: "g1 at A:11@? | g2 at A:11@a2",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6" }],

    ["no cluster on record, all reported", none("g1 at A:8 | g2 at A:9 | g3 nothing", 3), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
      g3: "wait 6 for g2",
    }],
    ["no cluster on record, not all reported", none("g1 at A:8 | g2 at A:9", 3), {
      g1: "wait 7",
      g2: "wait 7",
    }],
    ["no cluster on record, no --size", none("g1 at A:8 | g2 at A:9"), {
      g1: "wait 7, person",
      g2: "wait 7, person",
    }],
    ["no cluster on record, safe to bootstrap", none("g1 at A:9 safe"), { g1: "bootstrap 6" }],
    ["no cluster on record, safe, and not all reported", none("g1 at A:9 safe | g2 nothing", 3), {
      g1: "wait 7",
      g2: "wait 7",
    }],
    ["safe, but another is known to have more", none("g1 at A:8 safe | g2 at A:9"), {
      g1: "wait 6 for g2",
      g2: "wait 7, person",
    }],
    ["safe, but one died running", none("g1 at A:9 safe | g2 running away"), {
      g1: "wait 7 for g2, person",
    }],
    ["standalone beside a copy", none("g1 standalone | g2 at A:9", 2), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],

    ["the record does not say what the datadir holds", {
      ...known("g1 at A:9 | g2 at A:8"),
      held: { g1: "empty" },
    }, { g1: "wait 7 for g1" }],
    ["the record does not say how far the datadir goes", {
      ...known("g1 at A:9 | g2 at A:8"),
      held: { g1: "at A:7" },
    }, { g1: "wait 7 for g1" }],
    ["there is no record", { cluster: "none", size: 1, records: "g2 nothing" }, {
      g1: "wait 7 for g1",
    }],
  ]);
  assert.equal(
    of("g1", known("g1 at A:9 | g2 at A:8")).reason,
    "This member's copy at aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d:9 is the most advanced on record",
  );
  assert.equal(
    of("g2", known("g1 at A:9 | g2 at A:8")).reason,
    "g1 bootstraps: its copy at aaaaaaaa-2be9-11f0-9d25-7a3b5e1f2c3d:9 is the most advanced",
  );
  assert.match(
    of("g2", known("g1 at A:9 away | g2 at A:8")).reason,
    /^g1 has not come back: its co/,
  );
});

Deno.test("decide() rule 7: in doubt it waits, and says for whom", () => {
  const known = (records: string, more: Partial<Scene> = {}): Scene => ({
    cluster: ON_RECORD,
    records,
    ...more,
  });
  check([
    ["one died running", known("g1 at A:99 safe | g2 running away"), {
      g1: "wait 7 for g2, person",
    }],
    ["one died running, of an unknown cluster", known("g1 at A:99 | g2 running ? away"), {
      g1: "wait 7 for g2, person",
    }],
    ["one died between spawn and registration", known("g1 at A:99 | g2 starting A:98 away"), {
      g1: "wait 7 for g2, person",
    }],
    ["one is between spawn and registration", known("g1 at A:99 | g2 starting A:98"), {
      g1: "wait 7 for g2",
    }],
    ["two died running", known("g1 at A:99 | g2 running away | g3 running away"), {
      g1: "wait 7 for g2 g3, person",
    }],
    ["one runs, one died", known("g1 at A:99 | g2 running | g3 running away"), {
      g1: "wait 7 for g2 g3, person",
    }],
    ["one died running and its disk is lost", known("g1 at A:99 | g2 running but empty"), {
      g1: "wait 7 for g2, person",
      g2: "wait 7, person",
    }],
    ["an SST was torn over what may be newest", known("g1 at A:99 | g2 running but torn"), {
      g1: "wait 7 for g2, person",
      g2: "wait 7, person",
    }],
    ["the newest copy's disk is lost", known("g1 at A:8 safe | g2 at A:9 but empty"), {
      g1: "wait 7 for g2, person",
      g2: "wait 7 for g2, person",
    }],
    ["the newest copy's disk is lost, a backup in its place", {
      ...known("g1 at A:7 | g2 at A:9 but at A:8"),
    }, { g1: "wait 7 for g2, person", g2: "wait 7 for g2, person" }],
    ["an SST was torn over the newest copy", known("g1 at A:8 safe | g2 torn A:9"), {
      g1: "wait 7 for g2, person",
      g2: "wait 7 for g2, person",
    }],
    ["nobody holds a copy", known("g1 nothing | g2 torn"), {
      g1: "wait 7, person",
      g2: "wait 7, person",
    }],
    ["positions of different clusters", {
      cluster: "none",
      size: 2,
      records: "g1 at A:9 safe | g2 at B:8 safe",
    }, { g1: "wait 7, person", g2: "wait 7, person" }],
    ["positions of different clusters, one of them lost", {
      cluster: "none",
      size: 2,
      records: "g1 at A:9 safe | g2 torn B:8",
    }, { g1: "wait 7, person" }],
    ["a record that cannot be read", known("g1 at A:99 safe | g2 unreadable"), {
      g1: "wait 7, person",
    }],
    ["the cluster cannot be read", { cluster: "unreadable", records: "g1 at A:99 safe" }, {
      g1: "wait 0, person",
    }],
    ["the cluster cannot be read, though one is Primary", {
      cluster: "unreadable",
      records: "g1 nothing | g2 running",
      registered: "g2 primary",
    }, { g1: "wait 0, person" }],
    ["every seqno is -1", known("g1 at A:-1 | g2 at A:-1"), {
      g1: "wait 7 for g1 g2, person",
      g2: "wait 7 for g1 g2, person",
    }],
    ["one seqno is -1: it may stand for any", known("g1 at A:9 safe | g2 at A:-1"), {
      g1: "wait 7 for g2, person",
      g2: "wait 7 for g2, person",
    }],
    ["a torn datadir whose floor is -1", known("g1 at A:9 safe | g2 torn A:-1"), {
      g1: "wait 7 for g2, person",
    }],
    ["-1, though safe to bootstrap", { cluster: "none", size: 1, records: "g1 at A:-1 safe" }, {
      g1: "wait 7 for g1, person",
    }],
    ["the zero UUID, though safe to bootstrap", {
      cluster: "none",
      size: 1,
      records: "g1 at ZERO:9 safe",
    }, { g1: "wait 7 for g1, person" }],
    ["the zero UUID beside a copy", {
      cluster: "none",
      size: 2,
      records: "g1 at ZERO:-1 safe | g2 at A:9",
    }, { g1: "wait 7 for g1, person", g2: "wait 7 for g1, person" }],
  ]);
  assert.equal(
    of("g1", known("g1 at A:99 | g2 running away")).reason,
    "g2 died running and has not come back; its data may be newest",
  );
  assert.equal(
    of("g1", known("g1 at A:99 | g2 running")).reason,
    "g2 runs and is not registered yet",
  );
  assert.equal(
    of("g1", known("g1 at A:99 | g2 running but empty")).reason,
    "g2 died running and its data may be newest, and its datadir now holds empty",
  );
  assert.match(
    of("g1", known("g1 at A:8 | g2 torn A:9")).reason,
    /^The newest copy known, aaaa.*:9, was g2's and is no longer there$/,
  );
  assert.match(
    of("g1", { cluster: "none", size: 2, records: "g1 at A:9 | g2 at B:9" }).reason,
    /^Members hold data of different clusters: aaaaaaaa-.*, bbbbbbbb-.*$/,
  );
  assert.equal(
    of("g1", known("g1 at A:9 | g2 unreadable")).reason,
    "The record of g2 cannot be read: it holds nothing",
  );
  assert.equal(
    of("g1", { cluster: "unreadable", records: "g1 at A:9" }).reason,
    "The znode of the cluster cannot be read: it holds nothing",
  );
  assert.equal(
    of("g1", known("g1 nothing | g2 torn")).reason,
    "A cluster is on record and no member holds a copy of it",
  );
  assert.equal(
    of("g1", { cluster: "none", size: 2, records: "g1 nothing | g2 torn" }).reason,
    "An SST was cut off, so there was a cluster, and no member holds a copy of it",
  );
  assert.equal(
    of("g1", known("g1 at A:9 | g2 at A:-1")).reason,
    "How far g2's data goes is not known, and it may be newest",
  );
  assert.match(
    of("g1", { cluster: BRANCHED, records: "g1 at A:11@a2 | g2 at A:12@?" }).reason,
    /^g2's copy at aaaa.*:12 may be newest, and its datadir does not say which bootstrap it/,
  );
});

Deno.test("decide() with --storage ephemeral begins anew when no member is left", () => {
  const ephemeral = (cluster: string, records: string, size?: number): Scene => ({
    cluster,
    records,
    storage: "ephemeral",
    ...(size !== undefined && { size }),
  });
  check([
    ["no member is left of the cluster on record", ephemeral(ON_RECORD, "g1 nothing", 1), {
      g1: "bootstrap 5",
    }],
    ["nor is there --size", ephemeral(ON_RECORD, "g1 nothing"), { g1: "wait 5, person" }],
    ["not all of the new ones have reported", ephemeral(ON_RECORD, "g1 nothing | g2 nothing", 3), {
      g1: "wait 5",
    }],
    ["one that is left still runs", ephemeral(ON_RECORD, "g1 nothing | g2 running", 1), {
      g1: "wait 7 for g2",
    }],
    ["one that is left has a copy", ephemeral(ON_RECORD, "g1 nothing | g2 at A:9", 2), {
      g1: "wait 6 for g2",
      g2: "bootstrap 6",
    }],
    ["one that is left has a copy; others may come", {
      ...ephemeral(ON_RECORD, "g1 nothing | g2 at A:9", 3),
    }, { g1: "wait 7", g2: "wait 7" }],
    ["one that is left was safe to bootstrap, others may come", {
      ...ephemeral(ON_RECORD, "g1 nothing | g2 at A:9 safe", 3),
    }, { g2: "wait 7" }],
    ["all have come, one has data", {
      ...ephemeral(ON_RECORD, "g1 nothing | g2 at A:9 safe", 2),
    }, { g2: "bootstrap 6" }],
    ["the one that bootstraps is there", {
      ...ephemeral("bootstrapping g2 ? a1@0", "g1 nothing | g2 first", 1),
    }, { g1: "wait 3 for g2" }],
    ["the one that bootstrapped is gone, and not all have reported", {
      ...ephemeral("bootstrapping g2 ? a1@0", "g1 nothing", 2),
    }, { g1: "wait 5" }],
    ["mine, crashed after the cluster got its UUID: nobody else goes on", {
      ...ephemeral("bootstrapping g1 ? a1@0", "g1 at A:1 | g2 nothing", 3),
    }, { g1: "bootstrap 6", g2: "wait 3 for g1" }],
  ]);
  assert.equal(
    of("g1", ephemeral(ON_RECORD, "g1 nothing | g2 nothing", 3)).reason,
    "Storage is ephemeral and nobody of the cluster on record is left, " +
      "and 2 of 3 members have reported: g1, g2",
  );
});

Deno.test("decide() has an answer to the ten pains of others", () => {
  check([
    // 1. A timeout re-elected a node whose SST had been aborted.
    ["1: an aborted SST is never elected", {
      cluster: ON_RECORD,
      records: "g1 torn A:9 | g2 at A:8 safe | g3 torn",
    }, { g1: "wait 7 for g1, person", g2: "wait 7 for g1, person", g3: "wait 7 for g1, person" }],
    // 2. A node with the zero UUID was flagged safe.
    ["2: the zero UUID is no history", {
      cluster: ON_RECORD,
      records: "g1 at ZERO:-1 safe | g2 at A:8",
    }, { g1: "wait 4, person", g2: "bootstrap 6" }],
    // 3. Nobody was seen, so the wrong one bootstrapped after its datadir had been cleared.
    ["3: seeing nobody is no reason", {
      cluster: ON_RECORD,
      size: 1,
      records: "g1 at A:9 but empty",
    }, { g1: "wait 7 for g1, person" }],
    // 4. A left-over setting let two bootstrap; the first bootstrapper could not restart.
    ["4: who bootstrapped once has no privilege", {
      cluster: ON_RECORD,
      records: "g1 at A:8 safe | g2 at A:9 | g3 at A:9",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6", g3: "wait 6 for g2" }],
    ["4: the first bootstrapper restarts as a joiner", {
      cluster: ON_RECORD,
      records: "g1 at A:8 safe | g2 running",
      registered: "g2 primary",
    }, { g1: "join 1 10.0.0.2" }],
    // 5. Several were safe to bootstrap after a parallel shutdown.
    ["5: one of several that are safe", {
      cluster: ON_RECORD,
      records: "g1 at A:9 safe | g2 at A:9 safe | g3 at A:8 safe",
    }, { g1: "bootstrap 6", g2: "wait 6 for g1", g3: "wait 6 for g1" }],
    // 7. A stale sst_in_progress: endless wait.
    ["7: a torn datadir joins as soon as anybody is Primary", {
      cluster: ON_RECORD,
      records: "g1 torn A:9 | g2 running",
      registered: "g2 primary",
    }, { g1: "join 1 10.0.0.2" }],
    ["7: and holds up nobody where it had no more", {
      cluster: ON_RECORD,
      records: "g1 torn A:9 | g2 at A:9",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6" }],
    // 8. Power loss: no one is safe.
    ["8: nobody is safe, the recovered positions decide", {
      cluster: ON_RECORD,
      records: "g1 at A:7 | g2 at A:9 | g3 at A:8",
    }, { g1: "wait 6 for g2", g2: "bootstrap 6", g3: "wait 6 for g2" }],
    // 9. A restart loop starves the recovery.
    ["9: who restarts in a loop keeps its own unfinished bootstrap", {
      cluster: "bootstrapping g2 A a1@0 a2@9",
      records: "g1 at A:9 safe | g2 at A:10@a2",
    }, { g1: "wait 3 for g2", g2: "bootstrap 6" }],
    // 6 and 10 are of probes and of SSTs that take long: no clock is in a view at all.
  ]);
});
