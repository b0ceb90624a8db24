/** What a person does where the rules wait for one: the real code on virtual time, a scenario a test. */
import assert from "node:assert/strict";
import { type Arbitrator, formatArbitrator } from "../../lib/znodes.ts";
import type { Machine } from "../simulation/machine.ts";
import { type Outcome, Person } from "../simulation/person.ts";
import { Simulation, type SimulationOptions } from "../simulation/simulation.ts";

const MINUTE_MS = 60_000;

interface Play {
  readonly simulation: Simulation;
  readonly machines: readonly [Machine, Machine, Machine];
  /** Waits, in virtual time, for what a person does. */
  readonly person: <T>(act: (person: Person) => Promise<T>) => Promise<T>;
}

function scenario(
  name: string,
  play: (play: Play) => Promise<void>,
  options: Partial<SimulationOptions> = {},
  seeds = 8,
): void {
  Deno.test(name, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const simulation = new Simulation({ members: 3, size: 3, ...options, seed });
      const person = new Person(simulation);
      try {
        await play({
          simulation,
          machines: simulation.machines as unknown as Play["machines"],
          person: (act) => settled(simulation, act(person)),
        });
        assert.deepEqual(simulation.checker.violations, []);
      } catch (error) {
        const story = `seed ${seed}\n${simulation.timeline.join("\n")}\n${simulation.summary}`;
        throw new Error(story, { cause: error });
      }
    }
  });
}

async function settled<T>(simulation: Simulation, promise: Promise<T>): Promise<T> {
  let isDone = false;
  promise.finally(() => isDone = true).catch(() => {});
  assert.ok(await simulation.run(5 * MINUTE_MS, () => isDone), "a command hangs");
  return await promise;
}

async function until(simulation: Simulation, what: string, condition: () => boolean) {
  assert.ok(await simulation.run(5 * MINUTE_MS, condition), `${what}:\n${simulation.summary}`);
}

async function serving(simulation: Simulation): Promise<void> {
  simulation.start();
  await until(simulation, "not all are up", () => simulation.allPrimary());
  simulation.startClients();
  await simulation.run(10_000);
}

function waits(machine: Machine, reason: RegExp): boolean {
  const { stage, doing } = machine.member!.progress.status;
  return machine.running && stage === "waiting" && reason.test(doing);
}

function waitsForPerson(machine: Machine): string | null {
  const { decision, stage } = machine.member!.progress.status;
  return stage === "waiting" && decision?.kind === "wait" ? decision.person : null;
}

function inWords(outcome: Outcome): string {
  return outcome.kind === "plan" ? outcome.losses.join("; ") : outcome.kind;
}

function assertRefused(outcome: Outcome, reason: RegExp): void {
  assert.equal(outcome.kind, "refused");
  if (outcome.kind === "refused") assert.match(outcome.reason, reason);
}

/** The third is killed, the others go on without it and are killed later. */
async function thirdLeftBehind({ simulation, machines }: Play): Promise<void> {
  const [one, two, three] = machines;
  await serving(simulation);
  simulation.wanted.delete(three);
  three.crash();
  await simulation.run(30_000);
  for (const machine of [one, two]) machine.crash();
}

/** The others stop first: what the third commits alone nobody else has. */
async function thirdServesAlone(
  { simulation, machines: [one, two] }: Play,
  forMs: number,
): Promise<void> {
  await serving(simulation);
  for (const machine of [one, two]) simulation.wanted.delete(machine);
  simulation.stop(one, two);
  await until(simulation, "two are down", () => !one.running && !two.running);
  await simulation.run(forMs);
}

scenario("forget lets the others go on without one that does not come back", async (play) => {
  const { simulation, machines: [one, two, three], person } = play;
  await thirdLeftBehind(play);
  await until(simulation, "they wait", () => waits(one, /galera-3 died running/));
  assert.match(waitsForPerson(one)!, /`galera-keeper forget galera-3`/);
  assertRefused(await person((p) => p.forget("galera-1")), /alive/);
  assertRefused(
    await person((p) => p.forget("galera-9")),
    /known are galera-1, galera-2, galera-3/,
  );
  const plan = await person((p) => p.forget("galera-3"));
  assert.equal(plan.kind, "plan");
  if (plan.kind === "plan") assert.match(plan.losses.join(), /^Whatever galera-3 committed after /);
  await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
  simulation.start(three);
  await until(
    simulation,
    "it joins, as it has nothing that they lack",
    () => simulation.allPrimary(),
  );
});

scenario(
  "forgetting is safe while the others are Primary, and nobody waits later",
  async (play) => {
    const { simulation, machines: [one, two, three], person } = play;
    await serving(simulation);
    simulation.wanted.delete(three);
    three.crash();
    await simulation.run(30_000);
    const plan = await person((p) => p.forget("galera-3"));
    assert.ok(plan.kind === "plan" && plan.losses.length === 0, inWords(plan));
    for (const machine of [one, two]) machine.crash();
    await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
    simulation.start(three);
    await until(simulation, "all are up", () => simulation.allPrimary());
  },
);

