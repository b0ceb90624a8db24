/**
 * Members' whole lives, the real code on virtual time: what starts, stops, crashes and comes back, a
 * scenario a test. The seeds in `simulation/` shuffle what is in order here.
 */
import assert from "node:assert/strict";
import { TIMING } from "../lib/world.ts";
import type { Machine } from "./simulation/machine.ts";
import { Person } from "./simulation/person.ts";
import { allDown, allUp, MINUTE_MS, scenario, serving, waitsFor } from "./scenario.ts";
import { Simulation } from "./simulation/simulation.ts";

/** All hold the same, and all have lost power. */
async function crashedAsEquals(simulation: Simulation): Promise<void> {
  await serving(simulation);
  simulation.stopClients();
  await simulation.run(5000);
  for (const machine of simulation.machines) machine.crash();
  simulation.wanted.clear();
}

function decisionOf(machine: Machine) {
  return machine.member!.progress.status.decision;
}

scenario("starts three members one at a time", {}, async (simulation) => {
  simulation.start();
  await allUp(simulation);
  assert.equal(simulation.checker.counts.bootstraps, 1);
  assert.equal(simulation.checker.counts.joins, 2);
});

scenario("waits for as many as --size says", {}, async (simulation) => {
  const [first, second, third] = simulation.machines as [Machine, Machine, Machine];
  simulation.start(first, second);
  await waitsFor(simulation, first, /2 of 3 members have reported/);
  await waitsFor(simulation, second, /2 of 3 members have reported/);
  simulation.start(third);
  await allUp(simulation);
});

scenario(
  "starts a cluster of one where --size is 1",
  { members: 1, size: 1 },
  async (simulation) => {
    simulation.start();
    await allUp(simulation);
  },
);

scenario("starts the first to come where --size is 1, the others join", { size: 1 }, serving);

scenario("waits without --size and says so", { size: null }, async (simulation) => {
  simulation.start();
  await waitsFor(simulation, simulation.machine(1), /--size does not say how many members/);
});

scenario("stops in order and starts again, the last one first or not", {}, async (simulation) => {
  await serving(simulation);
  for (const machine of simulation.machines) {
    simulation.stop(machine);
    await allDown(simulation, [machine]);
    assert.deepEqual(simulation.ends.get(machine.name), { kind: "returned", status: null });
  }
  for (const machine of simulation.random.shuffle(simulation.machines)) {
    simulation.start(machine);
    await simulation.run(simulation.random.between(0, 20_000));
  }
  await allUp(simulation);
});

scenario("stops all at once and starts again", {}, async (simulation) => {
  await serving(simulation);
  simulation.stop();
  await allDown(simulation);
  simulation.start();
  await allUp(simulation);
});

scenario("comes back after all were killed at once", {}, async (simulation) => {
  await serving(simulation);
  for (const machine of simulation.machines) machine.crash();
  await allUp(simulation);
});

scenario("comes back after all were killed minutes apart", {}, async (simulation) => {
  await serving(simulation);
  for (const machine of simulation.machines) {
    simulation.wanted.delete(machine);
    machine.crash();
    await simulation.run(MINUTE_MS);
  }
  for (const machine of simulation.random.shuffle(simulation.machines)) {
    simulation.start(machine);
    await simulation.run(MINUTE_MS);
  }
  await allUp(simulation);
});

scenario("waits for one that died running and has not come back", {}, async (simulation) => {
  await serving(simulation);
  const [first, second, third] = simulation.machines as [Machine, Machine, Machine];
  for (const machine of simulation.machines) {
    simulation.wanted.delete(machine);
    machine.crash();
  }
  simulation.start(first, second);
  await waitsFor(simulation, first, /galera-3 died running and has not come back/);
  await waitsFor(simulation, second, /galera-3 died running and has not come back/);
  simulation.start(third);
  await allUp(simulation);
});

