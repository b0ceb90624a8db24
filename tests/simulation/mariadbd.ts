/** One `mariadbd` in memory: its start, its state transfers, its commits, its end. */
import type {
  ExitStatus,
  SpawnPlan,
  TransferSeen,
  ViewMember,
  WsrepStatus,
} from "../../lib/mariadb/database.ts";
import { AT_REST } from "./wsrep_status.ts";
import type { SimDatadir } from "./datadir.ts";
import type { Component, Galera } from "./galera.ts";
import { holds, type Txn } from "./history.ts";

type Phase =
  /** It reads its datadir; it does not answer. */
  | "starting"
  /** It looks for members that are in; it does not answer. */
  | "connecting"
  /** It waits for, or gets, a state; after an IST began it answers. */
  | "joining"
  | "synced"
  | "stopping"
  | "gone";

/** Galera's `pc.wait_prim_timeout`. */
const WAIT_PRIM_MS = 30_000;

/** One server process. */
export class Mariadbd {
  readonly name: string;
  readonly address: string;
  readonly datadir: SimDatadir;
  readonly plan: SpawnPlan;
  readonly pid: number;
  /** The addresses that it looks for members at. */
  readonly knows: Set<string>;
  component: Component | null = null;
  /** The last primary view that it was in. */
  lastPrimary: Component | null = null;
  phase: Phase = "starting";
  writable: boolean;
  /** SIGSTOP, or its machine stands still. */
  paused = false;
  /** A fault: it aborts when it starts, Galera's mark in grastate.dat being made. */
  aborts = false;
  /** A fault: its SST never moves on. */
  transferHangs = false;
  /** How far apart the chunks of its SST come. */
  chunkMs = 200;
  donor: Mariadbd | null = null;
  readonly exited: Promise<ExitStatus>;
  readonly #galera: Galera;
  readonly #settleExit: (status: ExitStatus) => void;
  /** Ordered, not applied yet. */
  #queue: { readonly txn: Txn; readonly atMs: number }[] = [];
  #appliedAtMs = 0;
  #wasInPrimary = false;
  #wasSynced = false;
  #bytes = 0;
  #transfer = 0;
  /** The last state transfer that it was given, as its keeper sees it. */
  #seen: TransferSeen | null = null;
  #seenSinceMs = 0;
  #answers = false;
  #gcacheFrom = 0n;
  /** What an SST under way has overwritten. */
  #torn: Txn | null = null;

  constructor(
    galera: Galera,
    who: { readonly name: string; readonly address: string; readonly pid: number },
    datadir: SimDatadir,
    plan: SpawnPlan,
  ) {
    this.#galera = galera;
    this.name = who.name;
    this.address = who.address;
    this.pid = who.pid;
    this.datadir = datadir;
    this.plan = plan;
    this.writable = plan.kind !== "bootstrap";
    this.knows = new Set(plan.kind === "join" ? plan.donors : []);
    const exited = Promise.withResolvers<ExitStatus>();
    this.exited = exited.promise;
    this.#settleExit = exited.resolve;
    this.#after(this.#galera.random.between(150, 700), () => this.#start());
  }

  /** Its name in the group communication. */
  get gcommUuid(): string {
    return `${this.name}-${this.pid}`;
  }

  get alive(): boolean {
    return this.phase !== "gone";
  }

  /** The last transaction that it has applied. */
  get head(): Txn | null {
    this.#apply();
    return this.datadir.head;
  }

