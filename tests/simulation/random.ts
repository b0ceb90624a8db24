/** Randomness that a seed repeats. */

/** Numbers that look random and are the same for the same seed (the generator mulberry32). */
export class Random {
  #state: number;

  /** @param seed 0 to 2^32 - 1. */
  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
    for (let i = 0; i < 4; i++) this.#next();
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  /** True that often. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of them. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error("Nothing to pick from");
    return items[this.between(0, items.length - 1)]!;
  }

  /** All of them in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const order = items.map((item) => ({ item, key: this.fraction() }));
    return order.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  /** That many hexadecimal digits. */
  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.#next().toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }

  /** As Galera makes them. */
  uuid(): string {
    return [8, 4, 4, 4, 12].map((digits) => this.hex(digits)).join("-");
  }
}