scenario("takes a member whose disk was emptied back by SST", {}, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(2);
  one.crash();
  one.datadir.empty();
  await allUp(simulation);
});

scenario(
  "bootstraps nobody over an emptied disk while others hold data",
  {},
  async (simulation) => {
    await serving(simulation);
    simulation.stop();
    await allDown(simulation);
    const one = simulation.machine(1);
    const wasNewest = simulation.machines.every(({ datadir }) =>
      datadir === one.datadir || datadir.head!.seqno < one.datadir.head!.seqno
    );
    one.datadir.empty();
    simulation.start();
    if (wasNewest) {
      await waitsFor(simulation, simulation.machine(2), /galera-1's and is no longer there/);
    } else await allUp(simulation);
  },
);

scenario(
  "tells a copy that was taken before the last start from what died running",
  {},
  async (simulation) => {
    await serving(simulation);
    const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
    simulation.stop(one);
    await allDown(simulation, [one]);
    const backup = one.datadir.clone();
    simulation.start(one);
    await allUp(simulation);
    simulation.stop(two, three);
    await allDown(simulation, [two, three]);
    await simulation.run(10_000); // What is committed now only galera-1 has.
    one.crash();
    one.datadir.copyOf(backup);
    simulation.checker.excuses.copyLost(one.name);
    simulation.start(two, three);
    await waitsFor(simulation, two, /galera-1 died running .* its datadir now holds a copy at/);
    await waitsFor(simulation, three, /galera-1 died running .* its datadir now holds a copy at/);
  },
);

scenario("never takes a torn datadir for a copy", {}, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(3);
  one.crash();
  one.datadir.empty();
  const torn = () => one.datadir.torn;
  assert.ok(await simulation.run(MINUTE_MS, torn), "no SST began");
  for (const machine of simulation.machines) machine.crash();
  await simulation.run(15_000);
  assert.equal(decisionOf(one)?.kind, "wait");
});

scenario("refuses a stranger's datadir, and the others go on", {}, async (simulation) => {
  await serving(simulation);
  simulation.stop();
  await allDown(simulation);
  const other = new Simulation({ seed: 99, members: 1, size: 1 });
  await serving(other);
  const one = simulation.machine(2);
  const held = new Map(simulation.machines.map(({ name, datadir }) => [name, datadir.head!.seqno]));
  const wasNewest = [...held].every(([name, seqno]) =>
    name === one.name || seqno < held.get(one.name)!
  );
  one.datadir.copyOf(other.machine(1).datadir);
  simulation.start();
  if (!wasNewest) await allUp(simulation, [simulation.machine(1), simulation.machine(3)]);
  await waitsFor(simulation, one, /belongs to another cluster/);
});

scenario(
  "puts the cluster back on record when the ensemble was emptied",
  {},
  async (simulation) => {
    await serving(simulation);
    simulation.ensemble.stop();
    await simulation.run(5_000);
    simulation.ensemble.start("nothing");
    await simulation.run(30_000);
    await allUp(simulation);
    for (const machine of simulation.machines) machine.crash();
    await allUp(simulation);
    assert.equal(simulation.checker.counts.bootstraps, 2);
  },
);

scenario("puts the cluster back when a person deleted the znodes", {}, async (simulation) => {
  await serving(simulation);
  simulation.ensemble.deleteBelow("/mariadb");
  await simulation.run(30_000);
  await allUp(simulation);
});

scenario(
  "never goes on from a copy while the one that is ahead puts the cluster on record again",
  {},
  async (simulation) => {
    await serving(simulation);
    const [, second, third] = simulation.machines as [Machine, Machine, Machine];
    simulation.stop(second, third);
    await allDown(simulation, [second, third]);
    await simulation.run(10_000);
    simulation.start(second, third);
    await simulation.run(simulation.random.between(150, 500));
    simulation.ensemble.deleteBelow("/mariadb");
    await allUp(simulation);
    assert.equal(simulation.checker.counts.bootstraps, 1);
  },
  100,
);