  /** Time passes for it only while it is not paused. */
  #after(ms: number, run: () => void): void {
    this.#galera.time.after(ms, () => {
      if (!this.alive) return;
      if (this.paused) this.#after(200, run);
      else run();
    });
  }

  #start(): void {
    if (this.phase !== "starting") return;
    const { plan, datadir } = this;
    datadir.seqnoIsWritten = false;
    if (this.aborts) return this.#exit(134, "aborting");
    if (plan.kind === "plain") {
      this.phase = "synced";
      this.#answers = true;
      return;
    }
    if (plan.kind === "join") return this.#connect(this.#galera.time.nowMs + WAIT_PRIM_MS);
    if (datadir.kind === "empty" || datadir.torn) {
      return this.#exit(1, "cannot start on this datadir");
    }
    const { startPosition } = plan;
    const uuid = startPosition?.uuid ?? this.#galera.random.uuid();
    if (startPosition !== null && (datadir.head?.seqno ?? 0n) !== startPosition.seqno) {
      this.#galera.events.diverged(
        this,
        "bootstrapped with a start position that it does not hold",
      );
    }
    datadir.kind = "data";
    datadir.uuid = uuid;
    if (startPosition === null) datadir.head = null;
    this.#gcacheFrom = datadir.head?.seqno ?? 0n;
    this.#appliedAtMs = this.#galera.time.nowMs;
    this.phase = "synced";
    this.#answers = true;
    this.#wasInPrimary = true;
    this.#galera.bootstrap(this, uuid, datadir.head);
  }

  #connect(untilMs: number): void {
    if (this.phase !== "starting" && this.phase !== "connecting") return;
    const { time, running, linked } = {
      time: this.#galera.time,
      running: this.#galera.running,
      linked: (address: string) => this.#galera.linked(this.address, address),
    };
    this.phase = "connecting";
    const isThere = running.some((one) =>
      this.knows.has(one.address) && linked(one.address) && !one.paused
    );
    if (isThere) {
      this.phase = "joining";
      this.#galera.enter(this);
      this.#after(untilMs - time.nowMs, () => {
        if (!this.#wasInPrimary && this.component?.primary !== true) {
          this.#exit(1, "failed to reach primary view (pc.wait_prim_timeout)");
        }
      });
    } else if (time.nowMs > untilMs) this.#exit(1, "failed to open gcomm backend connection: 110");
    else this.#after(500, () => this.#connect(untilMs));
  }

  // Replication ----------------------------------------------------------------------------------

  /** Whether it has all that a component had ordered before its present view. */
  isIn(component: Component): boolean {
    if (this.phase !== "synced" || this.datadir.uuid !== component.uuid) return false;
    return (this.#queue.at(-1)?.txn ?? this.datadir.head) === component.head;
  }

  /**
   * It is in a primary view and has all of it. Galera notes in grastate.dat whether it is the only one,
   * and leaves that when it ends, whichever way (seen with 10.11: alone it says 1 while it runs, after
   * kill -9 and after a start that aborted; of two or more none does, nor one without quorum).
   */
  noteView(members: number): void {
    this.datadir.safeToBootstrap = members === 1;
  }

  /** A transaction of its view was ordered. */
  receive(txn: Txn): void {
    const { random, time } = this.#galera;
    this.#appliedAtMs = Math.max(
      this.#appliedAtMs,
      time.nowMs + random.between(0, this.#galera.slowMs(this.address)),
    );
    this.#queue.push({ txn, atMs: this.#appliedAtMs });
  }

  #apply(): void {
    if (this.phase === "stopping" ? !this.#wasSynced : this.phase !== "synced") return;
    if (this.paused) return;
    while (this.#queue.length > 0 && this.#queue[0]!.atMs <= this.#galera.time.nowMs) {
      this.datadir.head = this.#queue.shift()!.txn;
    }
  }

  /** A client commits; it learns of it when this server has applied it. */
  commit(): boolean {
    this.#apply();
    if (this.phase !== "synced" || this.paused || !this.writable || this.plan.kind === "plain") {
      return false;
    }
    return this.#galera.send(this, (txn) => {
      this.#galera.time.after(this.#appliedAtMs - this.#galera.time.nowMs, () => {
        if (!this.alive || this.paused) return;
        this.#apply();
        if (holds(this.datadir.head, txn)) this.#galera.events.acknowledged(txn, this);
      });
    });
  }

  /** Lets clients in. */
  makeWritable(): void {
    this.writable = true;
    this.#galera.events.writable(this);
  }

  // State transfers ------------------------------------------------------------------------------

  /**
   * It is in a primary component whose state it lacks.
   *
   * @param seqno Where the component was before its present view.
   */
  startTransfer(component: Component, seqno: bigint): void {
    this.#wasInPrimary = true;
    if (this.phase === "stopping") return;
    const wasRunning = this.phase === "synced";
    // What was ordered in its last view it has; what it then missed it gets.
    if (wasRunning) this.datadir.head = this.lastOrdered;
    this.#queue = [];
    this.phase = "joining";
    const number = ++this.#transfer;
    const held = this.#position();
    if (held !== null && held.uuid === component.uuid && held.seqno > seqno) {
      return this.#exit(134, "Reversing history: it has applied more than the component");
    }
    const inMs = this.#galera.random.between(50, 400);
    this.#after(inMs, () => this.#choose(number, wasRunning));
  }

  #position(): { readonly uuid: string; readonly seqno: bigint } | null {
    const { datadir, plan } = this;
    if (datadir.kind !== "data" || datadir.torn || datadir.uuid === null) return null;
    // Without a start position Galera asks for a full SST.
    if (plan.kind === "join" && plan.startPosition === null && !this.#answers) return null;
    return { uuid: datadir.uuid, seqno: datadir.head?.seqno ?? 0n };
  }

  /** Looks for a donor until there is one. */
  #choose(number: number, wasRunning: boolean): void {
    if (this.phase !== "joining" || number !== this.#transfer) return;
    const again = () => this.#after(500, () => this.#choose(number, wasRunning));
    if (this.component?.primary !== true || this.component.frozen) return again();
    if (this.component.members.length === 1) {
      // Galera's EHOSTUNREACH; with other members in, though not Synced, it goes on asking.
      return this.#exit(1, "State transfer request failed unrecoverably: 113");
    }
    const donor = this.component.members.find((one) =>
      one !== this && one.phase === "synced" && !one.paused
    );
    if (donor === undefined) return again();
    this.donor = donor;
    const held = this.#position();
    const incremental = held !== null && held.uuid === this.component.uuid &&
      held.seqno >= donor.#gcacheFrom;
    this.#see(incremental ? "IST" : "SST", donor.name);
    if (incremental) {
      const inMs = this.#galera.random.between(100, 1200);
      return this.#after(inMs, () => this.#finish(donor, number, donor.lastOrdered, "IST"));
    }
    if (wasRunning) return this.#exit(1, "needs an SST and cannot take one while it runs");
    this.#torn = this.datadir.head;
    this.datadir.tear();
    this.#answers = false;
    this.#sst(donor, number, this.#galera.random.between(5, 40));
  }

  #sst(donor: Mariadbd, number: number, chunks: number): void {
    if (this.phase !== "joining" || number !== this.#transfer) return;
    if (this.transferHangs) return this.#after(1000, () => this.#sst(donor, number, chunks));
    const broken = !donor.alive || donor.phase !== "synced" ||
      !this.#galera.linked(this.address, donor.address);
    if (broken) {
      // Whether the donor is still a member is for the primary component to say: without one Galera,
      // and rsync's daemon, wait on, silent.
      if (this.component?.primary !== true) {
        return this.#after(1000, () => this.#sst(donor, number, chunks));
      }
      return this.#exit(1, "SST failed: the donor is gone");
    }
    this.#bytes += 100_000;
    if (this.#seen !== null) {
      const done = this.#seen.done + 100_000;
      this.#seen = { ...this.#seen, done, total: done + chunks * 100_000 };
    }
    if (chunks > 0) return this.#after(this.chunkMs, () => this.#sst(donor, number, chunks - 1));
    this.#finish(donor, number, donor.lastOrdered, "SST");
  }

  /** All that it was told of, applied or not. */
  get lastOrdered(): Txn | null {
    return this.#queue.at(-1)?.txn ?? this.datadir.head;
  }

  /** It has the donor's state; what was ordered since then follows. */
  #finish(donor: Mariadbd, number: number, head: Txn | null, how: "IST" | "SST"): void {
    if (this.phase !== "joining" || number !== this.#transfer) return;
    const component = this.component;
    if (component === null || !component.primary || !donor.alive || donor.phase !== "synced") {
      if (how === "SST") return this.#exit(1, "SST failed: the primary component is gone");
      return this.#after(500, () => this.#choose(number, false));
    }
    const { datadir } = this;
    if (how === "IST" && datadir.head !== null && !holds(head, datadir.head)) {
      this.#galera.events.diverged(this, "an IST went on from another branch of the history");
    }
    datadir.kind = "data";
    datadir.torn = false;
    datadir.uuid = component.uuid;
    datadir.head = head;
    datadir.safeToBootstrap = false;
    if (how === "SST") this.#gcacheFrom = head?.seqno ?? 0n;
    this.#queue = this.#queue.filter(({ txn }) => head === null || txn.seqno > head.seqno);
    this.#appliedAtMs = this.#galera.time.nowMs;
    this.#queue = this.#queue.map(({ txn }) => ({ txn, atMs: this.#appliedAtMs }));
    this.phase = "synced";
    this.#answers = true;
    this.#endTransfer(null);
    this.#galera.events.writable(this);
    this.#galera.events.note(
      `${this.name}: ${how} from ${donor.name} done, at ${head?.seqno ?? 0n}`,
    );
  }

  // Its end --------------------------------------------------------------------------------------

  /** SIGTERM. */
  terminate(): void {
    if (this.phase === "gone" || this.phase === "stopping") return;
    const was = this.phase;
    this.#apply();
    this.#wasSynced = was === "synced";
    this.phase = "stopping";
    const inMs = this.#galera.random.chance(0.1)
      ? this.#galera.random.between(1000, 8000)
      : this.#galera.random.between(40, 400);
    this.#after(inMs, () => this.#leave());
  }

  #leave(): void {
    // What it was told of it applies before it goes.
    if (this.#wasSynced) {
      this.datadir.head = this.lastOrdered;
      this.datadir.seqnoIsWritten = true;
    }
    this.#gone({ code: 0, signal: null, lastErrors: [] }, true);
  }

  /** kill -9. */
  kill(): void {
    this.#apply();
    this.#gone({ code: null, signal: "SIGKILL", lastErrors: [] }, false);
  }

  #exit(code: number, why: string): void {
    this.#galera.events.note(`${this.name}: mariadbd exits ${code}: ${why}`);
    this.#apply();
    this.#gone({ code, signal: null, lastErrors: [why] }, false);
  }

  #gone(status: ExitStatus, inOrder: boolean): void {
    if (!this.alive) return;
    this.#endTransfer("mariadbd has exited");
    if (this.datadir.torn) this.#galera.events.torn(this, this.#torn !== null);
    this.phase = "gone";
    this.#queue = [];
    this.#galera.leave(this, inOrder);
    this.#settleExit(status);
    for (const listener of this.onGone) listener(status);
  }

  readonly onGone: ((status: ExitStatus) => void)[] = [];

  // What it tells --------------------------------------------------------------------------------

  status(): WsrepStatus | null {
    if (!this.alive || !this.#answers || this.paused) return null;
    const primary = this.component?.primary ?? false;
    const synced = this.phase === "synced" && primary;
    return {
      primary,
      ready: synced,
      connected: this.component !== null,
      synced,
      localState: synced ? 4 : primary ? 1 : 0,
      localStateComment: synced ? "Synced" : "Initialized",
      clusterUuid: this.component?.uuid ?? this.datadir.uuid ?? "",
      lastCommitted: this.head?.seqno ?? -1n,
      clusterSize: this.component?.members.length ?? 0,
      ...AT_REST,
      letsClientsIn: this.writable,
    };
  }

  viewMembers(): readonly ViewMember[] {
    if (!this.alive || !this.#answers || this.paused) return [];
    return (this.component?.members ?? []).map(({ name, address, gcommUuid }) => ({
      name,
      address,
      gcommUuid,
    }));
  }

  #see(kind: TransferSeen["kind"], peer: string): void {
    this.#seenSinceMs = this.#galera.time.nowMs;
    this.#seen = {
      number: this.#transfer,
      kind,
      role: "joiner",
      peer,
      done: 0,
      total: 1,
      phase: null,
      elapsedMs: 0,
      hasEnded: false,
      failure: null,
    };
  }

  #endTransfer(failure: string | null): void {
    if (this.#seen?.hasEnded !== false) return;
    this.#seen = { ...this.#seen, elapsedMs: this.#elapsedMs, hasEnded: true, failure };
  }

  get #elapsedMs(): number {
    return this.#galera.time.nowMs - this.#seenSinceMs;
  }

  /** The state transfer that goes on, else the last one. */
  transfer(): TransferSeen | null {
    if (this.#seen === null || this.#seen.hasEnded) return this.#seen;
    return { ...this.#seen, elapsedMs: this.#elapsedMs };
  }

  get transferredBytes(): number {
    return this.#bytes;
  }
}
