/**
 * All that the checker excuses, in one place. What is not here is a violation.
 *
 * - A lost record and a lost copy together: once the ensemble was emptied, nobody knows what a disk
 *   that is lost held. What only that disk held may be gone without a person.
 * - A new cluster after the ensemble and all copies were lost: there is nothing to go on from.
 * - Members that wait for a person, where data that may have been acknowledged is gone: somebody lost
 *   a disk, or had an SST torn over a copy, and has not registered with the others since.
 * - The same where the ensemble was emptied while a member that had nothing got its SST, and that was
 *   torn: who put the cluster on record again could not know that the member did not serve yet, so its
 *   record says that its data may be newest.
 */
export class Excuses {
  /** Those who lost a copy and have none of the cluster's again. */
  readonly #without = new Map<string, string>();
  /** Joiners that had nothing and whose SST was torn. */
  readonly #tornJoiners = new Map<string, string>();
  #anyCopyLost = false;
  #ensembleEmptied = false;

  /** A disk was emptied. */
  diskLost(name: string): void {
    this.#without.set(name, `${name} lost its disk`);
    this.#anyCopyLost = true;
  }

  /** An SST into a datadir did not finish. */
  torn(name: string, hadCopy: boolean): void {
    if (hadCopy) {
      this.#without.set(name, `an SST over the copy of ${name} was torn`);
      this.#anyCopyLost = true;
    } else this.#tornJoiners.set(name, `an SST to ${name} was torn and the ensemble emptied`);
  }

  /** A member has registered: it has all that the cluster has. */
  isWhole(name: string): void {
    this.#without.delete(name);
    this.#tornJoiners.delete(name);
  }

  /** All znodes are gone. */
  ensembleEmptied(): void {
    this.#ensembleEmptied = true;
  }

  /** Whether a transaction may be lost that no disk holds any more. */
  get lostWithDiskAndRecord(): boolean {
    return this.#ensembleEmptied && this.#anyCopyLost;
  }

  /** Why members may wait for a person in the end; null where they may not. */
  get waitForPerson(): string | null {
    const joiners = this.#ensembleEmptied ? [...this.#tornJoiners.values()] : [];
    const all = [...this.#without.values(), ...joiners];
    return all.length === 0 ? null : all.join(", ");
  }
}
