/** Histories of full outages: who may bootstrap, and who must not. */
import { SimDatadir } from "../datadir.ts";
import { foreign, type History } from "./script.ts";

/** All of them. */
export const OUTAGES: readonly History[] = [
  {
    name: "a copy torn over, and the donor restored from a backup",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one);
      const backup = new SimDatadir();
      backup.copyOf(one.datadir);
      simulation.start(one);
      await script.up();
      await script.wait(3000);
      await script.stop(two);
      await script.wait(3000);
      await script.stop(three);
      await script.wait(3000);
      // Started anew, it can give no IST.
      await script.stop(one);
      simulation.start(one);
      await script.up(one);
      simulation.start(three);
      await script.until(() => three.datadir.torn, "an SST over the copy of galera-3 began");
      script.crash(one);
      await script.until(
        () => script.znode("members/galera-3")!.datadirId !== undefined && !three.server!.alive,
        "the SST is cut off",
      );
      await script.wait(20_000);
      // As if it had been taken since that start: an older one is told by its id.
      backup.identity = { ...backup.identity!, datadirId: one.datadir.identity!.datadirId };
      one.datadir.copyOf(backup);
      simulation.start(one, two);
      await script.waits(two, /newest copy known.* galera-3's and is no longer there/);
    },
  },
  {
    name: "a person forgets the newest copy, and it comes back",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      script.crash(three);
      await script.wait(15_000);
      simulation.start(one, two);
      await script.waits(two, /galera-3 died running/);
      simulation.checker.excuseForced(two.datadir.head, "galera-3 is forgotten");
      await script.command(script.person.forget("galera-3"));
      await script.up(one, two);
      await script.until(
        () => two.datadir.head!.seqno > three.datadir.head!.seqno + 20n,
        "the cluster went on",
      );
      simulation.start(three);
      await script.waits(three, /Cannot join without losing/);
    },
  },
  {
    name: "two clusters' copies, and none on record",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two, three);
      simulation.ensemble.deleteBelow("/mariadb");
      foreign(three.datadir, 1_000_000n);
      simulation.start();
      await script.waits(one, /data of different clusters/);
      await script.wait(20_000);
    },
  },
  {
    name: "a newcomer's datadir is of another cluster",
    options: { size: 2 },
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      simulation.start(one, two);
      await script.up(one, two);
      simulation.startClients();
      await script.wait(5000);
      foreign(three.datadir, 1_000_000n);
      simulation.start(three);
      await script.waits(three, /belongs to another cluster/);
      await script.stop(one, two);
      simulation.start(one, two);
      await script.up(one, two);
    },
  },
  {
    name: "the newest copy's volume is exchanged for another cluster's",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      await script.stop(three);
      const { identity } = three.datadir;
      foreign(three.datadir, 1_000_000n);
      three.datadir.identity = identity;
      simulation.start();
      await script.waits(three, /belongs to another cluster/);
      await script.waits(two, /galera-3/);
      await script.wait(10_000);
    },
  },
  {
    name: "who bootstraps is cut from the ensemble",
    async play(script) {
      const { machines } = script;
      await script.serving();
      await script.quiet();
      for (const machine of machines) machine.crash();
      const first = await script.step(/^spawn to bootstrap, after$/);
      script.ensembleLink(false, first);
      await script.wait(30_000);
      script.ensembleLink(true, first);
      await script.up();
    },
  },
  {
    name: "another bootstraps between a look and the lock",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.quiet();
      script.crash(...script.machines);
      await script.wait(15_000);
      // All are on record, with the same position.
      for (const machine of [three, one]) {
        simulation.start(machine);
        await script.waits(machine, /./);
        await script.stop(machine);
      }
      simulation.start(two);
      await script.step(/^create .*__lock__.*before$/, two);
      script.ensembleLink(false, two);
      simulation.start(one, three);
      await script.wait(4000);
      script.ensembleLink(true, two);
      await script.up();
    },
  },
  {
    name: "a person has another go on while a joiner looks for members",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(three);
      simulation.start(three);
      await script.step(/^spawn to join, before$/, three);
      script.ensembleLink(false, three);
      script.galeraLink(false, three);
      script.crash(one, two);
      await script.sessionEnded(three);
      simulation.start(one, two);
      await script.waits(one, /galera-3 died running/);
      simulation.checker.excuseForced(one.datadir.head, "galera-3 is forgotten");
      await script.command(script.person.forget("galera-3"));
      await script.up(one, two);
      script.ensembleLink(true, three);
      await script.wait(3000);
      script.galeraLink(true, three);
      await script.up();
    },
  },
  {
    name: "the last to run does not come back",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      script.crash(three);
      await script.wait(15_000);
      simulation.start(one, two);
      await script.waits(two, /galera-3 died running/);
      await script.stop(one, two);
      simulation.start(three);
      await script.up(three);
      await script.wait(2000);
      await script.stop(three);
      simulation.start(one, two);
      await script.waits(two, /galera-3 has not come back/);
      simulation.start(three);
      await script.up();
    },
  },
  {
    name: "all are cut from each other",
    async play(script) {
      await script.serving();
      for (const machine of script.machines) script.galeraLink(false, machine);
      await script.wait(60_000);
      for (const machine of script.machines) script.galeraLink(true, machine);
      await script.up();
    },
  },
  {
    name: "the newest copy stops in order and is lost",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      await script.stop(three);
      three.datadir.empty();
      simulation.start();
      await script.waits(three, /galera-3's and is no longer there/);
      await script.waits(two, /galera-3's and is no longer there/);
    },
  },
  {
    // Seed 752 on commit 7d38b91: the member recorded again, and again, without an end.
    name: "who was chosen gets its copy back without its id",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      script.crash(three);
      await script.wait(15_000);
      simulation.start(two);
      await script.waits(two, /galera-3 died running/);
      simulation.checker.excuseForced(two.datadir.head, "galera-2 is chosen");
      const chosen = script.command(script.person.bootstrap("galera-2", { force: true }));
      await script.step(/^multi .*__lock__.*after$/, two);
      await chosen;
      script.crash(two);
      two.datadir.identity = null;
      await script.wait(15_000);
      simulation.start(two);
      await script.waits(two, /was to bootstrap, and its datadir now holds a copy at/);
      await script.command(script.person.bootstrap("galera-2", { force: true }));
      await script.up(two);
    },
  },
];