scenario(
  "starts again when the ensemble was emptied while all were stopped",
  {},
  async (simulation) => {
    await serving(simulation);
    simulation.stop();
    await allDown(simulation);
    simulation.ensemble.stop();
    await simulation.run(5_000);
    simulation.ensemble.start("nothing");
    simulation.start();
    await allUp(simulation);
  },
);

scenario("leaves a server alone while the ensemble is away", {}, async (simulation) => {
  await serving(simulation);
  const servers = simulation.machines.map(({ server }) => server);
  simulation.ensemble.stop();
  await simulation.run(10 * MINUTE_MS);
  assert.deepEqual(simulation.machines.map(({ server }) => server), servers);
  simulation.ensemble.start();
  await allUp(simulation);
  assert.deepEqual(simulation.machines.map(({ server }) => server), servers);
});

scenario("registers again after a lost session, the server left alone", {}, async (simulation) => {
  await serving(simulation);
  const one = simulation.machine(1);
  const { server, session } = one;
  one.link.set(false);
  await simulation.run(30_000);
  one.link.set(true);
  await allUp(simulation);
  assert.equal(one.server, server);
  assert.notEqual(one.session, session);
});

scenario(
  "watches its server while a write is in doubt and the ensemble stays away",
  {},
  async (simulation) => {
    await serving(simulation);
    const one = simulation.machine(1);
    one.link.set(false);
    await simulation.run(30_000);
    // Its session is lost. It registers again, and hears no more of the ensemble in the midst of that.
    const cut = new Promise<void>((resolve) => {
      simulation.onStep = (machine, what) => {
        if (machine !== one || !/^multi .*before$/.test(what)) return;
        one.link.set(false, "from the ensemble");
        resolve();
      };
    });
    let isCut = false;
    cut.then(() => isCut = true);
    one.link.set(true);
    assert.ok(await simulation.run(MINUTE_MS, () => isCut), `no write:\n${simulation.summary}`);
    simulation.onStep = () => {};
    await simulation.run(MINUTE_MS);
    // What it says of itself is of now: at first the server is there, and then it is not.
    const { primary, synced } = one.member!.progress.status;
    assert.deepEqual([one.running, primary, synced], [true, true, true]);
    const before = BigInt(one.member!.progress.status.seqno!);
    await simulation.run(10_000);
    assert.ok(BigInt(one.member!.progress.status.seqno!) > before, "it looks no more");
    simulation.wanted.delete(one);
    one.server!.kill();
    await allDown(simulation, [one]);
    one.link.set(true);
    simulation.start(one);
    await allUp(simulation);
  },
);

scenario("goes on with a start whose session is lost", {}, async (simulation) => {
  simulation.start();
  const starting = () => simulation.machines.some(({ server }) => server?.phase === "joining");
  assert.ok(await simulation.run(MINUTE_MS, starting));
  const one = simulation.machines.find(({ server }) => server?.phase === "joining")!;
  const { server } = one;
  one.link.set(false);
  await simulation.run(25_000);
  one.link.set(true);
  await allUp(simulation);
  assert.equal(one.server, server);
});

scenario("obeys SIGTERM while it waits", { size: 4 }, async (simulation) => {
  const one = simulation.machine(1);
  simulation.start(one);
  await waitsFor(simulation, one, /1 of 4/);
  simulation.stop(one);
  await allDown(simulation, [one]);
  assert.deepEqual(simulation.ends.get(one.name), { kind: "returned", status: null });
});

scenario("obeys SIGTERM at any instant of a start", {}, async (simulation) => {
  simulation.start();
  await simulation.run(simulation.random.between(0, 8_000));
  simulation.stop();
  await allDown(simulation);
  for (const { name } of simulation.machines) {
    assert.deepEqual(simulation.ends.get(name), { kind: "returned", status: null });
  }
  simulation.start();
  await allUp(simulation);
}, 60);

