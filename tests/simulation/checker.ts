/**
 * The guarantees, checked after every step. It shares no code with what it checks: it looks at the
 * ensemble's znodes, at the servers and at the transactions themselves.
 */
import type { SpawnPlan } from "../../lib/mariadb/database.ts";
import { Excuses } from "./excuses.ts";
import type { Transaction } from "./tree.ts";
import type { Component } from "./galera.ts";
import { holds, type Txn } from "./history.ts";
import type { Machine } from "./machine.ts";
import type { Simulation } from "./simulation.ts";

/** A guarantee that did not hold. */
export interface Violation {
  /** 1 to 4; 0 where a keeper ended by a mistake of its own. */
  readonly guarantee: number;
  readonly what: string;
  readonly atMs: number;
}

/** A start under way: from the spawn to the registration. */
interface Start {
  readonly machine: Machine;
  readonly session: bigint | null;
  /** A session was lost, or the lock with the ensemble: others may start, too. */
  excused: boolean;
}

/** Watches one simulation. */
export class Checker {
  readonly #simulation: Simulation;
  readonly excuses = new Excuses();
  readonly violations: Violation[] = [];
  /** Commits that clients were told of and that nothing excuses the loss of. */
  #acknowledged = new Set<Txn>();
  readonly #starts = new Map<string, Start>();
  /** When a session or the lock that it held was gone. */
  readonly #lostAtMs = new Map<bigint, number>();
  /** Cluster UUIDs that were on record as running. */
  readonly #uuids = new Set<string>();
  /** Counts for people. */
  readonly counts = { acknowledged: 0, bootstraps: 0, joins: 0, views: 0 };

  /** How often each rule decided what. */
  readonly decisions = new Map<string, number>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  violation(guarantee: number, what: string): void {
    if (this.violations.at(-1)?.what === what) return;
    this.violations.push({ guarantee, what, atMs: this.#simulation.time.nowMs });
    this.#simulation.note(`VIOLATION of guarantee ${guarantee}: ${what}`);
  }

  // What it is told -------------------------------------------------------------------------------

  acknowledged(txn: Txn): void {
    this.counts.acknowledged++;
    this.#acknowledged.add(txn);
  }

  diverged(name: string, why: string): void {
    this.violation(2, `${name} ${why}`);
  }

  primary(component: Component, from: "bootstrap" | "quorum" | "restored"): void {
    this.counts.views++;
    if (from === "bootstrap") this.counts.bootstraps++;
    const others = this.#simulation.galera.running.map((one) => one.component).filter((one) =>
      one !== null && one !== component && one.primary && !one.frozen &&
      !one.members.some((member) => component.members.includes(member))
    );
    if (others.length > 0) {
      this.violation(
        1,
        `two primary components: ${namesOf(component)} and ${namesOf(others[0]!)}`,
      );
    }
    if (from === "bootstrap") this.#checkNothingIsLost(component.head, namesOf(component));
  }

  /** Whether a history holds all that clients were told of. */
  #checkNothingIsLost(head: Txn | null, by: string): void {
    for (const txn of this.#acknowledged) {
      if (holds(head, txn)) continue;
      if (this.excuses.lostWithDiskAndRecord && !this.#isOnADisk(txn)) {
        this.#acknowledged.delete(txn);
        continue;
      }
      this.violation(
        2,
        `${by} goes on at ${head?.seqno ?? 0n} without the acknowledged ${txn.uuid}:${txn.seqno}`,
      );
      return;
    }
  }

