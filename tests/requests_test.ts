/** What a person asks of all members, carried out by the real code on virtual time. */
import assert from "node:assert/strict";
import type { Request } from "../lib/cluster/requests.ts";
import { parseRequest } from "../lib/znodes.ts";
import { allDown, allUp, MINUTE_MS, scenario, serving, waitsFor } from "./scenario.ts";
import type { Machine } from "./simulation/machine.ts";
import { Person } from "./simulation/person.ts";
import type { Simulation } from "./simulation/simulation.ts";

/** Lets time pass until a command has its answer. */
async function answered<T>(simulation: Simulation, command: Promise<T>): Promise<T> {
  let answer: { readonly value: T } | null = null;
  let failure: unknown = null;
  command.then((value) => answer = { value }, (error) => failure = error);
  await simulation.run(MINUTE_MS, () => answer !== null || failure !== null);
  if (failure !== null) throw failure;
  assert.ok(answer !== null, "a command hangs");
  return (answer as { readonly value: T }).value;
}

/** What is on record now. */
function standing({ ensemble }: Simulation): Request {
  return parseRequest(ensemble.settled.tree.get("/mariadb/control/requests/current")!.data);
}

/** Until what was asked has come so far. */
async function until(
  simulation: Simulation,
  what: string,
  holds: (request: Request) => boolean,
  forMs = 3 * MINUTE_MS,
): Promise<void> {
  const there = await simulation.run(forMs, () => holds(standing(simulation)));
  assert.ok(there, `${what}: ${JSON.stringify(standing(simulation))}\n${simulation.summary}`);
}

function serversOf({ machines }: Simulation) {
  return machines.map(({ server }) => server);
}

/** Fails where at any time fewer serve than that. */
function atLeast(simulation: Simulation, least: number): void {
  const look = () => {
    // Between two views nobody commits, for a moment: that is no outage.
    const serving = simulation.machines.filter(({ server }) =>
      server!.alive && server!.phase === "synced" && server!.component?.primary
    );
    if (serving.length < least) {
      simulation.checker.violation(0, `only ${serving.map(({ name }) => name)} serve`);
    }
    simulation.time.after(50, look);
  };
  look();
}

const allDone = ({ members, done }: Request) => done.join() === members.join();

scenario("restarts all in turn, two of three serving all the time", {}, async (simulation) => {
  await serving(simulation);
  const before = serversOf(simulation);
  atLeast(simulation, 2);
  const request = await answered(simulation, new Person(simulation).restart());
  assert.deepEqual(request!.members, ["galera-1", "galera-2", "galera-3"]);
  await until(simulation, "all are restarted", allDone);
  assert.ok(serversOf(simulation).every((server, at) => server !== before[at] && server!.alive));
  await allUp(simulation);
  assert.equal(simulation.checker.counts.bootstraps, 1);
});

scenario("restarts only whom it is asked for, the others untouched", {}, async (simulation) => {
  await serving(simulation);
  const [one, two, three] = serversOf(simulation);
  await answered(simulation, new Person(simulation).restart({ only: ["galera-2"] }));
  await until(simulation, "it is restarted", allDone);
  const after = serversOf(simulation);
  assert.deepEqual([after[0], after[2]], [one, three]);
  assert.notEqual(after[1], two);
});

scenario("takes no turn while another member starts", {}, async (simulation) => {
  await serving(simulation);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  three.crash();
  three.datadir.empty();
  three.chunkMs = 2000;
  const joins = () => three.server?.phase === "joining";
  assert.ok(await simulation.run(MINUTE_MS, joins));
  const before = [one.server, two.server];
  const person = new Person(simulation);
  // One of the two is the donor: the other one stays Synced.
  const asked = await answered(simulation, person.restart({ only: ["galera-1"] })) ??
    await answered(simulation, person.restart({ only: ["galera-2"] }));
  assert.ok(asked !== null && joins());
  await simulation.run(10 * MINUTE_MS, () => !joins());
  assert.deepEqual([one.server, two.server], before);
  await until(simulation, "it is restarted", allDone);
  await allUp(simulation);
});

scenario("a pause holds the next turn of a restart", {}, async (simulation) => {
  await serving(simulation);
  const person = new Person(simulation);
  await answered(simulation, person.restart());
  await until(simulation, "the first is restarted", ({ done }) => done.length === 1);
  await answered(simulation, person.pause());
  await simulation.run(MINUTE_MS);
  const { done } = standing(simulation);
  assert.ok(done.length < 3, "nothing was held");
  await answered(simulation, person.resume());
  await until(simulation, "all are restarted", allDone);
  await allUp(simulation);
});

