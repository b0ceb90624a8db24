import assert from "node:assert/strict";
import fc from "fast-check";
import { planRestart, planStop, type RequestSight } from "../../lib/cluster/plan_requests.ts";
import { describeSteps } from "../../lib/cluster/request_steps.ts";
import {
  begin,
  cancel,
  type Change,
  complete,
  describeRequest,
  dutyOf,
  enlist,
  fail,
  failStart,
  goOn,
  isDone,
  isOver,
  nextOf,
  orderToStop,
  type Other,
  type Request,
  settleStop,
  stopped,
  type Stopping,
  type TurnSight,
  whyNotNow,
} from "../../lib/cluster/requests.ts";
import type { Answer, RecordData, SeenRecord } from "../../lib/cluster/view.ts";
import { formatRequest, parseRequest } from "../../lib/znodes.ts";

const NAMES = ["g-1", "g-2", "g-3", "g-4"] as const;
const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";

function asked(kind: Request["kind"], members: readonly string[] = NAMES.slice(0, 3)): Request {
  return {
    id: "r1",
    kind,
    by: "root@host",
    since: "2026-01-02T03:04:05Z",
    members,
    outage: false,
    done: [],
    current: null,
    failed: null,
    canceled: null,
  };
}

/** Applies changes one after the other; one that changes nothing fails. */
function after(request: Request, ...changes: readonly Change[]): Request {
  return changes.reduce((now, change, at) => {
    const next = change(now);
    assert.ok(next !== null, `change ${at} does nothing to ${JSON.stringify(now)}`);
    return next;
  }, request);
}

const runner = (member: string, datadirId = `${member} before`) => ({ member, datadirId });

const aChange: fc.Arbitrary<Change> = fc.constantFrom(...NAMES).chain((name) =>
  fc.constantFrom<Change>(
    begin(runner(name)),
    stopped(name),
    complete(runner(name, "another")),
    complete(runner(name)),
    settleStop(name),
    fail(name, "why"),
    failStart(name, "why"),
    enlist(runner(name)),
    goOn,
    cancel("by root"),
  )
);

Deno.test("a request stays in order whatever is done to it, by whomever", () => {
  const changes = fc.array(aChange, { maxLength: 40 });
  fc.assert(fc.property(fc.constantFrom("restart", "stop"), changes, (kind, list) => {
    let request = asked(kind);
    for (const change of list) {
      const next = change(request);
      if (next === null) continue;
      const { members, done, current, failed } = next;
      assert.equal(new Set(members).size, members.length);
      assert.equal(new Set(done).size, done.length);
      assert.ok(done.every((name) => members.includes(name)));
      if (current !== null) {
        assert.ok(members.includes(current.member) && !done.includes(current.member));
        assert.ok(request.current === null || request.current.member === current.member);
      }
      if (kind === "restart") {
        assert.deepEqual(done, members.slice(0, done.length), "out of turn");
        assert.deepEqual(members, request.members);
      }
      if (request.canceled !== null) assert.fail("what was taken back has changed");
      if (failed !== null) assert.equal(nextOf(next), null);
      assert.deepEqual(parseRequest(new TextEncoder().encode(formatRequest(next))), next);
      assert.ok(describeRequest(next).length > 20);
      assert.ok(describeSteps(request, next).every((line) => !line.includes("undefined")));
      request = next;
    }
  }));
});

