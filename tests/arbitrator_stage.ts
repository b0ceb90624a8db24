/** A stage for an arbitrator: an ensemble in memory on virtual time, members that answer, a garbd that does as told. */
import { Arbitrator, ARBITRATOR_TIMING, keepArbitrator } from "../lib/arbitrator/arbitrator.ts";
import type { Component } from "../lib/cluster/arbitrate.ts";
import type { ExitStatus } from "../lib/mariadb/database.ts";
import type { Garbd } from "../lib/mariadb/garbd.ts";
import type { PeerStatus } from "../lib/world.ts";
import { formatCluster, formatNode, parseArbitrator } from "../lib/znodes.ts";
import type { Ensemble } from "../lib/zookeeper/ensemble.ts";
import { VirtualTime } from "./simulation/clock.ts";
import { SimEnsemble } from "./simulation/ensemble.ts";
import { Link, SimProcess } from "./simulation/process.ts";
import { Random } from "./simulation/random.ts";
import { connect, type SimSession } from "./simulation/session.ts";

export const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const MINUTE_MS = 60_000;
/** How long a garbd takes to leave. */
const STOP_MS = 300;

/** A garbd that says what a test has it say. */
export class FakeGarbd implements Garbd {
  readonly pid = 1;
  readonly members: readonly string[];
  readonly exited: Promise<ExitStatus>;
  component: Component | null = null;
  /** SIGTERM has come. */
  isStopped = false;
  readonly #process: SimProcess;
  readonly #exit: (status: ExitStatus) => void;
  readonly #onChange: () => void;

  constructor(process: SimProcess, members: readonly string[], onChange: () => void) {
    this.#process = process;
    this.members = members;
    this.#onChange = onChange;
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    this.exited = promise;
    this.#exit = resolve;
  }

  /** It is in a primary component, with these. */
  joins(...others: readonly string[]): void {
    this.joinsCluster(UUID, ...others);
  }

  /** It is in a primary component of a cluster. */
  joinsCluster(uuid: string, ...others: readonly string[]): void {
    const names = ["arb", ...others];
    this.component = { primary: true, uuid, size: names.length, names };
    this.#onChange();
  }

  /** It is in none. */
  loses(): void {
    this.component = { primary: false, uuid: null, size: 1, names: [] };
    this.#onChange();
  }

  exits(code = 1): void {
    this.#exit({ code, signal: null, lastErrors: ["it failed"] });
  }

  async stop(): Promise<ExitStatus> {
    this.isStopped = true;
    await this.#process.later(STOP_MS, () => {});
    this.exits(0);
    return await this.exited;
  }
}

/** How an arbitrator ended. */
export type End = { readonly error: unknown };

/** One of them. */
export class Actor {
  readonly garbds: FakeGarbd[] = [];
  readonly process: SimProcess;
  readonly arbitrator: Arbitrator;
  readonly link = new Link();
  session: SimSession | null = null;
  /** What it asked of the ensemble, and of members. */
  readonly asked = { ensemble: 0, members: 0 };
  end: End | null = null;
  readonly #stop = new AbortController();

  constructor(stage: Stage, name: string) {
    this.process = new SimProcess(stage.time);
    this.arbitrator = new Arbitrator(
      { name, address: "10.0.0.7", root: "/mariadb" },
      {
        clock: this.process.clock,
        connect: async (signal, onWaiting) => {
          const { ensemble } = stage;
          const place = {
            ensemble,
            process: this.process,
            link: this.link,
            timeoutMs: 10_000,
            onAsk: () => {},
          };
          this.session = await connect(place, signal, onWaiting);
          return this.#counting(this.session);
        },
        ask: async (http, signal) => {
          this.asked.members++;
          await this.process.later(stage.answerMs, () => {}, signal);
          const status = stage.answers.get(http);
          if (status === undefined) throw new Error("no answer");
          return status;
        },
        requirePort: () => {},
        spawn: async (members, onChange) => {
          await this.process.later(5, () => {});
          if (stage.spawnFails !== null) throw stage.spawnFails;
          const garbd = new FakeGarbd(this.process, members, onChange);
          this.garbds.push(garbd);
          return garbd;
        },
      },
      ARBITRATOR_TIMING,
    );
    keepArbitrator(this.arbitrator, this.#stop.signal).then(
      () => this.end = { error: null },
      (error) => this.end = { error },
    );
  }

