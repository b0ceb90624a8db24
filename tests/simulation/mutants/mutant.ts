/** What a mutant is. */

/** One place of a source file, and what stands there in the mutant. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A deliberate break of the product. */
export interface Mutant {
  readonly name: string;
  /** The sentence of the design that it breaks. */
  readonly breaks: string;
  readonly changes: readonly Change[];
  /**
   * The first seed that finds it. It is tried first; where it no longer finds it, as the faults are
   * others by now, the history is, and then the seeds from 1 on are.
   */
  readonly seed?: number;
  /** The scripted history that finds it, where seeds do so seldom or never. */
  readonly history?: string;
  /** What else stands in the way of the mistake; then the mutant breaks that, too. */
  readonly secondLine?: string;
}
