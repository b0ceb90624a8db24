/**
 * The guarantees, checked after every step. It shares no code with what it checks: it looks at the
 * ensemble's znodes, at the servers and at the transactions themselves.
 */
import type { SpawnPlan } from "../../lib/mariadb/database.ts";
import { Excuses } from "./excuses.ts";
import type { Transaction } from "./tree.ts";
import type { SimDatadir } from "./datadir.ts";
import type { Component } from "./galera.ts";
import { holds, transactions, type Txn } from "./history.ts";
import type { Machine } from "./machine.ts";
import type { Mariadbd } from "./mariadbd.ts";
import type { SimSession } from "./session.ts";
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
  /** Members whose datadir was replaced, who have not told of it since: nobody can know what is there. */
  readonly #unseen = new Set<Machine>();
  /** Cluster UUIDs that were on record as running. */
  readonly #uuids = new Set<string>();
  /** A cluster that came to serve is on record, and has been since. */
  #wasOnRecord = false;
  /** Why the bootstrap that is on record, and not finished, may go without what others hold. */
  #begun: { readonly by: Machine; readonly excuse: string } | null = null;
  /** Primary components by a start that others could not wait for; nobody writes there. */
  readonly #unproven = new Set<Component>();
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
    if (from === "bootstrap") {
      this.counts.bootstraps++;
      const start = [...this.#starts.values()].find(({ machine }) =>
        machine.server === component.members[0]
      );
      // It stood still between its last look and the spawn: what counts is whether it takes writes.
      if (start?.excused && !component.members[0]!.writable) {
        this.#unproven.add(component);
        return;
      }
      this.#bootstrapped(component);
    }
    this.#checkIsAlone(component);
  }

  /** A server takes writes from now on. */
  writable({ component }: Mariadbd): void {
    if (component === null || !this.#unproven.delete(component)) return;
    this.#bootstrapped(component);
    this.#checkIsAlone(component);
  }

  #checkIsAlone(component: Component): void {
    const other = this.#simulation.galera.running.map((one) => one.component).find((one) =>
      one !== null && one !== component && one.primary && !one.frozen &&
      !this.#unproven.has(one) &&
      !one.members.some((member) => component.members.includes(member))
    );
    if (other && !this.excuses.isBegunAnew) {
      this.violation(1, `two primary components: ${namesOf(component)} and ${namesOf(other)}`);
    }
  }

  #bootstrapped(component: Component): void {
    const by = this.#simulation.machines.find(({ server }) => server === component.members[0]);
    const excuse = by === undefined
      ? null
      : this.#excuseOfBegun(by) ?? this.#excuseOf(by, component.uuid);
    if (excuse === null) return this.#checkNothingIsLost(component.head, namesOf(component));
    this.#simulation.note(`Excused: a cluster begins anew: ${excuse}`);
    const history = new Set(transactions(component.head));
    this.#acknowledged = new Set([...this.#acknowledged].filter((txn) => history.has(txn)));
    this.excuses.begunAnew();
  }

  /** The same of what a member began before; another one's start is not excused by it. */
  #excuseOfBegun(machine: Machine): string | null {
    return this.#begun?.by === machine ? this.#begun.excuse : null;
  }

  /** Why a member may begin a cluster though others may hold data; null where it may not. */
  #excuseOf(machine: Machine, uuid: string | null): string | null {
    const { machines, storage } = this.#simulation;
    if (this.#wasOnRecord && storage === "persistent") return null;
    if (this.#onRecord("cluster")?.forced === true) {
      return "a person had it begin while no cluster was on record";
    }
    // Who was taken away and has reported is counted, too.
    const { removed } = this.#simulation;
    const counted = removed.filter(({ name }) => this.#onRecord(`members/${name}`) !== null);
    return this.excuses.beginning(machine, uuid, machines.length + counted.length, storage);
  }

  /** What a znode says; null where there is none. */
  #onRecord(path: string): Record<string, unknown> | null {
    const data = this.#simulation.ensemble.settled.tree.get(`/mariadb/${path}`)?.data;
    return data === undefined ? null : JSON.parse(new TextDecoder().decode(data));
  }

  /** Whose turn to restart it is; null where nobody's. */
  nextInTurn(): string | null {
    const asked = this.#onRecord("control/requests/current") as
      | {
        readonly kind: string;
        readonly members: readonly string[];
        readonly done: readonly string[];
        readonly current: { readonly member: string } | null;
        readonly failed: object | null;
        readonly canceled: string | null;
      }
      | null;
    if (asked?.kind !== "restart" || asked.failed !== null || asked.canceled !== null) return null;
    return asked.current?.member ??
      asked.members.find((name) => !asked.done.includes(name)) ?? null;
  }

  /** Whether a history holds all that clients were told of. */
  #checkNothingIsLost(head: Txn | null, by: string): void {
    const history = new Set(transactions(head));
    for (const txn of this.#acknowledged) {
      if (history.has(txn)) continue;
      if (this.#isGone(txn)) {
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

  /** Whether a member holds it of whom there is a record now. */
  #isOnRecordedDisk(txn: Txn): boolean {
    return this.#simulation.machines.some(({ name, datadir }) =>
      this.#onRecord(`members/${name}`) !== null && holds(datadir.head, txn)
    );
  }

  /** Whether no disk holds it that has to be reckoned with, and that is excused. */
  #isGone(txn: Txn): boolean {
    return this.#simulation.storage === "ephemeral"
      ? !this.#isOnRecordedDisk(txn)
      : this.excuses.mayBeGone(txn) && !this.#isOnADisk(txn);
  }

  /** What is gone when a cluster is about to go on is so for good: a copy of it that is put back comes late. */
  #giveUpWhatIsGone(head: Txn | null): void {
    const history = new Set(transactions(head));
    for (const txn of this.#acknowledged) {
      if (!history.has(txn) && this.#isGone(txn)) this.#acknowledged.delete(txn);
    }
  }

  /** Whether it is on a disk that the cluster can know of. */
  #isOnADisk(txn: Txn): boolean {
    const { machines, everyMachine } = this.#simulation;
    const known = this.excuses.lostWithDiskAndRecord ? machines : everyMachine;
    return known.some((machine) => {
      const { server, datadir } = machine;
      return holds(datadir.head, txn) && !this.#unseen.has(machine) ||
        (server?.alive && holds(server.lastOrdered, txn));
    });
  }

  /**
   * A machine's datadir is about to be replaced by another one. What only it held may be gone where
   * its record cannot tell the two apart: the member died running on it, or has no record.
   */
  overwritten(machine: Machine, by: SimDatadir, how: string): void {
    this.#unseen.add(machine);
    this.excuses.copyLost(machine.name, how);
    if (by.safeToBootstrap && by.seqnoIsWritten) this.excuses.safeCopy(machine.name);
    const record = this.#onRecord(`members/${machine.name}`);
    if (record !== null) {
      const data = record.data as { readonly kind?: unknown };
      const sameId = record.datadirId === "unknown" ||
        record.datadirId === by.identity?.datadirId;
      if (data.kind !== "running" || !sameId) return;
    }
    const kept = new Set(transactions(by.head));
    for (const head of [machine.datadir.head, ...machine.datadir.lost]) {
      for (const txn of transactions(head)) if (!kept.has(txn)) this.excuses.overwritten(txn);
    }
  }

  spawned(machine: Machine, plan: SpawnPlan): void {
    if (plan.kind === "join") this.counts.joins++;
    else this.#giveUpWhatIsGone(machine.datadir.head);
    const session = machine.session?.sessionId ?? null;
    const excused = this.#hasJustLost(machine, session);
    for (const other of this.#starts.values()) {
      if (excused || other.excused || other.machine === machine) continue;
      this.violation(3, `${machine.name} starts while ${other.machine.name} does`);
    }
    this.#starts.set(machine.name, { machine, session, excused });
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
      for (const machine of this.#unseen) {
        const contends = path.startsWith("/mariadb/bootstrap/") && after !== null &&
          after.stat.ephemeralOwner === machine.session?.sessionId;
        if (contends || path === `/mariadb/members/${machine.name}`) this.#unseen.delete(machine);
      }
      if (path === "/mariadb/cluster") {
        if (after === null) {
          this.#wasOnRecord = false;
          this.#begun = null;
        } else this.#clusterWritten(after.data);
      }
      if (path.startsWith("/mariadb/nodes/") && after !== null && before === null) {
        const registered = this.#simulation.everyMachine.find(({ session }) =>
          session?.sessionId === after.stat.ephemeralOwner
        );
        // A write that was under way may arrive after its member lost its disk.
        if (registered?.server?.alive) {
          this.excuses.isWhole(registered.name);
          this.#starts.delete(registered.name);
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
    let cluster: { phase?: unknown; uuid?: unknown; by?: unknown };
    try {
      cluster = JSON.parse(new TextDecoder().decode(data));
    } catch {
      return; // Junk, a test's.
    }
    const by = this.#simulation.machines.find(({ name }) => name === cluster.by);
    if (cluster.phase === "bootstrapping" && by !== undefined) {
      // It was decided then: when it goes on after a crash it may have been told of more members.
      const excuse = this.#excuseOfBegun(by) ?? this.#excuseOf(by, by.datadir.uuid);
      this.#begun = excuse === null ? null : { by, excuse };
    }
    if (cluster.phase !== "running" || typeof cluster.uuid !== "string") return;
    if (this.excuses.lostWithDiskAndRecord && !this.#uuids.has(cluster.uuid)) {
      const isLeft = this.#simulation.machines.some(({ datadir }) =>
        datadir.head !== null && this.#uuids.has(datadir.head.uuid)
      );
      if (!isLeft) {
        const away = this.#simulation.removed.filter(({ datadir }) =>
          datadir.head !== null && this.#uuids.has(datadir.head.uuid)
        );
        for (const { name } of away) this.excuses.leftOut(name);
        this.#uuids.clear();
      }
    }
    if (this.#simulation.storage === "ephemeral" && !this.#isPrimaryAnywhere(cluster.uuid)) {
      this.#uuids.clear();
    }
    const begun = by === undefined ? null : this.#excuseOfBegun(by);
    this.#begun = null;
    if (by !== undefined && !this.#uuids.has(cluster.uuid)) {
      const excuse = begun ?? this.#excuseOf(by, cluster.uuid);
      if (excuse !== null) this.#uuids.clear();
    }
    this.#wasOnRecord = true;
    this.#uuids.add(cluster.uuid);
    if (this.#uuids.size > 1 && !this.excuses.isBegunAnew) {
      this.violation(1, `a second cluster is running: ${[...this.#uuids].join(", ")}`);
    }
  }

  /** Whether a cluster with another UUID has a primary component. */
  #isPrimaryAnywhere(but: string): boolean {
    return this.#simulation.galera.running.some(({ component }) =>
      component !== null && component.primary && component.uuid !== but
    );
  }

  // What it looks at ------------------------------------------------------------------------------

  /** After every step. */
  look(): void {
    const serving = new Map<Component, string>();
    for (const { component, name, alive, phase } of this.#simulation.galera.running) {
      if (component === null || !component.primary || component.frozen) continue;
      if (this.#unproven.has(component)) continue;
      if (alive && phase === "synced") serving.set(component, name);
    }
    if (serving.size > 1 && !this.excuses.isBegunAnew) {
      this.violation(1, `several primary components serve: ${[...serving.values()].join(", ")}`);
    }
  }

  /** Whether a member's registration is there, by a session that lives. */
  isRegistered(address: string, session: SimSession | null): boolean {
    const node = this.#simulation.ensemble.settled.tree.get(`/mariadb/nodes/${address}`);
    return node !== null && node.stat.ephemeralOwner === session?.sessionId;
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
    const { machines, summary } = this.#simulation;
    const waiting = machines.filter((one) => !this.#simulation.isPrimary(one));
    const excuses = waiting.map((one) => this.#excuseOfWait(one, []));
    const all = new Set(excuses);
    if (!all.has(null)) return [...all].join(", ");
    this.violation(4, `not all are Primary in the end:\n${summary}`);
    return null;
  }

  /** Why a member may wait; it waits for itself, for a person, or for others, which have to be excused. */
  #excuseOfWait(machine: Machine, before: readonly Machine[]): string | null {
    const { machines, removed } = this.#simulation;
    const { stage, decision } = machine.member!.progress.status;
    if (stage !== "waiting" || decision?.kind !== "wait") return null;
    const { waitsFor, person } = decision;
    const { gone, isBegunAnew, lostWithDiskAndRecord } = this.excuses;
    for (const name of waitsFor) {
      if (person !== null && gone.has(name)) return gone.get(name)!;
      if (person !== null && removed.some((one) => one.name === name)) {
        return "a member was taken away and its data may be newest";
      }
      const other = machines.find((one) => one.name === name);
      const seen = [...before, machine];
      const excuse = other === undefined || seen.includes(other)
        ? null
        : this.#excuseOfWait(other, seen);
      if (excuse !== null) return excuse;
    }
    if (isBegunAnew) return "a cluster began anew, as --size or a stranger's data had it";
    const isApart = /different bootstraps|does not say which bootstrap/.test(decision.reason);
    if (isApart && person !== null && lostWithDiskAndRecord) {
      return "a bootstrap is known to no copy that is left";
    }
    if (waitsFor.length > 0) return null;
    if (person?.includes("--size N")) return "nobody said --size";
    if (person !== null) return gone.get(machine.name) ?? [...gone.values()][0] ?? null;
    const isOnRecord = this.#onRecord("cluster") !== null &&
      this.#simulation.storage === "persistent";
    const tooMany = (machine.sizeInForce ?? 0) > machines.length;
    return !isOnRecord && tooMany ? "--size says more than there are" : null;
  }

  /** A member decided something. */
  decided(kind: string, rule: number): void {
    const key = `rule ${rule}: ${kind}`;
    this.decisions.set(key, (this.decisions.get(key) ?? 0) + 1);
  }

  /**
   * A person was told what may be lost, and goes on: exactly that is excused.
   *
   * @param losses The sentences of the plan.
   * @param without Members that the cluster reckons no more with: what they hold that nobody was
   * told of keeps them out, too.
   * @returns Takes it back, where the plan was not carried out.
   */
  mayLose(losses: readonly string[], without: readonly string[]): () => void {
    const lost = [...this.#acknowledged].filter((txn) => losses.some((one) => speaksOf(one, txn)));
    for (const txn of lost) this.#acknowledged.delete(txn);
    for (const { name } of this.#simulation.everyMachine) {
      const isNamed = losses.some((loss) => new RegExp(`\\b${name}\\b`).test(loss));
      if (isNamed || without.includes(name)) this.excuses.leftBehind(name);
    }
    return () => {
      for (const txn of lost) this.#acknowledged.add(txn);
    };
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

/** Whether a sentence says that a transaction may be lost. */
function speaksOf(loss: string, { uuid, seqno }: Txn): boolean {
  const range = /^Transactions (\d+) to (\d+) of (\S+), which /.exec(loss);
  if (range !== null) {
    return range[3] === uuid && seqno >= BigInt(range[1]!) && seqno <= BigInt(range[2]!);
  }
  const after = /^Whatever \S+ committed(?: after (\S+):(\d+))?: /.exec(loss);
  if (after?.[1] !== undefined) return after[1] === uuid && seqno > BigInt(after[2]!);
  return after !== null || /^Whatever \S+ holds: /.test(loss);
}

function namesOf(component: Component): string {
  return component.members.map(({ name }) => name).join(", ");
}
