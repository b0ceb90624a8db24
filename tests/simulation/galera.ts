/**
 * Galera in memory: who hears whom, views, quorum, the one order of all commits. A server of it is in
 * `mariadbd.ts`.
 *
 * A transaction is ordered once it has reached every member of the view (Galera sends write sets with
 * EVS's safe order), though each applies it later. What has reached only some is ordered when the
 * others have got it again, or with the next view by those that have it; a view without quorum drops it.
 */
import type { VirtualTime } from "./clock.ts";
import { next, type Txn } from "./history.ts";
import type { Mariadbd } from "./mariadbd.ts";
import type { Random } from "./random.ts";

/** A view: servers that hear each other. */
export interface Component {
  readonly members: readonly Mariadbd[];
  readonly primary: boolean;
  readonly uuid: string | null;
  /** The last transaction that was ordered. */
  head: Txn | null;
  /** Somebody is not heard: nothing is ordered until the next view. */
  frozen: boolean;
  /** The members that left in order. */
  readonly left: Set<Mariadbd>;
  /** What was sent and has not reached all. */
  readonly sent: Message[];
  /** Counts the primary views of a history. */
  readonly number: number;
}

/** A client's transaction on its way. */
interface Message {
  readonly from: Mariadbd;
  readonly reached: ReadonlySet<Mariadbd>;
  readonly ordered: (txn: Txn) => void;
}

/** Galera's `evs.suspect_timeout`. */
const SUSPECT_MS = 5000;

/** What the checker is told. */
export interface GaleraEvents {
  /** A primary component began, or went on with other members. */
  primary(component: Component, from: "bootstrap" | "quorum" | "restored"): void;
  /** A member took transactions of one branch for those of another. */
  diverged(server: Mariadbd, why: string): void;
  /** A client's commit was acknowledged. */
  acknowledged(txn: Txn, by: Mariadbd): void;
  /** A server takes writes from now on. */
  writable(server: Mariadbd): void;
  /** An SST did not finish; it may have begun over a copy. */
  torn(server: Mariadbd, hadCopy: boolean): void;
  note(text: string): void;
}

/** All servers and what connects them. */
export class Galera {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly events: GaleraEvents;
  readonly #running = new Set<Mariadbd>();
  /** Pairs of addresses that do not hear each other. */
  readonly #cut = new Set<string>();
  readonly #deaf = new Set<string>();
  /** Those that were deaf for so long that nobody reckons with them. */
  readonly #leftOut = new Set<string>();
  readonly #slowMs = new Map<string, number>();
  #settling = false;
  #number = 0;

  constructor(time: VirtualTime, random: Random, events: GaleraEvents) {
    this.time = time;
    this.random = random;
    this.events = events;
  }

