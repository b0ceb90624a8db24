import assert from "node:assert/strict";
import { decide } from "../../lib/cluster/decide.ts";
import {
  carriedOut,
  type Plan,
  planBootstrap,
  planForget,
  type Sight,
} from "../../lib/cluster/operate.ts";
import { A, inWords, type Scene, viewOf } from "./views.ts";
import {
  decides,
  describe,
  isStranger,
  mayBeNewest,
  type Member,
  transactions,
  viewOf as viewOfWorld,
  within,
  type World,
  worlds,
} from "./worlds.ts";

const ONE = "running A a1@0";

type Sighting = Scene & Partial<Pick<Sight, "serving" | "unknownInView">>;

function sightOf({ serving = [], unknownInView = 0, ...scene }: Sighting): Sight {
  const { self: _self, size: _size, ...rest } = viewOf("nobody", scene);
  return { ...rest, serving, unknownInView };
}

function force(scene: Sighting, member: string) {
  return planBootstrap(sightOf(scene), member, { attempt: "a9", force: true });
}

/** The registry after a plan, as a member sees it. */
function after(scene: Sighting, plan: Plan): Scene & { readonly sight: Sight } {
  return { ...scene, sight: carriedOut(sightOf(scene), plan) };
}

function decisionOf(name: string, { sight, ...scene }: Scene & { readonly sight: Sight }): string {
  const view = viewOf(name, scene);
  return inWords(decide({ ...view, ...sight }));
}

Deno.test("planBootstrap() with force says what may be lost, and the member then bootstraps", () => {
  type Case = [what: string, scene: Sighting, losses: RegExp[], others?: Record<string, string>];
  const cases: Case[] = [
    ["one died running", { cluster: ONE, records: "g1 at A:10 | g2 running away" }, [
      /^Whatever g2 committed after \S+:10: it died running, and has not said since .* make sure/,
    ]],
    [
      "the disk of one that died running is lost",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 running but empty",
        held: { g2: "empty" },
      },
      [/^Whatever g2 committed after \S+:10: it died running, and its datadir now holds empty$/],
      {
        g2: "wait 3 for g1",
      },
    ],
    ["one died running on a branch that began before the copy that is to go on", {
      cluster: "running A a1@0 a2@5",
      records: "g1 at A:8@a1 | g2 running away",
    }, [/^Whatever g2 committed after \S+:5: it died running/]],
    ["a copy that goes further than the one on record", {
      cluster: ONE,
      records: "g1 at A:10 | g2 at A:12 but at A:15@?",
    }, [
      /^Transactions 11 to 12 of aaaaaaaa\S+, which g2 holds$/,
      /^Transactions 11 to 15 of aaaaaaaa\S+, which the datadir of g2 holds instead$/,
    ]],
    ["the newest copy is lost", { cluster: ONE, records: "g1 at A:10 | g2 at A:12 but empty" }, [
      /^Transactions 11 to 12 of aaaaaaaa\S+, which g2 holds$/,
    ], { g2: "wait 3 for g1" }],
    ["the newest is away", { cluster: ONE, records: "g1 at A:10 | g2 at A:12 away" }, [
      /^Transactions 11 to 12 of aaaaaaaa\S+, which g2 holds$/,
    ]],
    ["an SST over the newest was torn", { cluster: ONE, records: "g1 at A:10 | g2 torn A:12" }, [
      /^Transactions 11 to 12 of aaaaaaaa\S+, which g2 held before an SST into it was cut off$/,
    ], { g2: "wait 3 for g1" }],
    [
      "nobody holds more",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 at A:10 away | g3 nothing",
      },
      [],
      { g3: "wait 3 for g1" },
    ],
    ["one that joined and was not registered yet: it took writes once it was Synced", {
      cluster: ONE,
      records: "g1 at A:10 | g2 starting A:8 away",
    }, [/^Whatever g2 committed after \S+:10: it died running, /]],
    [
      "an old branch is lost already",
      {
        cluster: "running A a1@0 a2@5",
        records: "g1 at A:8@a2 | g2 at A:12@a1",
      },
      [],
      { g2: "wait 3 for g1" },
    ],
    ["a record that cannot be read", { cluster: ONE, records: "g1 at A:10 | g2 unreadable" }, [
      /^Whatever g2 holds: its record cannot be read$/,
    ]],
    ["a backup in place of what it had", {
      cluster: ONE,
      records: "g1 running but at A:7@a1 | g2 nothing",
      held: { g1: "at A:7@a1" },
    }, [
      /^Whatever g1 committed after \S+:7: it died running, and its datadir now holds at A:7@a1$/,
    ]],
    ["members hold data of two clusters", { cluster: "none", records: "g1 at A:10 | g2 at B:99" }, [
      /^Transactions 1 to 99 of bbbbbbbb\S+, which g2 holds$/,
      /^Whatever others committed after .* who has not reported since is not known$/,
    ], { g2: "wait 3 for g1" }],
    ["an old branch is chosen", {
      cluster: "running A a1@0 a2@5",
      records: "g1 at A:8@a1 | g2 at A:7@a2 away",
    }, [/^Transactions 6 to 7 of \S+, which g2 holds$/]],
    ["a stranger", { cluster: ONE, records: "g1 at A:10 | g2 at B:99" }, [], {
      g2: "wait 3 for g1",
    }],
    ["no cluster on record", { cluster: "none", records: "g1 at A:10 | g2 running away" }, [
      /^Whatever g2 committed after /,
      /^Whatever others committed after .*who has not reported since is not known$/,
    ]],
    ["a first bootstrap that nobody finishes", {
      cluster: "bootstrapping g2 ? a1@0",
      records: "g1 nothing | g2 first away",
    }, []],
    ["an unfinished bootstrap by one that is gone", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:10 | g2 starting A:10@a1 away",
    }, []],
  ];
  for (const [what, scene, losses, others = {}] of cases) {
    const plan = force(scene, "g1");
    assert.equal(plan.kind, "plan", `${what}: ${plan.kind === "refused" && plan.reason}`);
    if (plan.kind !== "plan") continue;
    assert.equal(plan.losses.length, losses.length, `${what}: ${plan.losses}`);
    losses.forEach((loss, index) => assert.match(plan.losses[index]!, loss, what));
    assert.equal(plan.cluster?.by, "g1", what);
    assert.deepEqual(plan.forgotten, [], what);
    const later = after(scene, plan);
    assert.match(decisionOf("g1", later), /^bootstrap /, what);
    for (const [name, decision] of Object.entries(others)) {
      assert.equal(decisionOf(name, later), decision, `${what}: ${name}`);
    }
  }
});

