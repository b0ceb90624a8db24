/** How members stop when they are told to, the real code on virtual time. */
import assert from "node:assert/strict";
import { afterDrain } from "../lib/drain.ts";
import type { Machine } from "./simulation/machine.ts";
import type { Simulation } from "./simulation/simulation.ts";
import { allDown, allUp, MINUTE_MS, scenario, serving } from "./scenario.ts";

const DRAIN_MS = 7000;
const draining = { timing: { drainMs: DRAIN_MS } };

function stageOf(machine: Machine): string {
  return machine.member!.progress.status.stage;
}

/** What a member that drains shows to all: it serves, it is registered, it is not ready. */
function assertDrains(simulation: Simulation, machine: Machine): void {
  const { stage, readyAt } = machine.member!.progress.status;
  assert.deepEqual([stage, readyAt], ["draining", null]);
  assert.equal(machine.server?.phase, "synced");
  assert.ok(simulation.checker.isRegistered(machine.address, machine.session));
}

function endOf(simulation: Simulation, { name }: Machine) {
  return simulation.ends.get(name);
}

const AS_TOLD = { kind: "returned", status: null };

scenario("drains when it is told to stop, and stops after that", draining, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  const toldAtMs = simulation.time.nowMs;
  simulation.stop(one);
  assertDrains(simulation, one); // At once.
  await simulation.run(DRAIN_MS - 100);
  assertDrains(simulation, one);
  await allDown(simulation, [one]);
  // A server of the simulation stops in 8 s at most.
  assert.ok(simulation.time.nowMs - toldAtMs < DRAIN_MS + 9000, "it is not stopped soon after");
  assert.deepEqual(endOf(simulation, one), AS_TOLD);
  assert.equal(simulation.checker.isRegistered(one.address, one.session), false);
  simulation.start(one);
  await allUp(simulation);
});

scenario("does not drain where it is told twice at one time", draining, async (simulation) => {
  await serving(simulation);
  const { member } = simulation.machine(1);
  const both = AbortSignal.abort(new Error("It has another address"));
  using drained = afterDrain(member!, { signal: both, again: both });
  assert.equal(member!.progress.status.stage, "registered");
  assert.equal(drained.signal.reason.message, "It has another address");
}, 1);

scenario("stops soon when it is told again, however often", draining, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  simulation.stop(one);
  await simulation.run(1000);
  assertDrains(simulation, one);
  const { server } = one;
  one.stop();
  assert.ok(await simulation.run(300, () => stageOf(one) === "stopping"), simulation.summary);
  // Its own shutdown is never cut short: one that was killed would have no position on disk.
  for (let times = 0; times < 5; times++) one.stop();
  await allDown(simulation, [one]);
  assert.deepEqual(await server!.exited, { code: 0, signal: null, lastErrors: [] });
  assert.ok(one.datadir.seqnoIsWritten);
  assert.deepEqual(endOf(simulation, one), AS_TOLD);
});

scenario("does not drain where nobody is served", draining, async (simulation) => {
  await serving(simulation);
  const [one, ...others] = simulation.machines as [Machine, Machine, Machine];
  for (const other of others) simulation.galera.link(one.address, other.address, false);
  await simulation.run(20_000);
  assert.equal(stageOf(one), "registered");
  simulation.stop(one);
  assert.ok(await simulation.run(3000, () => stageOf(one) === "stopping"), simulation.summary);
  await allDown(simulation, [one]);
});

scenario("is looked after while it drains: its mariadbd dies", draining, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  simulation.stop(one);
  await simulation.run(1000);
  one.server!.kill();
  assert.ok(await simulation.run(3000, () => !one.running), simulation.summary);
  const end = endOf(simulation, one);
  assert.ok(end?.kind === "returned" && end.status?.signal === "SIGKILL", JSON.stringify(end));
});

scenario("is looked after while it drains: its session is lost", {
  timing: { drainMs: MINUTE_MS },
}, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  simulation.stop(one);
  await simulation.run(1000);
  const { session } = one;
  session!.expire();
  const again = () =>
    one.session !== session &&
    simulation.checker.isRegistered(one.address, one.session);
  assert.ok(await simulation.run(20_000, again), simulation.summary);
  assertDrains(simulation, one);
});

scenario("stops, and decides nothing afresh, where no member is Primary while it drains", {
  timing: { drainMs: MINUTE_MS },
}, async (simulation) => {
  await serving(simulation);
  const [one, ...others] = simulation.machines as [Machine, Machine, Machine];
  simulation.stop(one);
  await simulation.run(1000);
  for (const other of others) {
    simulation.wanted.delete(other);
    other.crash();
  }
  assert.ok(await simulation.run(40_000, () => !one.running), simulation.summary);
  assert.deepEqual(endOf(simulation, one), AS_TOLD);
});

scenario("obeys SIGTERM while it drains and the ensemble is away", draining, async (simulation) => {
  await serving(simulation);
  simulation.ensemble.stop();
  await simulation.run(simulation.random.between(0, 30_000));
  simulation.stop();
  await allDown(simulation);
  for (const machine of simulation.machines) {
    assert.deepEqual(endOf(simulation, machine), AS_TOLD);
  }
  simulation.ensemble.start();
  simulation.start();
  await allUp(simulation);
});