  /** The servers that take part in the group communication. */
  get running(): readonly Mariadbd[] {
    return [...this.#running];
  }

  /** Cuts or heals the way between two addresses. */
  link(a: string, b: string, up: boolean): void {
    const key = [a, b].sort().join(" ");
    if (up) this.#cut.delete(key);
    else this.#cut.add(key);
    this.disturb();
  }

  /** Has a member fall behind with what is ordered, up to so many milliseconds. */
  slow(address: string, ms: number | null): void {
    if (ms === null) this.#slowMs.delete(address);
    else this.#slowMs.set(address, ms);
  }

  slowMs(address: string): number {
    return this.#slowMs.get(address) ?? 40;
  }

  linked(a: string, b: string): boolean {
    return !this.#cut.has([a, b].sort().join(" "));
  }

  /** A member gets none of the messages sent to it, though it is heard: after a while it is left out. */
  deafen(address: string): void {
    this.#deaf.add(address);
    this.time.after(SUSPECT_MS, () => {
      if (!this.#deaf.has(address)) return;
      this.#leftOut.add(address);
      this.disturb();
    });
  }

  /** It gets all again, also what it missed where it was not left out. */
  undeafen(address: string): void {
    this.#deaf.delete(address);
    if (this.#leftOut.delete(address)) return this.disturb();
    this.time.after(this.random.between(20, 500), () => {
      for (const { component } of this.#running) {
        if (component !== null) this.#retransmit(component);
      }
    });
  }

  /** All have got what was sent: it is ordered. */
  #retransmit(component: Component): void {
    const { frozen, members, sent } = component;
    if (frozen || members.some(({ address }) => this.#deaf.has(address))) return;
    for (const message of sent.splice(0)) this.#deliver(component, message, members);
  }

  #deliver(component: Component, { from, ordered }: Message, to: readonly Mariadbd[]): void {
    const txn = next(component.head, component.uuid!, from.name, "commit");
    component.head = txn;
    for (const one of to) one.receive(txn);
    if (to.includes(from) && from.alive) ordered(txn);
  }

  #hear(a: Mariadbd, b: Mariadbd): boolean {
    return !this.#leftOut.has(a.address) && !this.#leftOut.has(b.address) &&
      this.linked(a.address, b.address) && !a.paused && !b.paused &&
      (a.knows.has(b.address) || b.knows.has(a.address));
  }

  /** A server starts to take part. */
  enter(server: Mariadbd): void {
    this.#running.add(server);
    this.disturb(true);
  }

  /** A server begins a primary component of its own. */
  bootstrap(server: Mariadbd, uuid: string, head: Txn | null): void {
    this.#running.add(server);
    this.#view([server], { primary: true, uuid, head }, "bootstrap");
    this.disturb(true);
  }

  /** A server is gone; `inOrder` after it said so. */
  leave(server: Mariadbd, inOrder: boolean): void {
    if (!this.#running.delete(server)) return;
    const component = server.component;
    const others = component?.members.filter((one) => this.#running.has(one)) ?? [];
    // Whoever does not hear that it leaves takes it for lost.
    if (inOrder && others.every((one) => this.#hear(one, server))) component?.left.add(server);
    this.disturb(inOrder);
  }

  /** Somebody came, went, or is not heard: the views are looked at again. */
  disturb(quick = false): void {
    for (const server of this.#running) {
      const component = server.component;
      if (component === null || component.frozen) continue;
      const whole = component.members.every((one) =>
        one === server || (this.#running.has(one) && this.#hear(one, server))
      );
      if (!whole) component.frozen = true;
    }
    if (quick) this.time.after(this.random.between(20, 150), () => this.#settle());
    if (this.#settling) return;
    this.#settling = true;
    this.time.after(this.random.between(1500, 6000), () => {
      this.#settling = false;
      this.#settle();
    });
  }

  #settle(): void {
    const groups = this.#groups();
    for (const group of groups) {
      const component = group[0]!.component;
      const same = component !== null && component.members.length === group.length &&
        group.every((one) => one.component === component);
      if (same) {
        component.frozen = false;
        this.#retransmit(component);
      } else this.#form(group);
    }
  }

  /** Who hears whom, also through others. */
  #groups(): Mariadbd[][] {
    const rest = new Set(this.#running);
    const groups: Mariadbd[][] = [];
    for (const server of this.#running) {
      if (!rest.delete(server)) continue;
      const group = [server];
      for (const one of group) {
        for (const other of [...rest]) {
          if (!this.#hear(one, other)) continue;
          rest.delete(other);
          group.push(other);
        }
      }
      if (!server.paused) groups.push(group);
    }
    return groups;
  }

  /** A new view: primary where it has the quorum of one that was (gcomm's `pc_proto.cpp`). */
  #form(group: readonly Mariadbd[]): void {
    const before = new Set(group.map((one) => one.component).filter((one) => one !== null));
    const hasQuorum = [...before].filter((one) => one.primary && quorum(one, group));
    const best = hasQuorum.sort((a, b) => b.number - a.number)[0];
    if (best !== undefined) {
      const present = group.filter((one) => one.component === best);
      for (const message of best.sent.splice(0)) {
        // Whoever has it sends it to those that stay.
        if (present.some((one) => message.reached.has(one))) this.#deliver(best, message, present);
      }
      return this.#view(group, best, "quorum");
    }
    // All members of the last primary view are together again: it goes on.
    const last = group.map((one) => one.lastPrimary).filter((one) => one !== null)
      .sort((a, b) => b.number - a.number)[0];
    if (last !== undefined && last.members.every((one) => group.includes(one))) {
      return this.#view(group, last, "restored");
    }
    this.#view(group, { primary: false, uuid: null, head: null }, null);
  }

  #view(
    members: readonly Mariadbd[],
    state: Pick<Component, "primary" | "uuid" | "head">,
    from: "bootstrap" | "quorum" | "restored" | null,
  ): void {
    const component: Component = {
      ...state,
      members,
      frozen: false,
      left: new Set(),
      sent: [],
      number: state.primary ? ++this.#number : 0,
    };
    for (const one of members) {
      for (const other of members) one.knows.add(other.address);
    }
    const names = members.map(({ name }) => name).join(", ");
    this.events.note(`Galera: ${from ?? "no primary component"}: ${names}`);
    const before = component.head?.seqno ?? 0n;
    const upToDate = new Set(
      members.filter((one) =>
        one.component === state || one.lastPrimary === state || one.isIn(component) ||
        from === "bootstrap"
      ),
    );
    for (const one of members) one.component = component;
    if (!state.primary) return;
    for (const one of members) one.lastPrimary = component;
    this.events.primary(component, from!);
    component.head = next(component.head, component.uuid!, names, "view");
    for (const one of members) {
      if (upToDate.has(one)) one.noteView(members.length);
      else one.startTransfer(component, before);
    }
    for (const one of members) one.receive(component.head);
  }

  /**
   * Sends a client's commit to all.
   *
   * @param ordered Told of the transaction where its sender comes to know that it is ordered.
   * @returns Whether it was sent.
   */
  send(from: Mariadbd, ordered: (txn: Txn) => void): boolean {
    const component = from.component;
    if (component === null || !component.primary) return false;
    const { members, frozen, sent } = component;
    const reached = new Set(
      members.filter((one) =>
        one === from || (this.#running.has(one) && this.#hear(one, from) && !this.#isDeaf(one))
      ),
    );
    const message = { from, reached, ordered };
    if (frozen || sent.length > 0 || reached.size < members.length || this.#isDeaf(from)) {
      sent.push(message);
    } else this.#deliver(component, message, members);
    return true;
  }

  #isDeaf({ address }: Mariadbd): boolean {
    return this.#deaf.has(address);
  }
}

/** By `have_quorum()`: more than half of those who did not leave in order. */
function quorum(component: Component, group: readonly Mariadbd[]): boolean {
  const present = component.members.filter((one) =>
    group.includes(one) && one.component === component
  );
  const left = component.members.filter((one) => component.left.has(one));
  return 2 * present.length + left.length > component.members.length;
}