Deno.test("a change that is tried again does nothing more", () => {
  const changes = fc.array(aChange, { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(fc.constantFrom("restart", "stop"), changes, (kind, list) => {
    let request = asked(kind);
    for (const change of list) {
      const next = change(request);
      if (next === null) continue;
      assert.equal(change(next), null);
      request = next;
    }
  }));
});

Deno.test("members that do their duty come to the end, each one once and in turn", () => {
  const choices = fc.array(fc.nat(), { minLength: 60, maxLength: 60 });
  fc.assert(fc.property(fc.constantFrom("restart", "stop"), choices, (kind, list) => {
    let request = asked(kind);
    const ids = new Map(NAMES.map((name) => [name as string, 0]));
    const down = new Set<string>();
    const starts: string[] = [];
    const change = (change: Change) => request = change(request) ?? request;
    // Whoever comes to look, in whichever order; a look may be lost.
    const look = (name: string): unknown => {
      const self = runner(name, `${name} ${ids.get(name)}`);
      if (down.has(name)) {
        if (kind === "stop") return change(settleStop(name));
        starts.push(name);
        ids.set(name, ids.get(name)! + 1);
        return down.delete(name);
      }
      switch (dutyOf(request, self, kind === "stop")) {
        case "none":
          return null;
        case "enlist":
          return change(enlist(self));
        case "complete":
          return change(complete(self));
        case "turn":
          change(begin(self));
          return request.current?.member === name && down.add(name);
      }
    };
    for (const choice of list) look(NAMES[choice % 3]!);
    for (let round = 0; round < 12; round++) NAMES.slice(0, 3).forEach(look);
    assert.ok(isDone(request) && isOver(request), JSON.stringify(request));
    if (kind === "restart") assert.deepEqual(starts, NAMES.slice(0, 3));
    else assert.equal(down.size, 3);
  }));
});

Deno.test("dutyOf() holds a restart in a pause, and a stop without one", () => {
  const one = runner("g-1");
  assert.equal(dutyOf(null, one, false), "none");
  assert.equal(dutyOf(asked("restart"), one, false), "turn");
  assert.equal(dutyOf(asked("restart"), one, true), "none");
  assert.equal(dutyOf(asked("restart"), runner("g-2"), false), "none");
  assert.equal(dutyOf(asked("restart"), runner("g-4"), false), "none");
  assert.equal(dutyOf(asked("stop"), one, true), "turn");
  assert.equal(dutyOf(asked("stop"), one, false), "none");
  assert.equal(dutyOf(asked("stop"), runner("g-4"), true), "enlist");
  assert.equal(dutyOf({ ...asked("stop"), done: NAMES.slice(0, 3) }, one, true), "enlist");
  const begun = after(asked("restart"), begin(one), stopped("g-1"));
  assert.equal(dutyOf(begun, one, false), "turn", "it was never stopped");
  assert.equal(dutyOf(begun, runner("g-1", "another"), true), "complete");
  const failed = after(begun, failStart("g-1", "why"));
  assert.equal(dutyOf(failed, runner("g-1", "another"), false), "none");
  assert.equal(dutyOf(after(failed, goOn), runner("g-1", "another"), false), "complete");
  assert.equal(dutyOf(after(begun, cancel("by me")), one, false), "none");
});

Deno.test("failStart() leaves starts alone that are no turn's", () => {
  assert.equal(failStart("g-1", "why")(asked("restart")), null);
  const begun = after(asked("restart"), begin(runner("g-1")));
  assert.equal(failStart("g-2", "why")(begun), null);
  const { failed } = after(begun, failStart("g-1", `a\nb${"c".repeat(2000)}`));
  assert.equal(failed!.why.length, 1001);
  assert.match(failed!.why, /^a bc/);
});

const PRIMARY: Answer = { kind: "primary" };
const SILENT: Answer = { kind: "silent", problem: "no answer in 2 s" };

function other(name: string | null, change: Partial<Other> = {}): Other {
  return { name, answer: PRIMARY, synced: true, primary: true, ...change };
}

function record(name: string, data: RecordData): SeenRecord {
  return {
    kind: "record",
    present: false,
    record: {
      name,
      data,
      serverId: 1,
      address: "10.0.0.1",
      datadirId: "d",
      instead: null,
      insteadCopy: null,
      lineage: [],
      http: null,
    },
  };
}

const DIED = record("g-2", { kind: "running", uuid: UUID, starting: false, floor: null });

Deno.test("whyNotNow() lets a member stop where somebody Synced stays, and all are well", () => {
  const all = [other("g-2"), other("g-3")];
  const table: readonly [
    what: string,
    sight: Partial<TurnSight>,
    outage: boolean,
    why: RegExp | null,
  ][] = [
    ["all are well", { others: all }, false, null],
    ["itself not Primary", { others: all, primary: false }, false, /^g-1 is itself in no primary/],
    ["one is gone", { others: [other("g-2")] }, false, /^g-3 is not registered$/],
    ["both are gone", {}, false, /^g-2 and g-3 are not registered$/],
    ["gone, and an outage is meant", {}, true, /^g-2 and g-3 are not registered$/],
    [
      "one is not Primary",
      { others: [other("g-2"), other("g-3", { answer: { kind: "not-primary" } })] },
      false,
      /^g-3 is not Primary$/,
    ],
    [
      "one is silent",
      { others: [other("g-2", { answer: SILENT }), other("g-3")] },
      true,
      /^g-2 does not answer: no answer in 2 s$/,
    ],
    [
      "somebody else answers",
      { others: [other("g-2", { answer: { kind: "mismatch", problem: "x" } }), other("g-3")] },
      false,
      /^g-2 is not who is registered: x$/,
    ],
    [
      "nobody else is Synced",
      { others: all.map((one) => ({ ...one, synced: false })) },
      false,
      /^nobody else is Synced: g-2 and g-3$/,
    ],
    ["one is a donor", { others: [other("g-2", { synced: false }), other("g-3")] }, false, null],
    [
      "mute ones, by what is on record",
      { others: all.map((one) => ({ ...one, answer: { kind: "mute" } })) },
      false,
      null,
    ],
    [
      "a mute one that is not Primary",
      { others: [other("g-2"), other("g-3", { answer: { kind: "mute" }, primary: false })] },
      false,
      /^g-3 is not Primary$/,
    ],
    [
      "a lab's besides",
      { others: [...all, other(null, { answer: { kind: "foreign" } })] },
      false,
      null,
    ],
  ];
  for (const [what, sight, outage, why] of table) {
    const said = whyNotNow({ members: NAMES.slice(0, 3), outage }, "g-1", {
      primary: true,
      others: [],
      records: [],
      ...sight,
    });
    if (why === null) assert.equal(said, null, what);
    else assert.match(said ?? "nothing", why, what);
  }
});

Deno.test("whyNotNow() lets the only member stop where that is meant and it comes up again", () => {
  const alone = { members: ["g-1"], outage: false };
  const sight: TurnSight = { primary: true, others: [], records: [] };
  assert.match(whyNotNow(alone, "g-1", sight)!, /nobody would serve meanwhile/);
  assert.equal(whyNotNow({ ...alone, outage: true }, "g-1", sight), null);
  const died = { ...sight, records: [DIED] };
  assert.match(
    whyNotNow({ ...alone, outage: true }, "g-1", died)!,
    /^g-1 would not come up again without g-2, .*`galera-keeper forget g-2`$/,
  );
  const lab = { ...sight, others: [other(null, { answer: { kind: "foreign" } })] };
  assert.match(whyNotNow(alone, "g-1", lab)!, /nobody would serve meanwhile/);
});

const stopping: fc.Arbitrary<readonly Stopping[]> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...NAMES),
    primary: fc.boolean(),
    synced: fc.boolean(),
    position: fc.option(
      fc.record({ uuid: fc.constantFrom(UUID, UUID.replace("6", "7")), seqno: fc.bigInt(-1n, 9n) }),
    ),
  }),
  { selector: ({ name }) => name, minLength: 1 },
);

