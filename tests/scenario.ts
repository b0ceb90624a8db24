/** What scenarios of members' lives on virtual time have in common. */
import assert from "node:assert/strict";
import type { Machine } from "./simulation/machine.ts";
import { Simulation, type SimulationOptions } from "./simulation/simulation.ts";

export const MINUTE_MS = 60_000;

type Options = Partial<SimulationOptions>;

/** A scenario, run with several seeds: each has the same events with other delays. */
export function scenario(
  name: string,
  options: Options,
  play: (simulation: Simulation) => Promise<void>,
  seeds = 8,
): void {
  Deno.test(`keep() ${name}`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const simulation = new Simulation({ members: 3, size: 3, ...options, seed });
      try {
        await play(simulation);
        assert.deepEqual(simulation.checker.violations, []);
      } catch (error) {
        const story = `seed ${seed}\n${simulation.timeline.join("\n")}\n${simulation.summary}`;
        throw new Error(story, { cause: error });
      }
    }
  });
}

/** Until all that are wanted are registered, Synced and Primary together. */
export async function allUp(simulation: Simulation, machines?: readonly Machine[]): Promise<void> {
  const up = await simulation.run(5 * MINUTE_MS, () => simulation.allPrimary(machines));
  assert.ok(up, `not all are up:\n${simulation.summary}`);
}

export async function allDown(
  simulation: Simulation,
  machines = simulation.machines,
): Promise<void> {
  const down = () => machines.every((one) => !one.running && !one.server?.alive);
  assert.ok(await simulation.run(MINUTE_MS, down), `not all are down:\n${simulation.summary}`);
}

/** Starts all, and lets clients commit for a while. */
export async function serving(simulation: Simulation): Promise<void> {
  simulation.start();
  await allUp(simulation);
  simulation.startClients();
  await simulation.run(20_000);
  assert.ok(simulation.checker.counts.acknowledged > 20, "clients got nowhere");
}

/** Until a member waits for the reason that it gives. */
export async function waitsFor(
  simulation: Simulation,
  machine: Machine,
  reason: RegExp,
): Promise<void> {
  const waits = () => {
    const { stage, doing } = machine.member!.progress.status;
    return machine.running && stage === "waiting" && reason.test(doing);
  };
  assert.ok(await simulation.run(2 * MINUTE_MS, waits), `${machine.name} is ${machine.doing}`);
}