Deno.test("planBootstrap() refuses what would be a second history, or no history at all", () => {
  const cases: [what: string, scene: Sighting, member: string, reason: RegExp][] = [
    ["unknown", { cluster: ONE, records: "g1 at A:10" }, "g9", /no member g9 .* known are g1$/],
    ["nobody", { cluster: "none", records: "" }, "g9", /no member has reported$/],
    ["away", { cluster: ONE, records: "g1 at A:10 away" }, "g1", /^No keeper speaks for g1/],
    ["unreadable", { cluster: ONE, records: "g1 unreadable" }, "g1", /^The record of g1 cannot/],
    [
      "no cluster to be read",
      { cluster: "unreadable", records: "g1 at A:10" },
      "g1",
      /cannot be read/,
    ],
    [
      "one serves",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 running",
        registered: "g2 primary",
      },
      "g1",
      /^g2 runs: a second primary component/,
    ],
    [
      "one heals",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 running",
        registered: "g2 not-primary",
      },
      "g1",
      /^g2 runs/,
    ],
    [
      "one is registered and silent",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 running",
        registered: "g2 silent",
      },
      "g1",
      /^g2 runs/,
    ],
    [
      "two serve, cut off from the ensemble",
      {
        cluster: ONE,
        records: "g1 at A:10 | g2 running | g3 running away",
        serving: ["g3", "g2"],
      },
      "g1",
      /^g2 and g3 run: /,
    ],
    [
      "one recovers",
      { cluster: ONE, records: "g1 at A:10 | g2 running" },
      "g1",
      /^g2 is there and/,
    ],
    [
      "one holds more",
      { cluster: ONE, records: "g1 at A:10 | g2 at A:12" },
      "g1",
      /^g2 is there and holds/,
    ],
    [
      "nothing to go on with",
      { cluster: ONE, records: "g1 nothing | g2 running away" },
      "g1",
      /no copy/,
    ],
    ["torn", { cluster: ONE, records: "g1 torn A:10 | g2 at A:5" }, "g1", /no copy/],
    ["lost", { cluster: ONE, records: "g1 at A:10 but empty | g2 at A:5" }, "g1", /no copy/],
    [
      "a stranger's",
      { cluster: ONE, records: "g1 at B:10 | g2 at A:5" },
      "g1",
      /of another cluster/,
    ],
    [
      "a stranger's backup",
      { cluster: ONE, records: "g1 running but at B:10" },
      "g1",
      /of another/,
    ],
  ];
  for (const [what, scene, member, reason] of cases) {
    const plan = force(scene, member);
    assert.equal(plan.kind, "refused", what);
    if (plan.kind === "refused") assert.match(plan.reason, reason, what);
  }
});