Deno.test("orderToStop() has one of the best last, in whichever order they come", () => {
  fc.assert(fc.property(stopping, (members) => {
    const order = orderToStop(members);
    assert.deepEqual(order.toSorted(), members.map(({ name }) => name).toSorted());
    assert.deepEqual(orderToStop(members.toReversed()), order);
    const last = members.find(({ name }) => name === order.at(-1))!;
    if (members.some(({ primary }) => primary)) assert.ok(last.primary);
    if (members.some(({ primary, synced }) => primary && synced)) assert.ok(last.synced);
  }));
});

Deno.test("orderToStop() has the most advanced last where nobody is Primary", () => {
  const at = (name: string, seqno: bigint) => ({
    name,
    primary: false,
    synced: false,
    position: { uuid: UUID, seqno },
  });
  assert.deepEqual(orderToStop([at("g-1", 9n), at("g-2", 7n), at("g-3", 8n)]), [
    "g-2",
    "g-3",
    "g-1",
  ]);
});

const SIGHT: RequestSight = {
  paused: null,
  records: NAMES.map((name) => record(name, { kind: "nothing" })),
  registered: [other("g-3"), other("g-1"), other("g-2")],
  standing: null,
};

Deno.test("planRestart() takes those that run, by name, or says why not", () => {
  const all = { only: null, outage: false };
  assert.deepEqual(planRestart(SIGHT, all), {
    kind: "ask",
    asked: { kind: "restart", members: ["g-1", "g-2", "g-3"], outage: false },
    skipped: ["g-4"],
  });
  assert.deepEqual(planRestart(SIGHT, { only: ["g-3", "g-1"], outage: false }), {
    kind: "ask",
    asked: { kind: "restart", members: ["g-1", "g-3"], outage: false },
    skipped: [],
  });
  const table: readonly [Partial<RequestSight>, readonly string[] | null, RegExp][] = [
    [{ paused: "since then" }, null, /paused since then: `galera-keeper resume` first$/],
    [{}, ["g-4"], /^g-4 is not registered: only what runs can be restarted; see /],
    [{ registered: [] }, null, /^No member is registered: there is nothing to restart$/],
    [{ registered: [other("g-1")] }, null, /nobody would serve meanwhile: give --yes where that /],
    [
      { registered: [other("g-1"), other("g-2", { answer: SILENT })] },
      null,
      /; see galera-keeper /,
    ],
    [{ standing: asked("stop") }, null, /^Refused: Stop of all, asked for by root@host since /],
    [
      { registered: [other("g-1"), other("g-2", { isAdopted: true })] },
      null,
      /^g-2 is adopted: its server is not ours to stop\. Stop mariadbd there .*; or name the others with --only$/,
    ],
  ];
  for (const [change, only, reason] of table) {
    const planned = planRestart({ ...SIGHT, ...change }, { only, outage: false });
    assert.ok(planned.kind === "refused", JSON.stringify(planned));
    assert.match(planned.reason, reason);
  }
  const over = { ...SIGHT, standing: after(asked("restart"), cancel("by me")) };
  assert.equal(planRestart(over, all).kind, "ask");
  const withAdopted = { ...SIGHT, registered: [other("g-1"), other("g-2", { isAdopted: true })] };
  assert.equal(planRestart(withAdopted, { only: ["g-1"], outage: false }).kind, "ask");
});