scenario("a second request is refused while one is under way", {}, async (simulation) => {
  await serving(simulation);
  const person = new Person(simulation);
  const first = await answered(simulation, person.restart());
  assert.equal(await answered(simulation, person.restart()), null);
  assert.equal(await answered(simulation, person.stopAll()), null);
  await until(simulation, "all are restarted", allDone);
  assert.equal(standing(simulation).id, first!.id);
  assert.ok(await answered(simulation, person.stopAll()));
});

scenario("stands still where a start fails, and goes on once told so", {}, async (simulation) => {
  await serving(simulation);
  const [, two, three] = simulation.machines as [Machine, Machine, Machine];
  const third = three.server;
  two.aborts = 3;
  const person = new Person(simulation);
  await answered(simulation, person.restart());
  await until(simulation, "it has failed", ({ failed }) => failed !== null);
  const { failed, done } = standing(simulation);
  assert.equal(failed!.member, "galera-2");
  assert.match(failed!.why, /mariadbd has exited/);
  assert.deepEqual(done, ["galera-1"]);
  await allUp(simulation); // Its orchestrator tries again and again.
  await simulation.run(MINUTE_MS);
  assert.equal(three.server, third);
  assert.equal(standing(simulation).failed?.member, "galera-2");
  const up = two.server;
  await answered(simulation, person.goOn());
  await until(simulation, "all are restarted", allDone);
  assert.equal(two.server, up, "what was started again since is not stopped once more");
  assert.notEqual(three.server, third);
  await allUp(simulation);
});

scenario("stands still where stopping one more is not safe", {}, async (simulation) => {
  await serving(simulation);
  const [one, , three] = simulation.machines as [Machine, Machine, Machine];
  const person = new Person(simulation);
  const third = three.server;
  await answered(simulation, person.restart({ only: ["galera-2", "galera-3"] }));
  await until(simulation, "its turn is over", ({ done }) => done.length === 1);
  one.answersInstead = {
    member: "galera-1",
    datadirId: null,
    uuid: null,
    primary: false,
    synced: false,
  };
  await until(simulation, "it has failed", ({ failed }) => failed !== null, 5 * MINUTE_MS);
  assert.match(standing(simulation).failed!.why, /it was not stopped: galera-1 /);
  assert.equal(three.server, third);
  one.answersInstead = null;
  await answered(simulation, person.goOn());
  await until(simulation, "both are restarted", allDone);
});

scenario("a restart that is taken back goes no further", {}, async (simulation) => {
  await serving(simulation);
  const [, , three] = simulation.machines as [Machine, Machine, Machine];
  const third = three.server;
  const person = new Person(simulation);
  await answered(simulation, person.restart());
  await until(simulation, "one has begun", ({ current }) => current?.member === "galera-1");
  await answered(simulation, person.cancelRestart());
  await simulation.run(MINUTE_MS);
  await allUp(simulation);
  assert.equal(three.server, third);
  assert.ok(await answered(simulation, person.restart({ only: ["galera-3"] })));
});

for (const how of ["kill", "crash"] as const) {
  scenario(
    `a restart goes on by itself after the ${how} of whose turn it is`,
    {},
    async (simulation) => {
      await serving(simulation);
      await answered(simulation, new Person(simulation).restart());
      await until(simulation, "its turn", ({ current }) => current?.member === "galera-2");
      await simulation.run(simulation.random.between(0, 8000));
      simulation.machine(2)[how]();
      await until(simulation, "all are restarted", allDone, 10 * MINUTE_MS);
      await allUp(simulation);
    },
    20,
  );
}

scenario("a restart bears lost sessions", {}, async (simulation) => {
  await serving(simulation);
  await answered(simulation, new Person(simulation).restart());
  const lose = () => {
    const { session } = simulation.random.pick(simulation.machines);
    session?.expire();
    if (!allDone(standing(simulation))) simulation.time.after(9000, lose);
  };
  lose();
  await until(simulation, "all are restarted", allDone, 20 * MINUTE_MS);
  await allUp(simulation);
}, 20);

