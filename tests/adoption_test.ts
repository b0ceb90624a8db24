/** Servers that others run are taken for members, the real code on virtual time: a scenario a test. */
import assert from "node:assert/strict";
import { allDown, allUp, MINUTE_MS, scenario, waitsFor } from "./scenario.ts";
import type { Machine } from "./simulation/machine.ts";
import { startAllByHand } from "./simulation/migration.ts";
import type { Simulation } from "./simulation/simulation.ts";

/** All serve, started by hand, with clients; nothing is on record. */
async function byHand(simulation: Simulation): Promise<void> {
  await startAllByHand(simulation);
  simulation.startClients();
  await simulation.run(5000);
}

async function adopted(simulation: Simulation, machine: Machine): Promise<void> {
  simulation.start(machine);
  const up = await simulation.run(MINUTE_MS, () => simulation.isPrimary(machine));
  assert.ok(up, `${machine.name} is ${machine.doing}`);
}

/** Its server is stopped by hand, and a keeper is started in its place. */
async function takenOver(simulation: Simulation, machine: Machine): Promise<void> {
  simulation.wanted.delete(machine);
  machine.server!.terminate();
  await allDown(simulation, [machine]);
  machine.byHand = false;
  simulation.start(machine);
  const up = await simulation.run(MINUTE_MS, () => simulation.isPrimary(machine));
  assert.ok(up, `${machine.name} is ${machine.doing}`);
}

function onRecord(simulation: Simulation, path: string) {
  const node = simulation.ensemble.settled.tree.get(`/mariadb/${path}`);
  return node === null ? null : JSON.parse(new TextDecoder().decode(node.data));
}

function refusal(simulation: Simulation, { name }: Machine): string {
  const end = simulation.ends.get(name);
  return end?.kind === "refused" ? `${end.error.exitStatus} ${end.error.message}` : `${end?.kind}`;
}

scenario(
  "adopts a server, and all are taken over one at a time",
  { size: null },
  async (simulation) => {
    await byHand(simulation);
    const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
    await adopted(simulation, one);
    const cluster = onRecord(simulation, "cluster");
    assert.equal(cluster.phase, "running");
    assert.equal(cluster.uuid, one.server!.component!.uuid);
    for (const { name } of simulation.machines) {
      assert.equal(onRecord(simulation, `members/${name}`).data.kind, "running", name);
    }
    assert.deepEqual(onRecord(simulation, `nodes/${one.address}`).adopted, [
      "galera-1",
      "galera-2",
      "galera-3",
    ]);
    for (const machine of [two, three, one]) {
      await takenOver(simulation, machine);
      assert.equal(onRecord(simulation, "cluster").attempt, cluster.attempt);
    }
    await allUp(simulation);
    assert.equal(simulation.checker.counts.bootstraps, 1);
    assert.equal(onRecord(simulation, `nodes/${one.address}`).adopted, undefined);
    simulation.checker.end();
  },
);

scenario("lets go of an adopted server that runs on", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one] = simulation.machines as [Machine];
  await adopted(simulation, one);
  simulation.stop(one);
  assert.ok(await simulation.run(MINUTE_MS, () => !one.running));
  assert.deepEqual(simulation.ends.get(one.name), { kind: "returned", status: null });
  assert.ok(one.server!.alive);
  assert.equal(onRecord(simulation, `nodes/${one.address}`), null);
  assert.equal(onRecord(simulation, "members/galera-1").data.kind, "running");
  await adopted(simulation, one);
});

scenario("adopts two at once", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one, two] = simulation.machines as [Machine, Machine];
  simulation.start(one, two);
  const both = () => simulation.isPrimary(one) && simulation.isPrimary(two);
  assert.ok(await simulation.run(MINUTE_MS, both), simulation.summary);
  assert.equal(onRecord(simulation, "cluster").attempts.length, 1);
});

scenario(
  "keeps an adopted member on record when the ensemble is emptied",
  { size: null },
  async (simulation) => {
    await byHand(simulation);
    const [one] = simulation.machines as [Machine];
    await adopted(simulation, one);
    const { attempt } = onRecord(simulation, "cluster");
    simulation.ensemble.deleteBelow("/mariadb");
    await simulation.run(20_000);
    assert.equal(onRecord(simulation, "cluster").attempt, attempt);
    assert.equal(onRecord(simulation, "members/galera-3").data.kind, "running");
    assert.ok(simulation.isPrimary(one), one.doing);
  },
);