Deno.test("planStop() takes all that run, also in a pause", () => {
  const running = ["g-2", "g-1"].map((name) => ({
    name,
    primary: true,
    synced: name === "g-1",
    position: null,
  }));
  assert.deepEqual(planStop({ ...SIGHT, paused: "since then" }, running), {
    kind: "ask",
    asked: { kind: "stop", members: ["g-2", "g-1"], outage: true },
    skipped: ["g-3", "g-4"],
  });
  const adopted = [other("g-1", { isAdopted: true }), other("g-2", { isAdopted: true })];
  const refused = planStop({ ...SIGHT, registered: adopted }, running);
  assert.match(
    refused.kind === "refused" ? refused.reason : "",
    /^g-1 and g-2 are adopted: their /,
  );
  const busy = planStop({ ...SIGHT, standing: asked("restart") }, running);
  assert.ok(busy.kind === "refused" && /`galera-keeper restart --cancel`/.test(busy.reason));
});

Deno.test("describeSteps() says each step in a line", () => {
  const zero = asked("restart", ["g-1", "g-2"]);
  const one = after(zero, begin(runner("g-1")));
  const two = after(one, stopped("g-1"));
  const three = after(two, complete(runner("g-1", "another")));
  assert.deepEqual(
    [[zero, zero], [zero, one], [one, two], [two, three], [three, three]].map(
      ([before, now]) => describeSteps(before!, now!),
    ),
    [
      ["Waiting for g-1 to take its turn"],
      ["g-1 holds the start-up lock and stops"],
      ["g-1 has stopped and starts again"],
      ["g-1 is restarted, registered and Synced (1 of 2)"],
      ["Waiting for g-2 to take its turn"],
    ],
  );
  const stop = asked("stop", ["g-1"]);
  assert.deepEqual(describeSteps(stop, after(stop, enlist(runner("g-2")))), [
    "g-2 runs too, and is asked to stop",
  ]);
});