scenario("one that was forgotten and holds more is not let in", async (play) => {
  const { simulation, machines: [one, two, three], person } = play;
  await thirdServesAlone(play, 10_000);
  simulation.wanted.delete(three);
  three.crash();
  simulation.start(one, two);
  await until(simulation, "they wait", () => waits(one, /galera-3 died running/));
  const lost = three.datadir.head!;
  const plan = await person((p) => p.forget("galera-3"));
  assert.equal(plan.kind, "plan");
  simulation.checker.excuseForced(one.datadir.head, "a person forgot galera-3");
  await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
  simulation.start(three);
  await until(simulation, "it waits", () => waits(three, /Cannot join without losing/));
  assert.equal(three.datadir.head, lost);
  // A later outage does not bring its branch back.
  for (const machine of simulation.machines) machine.crash();
  await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
  await until(simulation, "it waits", () => waits(three, /Cannot join without losing/));
});

scenario("bootstrap --force goes on with a copy where the newest is lost", async (play) => {
  const { simulation, machines: [one, two, three], person } = play;
  await thirdServesAlone(play, 10_000);
  three.crash();
  three.datadir.empty();
  simulation.checker.excuses.diskLost(three.name);
  simulation.start(one, two);
  await until(simulation, "they wait", () => waits(one, /galera-3 died running/));
  await until(simulation, "a person is told", () => /--force/.test(waitsForPerson(one) ?? ""));
  assertRefused(await person((p) => p.forget("galera-3")), /alive/);
  assertRefused(
    await person((p) => p.bootstrap("galera-3", { force: true })),
    /holds no copy/,
  );
  assertRefused(await person((p) => p.bootstrap("galera-1", { force: false })), /on record/);
  // Whoever of the two holds more is the one to take; the other is refused.
  const [more, less] = (one.datadir.head?.seqno ?? 0n) >= (two.datadir.head?.seqno ?? 0n)
    ? [one, two]
    : [two, one];
  if (more.datadir.head !== less.datadir.head) {
    assertRefused(
      await person((p) => p.bootstrap(less.name, { force: true })),
      /which would be lost/,
    );
  }
  const plan = await person((p) => p.bootstrap(more.name, { force: true }));
  assert.ok(plan.kind === "plan" && plan.losses.length === 1, inWords(plan));
  simulation.checker.excuseForced(more.datadir.head, "a person forced");
  await until(simulation, "all are up", () => simulation.allPrimary());
  for (const machine of simulation.machines) machine.crash();
  await until(simulation, "all are up again", () => simulation.allPrimary());
});

scenario(
  "a forced bootstrap survives crashes of the one that is to do it",
  async (play) => {
    const { simulation, machines: [one, , three], person } = play;
    await thirdLeftBehind(play);
    simulation.wanted.delete(three);
    await until(simulation, "they wait", () => waits(one, /galera-3 died running/));
    const more = simulation.machines.slice(0, 2).toSorted((a, b) =>
      Number((b.datadir.head?.seqno ?? 0n) - (a.datadir.head?.seqno ?? 0n))
    )[0]!;
    const plan = await person((p) => p.bootstrap(more.name, { force: true }));
    assert.equal(plan.kind, "plan");
    simulation.checker.excuseForced(more.datadir.head, "a person forced");
    let steps = simulation.random.between(1, 40);
    simulation.onStep = (machine) => {
      if (machine === more && --steps === 0) queueMicrotask(() => machine.crash());
    };
    simulation.start(three);
    await until(simulation, "all are up", () => simulation.allPrimary());
  },
  {},
  30,
);

scenario(
  "the branch is told from the data where the ensemble was emptied after a force",
  async (play) => {
    const { simulation, machines: [one, two, three], person } = play;
    await thirdServesAlone(play, 20_000);
    simulation.stopClients();
    simulation.wanted.delete(three);
    three.crash();
    simulation.start(one, two);
    await until(simulation, "they wait", () => waits(one, /galera-3 died running/));
    assert.equal((await person((p) => p.forget("galera-3"))).kind, "plan");
    simulation.checker.excuseForced(one.datadir.head, "a person forgot galera-3");
    await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
    for (const machine of simulation.machines) machine.crash();
    // By its seqno the third would win.
    const seqnoOf = ({ datadir }: Machine) => datadir.head?.seqno ?? 0n;
    assert.ok(seqnoOf(three) > seqnoOf(one) && seqnoOf(three) > seqnoOf(two));
    simulation.ensemble.deleteBelow("/mariadb");
    simulation.start(three);
    await until(simulation, "they go on", () => simulation.allPrimary([one, two]));
    await until(simulation, "it waits", () => waits(three, /Cannot join without losing/));
  },
);