scenario("obeys SIGTERM while the ensemble is away", {}, async (simulation) => {
  await serving(simulation);
  simulation.ensemble.stop();
  await simulation.run(30_000);
  simulation.stop();
  await allDown(simulation);
  simulation.ensemble.start();
  simulation.start();
  await allUp(simulation);
});

scenario(
  "obeys SIGTERM while a write is in doubt and the ensemble away",
  {},
  async (simulation) => {
    const one = simulation.random.pick(simulation.machines);
    let writes = simulation.random.between(1, 6);
    let isAway = false;
    simulation.onStep = (machine, what) => {
      if (machine !== one || !/^(multi|create|write) .*before$/.test(what) || --writes > 0) return;
      simulation.onStep = () => {};
      isAway = true;
      queueMicrotask(() => simulation.ensemble.stop());
    };
    simulation.start();
    await simulation.run(MINUTE_MS, () => isAway);
    assert.ok(isAway);
    await simulation.run(simulation.random.between(0, 5_000));
    simulation.stop(one);
    await allDown(simulation, [one]);
    assert.deepEqual(simulation.ends.get(one.name), { kind: "returned", status: null });
    simulation.ensemble.start();
    simulation.start();
    await allUp(simulation);
  },
  60,
);

scenario("waits out a `cluster` that holds junk", {}, async (simulation) => {
  const { ensemble } = simulation;
  ensemble.write(
    [
      { op: "create", path: "/mariadb", data: "" },
      { op: "create", path: "/mariadb/cluster", data: "n1" },
    ],
    0n,
    true,
  );
  simulation.start();
  await waitsFor(simulation, simulation.machine(1), /znode of the cluster cannot be read/);
  ensemble.write([{ op: "delete", path: "/mariadb/cluster" }], 0n, false);
  await allUp(simulation);
});

scenario("refuses a second keeper of one name", { members: 2, size: 1 }, async (simulation) => {
  const [first, second] = simulation.machines as [Machine, Machine];
  simulation.start(first);
  await allUp(simulation);
  Object.assign(second, { name: first.name });
  second.start();
  assert.ok(await simulation.run(MINUTE_MS, () => simulation.ends.has(second.name)));
  const end = simulation.ends.get(second.name)!;
  assert.ok(end.kind === "refused" && end.error.exitStatus === 69, JSON.stringify(end));
  assert.ok(simulation.allPrimary([first]));
});

scenario("begins a new cluster on ephemeral storage once none is left", {
  storage: "ephemeral",
}, async (simulation) => {
  await serving(simulation);
  for (const machine of simulation.machines) {
    simulation.wanted.delete(machine);
    machine.crash();
    machine.datadir.empty();
  }
  simulation.stopClients();
  await simulation.run(MINUTE_MS);
  simulation.checker.excuseNewCluster("ephemeral storage, and nobody is left");
  await serving(simulation);
});

scenario("heals where the others stay Primary", {}, async (simulation) => {
  await serving(simulation);
  const [one, ...others] = simulation.machines as [Machine, Machine, Machine];
  const { server } = one;
  for (const other of others) simulation.galera.link(one.address, other.address, false);
  await simulation.run(MINUTE_MS);
  assert.equal(one.server!.component!.primary, false);
  for (const other of others) simulation.galera.link(one.address, other.address, true);
  await allUp(simulation);
  assert.equal(one.server, server);
});

scenario(
  "registers again once it is Primary, where its session was lost while it was not",
  {},
  async (simulation) => {
    await serving(simulation);
    const [one, ...others] = simulation.machines as [Machine, Machine, Machine];
    const { server } = one;
    const link = (up: boolean) => {
      for (const other of others) simulation.galera.link(one.address, other.address, up);
    };
    link(false);
    one.link.set(false);
    await simulation.run(30_000);
    one.link.set(true);
    // The session is a new one before Galera has healed.
    await simulation.run(5_000);
    link(true);
    await allUp(simulation);
    assert.equal(one.server, server);
  },
);

