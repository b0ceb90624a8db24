/** Histories of clusters that are run by hand and adopted: what has to be on record of servers nobody keeps. */
import assert from "node:assert/strict";
import type { Machine } from "../machine.ts";
import { startAllByHand } from "../migration.ts";
import type { History, Script } from "./script.ts";

/** All are up by hand and the first is adopted, under clients. */
async function adopted(script: Script, ...away: readonly Machine[]): Promise<void> {
  const { simulation, machines: [one] } = script;
  await startAllByHand(simulation);
  simulation.startClients();
  for (const machine of away) await stopByHand(script, machine);
  await script.wait(5000);
  simulation.start(one);
  await script.until(() => simulation.isPrimary(one), "galera-1 is adopted");
  await script.wait(3000);
}

/** Its server is stopped in order, by whoever started it. */
async function stopByHand(script: Script, machine: Machine): Promise<void> {
  script.simulation.wanted.delete(machine);
  machine.server!.terminate();
  await script.until(() => machine.isDown, `${machine.name} has stopped`);
}

/** Keepers are started in place of servers that have ended. */
function keep(script: Script, ...machines: readonly Machine[]): void {
  for (const machine of machines) machine.byHand = false;
  script.simulation.start(...machines);
}

/** All of them. */
export const ADOPTIONS: readonly History[] = [
  {
    name: "the others of an adopted member's view go on without it",
    async play(script) {
      const { machines: [one, two, three] } = script;
      await adopted(script);
      await stopByHand(script, one);
      await script.wait(5000);
      script.crash(two, three);
      keep(script, one);
      await script.waits(one, /galera-[23] died running/);
      keep(script, two, three);
      await script.up();
    },
  },
  {
    name: "a server that joins by hand after the adoption goes on alone",
    options: { size: null },
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await adopted(script, three);
      three.startByHand([one.address, two.address]);
      await script.until(() => three.server!.status()?.synced === true, "galera-3 is Synced");
      await script.wait(5000);
      await stopByHand(script, two);
      await stopByHand(script, one);
      await script.wait(5000);
      script.crash(three);
      keep(script, one, two);
      await script.waits(one, /galera-3 died running/);
      await script.waits(two, /galera-3 died running/);
      keep(script, three);
      await script.up();
      assert.equal(simulation.checker.counts.bootstraps, 2);
    },
  },
  {
    name: "a server that was bootstrapped by hand from an older copy is to be adopted",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await adopted(script);
      await script.quiet();
      await stopByHand(script, three);
      // No client's row is lost by what follows, and the histories differ all the same.
      await stopByHand(script, two);
      two.startByHand([one.address]);
      await script.wait(10_000);
      script.crash(one, two);
      await script.wait(15_000);
      three.startByHand(null);
      await script.wait(5000);
      three.start();
      await script.until(() => simulation.ends.has("galera-3"), "the adoption of galera-3 ends");
      const end = simulation.ends.get("galera-3");
      assert.equal(end?.kind, "refused", JSON.stringify(end?.kind));
      script.crash(three);
      keep(script, one, two);
      await script.waits(one, /galera-3 died running/);
      await script.command(script.person.forget(three.name));
      await script.up(one, two);
      three.datadir.empty();
      keep(script, three);
      await script.up();
    },
  },
  {
    name: "servers that nobody looks after any more are to be forgotten",
    async play(script) {
      const { simulation, machines: [one, two, three] } = script;
      await adopted(script);
      await stopByHand(script, two);
      keep(script, two);
      await script.until(() => simulation.isPrimary(two), "galera-2 is taken over");
      // Whoever adopted it has closed the terminal: its server runs on.
      simulation.stop(one);
      await script.wait(5000);
      for (const { name } of [one, three]) {
        let losses: readonly string[] | null | undefined;
        script.person.mayLose(name).then((may) => losses = may);
        await script.until(() => losses !== undefined, "forget says what may be lost");
        // Else nobody is asked, and galera-2 alone would bootstrap beside them.
        assert.match(`${losses}`, /2 servers that no keeper speaks for/);
      }
      await script.stop(two);
      await script.wait(5000);
      keep(script, two);
      await script.waits(two, /galera-1 died running/);
      script.crash(one, three);
      keep(script, one, three);
      await script.up();
    },
  },
];
