/**
 * All that the checker excuses, in one place. What is not here is a violation.
 *
 * Transactions that may be gone without a person:
 *
 * - A lost record and a lost copy together: once the ensemble was emptied, nobody knows what a disk
 *   that is lost, or was taken away with its machine, held. What only that disk held may be gone.
 * - A backup over the newest copy: where a member died running, nobody knows how far its datadir went,
 *   and an older copy that was taken since that start looks like it. What only that disk held may be gone.
 * - `--size` says fewer than there are, and no cluster is on record: that many are all, as told.
 * - `--storage ephemeral`: what nobody holds of whom there is a record; a record goes with its session.
 * - What a person was told may be lost, and went on: exactly that, see `mayLose` in `checker.ts`.
 *
 * Clusters that may be new, or go on without all of it, beside what else runs of them: after the
 * ensemble was emptied, while no cluster is on record,
 *
 * - where all copies were lost,
 * - where `--size` says fewer than there are, or than have reported, taken away since or not, when the
 *   bootstrap began: who goes on with it after a crash may be told of more by then,
 * - by a stranger's datadir,
 * - by a person's `--force`: of members that have not reported since, the plan knows nothing,
 * - with `--storage ephemeral` where nobody is left of whom there is a record,
 * - by an older copy whose grastate.dat says that it is safe to bootstrap, where nobody said `--size`:
 *   that counts for all members.
 *
 * Members that may wait for a person in the end:
 *
 * - Data that may have been acknowledged is gone: somebody lost a disk, got an older copy or a
 *   stranger's datadir, or had an SST torn over a copy, and has not registered with the others since.
 * - The same where the ensemble was emptied while a member that had nothing got its SST, and that was
 *   torn: who put the cluster on record again could not know that the member did not serve yet, so its
 *   record says that its data may be newest.
 * - A person had the cluster go on without what a member may hold.
 * - A cluster began anew as told, or went on so without all of it: see above.
 * - A member was taken away for good and its record says that its data may be newest; or it is taken
 *   back, and a cluster began anew meanwhile.
 * - A lost record and a lost copy together: the copies that are left tell of different bootstraps.
 * - `--size` says more than there are, or nobody said it, and no cluster is on record.
 */
import type { Machine } from "./machine.ts";
import type { Txn } from "./history.ts";

/** What is excused in a run so far. */
export class Excuses {
  /** Those who lost a copy and have none of the cluster's again. */
  readonly #without = new Map<string, string>();
  /** Joiners that had nothing and whose SST was torn. */
  readonly #tornJoiners = new Map<string, string>();
  /** UUIDs of datadirs that never were of this cluster. */
  readonly #strangers = new Set<string>();
  /** What an older copy was put over, where no record could tell. */
  readonly #overwritten = new Set<Txn>();
  /** Those whose datadir is an older copy that says it is safe to bootstrap. */
  readonly #safeCopies = new Set<string>();
  #anyCopyLost = false;
  #ensembleEmptied = false;
  #begunAnew = false;

  /** A copy on a disk is gone. */
  copyLost(name: string, how = "lost its disk"): void {
    this.#without.set(name, `${name} ${how}`);
    this.#anyCopyLost = true;
  }

  /** A disk was emptied. */
  diskLost(name: string): void {
    this.copyLost(name);
  }

  /** A member has the disk again that it had, and what was excused of that one. */
  diskBack(name: string, before: string | undefined): void {
    this.#safeCopies.delete(name);
    if (this.#ensembleEmptied) return; // Its record may be the stranger's by now.
    if (before === undefined) this.#without.delete(name);
    else this.#without.set(name, before);
  }

  /** An older copy says that it is safe to bootstrap. */
  safeCopy(name: string): void {
    this.#safeCopies.add(name);
  }

  /** A person went on without what a member holds. */
  leftBehind(name: string): void {
    this.#without.set(name, `a person went on without what ${name} holds`);
  }

  /** A cluster began anew while a member with data of the one before was taken away. */
  leftOut(name: string): void {
    this.#without.set(name, `${name} was away while a cluster began anew`);
  }

  /** A datadir of another cluster is about. */
  stranger(uuid: string): void {
    this.#strangers.add(uuid);
  }

  /** A transaction was on a disk that an older copy was put over, and no record says so. */
  overwritten(txn: Txn): void {
    this.#overwritten.add(txn);
  }

  /** An SST into a datadir did not finish. */
  torn(name: string, hadCopy: boolean): void {
    if (hadCopy) this.copyLost(name, "had an SST torn over its copy");
    else this.#tornJoiners.set(name, `an SST to ${name} was torn and the ensemble emptied`);
  }

  /** A member has registered: it has all that the cluster has. */
  isWhole(name: string): void {
    this.#without.delete(name);
    this.#tornJoiners.delete(name);
    this.#safeCopies.delete(name);
  }

  /** All znodes are gone. */
  ensembleEmptied(): void {
    this.#ensembleEmptied = true;
  }

  /** A machine was taken away, with its copy. */
  takenAway(): void {
    this.#anyCopyLost = true;
  }

  /** A cluster began anew where others still hold data of the one before. */
  begunAnew(): void {
    this.#begunAnew = true;
  }

  get isBegunAnew(): boolean {
    return this.#begunAnew;
  }

  /** Whether a transaction may be lost that no disk holds any more. */
  mayBeGone(txn: Txn): boolean {
    return (this.#ensembleEmptied && this.#anyCopyLost) || this.#overwritten.has(txn);
  }

  /** Whether a cluster may begin anew when all copies are gone. */
  get lostWithDiskAndRecord(): boolean {
    return this.#ensembleEmptied && this.#anyCopyLost;
  }

  /** Why a member may begin a cluster though others hold data; null where it may not. */
  beginning(
    machine: Machine,
    uuid: string | null,
    present: number,
    storage: "persistent" | "ephemeral",
  ): string | null {
    if (!this.#ensembleEmptied && storage === "persistent") return null;
    if (uuid !== null && this.#strangers.has(uuid)) {
      return `${machine.name} holds a stranger's data`;
    }
    if (this.#safeCopies.has(machine.name) && machine.sizeInForce === null) {
      return `${machine.name} holds an old copy that says it is safe to bootstrap`;
    }
    const size = machine.sizeInForce;
    return size !== null && size < present ? `--size says ${size} of ${present}` : null;
  }

  /** Whose data that may have been acknowledged is gone, and why, by name. */
  get gone(): ReadonlyMap<string, string> {
    return new Map([...this.#ensembleEmptied ? this.#tornJoiners : [], ...this.#without]);
  }
}
