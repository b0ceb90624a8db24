/** Histories of single starts: what is on record before, while and after a server starts. */
import assert from "node:assert/strict";
import type { Machine } from "../machine.ts";
import type { History, Script } from "./script.ts";

/** A member loses a write on its way: the ensemble never sees it, and the client does not know. */
function loseWrite(script: Script, machine: Machine): void {
  script.simulation.note(`${machine.name} loses the write, and its connection`);
  machine.link.set(false);
  machine.session!.drop();
  machine.link.set(true);
}

/**
 * A joiner is Synced and lets clients in before it is registered; the others stop in order, so that it
 * goes on alone; then it crashes, and the others come back.
 */
async function goesOnAlone(script: Script, beginIsLost: boolean): Promise<void> {
  const { simulation, machines: [one, two, three] } = script;
  await script.serving();
  await script.stop(three, two);
  simulation.start(two);
  if (beginIsLost) {
    await script.step(/^multi .*__lock__.*before$/, two);
    loseWrite(script, two);
  }
  await script.step(/^multi \/mariadb\/cluster, before$/, two);
  script.ensembleLink(false, two);
  await script.sessionEnded(two);
  await script.stop(one);
  await script.wait(5000);
  script.crash(two);
  script.ensembleLink(true, two);
  simulation.start(one, three);
  await script.waits(one, /galera-2 died running/);
  simulation.start(two);
  await script.up();
}

/** Somebody else answers at the address of a member that is still registered. */
function somebodyElse(name: string, answers: Partial<Answer>): History {
  return {
    name,
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.quiet();
      await script.stop(three, one);
      const { member, datadirId, uuid } = two.member!.progress.status;
      script.crash(two);
      two.answersInstead = { member, datadirId, uuid, primary: true, synced: true, ...answers };
      simulation.start(one);
      await script.until(
        () => one.member!.progress.status.decision !== null,
        "galera-1 decides while galera-2 is still registered",
      );
      assert.equal(one.member!.progress.status.decision!.kind, "wait", one.doing);
      two.answersInstead = null;
      simulation.start();
      await script.up();
    },
  };
}

interface Answer {
  readonly member: string;
  readonly datadirId: string;
  readonly uuid: string;
  readonly primary: boolean;
}

/** All of them. */
export const STARTS: readonly History[] = [
  {
    name: "all start for the first time",
    async play(script) {
      const { simulation } = script;
      simulation.start();
      await script.until(() => simulation.allPrimary(), "all are up", 30_000);
    },
  },
  {
    name: "a joiner that is not registered yet goes on alone",
    play: (script) => goesOnAlone(script, false),
  },
  {
    name: "the write before a spawn is lost, and the joiner goes on alone",
    play: (script) => goesOnAlone(script, true),
  },
  somebodyElse("another member answers at a registered address", { member: "galera-9" }),
  somebodyElse("another datadir answers at a registered address", { datadirId: "another" }),
  somebodyElse("another cluster answers at a registered address", {
    uuid: "f0f0f0f0-0000-4000-8000-00000000f0f0",
  }),
  somebodyElse("a member that is not Primary answers", { primary: false }),
  {
    name: "an SST hangs, and its server takes its time to stop",
    options: { timing: { stallMs: 20_000 } },
    async play(script) {
      const { simulation, machines: [, two, three] } = script;
      await script.serving();
      script.crash(three);
      three.datadir.empty();
      three.nextTransferHangs = true;
      simulation.start(three);
      await script.until(() => three.datadir.torn, "an SST to galera-3 is under way");
      two.crash();
      await script.until(() => /start-up lock/.test(two.doing), "galera-2 waits for the lock");
      three.server!.paused = true;
      await script.until(() => /^stopping/.test(three.doing), "galera-3 gives up");
      await script.wait(5000);
      three.server!.paused = false;
      await script.up();
    },
  },
  {
    name: "a keeper stands still between its record and the spawn",
    async play(script) {
      const { simulation, machines: [, two, three] } = script;
      await script.serving();
      await script.stop(two, three);
      simulation.start(two);
      // It gives the datadir a new id before its record says running, and writes it again after.
      for (let i = 0; i < 2; i++) await script.step(/^write the identity, before$/, two);
      two.pause(false);
      await script.sessionEnded(two);
      three.datadir.empty();
      simulation.start(three);
      await script.until(() => three.datadir.torn, "an SST to galera-3 is under way");
      two.resume();
      await script.up();
    },
  },
  {
    name: "a bootstrap's copy is restored from a backup before it is registered",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(three, two, one);
      const backup = { ...one.datadir };
      simulation.start();
      const first = await script.step(/^multi \/mariadb\/cluster, before$/);
      assert.equal(first, one, "galera-1 holds the most advanced copy");
      script.ensembleLink(false, one);
      await script.wait(3000);
      script.crash(one);
      // As if it had been taken since that start: an older one is told by its id.
      const { datadirId } = one.datadir.identity!;
      Object.assign(one.datadir, backup, { identity: { ...backup.identity, datadirId } });
      script.ensembleLink(true, one);
      simulation.start(one);
      await script.up();
    },
  },
  {
    name: "a member's record vanishes while it waits for the lock unwatched",
    options: { timing: { stallMs: 60_000 } },
    async play(script) {
      const { simulation, machines: [, two, three] } = script;
      await script.serving();
      await script.stop(two, three);
      three.datadir.empty();
      three.nextTransferHangs = true;
      simulation.start(three);
      await script.until(() => three.datadir.torn, "an SST to galera-3 is under way");
      simulation.start(two);
      await script.until(() => /start-up lock/.test(two.doing), "galera-2 waits for the lock");
      await script.wait(500);
      // What it waits with writes the record again, unless the connection drops while it looks.
      const isThere = () => script.znode("members/galera-2") !== null;
      for (let tries = 0; tries < 40 && isThere(); tries++) {
        simulation.ensemble.deleteBelow("/mariadb/members/galera-2");
        await script.wait(simulation.random.between(1, 8));
        two.session!.drop();
        await script.wait(800);
      }
      assert.ok(!isThere(), "galera-2 wrote its record each time");
      await script.up();
    },
  },
  {
    name: "the newest copy is wiped, all but its id",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(one, two);
      await script.wait(2000);
      script.crash(three);
      const { identity } = three.datadir;
      three.datadir.empty();
      three.datadir.identity = identity;
      simulation.start();
      await script.waits(one, /galera-3 died running/);
      await script.waits(three, /its datadir now holds nothing/);
    },
  },
  {
    name: "a link to the only member that serves heals",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await script.serving();
      await script.stop(two, three);
      script.galeraLink(false, two);
      simulation.start(two);
      await script.waits(two, /does not answer/);
      await script.wait(5000);
      script.galeraLink(true, two);
      await script.up(one, two);
    },
  },
  {
    name: "a member without a primary component reaches the ensemble first",
    async play(script) {
      const { machines: [, , three] } = script;
      await script.serving();
      script.ensembleLink(false, three);
      script.galeraLink(false, three);
      await script.sessionEnded(three);
      script.ensembleLink(true, three);
      await script.wait(5000);
      script.galeraLink(true, three);
      await script.up();
    },
  },
];