scenario("forms the cluster again after a cut three ways", {}, async (simulation) => {
  await serving(simulation);
  const link = (up: boolean) => {
    for (const a of simulation.machines) {
      for (const b of simulation.machines) {
        if (a !== b) simulation.galera.link(a.address, b.address, up);
      }
    }
  };
  link(false);
  await simulation.run(MINUTE_MS);
  link(true);
  await allUp(simulation);
});

scenario(
  "takes back a registration of its own that outlived its server",
  {},
  async (simulation) => {
    await serving(simulation);
    const [one, ...others] = simulation.machines as [Machine, Machine, Machine];
    simulation.onStep = (machine, what) => {
      if (machine !== one || !/^delete \/mariadb\/nodes\/.*before$/.test(what)) return;
      simulation.onStep = () => {};
      // Back before its session is over: the registration stays.
      one.session!.drop();
    };
    // The others have more, so one of them is to bootstrap, and would wait for this one to heal.
    for (const { address } of others) simulation.galera.link(one.address, address, false);
    await simulation.run(20_000);
    for (const other of others) simulation.wanted.delete(other);
    for (const other of others) other.crash();
    await waitsFor(simulation, one, /died running/);
    for (const { address } of others) simulation.galera.link(one.address, address, true);
    simulation.start();
    await allUp(simulation);
  },
  20,
);

scenario("gives a start up whose SST does not move", {}, async (simulation) => {
  simulation.start();
  simulation.machine(2).nextTransferHangs = true;
  const up = () => simulation.allPrimary();
  assert.ok(await simulation.run(20 * MINUTE_MS, up), simulation.summary);
});

scenario("gives a join up whose only donor died, which needs the lock to come back", {
  members: 2,
  size: 1,
}, async (simulation) => {
  const [donor, joiner] = simulation.machines as [Machine, Machine];
  simulation.start(donor);
  await allUp(simulation, [donor]);
  joiner.nextTransferHangs = true;
  simulation.start(joiner);
  const receives = () => joiner.datadir.torn;
  assert.ok(await simulation.run(MINUTE_MS, receives), simulation.summary);
  // A donor that registers again, and again, is there.
  const { server } = joiner;
  for (let times = 0; times < 10; times++) {
    donor.session?.expire();
    await simulation.run(5000);
  }
  assert.ok(server?.alive, "a join was given up whose donor is there");
  donor.crash();
  const up = () => simulation.allPrimary();
  // Before the join counts as one that does not move.
  assert.ok(await simulation.run(TIMING.stallMs / 2, up), simulation.summary);
});

scenario("asks the ensemble nothing while nothing changes there", {}, async (simulation) => {
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  simulation.start(one, two, three);
  await allUp(simulation);
  const quiet = async (machine: Machine) => {
    await simulation.run(30_000);
    const { session } = machine;
    const before = session!.asked;
    await simulation.run(2 * MINUTE_MS);
    assert.equal(machine.session, session);
    assert.equal(session!.asked - before, 0, machine.doing);
  };
  for (const machine of simulation.machines) await quiet(machine);

  // A joiner whose SST does not move, as its donor that stays Primary is cut off from it.
  simulation.wanted.delete(three);
  three.crash();
  three.datadir.empty();
  three.nextTransferHangs = true;
  simulation.start(three);
  assert.ok(await simulation.run(MINUTE_MS, () => three.datadir.torn));
  await quiet(three);
  await simulation.run(10 * MINUTE_MS, () => simulation.allPrimary());

  // One that has lost the others.
  for (const other of [two, three]) {
    simulation.galera.link(one.address, other.address, false);
  }
  await simulation.run(MINUTE_MS);
  assert.equal(one.server!.component!.primary, false);
  await quiet(one);
});