Deno.test("planBootstrap() without force does what the rules would if all members were on record", () => {
  const bootstrap = (scene: Sighting, member: string) =>
    planBootstrap(sightOf(scene), member, { attempt: "a9", force: false });
  const cases: [what: string, scene: Sighting, member: string, reason: RegExp | null][] = [
    ["empty ones", { cluster: "none", records: "g1 nothing | g2 nothing" }, "g2", null],
    ["the only data", { cluster: "none", records: "g1 nothing | g2 standalone" }, "g2", null],
    ["the most advanced", { cluster: "none", records: "g1 at A:9 | g2 at A:10" }, "g2", null],
    [
      "less",
      { cluster: "none", records: "g1 at A:9 | g2 at A:10" },
      "g1",
      /^g1 would wait: g2 boot/,
    ],
    [
      "not the data",
      { cluster: "none", records: "g1 nothing | g2 standalone" },
      "g1",
      /would wait/,
    ],
    ["one died", { cluster: "none", records: "g1 at A:9 | g2 running away" }, "g1", /died running/],
    [
      "a cluster is on record",
      { cluster: ONE, records: "g1 at A:9" },
      "g1",
      /decide by themselves/,
    ],
  ];
  for (const [what, scene, member, reason] of cases) {
    const plan = bootstrap(scene, member);
    if (reason !== null) {
      assert.equal(plan.kind, "refused", what);
      if (plan.kind === "refused") assert.match(plan.reason, reason, what);
      continue;
    }
    assert.equal(plan.kind, "plan", `${what}: ${plan.kind === "refused" && plan.reason}`);
    if (plan.kind !== "plan") continue;
    assert.deepEqual(plan.losses, [], what);
    assert.equal(plan.cluster?.forced, false, what);
    assert.match(decisionOf(member, after(scene, plan)), /^bootstrap /, what);
  }
});

Deno.test("planForget() says what may be lost, and nobody waits for the member then", () => {
  type Case = [what: string, scene: Sighting, losses: RegExp[], then: string];
  const cases: Case[] = [
    ["it died running", { cluster: ONE, records: "g1 at A:10 | g2 running away" }, [
      /^Whatever g2 committed after \S+:10/,
    ], "bootstrap 6"],
    ["it holds more", { cluster: ONE, records: "g1 at A:10 | g2 at A:12 away" }, [
      /^Transactions 11 to 12 of /,
    ], "bootstrap 6"],
    ["it holds less", { cluster: ONE, records: "g1 at A:10 | g2 at A:9 away" }, [], "bootstrap 6"],
    ["torn over more", { cluster: ONE, records: "g1 at A:10 | g2 torn A:12 away" }, [
      /^Transactions 11 to 12 of /,
    ], "bootstrap 6"],
    [
      "it never held anything",
      { cluster: ONE, records: "g1 at A:10 | g2 nothing away" },
      [],
      "bootstrap 6",
    ],
    ["it cannot be read", { cluster: ONE, records: "g1 at A:10 | g2 unreadable" }, [
      /^Whatever g2 holds/,
    ], "bootstrap 6"],
    [
      "the others are Primary",
      {
        cluster: ONE,
        records: "g1 nothing | g2 running away | g3 running",
        registered: "g3 primary",
      },
      [],
      "join 1 10.0.0.3",
    ],
  ];
  for (const [what, scene, losses, then] of cases) {
    const plan = planForget(sightOf(scene), "g2");
    assert.equal(plan.kind, "plan", `${what}: ${plan.kind === "refused" && plan.reason}`);
    if (plan.kind !== "plan") continue;
    assert.equal(plan.losses.length, losses.length, `${what}: ${plan.losses}`);
    losses.forEach((loss, index) => assert.match(plan.losses[index]!, loss, what));
    assert.deepEqual([plan.forgotten, plan.cluster, plan.uuid], [["g2"], null, A], what);
    assert.equal(decisionOf("g1", after(scene, plan)), then, what);
  }
});

Deno.test("planForget() says of a member that it may run unseen", () => {
  const lossesOf = (record: string, unknownInView: number) => {
    const records = `g1 running | ${record}`;
    const scene = { cluster: ONE, records, registered: "g1 primary", unknownInView };
    const plan = planForget(sightOf(scene), "g2");
    return plan.kind === "plan" ? plan.losses.join() : plan.reason;
  };
  assert.match(lossesOf("g2 running away", 1), /^Whatever g2 commits .* a server that no keeper/);
  assert.equal(lossesOf("g2 running away", 0), "");
  assert.equal(lossesOf("g2 at A:10 away", 1), ""); // It has stopped.
});