  /** The one that runs. */
  get garbd(): FakeGarbd {
    const garbd = this.garbds.at(-1);
    if (garbd === undefined) throw new Error("There has been no garbd");
    return garbd;
  }

  /** SIGTERM. */
  stop(): void {
    this.#stop.abort(new Error("SIGTERM"));
  }

  #counting(session: SimSession): Ensemble {
    return new Proxy(session, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "states" && name !== "close") this.asked.ensemble++;
        return value.bind(target);
      },
    });
  }
}

/** Where it all happens. */
export class Stage {
  readonly time = new VirtualTime();
  readonly ensemble: SimEnsemble;
  /** What members say, by where they are asked. */
  readonly answers = new Map<string, PeerStatus>();
  /** How long members take to answer. */
  answerMs = 3;
  /** The sessions that are over. */
  readonly ended = new Set<bigint>();
  /** What a start of garbd fails with. */
  spawnFails: Error | null = null;

  constructor(seed: number) {
    this.ensemble = new SimEnsemble(this.time, new Random(seed), 1);
    this.ensemble.onSessionEnd = (session) => this.ended.add(session);
    this.put("/mariadb", "");
  }

  /** Writes a znode, also where there is one. */
  put(path: string, data: string): void {
    const bytes = new TextEncoder().encode(data);
    const op = this.ensemble.settled.tree.get(path) === null ? "create" : "set";
    this.ensemble.write([{ op, path, data: bytes }], 0n, false);
  }

  remove(path: string): void {
    this.ensemble.write([{ op: "delete", path }], 0n, false);
  }

  /** What is on record of an arbitrator; null where it is not registered. */
  onRecord(name = "arb") {
    const znode = this.ensemble.settled.tree.get(`/mariadb/arbitrators/${name}`);
    return znode === null ? null : parseArbitrator(znode.data);
  }

  /** The cluster is as this attempt left it. */
  cluster(attempt: string, phase: "bootstrapping" | "running" = "running"): void {
    const cluster = { phase, uuid: UUID, by: "g-1", attempt, attempts: [], forced: false };
    this.put("/mariadb/cluster", formatCluster(cluster));
  }

  /** A member registers, and answers. */
  member(number: number, primary = true): void {
    const [member, address, datadirId] = [`g-${number}`, `10.0.0.${number}`, "d"];
    const http = `${address}:8008`;
    this.answers.set(http, { member, datadirId, uuid: UUID, primary, synced: primary });
    const node = { member, datadirId, uuid: UUID, primary, http, dataBytes: 1, since: "" };
    if (this.ensemble.settled.tree.get("/mariadb/nodes") === null) this.put("/mariadb/nodes", "");
    this.put(`/mariadb/nodes/${address}`, formatNode(node));
  }

  /** A member has gone. */
  leaves(number: number): void {
    this.answers.delete(`10.0.0.${number}:8008`);
    this.remove(`/mariadb/nodes/10.0.0.${number}`);
  }

  /** An arbitrator starts. */
  start(name = "arb"): Actor {
    return new Actor(this, name);
  }

  /** Lets time pass until a condition holds. @throws It does not come to that in minutes. */
  async until(what: string, holds: () => boolean, ms = 2 * MINUTE_MS): Promise<void> {
    if (!await this.time.run(ms, holds)) throw new Error(`Waited in vain for: ${what}`);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.time.run(ms);
  }
}