scenario("stays without a primary component while all is paused", {}, async (simulation) => {
  await serving(simulation);
  const [one, two, three] = simulation.machines as [Machine, Machine, Machine];
  const person = new Person(simulation);
  let isPaused = false;
  person.pause().then(() => isPaused = true);
  assert.ok(await simulation.run(MINUTE_MS, () => isPaused));
  for (const [a, b] of [[one, two], [one, three], [two, three]] as const) {
    simulation.galera.link(a.address, b.address, false);
  }
  await simulation.run(MINUTE_MS);
  const { session, server } = one;
  const before = session!.asked;
  await simulation.run(2 * MINUTE_MS);
  assert.deepEqual([one.server, session!.asked - before], [server, 0]);
  person.resume();
  for (const [a, b] of [[one, two], [one, three], [two, three]] as const) {
    simulation.galera.link(a.address, b.address, true);
  }
  await allUp(simulation);
});

// mariadb-operator #1082: members that restarted in a loop kept the recovery from coming to an end. One
// that was to bootstrap takes back what it began: no timeout does.
scenario(
  "pain 9: an equal goes on where the elected one dies at each start",
  {},
  async (simulation) => {
    await crashedAsEquals(simulation);
    let dying: Machine | null = null;
    simulation.onStep = (machine, what) => {
      if (what === "spawn to bootstrap, before") (dying ??= machine).aborts = Infinity;
    };
    simulation.start();
    assert.ok(await simulation.run(MINUTE_MS, () => dying !== null));
    await allUp(simulation, simulation.machines.filter((one) => one !== dying));
    assert.ok(!simulation.allPrimary());
    (dying! as Machine).aborts = 0;
    await allUp(simulation);
  },
);

scenario(
  "a bootstrap that was begun is taken back by SIGTERM before the spawn",
  {},
  async (simulation) => {
    await crashedAsEquals(simulation);
    let stopped: Machine | null = null;
    simulation.onStep = (machine, what) => {
      if (what !== "spawn to bootstrap, before" || stopped !== null) return;
      stopped = machine;
      queueMicrotask(() => simulation.stop(machine));
    };
    simulation.start();
    assert.ok(await simulation.run(MINUTE_MS, () => stopped !== null));
    await allUp(simulation, simulation.machines.filter((one) => one !== stopped));
    simulation.start(stopped!);
    await allUp(simulation);
  },
);

// Percona forum, 40749: after an SST of 2 TB the recovery did not start.
scenario(
  "pain 10: lets an SST take as long as it moves, and recovers from the outage after it",
  {},
  async (simulation) => {
    simulation.start();
    await allUp(simulation);
    const one = simulation.machines.find(({ server }) => server?.plan.kind === "join")!;
    one.crash();
    one.datadir.empty();
    one.chunkMs = TIMING.stallMs - 10_000;
    const startedMs = simulation.time.nowMs;
    const joined = () => simulation.allPrimary() && !one.datadir.torn && one.datadir.head !== null;
    assert.ok(await simulation.run(6 * 60 * MINUTE_MS, joined), simulation.summary);
    assert.ok(simulation.time.nowMs - startedMs > 4 * TIMING.stallMs, "it was no long SST");
    assert.equal(one.server!.plan.kind, "join");
    simulation.startClients();
    await simulation.run(5_000);
    for (const machine of simulation.machines) machine.crash();
    await allUp(simulation);
    assert.equal(simulation.checker.counts.bootstraps, 2);
  },
  2,
);

/** Kills a keeper, or its whole machine, at its n-th step that reaches outside. */
for (const how of ["keeper", "machine"] as const) {
  scenario(`goes on when the ${how} crashes at any step of its start`, {}, async (simulation) => {
    let steps = 0;
    const at = simulation.random.between(1, 30);
    simulation.onStep = (machine) => {
      if (++steps !== at) return;
      queueMicrotask(() => how === "keeper" ? machine.kill() : machine.crash());
    };
    await serving(simulation);
    for (const machine of simulation.machines) machine.crash();
    steps = 0;
    await allUp(simulation);
  }, 60);
}
