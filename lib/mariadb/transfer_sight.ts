/** A server's state transfers: what it prints of them, and how far they are. */
import { withReason } from "./complaint.ts";
import type { TransferSeen } from "./database.ts";
import { footprint } from "./footprint.ts";
import { type LoggedTransfer, PREPARING, TransferLog } from "./transfer_log.ts";
import type { Transfers } from "./transfers.ts";

/** More than rsync's script sends where an IST follows: a line of its own. */
const NO_IST_BYTES = 1_000_000;

/** Sees the state transfers of one server. */
export class TransferSight {
  readonly #log: TransferLog;
  readonly #datadir: string;
  readonly #transfers: Transfers;
  /** Of the transfer that goes on or was the last: its number, and when it began and ended. */
  #number = 0;
  #beganAtMs = 0;
  #endedAtMs: number | null = null;
  #done = 0;
  /** What a donor will send. */
  #total: number | null = null;
  /** Whether what was copied has been measured, now that it is all there, or what failed looked up. */
  #isMeasured = false;
  #failure: string | null = null;
  /** A joiner has all, and does something else by now. */
  #isCopied = false;
  #lastCommitted = -1n;

  /** @param member Its name in the cluster. */
  constructor(member: string, datadir: string, transfers: Transfers) {
    this.#log = new TransferLog(member);
    this.#datadir = datadir;
    this.#transfers = transfers;
  }

  /** Takes a line of the server's or its scripts'. */
  notice(text: string, isError: boolean): void {
    this.#log.notice(text, isError);
    this.#follow();
  }

  /** Notes what the server says it has committed. */
  committed(seqno: bigint): void {
    this.#lastCommitted = seqno;
  }

  /** The server has exited. */
  exited(): void {
    this.#log.exited();
    this.#follow();
  }

  /** What goes on is ended by us. @param why In a few words. */
  abandon(why: string): void {
    this.#log.abandon(why);
    this.#follow();
  }

  /** Looks now; costs nothing while no transfer goes on. */
  async look(): Promise<TransferSeen | null> {
    const { current } = this.#log;
    if (current === null) return null;
    if (!current.hasEnded) await this.#count(current);
    else if (!this.#isMeasured) await this.#measure(current);
    return this.#seen(this.#log.current ?? current);
  }

  #follow(): void {
    const { current } = this.#log;
    if (current === null) return;
    if (current.number !== this.#number) this.#begin(current);
    if (current.hasEnded) this.#endedAtMs ??= performance.now();
  }

  #begin({ number, kind, role, method }: LoggedTransfer): void {
    this.#number = number;
    this.#beganAtMs = performance.now();
    this.#endedAtMs = null;
    this.#done = 0;
    this.#total = null;
    this.#isMeasured = false;
    this.#failure = null;
    this.#isCopied = false;
    this.#transfers.restart();
    if (kind !== "SST" || role !== "donor") return;
    footprint(this.#datadir, method).then((bytes) => {
      if (this.#number === number) this.#total = bytes;
    }, () => {}); // Without a total it is said how much was copied.
  }

  async #count({ kind, role, number, phase, method }: LoggedTransfer): Promise<void> {
    // The sender of an IST is in the server itself.
    if (kind === "IST" && role === "donor") return;
    if (role === "joiner" && phase !== null) {
      // All is there, and what is done with it is no copying.
      if (this.#isCopied) return;
      this.#isCopied = true;
    }
    const bytes = phase === PREPARING
      ? await footprint(`${this.#datadir}/.sst`, method).catch(() => 0)
      : await this.#transfers.copied();
    if (this.#number !== number) return;
    if (kind === "IST" && bytes > NO_IST_BYTES) this.#log.isSst();
    if (this.#log.current?.kind === "SST") this.#done = Math.max(this.#done, bytes);
  }

  /** The last look was up to a second before the end. */
  async #measure({ kind, role, method, number, failure }: LoggedTransfer): Promise<void> {
    if (failure !== null) {
      const why = await withReason(failure);
      if (this.#number === number) this.#failure = why;
    } else if (kind === "SST") {
      const bytes = role === "donor"
        ? this.#total
        : await footprint(this.#datadir, method).catch(() => null);
      if (this.#number === number) this.#done = Math.max(this.#done, bytes ?? 0);
    }
    this.#isMeasured = this.#number === number;
  }

  #seen(logged: LoggedTransfer): TransferSeen {
    const { number, kind, role, peer, phase, hasEnded, failure } = logged;
    const progress = kind === "IST"
      ? this.#ofIst(logged)
      : { done: this.#done, total: this.#total };
    const elapsedMs = (this.#endedAtMs ?? performance.now()) - this.#beganAtMs;
    return {
      number,
      kind,
      role,
      peer: peer === "" ? null : peer,
      ...progress,
      phase,
      elapsedMs,
      hasEnded,
      failure: failure === null ? null : this.#failure ?? failure,
    };
  }

  #ofIst(logged: LoggedTransfer): { readonly done: number; readonly total: number | null } {
    const { seqnos, received, role, hasEnded, failure } = logged;
    if (seqnos === null) return { done: received, total: null };
    const total = seqnos.last - seqnos.first + 1;
    if (hasEnded && failure === null) return { done: total, total };
    const applied = role === "joiner" ? Number(this.#lastCommitted) - seqnos.first + 1 : 0;
    this.#done = Math.min(total, Math.max(this.#done, received, applied));
    return { done: this.#done, total };
  }
}
