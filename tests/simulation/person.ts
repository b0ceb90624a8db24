/** A person at a terminal somewhere: the real operator's code, in a process and a session of its own. */
import { planBootstrap, planForget } from "../../lib/cluster/operate.ts";
import type { Plan, Refusal } from "../../lib/cluster/operate.ts";
import { planRestart, planStop } from "../../lib/cluster/plan_requests.ts";
import type { Asked, RequestPlan, RequestSight } from "../../lib/cluster/plan_requests.ts";
import type { Request, Stopping } from "../../lib/cluster/requests.ts";
import { RefusedError } from "../../lib/errors.ts";
import { RequestDesk, requestSight, stoppingOf } from "../../lib/operator/requests.ts";
import { Operator } from "../../lib/operator/operator.ts";
import { Link, SimProcess } from "./process.ts";
import { connect, type SimSession } from "./session.ts";
import type { Simulation } from "./simulation.ts";

/** What came of a command: what was carried out, why it was refused, or that all had changed meanwhile. */
export type Outcome = Plan | Refusal | { readonly kind: "changed" };

const ASKER = { by: "root@sim", since: "2026-01-02T03:04:05Z" };

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

  /** `galera-keeper forget MEMBER --dry-run`: what may be lost by it; null where it is refused. */
  mayLose(member: string): Promise<readonly string[] | null> {
    return this.#do(async (operator, signal) => {
      const plan = planForget((await operator.read(signal)).sight, member);
      return plan.kind === "plan" ? plan.losses : null;
    });
  }

  /** `galera-keeper pause`. */
  pause(): Promise<boolean> {
    this.#simulation.note("PERSON pause");
    return this.#do((operator) => operator.pause(ASKER.by, ASKER.since));
  }

  /** `galera-keeper resume`. */
  resume(): Promise<boolean> {
    this.#simulation.note("PERSON resume");
    return this.#do((operator) => operator.resume(ASKER.by, ASKER.since));
  }

  /** `galera-keeper restart --rolling`, or `--only`; null where it is refused. */
  restart(
    { only = null, outage = false }: {
      readonly only?: readonly string[] | null;
      readonly outage?: boolean;
    } = {},
  ): Promise<Request | null> {
    this.#simulation.note(`PERSON restart ${only === null ? "--rolling" : `--only ${only}`}`);
    return this.#ask((sight) => planRestart(sight, { only, outage }));
  }

  /** `galera-keeper stop --all`; null where it is refused. */
  stopAll(): Promise<Request | null> {
    this.#simulation.note("PERSON stop --all");
    return this.#ask((sight, stopping) => planStop(sight, stopping));
  }

  /** Asks as though all had been well a moment before: it is up to the keepers what comes of it. */
  askAnyway(asked: Asked): Promise<Request | null> {
    this.#simulation.note(`PERSON has all ${asked.kind}: ${asked.members.join(", ")}`);
    return this.#do((_operator, _signal, desk) => this.#write(desk, asked));
  }

  /** `galera-keeper restart --resume`. */
  goOn(): Promise<Request | null> {
    this.#simulation.note("PERSON restart --resume");
    return this.#do((_operator, _signal, desk) => desk.goOn());
  }

  /** `galera-keeper restart --cancel`. */
  cancelRestart(): Promise<Request | null> {
    this.#simulation.note("PERSON restart --cancel");
    return this.#do(async (_operator, _signal, desk) => {
      const standing = await desk.standing();
      return standing?.kind === "restart" ? await desk.cancel(standing.id, ASKER) : null;
    });
  }

  /** What was asked last. */
  standing(): Promise<Request | null> {
    return this.#do((_operator, _signal, desk) => desk.standing());
  }

  #ask(
    plan: (sight: RequestSight, stopping: readonly Stopping[]) => RequestPlan | Refusal,
  ): Promise<Request | null> {
    return this.#do(async (operator, signal, desk) => {
      const reading = await operator.read(signal);
      const { sight } = reading;
      const statuses = new Map(
        this.#simulation.machines.filter(({ running, process }) => running && !process!.paused)
          .map(({ name, member }) => [name, member!.progress.status]),
      );
      const seen = { reading, sight, statuses };
      const planned = plan(requestSight(seen, await desk.standing()), stoppingOf(seen));
      if (planned.kind === "refused") {
        this.#simulation.note(`PERSON refused: ${planned.reason}`);
        return null;
      }
      return await this.#write(desk, planned.asked);
    });
  }

  async #write(desk: RequestDesk, asked: Asked): Promise<Request | null> {
    try {
      return await desk.ask(asked, this.#simulation.random.hex(32), ASKER);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#simulation.note(`PERSON refused: ${error.message}`);
      return null;
    }
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
  async #do<T>(
    act: (operator: Operator, signal: AbortSignal, desk: RequestDesk) => Promise<T>,
  ): Promise<T> {
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
      const { member, datadirId, uuid, primary, synced, clusterSize } =
        machine.member!.progress.status;
      return { member, datadirId, uuid, primary, synced, clusterSize };
    });
    try {
      return await act(operator, signal, new RequestDesk(session, "/mariadb"));
    } finally {
      await session.close();
      process.kill();
    }
  }
}