  #isOnADisk(txn: Txn): boolean {
    return this.#simulation.machines.some(({ datadir }) => holds(datadir.head, txn));
  }

  spawned(machine: Machine, plan: SpawnPlan): void {
    if (plan.kind === "join") this.counts.joins++;
    const session = machine.session?.sessionId ?? null;
    for (const other of this.#starts.values()) {
      if (other.excused || other.machine === machine) continue;
      this.violation(3, `${machine.name} starts while ${other.machine.name} does`);
    }
    this.#starts.set(machine.name, {
      machine,
      session,
      excused: this.#hasJustLost(machine, session),
    });
  }

  /**
   * Between the last look and the spawn something can always happen, the more so to who stands still
   * there. Who stood still before it has looked since.
   */
  #hasJustLost(machine: Machine, session: bigint | null): boolean {
    const lostAtMs = session === null ? undefined : this.#lostAtMs.get(session);
    return lostAtMs !== undefined &&
      (this.#simulation.time.nowMs - lostAtMs < 100 ||
        machine.resumedAtMs > lostAtMs && machine.resumedAtMs >= machine.spawnsAtMs);
  }

  gone(machine: Machine): void {
    this.#starts.delete(machine.name);
  }

  sessionEnded(session: bigint): void {
    this.#lostAtMs.set(session, this.#simulation.time.nowMs);
    for (const start of this.#starts.values()) {
      if (start.session === session) start.excused = true;
    }
  }

  written({ changes }: Transaction): void {
    for (const { path, after, before } of changes) {
      if (path === "/mariadb/cluster" && after !== null) this.#clusterWritten(after.data);
      if (path.startsWith("/mariadb/nodes/") && after !== null && before === null) {
        const address = path.slice("/mariadb/nodes/".length);
        const registered = this.#simulation.machines.find((one) => one.address === address);
        // A write that was under way may arrive after its member lost its disk.
        if (registered?.server?.alive) this.excuses.isWhole(registered.name);
        for (const { machine } of this.#starts.values()) {
          if (machine.address === address) this.#starts.delete(machine.name);
        }
      }
      if (path.startsWith("/mariadb/bootstrap/") && before === null && after !== null) {
        this.#lostAtMs.delete(after.stat.ephemeralOwner);
      }
      // Whoever loses the lock by another's hand is no longer alone.
      if (path.startsWith("/mariadb/bootstrap/") && after === null && before !== null) {
        this.#lostAtMs.set(before.stat.ephemeralOwner, this.#simulation.time.nowMs);
        for (const start of this.#starts.values()) {
          if (start.session === before.stat.ephemeralOwner) start.excused = true;
        }
      }
    }
  }

  #clusterWritten(data: Uint8Array): void {
    let cluster: { phase?: unknown; uuid?: unknown };
    try {
      cluster = JSON.parse(new TextDecoder().decode(data));
    } catch {
      return; // Junk, a test's.
    }
    if (cluster.phase !== "running" || typeof cluster.uuid !== "string") return;
    if (this.excuses.lostWithDiskAndRecord && !this.#uuids.has(cluster.uuid)) {
      const isLeft = this.#simulation.machines.some(({ datadir }) =>
        datadir.head !== null && this.#uuids.has(datadir.head.uuid)
      );
      if (!isLeft) this.#uuids.clear();
    }
    this.#uuids.add(cluster.uuid);
    if (this.#uuids.size > 1) {
      this.violation(1, `a second cluster is running: ${[...this.#uuids].join(", ")}`);
    }
  }

  // What it looks at ------------------------------------------------------------------------------

  /** After every step. */
  look(): void {
    const serving = new Map<Component, string>();
    for (const { component, name, alive, phase } of this.#simulation.galera.running) {
      if (component === null || !component.primary || component.frozen) continue;
      if (alive && phase === "synced") serving.set(component, name);
    }
    if (serving.size > 1) {
      this.violation(1, `several primary components serve: ${[...serving.values()].join(", ")}`);
    }
  }

  /** Whether a member's registration is there, by a session that lives. */
  isRegistered(machine: Machine): boolean {
    const node = this.#simulation.ensemble.settled.tree.get(`/mariadb/nodes/${machine.address}`);
    return node !== null && node.stat.ephemeralOwner === machine.session?.sessionId;
  }

  /** In the end, with all Primary: every copy holds all that was acknowledged. */
  end(): void {
    for (const { name, server } of this.#simulation.machines) {
      this.#checkNothingIsLost(server?.lastOrdered ?? null, name);
    }
  }

  /**
   * In the end, when not all are Primary: whoever is not waits for a person, and for a reason.
   *
   * @returns The excuse, where there is one.
   */
  notAllPrimary(): string | null {
    const excuse = this.excuses.waitForPerson;
    const waiting = this.#simulation.machines.map(({ member }) => member!.progress.status);
    const person = waiting.some(({ decision, stage }) =>
      stage === "waiting" && decision?.kind === "wait" && decision.person !== null
    );
    if (excuse !== null && person) return excuse;
    this.violation(4, `not all are Primary in the end:\n${this.#simulation.summary}`);
    return null;
  }

  /** A member decided something. */
  decided(kind: string, rule: number): void {
    const key = `rule ${rule}: ${kind}`;
    this.decisions.set(key, (this.decisions.get(key) ?? 0) + 1);
  }

  /** A person had the cluster go on with a history: what is not in it may be lost. */
  excuseForced(head: Txn | null, why: string): void {
    this.#simulation.note(`Excused: ${why}, what lies beyond ${head?.seqno ?? 0n}`);
    this.#acknowledged = new Set([...this.#acknowledged].filter((txn) => holds(head, txn)));
  }

  /** A new cluster is expected. */
  excuseNewCluster(why: string): void {
    this.#simulation.note(`Excused: ${why}`);
    this.#uuids.clear();
    this.#acknowledged = new Set();
  }
}

function namesOf(component: Component): string {
  return component.members.map(({ name }) => name).join(", ");
}
