/** What is on a machine's disk. */
import type { Identity, Inspection } from "../../lib/mariadb/database.ts";
import type { Random } from "./random.ts";
import type { Txn } from "./history.ts";

/** A datadir. */
export class SimDatadir {
  kind: "empty" | "fresh" | "standalone" | "data" = "empty";
  /** The last transaction that is on disk. */
  head: Txn | null = null;
  /** The cluster's UUID in grastate.dat. */
  uuid: string | null = null;
  /** An SST into it did not finish: grastate.dat holds zeros. */
  torn = false;
  safeToBootstrap = false;
  /** grastate.dat names the seqno: its server ended in order. Else it says -1. */
  seqnoIsWritten = false;
  identity: Identity | null = null;
  failedStarts = 0;

  /** The last transactions of copies that were on this disk and no longer are. */
  readonly lost = new Set<Txn>();

  #lose(): void {
    if (this.head !== null) this.lost.add(this.head);
  }

  /** All files gone. */
  empty(): void {
    this.#lose();
    this.kind = "empty";
    this.head = null;
    this.uuid = null;
    this.torn = false;
    this.safeToBootstrap = false;
    this.seqnoIsWritten = false;
    this.identity = null;
    this.failedStarts = 0;
  }

  /** An SST begins: what was there is gone, but for the file with the id. */
  tear(): void {
    const { identity, failedStarts } = this;
    this.empty();
    this.identity = identity;
    this.failedStarts = failedStarts;
    this.kind = "data";
    this.torn = true;
  }

  /** A copy of another one, as a volume's snapshot would be. */
  copyOf(other: SimDatadir): void {
    this.#lose();
    this.kind = other.kind;
    this.head = other.head;
    this.uuid = other.uuid;
    this.torn = other.torn;
    this.safeToBootstrap = other.safeToBootstrap;
    this.seqnoIsWritten = other.seqnoIsWritten;
    this.identity = other.identity;
    this.failedStarts = other.failedStarts;
  }

  /** A copy of it, put aside. */
  clone(): SimDatadir {
    const copy = new SimDatadir();
    copy.copyOf(this);
    return copy;
  }

  /** Whether its data has to be asked for its position. */
  get isAsked(): boolean {
    return this.kind === "data" && !this.torn && this.uuid !== null && !this.seqnoIsWritten;
  }

  inspect(random: Random): Inspection {
    this.identity ??= { datadirId: random.hex(32), attempt: null, lineage: [] };
    const { failedStarts } = this;
    return { held: this.#held(), ...this.identity, failedStarts, dataBytes: 1_000_000 };
  }

  #held(): Inspection["held"] {
    if (this.kind !== "data") return { kind: this.kind };
    if (this.torn || this.uuid === null) return { kind: "torn" };
    return {
      kind: "at",
      position: { uuid: this.uuid, seqno: this.head?.seqno ?? 0n },
      // What a recovery finds says nothing of who was last.
      safeToBootstrap: this.safeToBootstrap && this.seqnoIsWritten,
    };
  }
}