scenario("puts a server on record that joins by hand later", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  three.server!.terminate();
  await allDown(simulation, [three]);
  await simulation.run(2000);
  await adopted(simulation, one);
  assert.equal(onRecord(simulation, "members/galera-3"), null);
  three.startByHand([one.address, two.address]);
  await simulation.run(10_000);
  assert.equal(onRecord(simulation, "members/galera-3").data.kind, "running");
});

scenario(
  "puts one of two of one name on record that join later, and says who is not",
  { size: null },
  async (simulation) => {
    await byHand(simulation);
    const [one] = simulation.machines as [Machine];
    await adopted(simulation, one);
    const server = one.server!;
    const before = server.viewMembers.bind(server);
    const joins = (...names: readonly string[]) => {
      server.viewMembers = () => [
        ...before(),
        ...names.map((name, at) => ({ name, address: `10.0.9.${at}`, gcommUuid: `${name} ${at}` })),
      ];
    };
    joins("db", "db");
    await simulation.run(10_000);
    assert.equal(onRecord(simulation, "members/db").data.kind, "running");
    joins("db", "db 2");
    await simulation.run(10_000);
    const said = onRecord(simulation, "decisions/galera-1").entries
      .map(({ reason }: { reason: string }) => reason).join("\n");
    assert.match(said, /Two members of the Galera view are called "db"/);
    assert.match(said, /A member of the Galera view is called "db 2"/);
  },
);

scenario("runs again what a keeper had recorded as stopped", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  await adopted(simulation, one);
  await takenOver(simulation, three);
  simulation.stop(three);
  await allDown(simulation, [three]);
  assert.equal(onRecord(simulation, "members/galera-3").data.kind, "at");
  three.byHand = true;
  three.startByHand([one.address, two.address]);
  await simulation.run(10_000);
  assert.equal(onRecord(simulation, "members/galera-3").data.kind, "running");
});

scenario(
  "is told of an adopted member that is not Primary, and who is to stop it",
  { size: null },
  async (simulation) => {
    await byHand(simulation);
    const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
    await adopted(simulation, one);
    await takenOver(simulation, two);
    simulation.stopClients();
    three.crash();
    two.crash();
    await waitsFor(simulation, two, /galera-1 runs but is not Primary/);
    const { decision } = two.member!.progress.status;
    assert.match(
      decision?.kind === "wait" ? decision.person ?? "" : "",
      /^Stop mariadbd of galera-1/,
    );
    assert.ok(one.server!.alive);
    three.byHand = false;
    simulation.start(three);
    await takenOver(simulation, one).catch(() => {});
    await allUp(simulation);
  },
);

scenario(
  "goes on from the most advanced copy of servers that were stopped by hand",
  {},
  async (simulation) => {
    await byHand(simulation);
    const { uuid } = simulation.machine(1).server!.component!;
    for (const machine of simulation.random.shuffle(simulation.machines)) {
      machine.server!.terminate();
      await allDown(simulation, [machine]);
      machine.byHand = false;
    }
    simulation.start();
    await allUp(simulation);
    assert.equal(onRecord(simulation, "cluster").uuid, uuid);
    simulation.checker.end();
  },
);

scenario("refuses another cluster's server", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one, , three] = simulation.machines as [Machine, Machine, Machine];
  await adopted(simulation, one);
  simulation.stopClients();
  three.server!.terminate();
  await allDown(simulation, [three]);
  three.datadir.empty();
  simulation.checker.excuseNewCluster("a second cluster by hand");
  simulation.checker.excuses.begunAnew();
  three.startByHand(null);
  await simulation.run(3000);
  simulation.wanted.clear();
  three.start();
  await simulation.run(20_000);
  assert.match(refusal(simulation, three), /^77 Not adopted: Another cluster is on record/);
});

scenario("refuses what may have begun from an older copy", { size: null }, async (simulation) => {
  await byHand(simulation);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  await adopted(simulation, one);
  simulation.stopClients();
  three.server!.terminate();
  await allDown(simulation, [three]);
  simulation.wanted.clear();
  one.crash();
  two.crash();
  three.startByHand(null);
  await simulation.run(20_000);
  three.start();
  await simulation.run(20_000);
  assert.match(
    refusal(simulation, three),
    /^77 Not adopted: galera-1 and galera-2 are on record with data of this cluster, and not in/,
  );
});
