import assert from "node:assert/strict";
import { advise, type Course, dryRun, type Said, type Scene } from "../../lib/cluster/dry_run.ts";
import { type Fate, suppose } from "../../lib/cluster/what_if.ts";
import * as views from "./views.ts";

type Words = Omit<views.Scene, "size" | "held"> & {
  /** Those that answer and run a server, registered or not. */
  readonly serving?: readonly string[];
  /** What keepers say: `{ g1: "at A:10" }`. */
  readonly says?: Readonly<Record<string, string>>;
  /** What keepers say of `--size`. */
  readonly size?: number;
};

function sceneOf(words: Words): Scene {
  const { cluster, storage = "persistent", paused = null, serving = [], size = null } = words;
  const some = (text: string) => text === "" ? [] : text.split(" | ");
  const said = Object.entries(words.says ?? {}).map(([name, text]): [string, Said] => [
    name,
    { ...views.held(text), size, doing: `${name} does something` },
  ]);
  return {
    said: new Map(said),
    sight: {
      storage,
      paused,
      cluster: views.cluster(cluster),
      records: some(words.records).map(views.record),
      registered: some(words.registered ?? "").map(views.registered),
      serving,
    },
  };
}

function inWords(course: Course | undefined): string {
  switch (course?.kind) {
    case "decides":
      return views.inWords(course.decision);
    case "runs":
      return `runs: ${course.how}`;
    case "not-known":
      return "not known";
    case undefined:
      return "nothing";
  }
}

function courses(scene: Scene): Record<string, string> {
  return Object.fromEntries([...dryRun(scene)].map(([name, course]) => [name, inWords(course)]));
}

for (
  const [what, words, expected] of [
    [
      "one died running, two are back",
      { cluster: "running A a1@0", records: "g1 at A:10 | g2 at A:9 | g3 running away" },
      { g1: "wait 7 for g3, person", g2: "wait 7 for g3, person", g3: "not known" },
    ],
    [
      "all are back",
      { cluster: "running A a1@0", records: "g1 at A:10 | g2 at A:9 | g3 nothing" },
      { g1: "bootstrap 6", g2: "wait 6 for g1", g3: "wait 6 for g1" },
    ],
    [
      "one that is not there would be, once it is started: its equal does not go before it",
      { cluster: "running A a1@0", records: "g1 at A:9 away | g2 at A:10 away | g3 at A:10 away" },
      { g1: "wait 6 for g2, person", g2: "bootstrap 6", g3: "bootstrap 6" },
    ],
    [
      "another program's registration in a member's own place is not in its way",
      {
        cluster: "running A a1@0",
        records: "g1 at A:10 | g2 at A:9",
        registered: "10.0.0.1 foreign",
      },
      { g1: "bootstrap 6", g2: "wait 2 for 10.0.0.1, person" },
    ],
    [
      "those that run decide nothing",
      {
        cluster: "running A a1@0",
        records: "g1 running | g2 running | g3 at A:5 | g4 running | g5 running away",
        registered: "g1 primary | g2 silent",
        serving: ["g1", "g5"],
        says: { g4: "at A:4" },
      },
      {
        g1: "runs: It is registered and Primary",
        g2: "runs: It is registered, and asked from here: connection refused",
        g3: "join 1 10.0.0.1",
        g4: "runs: g4 does something",
        g5: "runs: It runs a server and is not registered",
      },
    ],
    [
      "a keeper knows more than its record",
      {
        cluster: "none",
        records: "g1 nothing | g2 at A:9 but empty | g3 unreadable",
        says: { g2: "fresh" },
      },
      { g1: "wait 7, person", g2: "wait 7, person", g3: "not known" },
    ],
    [
      "--size is what keepers say",
      { cluster: "none", records: "g1 nothing | g2 nothing", says: { g2: "empty" }, size: 2 },
      { g1: "bootstrap 5", g2: "bootstrap 5" },
    ],
    [
      "nobody says --size",
      { cluster: "none", records: "g1 nothing | g2 nothing" },
      { g1: "wait 5, person", g2: "wait 5, person" },
    ],
    [
      "paused",
      { cluster: "running A a1@0", records: "g1 at A:10 | g2 at A:9", paused: "by ann" },
      { g1: "wait 0, person", g2: "wait 0, person" },
    ],
  ] satisfies [string, Words, Record<string, string>][]
) {
  Deno.test(`dryRun(): ${what}`, () => {
    assert.deepEqual(courses(sceneOf(words)), expected);
  });
}

Deno.test("dryRun() takes a keeper by its own --size, and one that does not answer by another's", () => {
  const scene = sceneOf({ cluster: "none", records: "g1 nothing | g2 nothing | g3 nothing" });
  const said = (size: number | null): Said => ({ ...views.held("empty"), size, doing: "" });
  const heard = { ...scene, said: new Map([["g1", said(null)], ["g2", said(3)]]) };
  assert.deepEqual(courses(heard), {
    g1: "wait 5, person",
    g2: "bootstrap 5",
    g3: "bootstrap 5",
  });
  const gone = suppose(heard, { member: "g1", fate: "absent" });
  assert.ok(!("kind" in gone));
  const back = suppose(gone, { member: "g1", fate: "present" });
  assert.ok(!("kind" in back));
  assert.equal(courses(back).g1, "bootstrap 5");
});

const OUTAGE: Words = {
  cluster: "running A a1@0",
  records: "g1 at A:10 | g2 at A:9 | g3 running away",
};
const SERVES: Words = {
  cluster: "running A a1@0",
  records: "g1 running | g2 running | g3 running away",
  registered: "g1 primary | g2 primary",
  serving: ["g1", "g2"],
};