scenario("nothing starts or stops while all is paused; what runs serves on", async (play) => {
  const { simulation, machines: [one, two, three], person } = play;
  await serving(simulation);
  simulation.stop(three);
  await until(simulation, "it is down", () => !three.running);
  assert.equal(await person((p) => p.pause()), true);
  assert.equal(await person((p) => p.pause()), false);
  simulation.start(three);
  await until(simulation, "it waits", () => waits(three, /Paused since 2026-.* by root@sim/));
  await simulation.run(MINUTE_MS);
  assert.ok(simulation.allPrimary([one, two]) && three.server?.alive !== true);
  assert.equal(await person((p) => p.resume()), true);
  assert.equal(await person((p) => p.resume()), false);
  await until(simulation, "all are up", () => simulation.allPrimary());
});

scenario(
  "resume and restart --cancel know what the server that they ask has not seen yet",
  async (play) => {
    const { simulation, person, machines: [one] } = play;
    await serving(simulation);
    for (const server of simulation.ensemble.servers) server.lagMs = 5000;
    await person((p) => p.pause());
    assert.equal(await person((p) => p.resume()), true);
    await person((p) => p.askAnyway({ kind: "restart", members: [one.name], outage: true }));
    assert.notEqual((await person((p) => p.cancelRestart()))?.canceled ?? null, null);
    for (const server of simulation.ensemble.servers) server.lagMs = 3;
    await simulation.run(10_000);
    await until(simulation, "not all are up", () => simulation.allPrimary());
  },
);

scenario("bootstrap without --force stands in for --size", async (play) => {
  const { simulation, machines: [one], person } = play;
  simulation.start();
  await until(
    simulation,
    "all wait",
    () => simulation.machines.every((machine) => waits(machine, /--size does not say/)),
  );
  assert.match(waitsForPerson(one)!, /`galera-keeper bootstrap --member NAME`/);
  assertRefused(await person((p) => p.bootstrap("galera-9", { force: false })), /no member/);
  const plan = await person((p) => p.bootstrap("galera-1", { force: false }));
  assert.ok(plan.kind === "plan" && plan.losses.length === 0, inWords(plan));
  await until(simulation, "all are up", () => simulation.allPrimary());
}, { size: null });

scenario("bootstrap begins the next cluster where storage is ephemeral", async (play) => {
  const { simulation, machines: [one, two], person } = play;
  const allWait = () =>
    simulation.machines.every((machine) => waits(machine, /--size does not say/));
  simulation.start();
  await until(simulation, "all wait", allWait);
  assert.equal((await person((p) => p.bootstrap("galera-1", { force: false }))).kind, "plan");
  await until(simulation, "all are up", () => simulation.allPrimary());
  for (const machine of simulation.machines) {
    machine.crash();
    machine.datadir.empty();
  }
  simulation.checker.excuseNewCluster("ephemeral storage, and nobody is left");
  await until(simulation, "all wait again", allWait);
  assertRefused(
    await person((p) => p.forget("galera-1")),
    /Storage is ephemeral: .*; stop it instead/,
  );
  const plan = await person((p) => p.bootstrap("galera-2", { force: false }));
  assert.ok(plan.kind === "plan" && plan.losses.length === 0, inWords(plan));
  await until(simulation, "all are up", () => simulation.allPrimary());
  assert.equal(one.server!.component, two.server!.component);
}, { size: null, storage: "ephemeral" });

scenario("neither acts on a cluster that is Primary", async ({ simulation, person }) => {
  await serving(simulation);
  assertRefused(await person((p) => p.bootstrap("galera-1", { force: true })), /run: a second/);
  assertRefused(await person((p) => p.forget("galera-1")), /alive/);
  // Cut off from the ensemble it serves on, and says so to who asks.
  for (const { link } of simulation.machines) link.set(false);
  await simulation.run(30_000);
  assertRefused(await person((p) => p.bootstrap("galera-1", { force: true })), /run: a second/);
  assertRefused(await person((p) => p.forget("galera-1")), /alive/);
  for (const { link } of simulation.machines) link.set(true);
  await until(simulation, "all are up", () => simulation.allPrimary());
});

scenario("neither acts on a member that an arbitrator alone can see", async (play) => {
  const { simulation, machines, person } = play;
  await serving(simulation);
  const [one, two, three] = machines;
  for (const machine of machines) {
    simulation.wanted.delete(machine);
    machine.crash();
  }
  simulation.start(one, two);
  await until(simulation, "they wait", () => waits(one, /galera-3/) && waits(two, /galera-3/));
  const { ensemble } = simulation;
  const folder = "/mariadb/arbitrators";
  const arbitrator: Arbitrator = {
    name: "arb",
    address: "10.0.0.9",
    uuid: null,
    attempt: null,
    primary: true,
    members: ["galera-3"],
    since: "",
  };
  ensemble.write([{ op: "create", path: folder, data: "" }], 0n, false);
  const path = `${folder}/arb`;
  ensemble.write([{ op: "create", path, data: formatArbitrator(arbitrator) }], 0n, false);
  const force = (p: Person) => p.bootstrap("galera-1", { force: true });
  assertRefused(await person(force), /galera-3 runs: a second/);
  assertRefused(await person((p) => p.forget("galera-3")), /galera-3 is alive/);
  simulation.start(three);
  await until(simulation, "all are up", () => simulation.allPrimary());
});