Deno.test("planForget() refuses a member that is alive, or whose bootstrap is not finished", () => {
  const cases: [what: string, scene: Sighting, reason: RegExp][] = [
    ["it is there", { cluster: ONE, records: "g2 at A:10" }, /^g2 is alive: its keeper speaks/],
    ["it is registered", {
      cluster: ONE,
      records: "g2 running away",
      registered: "g2 silent",
    }, /^g2 is alive/],
    ["it serves, cut off from the ensemble", {
      cluster: ONE,
      records: "g2 running away",
      serving: ["g2"],
    }, /^g2 is alive: it answers/],
    ["it bootstraps", {
      cluster: "bootstrapping g2 A a1@0 a2@10",
      records: "g1 at A:10 | g2 starting A:10 away",
    }, /^g2 began a bootstrap that is not finished/],
    ["it is not known", { cluster: ONE, records: "g1 at A:10" }, /no member g2/],
  ];
  for (const [what, scene, reason] of cases) {
    const plan = planForget(sightOf(scene), "g2");
    assert.equal(plan.kind, "refused", what);
    if (plan.kind === "refused") assert.match(plan.reason, reason, what);
  }
});

/** Whether others may have what a member lacks, and the cluster may still be missing it. */
function mayLack({ ground, members }: World, self: Member): boolean {
  const { copy } = self;
  const mine = copy === undefined || copy.length === "any"
    ? []
    : copy.histories.map((one) => transactions(one, Number(copy.length)));
  return members.filter((one) => one !== self && !isStranger(one, ground)).some((one) => {
    if (one.kind === "unreadable" || one.copy?.length === "any") return true;
    if (one.copy?.histories.length === 0) return true;
    if (one.kind === "running" && one.copy === undefined && one.says !== "first") return true;
    if (one.copy === undefined) return false;
    return mayBeNewest(one.copy, ground).some((content) =>
      mine.length === 0 || !mine.every((own) => within(content, own))
    );
  });
}

Deno.test("planBootstrap() says whether something may be lost, and one alone bootstraps, in all small worlds", () => {
  let plans = 0;
  for (const world of worlds()) {
    const view = viewOfWorld(world, { name: "", self: { held: { kind: "empty" }, attempt: null } });
    const { self: _self, size: _size, ...rest } = view;
    const sight: Sight = { ...rest, serving: [] };
    for (const self of world.members) {
      const plan = planBootstrap(sight, self.name, { attempt: "a9", force: true });
      if (plan.kind === "refused") continue;
      plans++;
      const what = () => `${describe(world)}: ${self.name}: ${plan.losses.join("; ")}`;
      const alone = world.ground.history === null && self.kind !== "data";
      // Whoever has not reported is in no world: that it is said is another case's.
      const losses = plan.losses.filter((one) => !one.startsWith("Whatever others "));
      // Of a copy that may be on either history the plan says so, lost already or not.
      const isEither = world.members.some(({ copy }) => (copy?.histories.length ?? 0) > 1);
      const lacks = mayLack(world, self), says = losses.length > 0;
      if (lacks !== says && !(says && isEither) && !alone) assert.fail(what());
      const later = carriedOut(sight, plan);
      for (const one of world.members) {
        if (!one.present || (one !== self && !decides(one))) continue;
        const decision = decide({ ...later, self: viewOfWorld(world, one).self, size: null });
        assert.equal(decision.kind === "bootstrap", one === self, `${what()} → ${one.name}`);
      }
    }
  }
  assert.ok(plans > 10_000, `${plans} plans`);
});

Deno.test("planForget() says whether something may be lost, in all small worlds", () => {
  let plans = 0;
  for (const world of worlds()) {
    const view = viewOfWorld(world, { name: "", self: { held: { kind: "empty" }, attempt: null } });
    const { self: _self, size: _size, ...rest } = view;
    const sight: Sight = { ...rest, serving: [] };
    for (const gone of world.members) {
      if (gone.present && gone.kind !== "unreadable") continue;
      const plan = planForget(sight, gone.name);
      if (plan.kind === "refused") continue;
      plans++;
      const later = carriedOut(sight, plan);
      for (const one of world.members) {
        if (one === gone || !one.present || !decides(one)) continue;
        const decision = decide({ ...later, self: viewOfWorld(world, one).self, size: 3 });
        if (decision.kind !== "bootstrap" || plan.losses.length > 0) continue;
        const lacks = mayLack({ ...world, members: [one, gone] }, one);
        if (lacks) assert.fail(`${describe(world)}: without ${gone.name}, ${one.name} begins`);
      }
    }
  }
  assert.ok(plans > 10_000, `${plans} plans`);
});