scenario(
  "restarts a single member where that is meant",
  { members: 1, size: 1 },
  async (simulation) => {
    await serving(simulation);
    const person = new Person(simulation);
    assert.equal(await answered(simulation, person.restart()), null);
    const { server } = simulation.machine(1);
    await answered(simulation, person.restart({ outage: true }));
    await until(simulation, "it is restarted", allDone);
    await allUp(simulation);
    assert.notEqual(simulation.machine(1).server, server);
  },
);

scenario("restarts nobody who would have to wait afterwards", {}, async (simulation) => {
  await serving(simulation);
  const [, two, three] = simulation.machines as [Machine, Machine, Machine];
  simulation.wanted.delete(three);
  three.crash();
  await simulation.run(30_000);
  simulation.stop(two);
  await allDown(simulation, [two]);
  await allUp(simulation, [simulation.machine(1)]);
  const person = new Person(simulation);
  assert.equal(await answered(simulation, person.restart({ outage: true })), null);
});

scenario("stops all, the last one known, and starts them again", {}, async (simulation) => {
  await serving(simulation);
  const person = new Person(simulation);
  const { members } = (await answered(simulation, person.stopAll()))!;
  await until(simulation, "all have stopped", allDone);
  assert.ok(simulation.machines.every(({ running, server }) => running && !server!.alive));
  const safe = simulation.machines.filter(({ datadir }) => datadir.safeToBootstrap);
  assert.deepEqual(safe.map(({ name }) => name), [members.at(-1)]);
  const waits = /Paused since .* by root@sim, who had all stopped: `galera-keeper stop --all`/;
  for (const machine of simulation.machines) await waitsFor(simulation, machine, waits);
  // Restarted keepers start nothing either.
  for (const machine of simulation.machines) machine.crash();
  await simulation.run(MINUTE_MS);
  assert.ok(simulation.machines.every(({ running, server }) => running && !server!.alive));
  assert.equal(await answered(simulation, person.resume()), true);
  await allUp(simulation);
  assert.equal(await answered(simulation, person.standing()), null);
});

scenario("resume takes a stop back that is not done", {}, async (simulation) => {
  await serving(simulation);
  const person = new Person(simulation);
  await answered(simulation, person.stopAll());
  await until(simulation, "the first has stopped", ({ done }) => done.length === 1);
  assert.equal(await answered(simulation, person.resume()), true);
  await simulation.run(30_000);
  await allUp(simulation);
  assert.notEqual(standing(simulation).canceled, null);
  assert.ok(await answered(simulation, person.restart()));
});

scenario("stops one that joins while all are to stop", {}, async (simulation) => {
  await serving(simulation);
  const three = simulation.machine(3);
  three.crash();
  three.datadir.empty();
  const joins = () => three.server?.phase === "joining";
  assert.ok(await simulation.run(MINUTE_MS, joins));
  const person = new Person(simulation);
  await answered(simulation, person.stopAll());
  await until(simulation, "all have stopped", allDone);
  await simulation.run(30_000);
  await until(simulation, "all have stopped", allDone);
  assert.ok(simulation.machines.every(({ server }) => !server!.alive), simulation.summary);
  await answered(simulation, person.resume());
  await allUp(simulation);
});

scenario(
  "stops members in no primary component, the most advanced last",
  {},
  async (simulation) => {
    await serving(simulation);
    const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
    const { galera } = simulation;
    for (const [a, b] of [[one, two], [one, three], [two, three]] as const) {
      galera.link(a.address, b.address, false);
    }
    await simulation.run(4000);
    const person = new Person(simulation);
    await answered(simulation, person.stopAll());
    await until(simulation, "all have stopped", allDone);
    for (const [a, b] of [[one, two], [one, three], [two, three]] as const) {
      galera.link(a.address, b.address, true);
    }
    await answered(simulation, person.resume());
    await allUp(simulation);
  },
);

scenario("obeys SIGTERM in its turn, and goes on after it", {}, async (simulation) => {
  await serving(simulation);
  await answered(simulation, new Person(simulation).restart());
  await until(simulation, "its turn", ({ current }) => current?.member === "galera-1");
  await simulation.run(simulation.random.between(0, 8000));
  const one = simulation.machine(1);
  simulation.stop(one);
  await allDown(simulation, [one]);
  simulation.start(one);
  await until(simulation, "all are restarted", allDone, 10 * MINUTE_MS);
  await allUp(simulation);
}, 20);
