/**
 * All that the checker excuses, in one place. What is not here is a violation.
 *
 * - A lost record and a lost copy together: once the ensemble was emptied, nobody knows what a disk
 *   that is lost held. What only that disk held may be gone without a person.
 * - A new cluster after the ensemble and all copies were lost: there is nothing to go on from.
 * - Members that wait for a person, where data that may have been acknowledged is gone: somebody lost
 *   a disk, or had an SST torn over a copy, and has not registered with the others since.
 */
export class Excuses {
  /** Those who lost a copy and have none of the cluster's again. */
  readonly #without = new Map<string, string>();
  #anyCopyLost = false;
  #ensembleEmptied = false;

  /** A disk was emptied. */
  diskLost(name: string): void {
    this.#without.set(name, `${name} lost its disk`);
    this.#anyCopyLost = true;
  }

  /** An SST into a datadir that held a copy did not finish. */
  copyTorn(name: string): void {
    this.#without.set(name, `an SST over the copy of ${name} was torn`);
    this.#anyCopyLost = true;
  }

  /** A member has registered: it has all that the cluster has. */
  isWhole(name: string): void {
    this.#without.delete(name);
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
    return this.#without.size === 0 ? null : [...this.#without.values()].join(", ");
  }
}
