/**
 * All that the checker excuses, in one place. What is not here is a violation.
 *
 * - A lost record and a lost copy together: once the ensemble was emptied, nobody knows what a disk
 *   that is lost held. What only that disk held may be gone without a person.
 * - A new cluster after the ensemble and all copies were lost: there is nothing to go on from.
 * - A member that waits for a person, where data that may have been acknowledged is gone: a disk was
 *   lost, or an SST was torn over a copy.
 */
export class Excuses {
  #disksLost: string[] = [];
  #copiesTorn: string[] = [];
  #ensembleEmptied = false;

  /** A disk was emptied. */
  diskLost(name: string): void {
    this.#disksLost.push(name);
  }

  /** An SST into a datadir that held a copy did not finish. */
  copyTorn(name: string): void {
    this.#copiesTorn.push(name);
  }

  /** All znodes are gone. */
  ensembleEmptied(): void {
    this.#ensembleEmptied = true;
  }

  /** Whether a transaction may be lost that no disk holds any more. */
  get lostWithDiskAndRecord(): boolean {
    return this.#ensembleEmptied && (this.#disksLost.length > 0 || this.#copiesTorn.length > 0);
  }

  /** Whether a member may wait for a person in the end. */
  get waitForPerson(): string | null {
    if (this.#disksLost.length > 0) return `lost disks: ${this.#disksLost.join(", ")}`;
    if (this.#copiesTorn.length > 0) return `torn copies: ${this.#copiesTorn.join(", ")}`;
    return null;
  }
}
