/** Histories of an ensemble that loses what is on record, or of which a server is behind. */
import assert from "node:assert/strict";
import type { History } from "./script.ts";

/** Two members are cut from the ensemble while it is emptied, and the third puts all on record again. */
const restoredWithoutTheOthers = (crashAtOnce: boolean): History["play"] => async (script) => {
  const { simulation, machines: [one, two, three] } = script;
  await script.serving();
  script.ensembleLink(false, two, three);
  await script.wait(1000);
  simulation.ensemble.deleteBelow("/mariadb");
  if (crashAtOnce) {
    await script.step(/^multi \/mariadb\/cluster, after$/, one);
    script.crash(one);
  } else {
    await script.until(() => script.znode("nodes/10.0.0.1") !== null, "galera-1 registers again");
    await script.stop(one);
  }
  await script.wait(15_000);
  script.crash(two, three);
  script.ensembleLink(true, two, three);
  simulation.start(one);
  await script.wait(20_000);
  assert.equal(one.member!.progress.status.decision?.kind, "wait", one.doing);
  simulation.start();
  await script.up();
};

/** All of them. */
export const ENSEMBLES: readonly History[] = [
  {
    name: "the ensemble is emptied while only one reaches it",
    play: restoredWithoutTheOthers(false),
  },
  {
    name: "who puts the cluster on record again crashes at once",
    play: restoredWithoutTheOthers(true),
  },
  {
    name: "the ensemble is emptied after a member got another datadir",
    async play(script) {
      const { simulation, machines } = script;
      await script.serving();
      const one = machines.find(({ server }) => server!.plan.kind === "bootstrap")!;
      const [two, three] = machines.filter((machine) => machine !== one);
      three!.crash();
      three!.datadir.empty();
      await script.up();
      script.ensembleLink(false, two!, three!);
      await script.wait(1000);
      simulation.ensemble.deleteBelow("/mariadb");
      await script.until(
        () => script.znode(`nodes/${one.address}`) !== null,
        `${one.name} registers again`,
      );
      script.crash(...machines);
      script.ensembleLink(true, two!, three!);
      await script.wait(15_000);
      simulation.start();
      await script.up();
    },
  },
  {
    name: "the server that a member asks is behind",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.quiet();
      script.crash(one, two, three);
      await script.wait(15_000);
      simulation.start(one);
      await script.waits(one, /died running/);
      await script.stop(one);
      // Somebody else has the lock until all is written that it has to say: its server catches up with that.
      const { ensemble } = simulation;
      const lock = `/mariadb/bootstrap/${"0".repeat(32)}__lock__0000000000`;
      ensemble.write([{ op: "create", path: lock, data: "kazoo" }], 0n, false);
      simulation.start(one);
      await script.until(() => /start-up lock/.test(one.doing), "galera-1 waits for the lock");
      await script.wait(2000);
      let since = 0;
      one.member!.progress.listen(({ kind }) => {
        if (kind !== "lock-taken" || since > 0) return;
        // Under the lock it looks: what was settled before counts, whether its server knows or not.
        since = simulation.timeline.length;
        for (const server of ensemble.servers) server.lagMs = 3000;
        for (const name of ["galera-2", "galera-3"]) {
          ensemble.deleteBelow(`/mariadb/members/${name}`);
        }
      });
      ensemble.deleteBelow(lock);
      await script.step(/^spawn to bootstrap, before$/, one);
      for (const server of ensemble.servers) server.lagMs = 3;
      const waited = simulation.timeline.slice(since).some((line) =>
        /galera-1: .*\[wait/.test(line)
      );
      assert.ok(!waited, "It decided on what its server had not seen yet");
    },
  },
  {
    name: "the newest copy's record vanishes while its member waits for the lock",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(two, one);
      await script.wait(2000);
      await script.stop(three);
      simulation.start(one);
      await script.step(/^create .*__lock__.*after$/, one);
      one.pause(false);
      simulation.start(three);
      await script.until(() => /start-up lock/.test(three.doing), "galera-3 waits for the lock");
      await script.wait(1000);
      simulation.ensemble.deleteBelow("/mariadb/members/galera-3");
      await script.wait(1000);
      one.resume();
      await script.up(one, three);
    },
  },
  {
    name: "the cluster is put on record again while others look",
    async play(script) {
      const { simulation, machines: [, two, three] } = script;
      await script.serving();
      for (let tries = 0; tries < 40; tries++) {
        await script.stop(two, three);
        simulation.start(two, three);
        await script.wait(simulation.random.between(150, 500));
        simulation.ensemble.deleteBelow("/mariadb");
        await script.up();
      }
    },
  },
];
