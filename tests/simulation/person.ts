/** A person at a terminal somewhere: the real operator's code, in a process and a session of its own. */
import { planBootstrap, planForget } from "../../lib/cluster/operate.ts";
import type { Plan, Refusal } from "../../lib/cluster/operate.ts";
import { Operator } from "../../lib/operator/operator.ts";
import { Link, SimProcess } from "./process.ts";
import { connect, type SimSession } from "./session.ts";
import type { Simulation } from "./simulation.ts";

/** What came of a command: what was carried out, why it was refused, or that all had changed meanwhile. */
export type Outcome = Plan | Refusal | { readonly kind: "changed" };

/** A person. */
export class Person {
  readonly #simulation: Simulation;
  readonly link = new Link();
  #session: SimSession | null = null;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** A fault: the connection of the command that runs drops. */
  drop(): void {
    this.#session?.drop();
  }

  /** `galera-keeper bootstrap --member M [--force]`. */
  bootstrap(member: string, { force }: { readonly force: boolean }): Promise<Outcome> {
    this.#simulation.note(`PERSON bootstrap ${force ? "--force " : ""}--member ${member}`);
    const attempt = this.#simulation.random.hex(32);
    return this.#plan((sight) => planBootstrap(sight, member, { attempt, force }));
  }

  /** `galera-keeper forget MEMBER`. */
  forget(member: string): Promise<Outcome> {
    this.#simulation.note(`PERSON forget ${member}`);
    return this.#plan((sight) => planForget(sight, member));
  }

  /** `galera-keeper pause`. */
  pause(): Promise<boolean> {
    this.#simulation.note("PERSON pause");
    return this.#do((operator) => operator.pause("root@sim", "2026-01-02T03:04:05Z"));
  }

  /** `galera-keeper resume`. */
  resume(): Promise<boolean> {
    this.#simulation.note("PERSON resume");
    return this.#do((operator) => operator.resume());
  }

  async #plan(
    make: (sight: Parameters<typeof planForget>[0]) => Plan | Refusal,
  ): Promise<Outcome> {
    const outcome = await this.#do(async (operator, signal): Promise<Outcome> => {
      const reading = await operator.read(signal);
      const plan = make(reading.sight);
      if (plan.kind === "refused") return plan;
      // Where the answer does not come, it may have been carried out.
      const withdraw = this.#simulation.checker.mayLose(plan.losses, [
        ...plan.forgotten,
        ...plan.records.map(({ name }) => name),
      ]);
      if (await operator.carryOut(plan, reading)) return plan;
      withdraw();
      return { kind: "changed" };
    });
    const said = outcome.kind === "refused"
      ? `refused: ${outcome.reason}`
      : outcome.kind === "changed"
      ? "all has changed meanwhile"
      : `${outcome.outcome}; may be lost: ${outcome.losses.join("; ") || "nothing"}`;
    this.#simulation.note(`PERSON ${said}`);
    return outcome;
  }

  /** One command: a process, a session, an answer. */
  async #do<T>(act: (operator: Operator, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { ensemble, random, time } = this.#simulation;
    const process = new SimProcess(time);
    const { signal } = new AbortController();
    const place = { ensemble, process, link: this.link, timeoutMs: 10_000, onAsk: () => {} };
    const session = this.#session = await connect(place, signal, () => {});
    const operator = new Operator(session, "/mariadb", async (http) => {
      const machine = this.#simulation.machines.find((one) => one.http === http);
      await process.later(random.between(2, 16), () => {}, signal);
      if (machine === undefined || !machine.running || machine.process!.paused) {
        throw new Error(`${http} does not answer`);
      }
      const { member, datadirId, uuid, primary } = machine.member!.progress.status;
      return { member, datadirId, uuid, primary };
    });
    try {
      return await act(operator, signal);
    } finally {
      await session.close();
      process.kill();
    }
  }
}
