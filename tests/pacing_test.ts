/** Starts that fail again and again: how long they wait, and that nobody else does. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffMs } from "../lib/pacing.ts";
import { TIMING } from "../lib/world.ts";
import { allDown, allUp, MINUTE_MS, scenario, serving, waitsFor } from "./scenario.ts";
import { Person } from "./simulation/person.ts";
import type { Machine } from "./simulation/machine.ts";
import type { Simulation } from "./simulation/simulation.ts";

Deno.test("backoffMs() doubles from the second failure on, up to the longest", () => {
  const bounds = { backoffFirstMs: 1000, backoffMostMs: 60_000 };
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1e9].map((failed) =>
    backoffMs(failed, bounds, 0) / 1000
  );
  assert.deepEqual(longest, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
  fc.assert(fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (failed, chance) => {
    const [ms, most] = [chance, 0].map((fraction) => backoffMs(failed, bounds, fraction));
    assert.ok(ms! <= most! && ms! >= most! * 3 / 4 - 1);
  }));
});

/** When a machine's server was spawned, as the timeline goes on. */
function spawnsOf({ timeline }: Simulation, { name }: Machine): readonly number[] {
  return timeline.filter((line) => line.includes(` ${name}: mariadbd is spawned`))
    .map((line) => 1000 * Number.parseFloat(line));
}

/** Until so many spawns have been made since now. */
async function untilSpawned(simulation: Simulation, machine: Machine, more: number): Promise<void> {
  const wanted = spawnsOf(simulation, machine).length + more;
  const done = () => spawnsOf(simulation, machine).length >= wanted;
  assert.ok(await simulation.run(20 * MINUTE_MS, done), simulation.summary);
}

const FAILED = /^Waiting: galera-3 has failed to start (\d+) times in a row, next try in \d+ s$/;

/** All but galera-3 serve, whose mariadbd dies at each start, whoever restarts its keeper. */
async function dying(simulation: Simulation): Promise<Machine> {
  await serving(simulation);
  await simulation.run(TIMING.settledMs);
  const three = simulation.machine(3);
  three.aborts = Infinity;
  three.crash();
  return three;
}

scenario(
  "waits longer and longer before starts that fail, and nobody else does",
  {},
  async (simulation) => {
    const three = await dying(simulation);
    const before = spawnsOf(simulation, three).length;
    await untilSpawned(simulation, three, 12);
    const spawns = spawnsOf(simulation, three).slice(before);
    const waits = spawns.slice(1).map((atMs, index) => atMs - spawns[index]!);
    // By its keeper's end, restart and look at the datadir it is a few seconds more.
    for (const [index, waitedMs] of waits.entries()) {
      const most = backoffMs(index + 1, TIMING, 0);
      assert.ok(waitedMs >= most * 3 / 4 && waitedMs < most + 10_000, `${waits}`);
    }
    assert.ok(waits.at(-1)! >= 45_000, `${waits}`);

    // Meanwhile it is alive, and in nobody's way.
    await waitsFor(simulation, three, FAILED);
    const [one, two] = simulation.machines as [Machine, Machine];
    simulation.stop(two);
    await allDown(simulation, [two]);
    simulation.start(two);
    assert.ok(await simulation.run(40_000, () => simulation.allPrimary([one, two])));

    // Mended, it is up at its next try, and later it has failed no more.
    three.aborts = 0;
    await allUp(simulation);
    assert.ok(three.datadir.failedStarts >= 12);
    await simulation.run(TIMING.settledMs + 5000);
    assert.equal(three.datadir.failedStarts, 0);
  },
  4,
);

scenario(
  "obeys SIGTERM while it waits for its next try, which is then at once",
  {},
  async (simulation) => {
    const three = await dying(simulation);
    await untilSpawned(simulation, three, 8);
    await waitsFor(simulation, three, FAILED);
    simulation.stop(three);
    assert.ok(await simulation.run(5000, () => !three.running), simulation.summary);
    assert.deepEqual(simulation.ends.get(three.name), { kind: "returned", status: null });
    assert.equal(three.datadir.failedStarts, 0);
    three.aborts = 0;
    simulation.start(three);
    assert.ok(await simulation.run(25_000, () => simulation.allPrimary()), simulation.summary);
  },
);

scenario("counts no start that the ensemble was in the way of", {}, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  simulation.stop(one);
  await allDown(simulation, [one]);
  let times = 0;
  simulation.onStep = (machine, what) => {
    if (machine !== one || !/^write the failed starts, after/.test(what) || ++times > 5) return;
    one.session?.drop();
  };
  simulation.start(one);
  await allUp(simulation);
  assert.ok(times > 5);
  assert.ok(one.datadir.failedStarts <= 1, `${one.datadir.failedStarts}`);
  assert.doesNotMatch(simulation.timeline.join("\n"), /has failed to start/);
});

scenario("waits in the process, too, where no start is more than one", {
  timing: { stallMs: 5000 },
}, async (simulation) => {
  await serving(simulation);
  await simulation.run(TIMING.settledMs);
  const three = simulation.machine(3);
  three.crash();
  three.datadir.empty();
  const hang = () => three.nextTransferHangs = true;
  simulation.onStep = (machine, what) => {
    if (machine === three && what === "spawn to join, before") hang();
  };
  await untilSpawned(simulation, three, 6);
  simulation.onStep = () => {};
  await waitsFor(simulation, three, FAILED);
  assert.ok(three.running);
  await allUp(simulation);
});

scenario("ends the wait where a person has it bootstrap", {}, async (simulation) => {
  await serving(simulation);
  simulation.stopClients();
  await simulation.run(TIMING.settledMs + 5000);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  // It alone is back, as one that died running, and has failed often.
  for (const machine of simulation.machines) {
    simulation.wanted.delete(machine);
    machine.crash();
  }
  for (const machine of [one, two]) simulation.checker.excuses.copyLost(machine.name);
  await simulation.run(15_000); // Their sessions are over.
  three.datadir.failedStarts = 20;
  simulation.start(three);
  await waitsFor(simulation, three, FAILED);
  const person = new Person(simulation);
  let outcome: string | null = null;
  person.bootstrap(three.name, { force: true }).then(({ kind }) => outcome = kind);
  assert.ok(await simulation.run(20_000, () => simulation.allPrimary([three])), `${outcome}`);
});