for (
  const [member, fate, words, expected] of [
    ["g3", "forgotten", OUTAGE, { g1: "bootstrap 6", g2: "wait 6 for g1" }],
    ["g3", 11n, OUTAGE, { g1: "wait 6 for g3", g2: "wait 6 for g3", g3: "bootstrap 6" }],
    ["g3", 8n, OUTAGE, { g1: "bootstrap 6", g2: "wait 6 for g1", g3: "wait 6 for g1" }],
    ["g3", "emptied", OUTAGE, {
      g1: "wait 7 for g3, person",
      g2: "wait 7 for g3, person",
      g3: "wait 7, person",
    }],
    ["g3", "emptied", { ...OUTAGE, records: "g1 at A:10 | g3 starting away" }, {
      g1: "wait 7 for g3, person",
      g3: "wait 7, person",
    }],
    ["g1", "forced", OUTAGE, { g1: "bootstrap 6", g2: "wait 3 for g1", g3: "wait 3 for g1" }],
    ["g1", "absent", { ...OUTAGE, records: "g1 at A:10 | g2 at A:9" }, {
      g1: "bootstrap 6",
      g2: "wait 6 for g1, person",
    }],
    ["g1", "present", { ...OUTAGE, records: "g1 at A:10 away | g2 at A:9" }, {
      g1: "bootstrap 6",
      g2: "wait 6 for g1",
    }],
    ["g2", "absent", SERVES, {
      g1: "runs: It is registered and Primary",
      g2: "not known",
      g3: "not known",
    }],
    ["g3", 10n, SERVES, {
      g1: "runs: It is registered and Primary",
      g2: "runs: It is registered and Primary",
      g3: "join 1 10.0.0.1 10.0.0.2",
    }],
    ["g2", "absent", { ...OUTAGE, storage: "ephemeral", records: "g1 nothing | g2 nothing" }, {
      g1: "wait 5, person",
    }],
  ] satisfies [string, Fate, Words, Record<string, string>][]
) {
  Deno.test(`suppose(): ${member}=${fate} of ${words.records}`, () => {
    const scene = suppose(sceneOf(words), { member, fate });
    assert.ok(!("kind" in scene), "kind" in scene ? scene.reason : "");
    assert.deepEqual(courses(scene), expected);
  });
}

Deno.test("suppose() says why something cannot be", () => {
  for (
    const [member, fate, words, message] of [
      ["g1", "forgotten", OUTAGE, /^g1 is alive/],
      ["g3", "forced", OUTAGE, /^No keeper speaks for g3/],
      ["g3", "present", OUTAGE, /is not known before it is started: .*g3=1234$/],
      ["g1", 5n, { ...OUTAGE, cluster: "none", records: "g1 nothing" }, /no cluster yet$/],
      ["g1", "absent", { ...OUTAGE, records: "g1 unreadable" }, /cannot be read/],
    ] satisfies [string, Fate, Words, RegExp][]
  ) {
    const refusal = suppose(sceneOf(words), { member, fate });
    assert.ok("kind" in refusal, `${member}=${fate}`);
    assert.match(refusal.reason, message);
  }
});

for (
  const [what, words, expected] of [
    ["an outage", OUTAGE, [
      "g3! g3 died running and has not come back; its data may be newest: start g3 again, or, if " +
      "it is gone for good, go on without it: `galera-keeper forget g3`.",
    ]],
    ["an outage, paused", { ...OUTAGE, paused: "by ann" }, [
      "g3! g3 died running and has not come back; its data may be newest: start g3 again, or, if " +
      "it is gone for good, go on without it: `galera-keeper forget g3`.",
    ]],
    ["others Primary", SERVES, [
      "g3 g3 is not there and the cluster is Primary without it; if it is gone for good, " +
      "forgetting it is safe now: `galera-keeper forget g3`.",
    ]],
    ["one cut off from ZooKeeper serves", { ...SERVES, serving: ["g1", "g2", "g3"] }, []],
    ["one that may not join", {
      ...SERVES,
      records: "g1 running | g2 running | g3 at B:5",
    }, [
      `g3! g3: Cannot join without losing what this datadir holds, as it belongs to another ` +
      `cluster: its UUID is ${views.B}, the cluster's is ${views.A}: save what is needed of this ` +
      "datadir, empty it, and start this member again: it then joins by SST.",
    ]],
    ["one whose datadir was lost is there", {
      ...OUTAGE,
      records: "g1 at A:10 | g2 at A:9 | g3 running but empty",
      says: { g3: "empty" },
    }, [
      "g3! g3 died running and its data may be newest, and its datadir now holds empty: give g3 " +
      "the datadir that it had, or go on without what only it held: " +
      "`galera-keeper bootstrap --force --member g1`.",
      "g3! g3: This member died running and its data may be newest, and its datadir now holds " +
      "empty: give g3 the datadir that it had, or go on without what only it held: " +
      "`galera-keeper bootstrap --force --member g1`.",
    ]],
    ["the very first start without --size", {
      cluster: "none",
      records: "g1 nothing | g2 nothing",
    }, [
      "g1,g2! g1 and g2: No cluster is on record, and --size does not say how many members it has: " +
      "start the members with --size N, N being how many the cluster has; or, where all have " +
      "reported, say which one begins: `galera-keeper bootstrap --member NAME`.",
    ]],
    ["all is well", { ...SERVES, records: "g1 running | g2 running" }, []],
    ["nobody is there", { ...OUTAGE, records: "g1 at A:10 away | g3 running away" }, []],
  ] satisfies [string, Words, string[]][]
) {
  Deno.test(`advise(): ${what}`, () => {
    const said = advise(sceneOf(words));
    assert.deepEqual(
      said.map(({ members, needed, says }) => `${members.join()}${needed ? "!" : ""} ${says}`),
      expected,
    );
  });
}
