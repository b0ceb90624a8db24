/** Who is faster, by how much: contestants take turns, so that a busy machine slows all of them. */

/** One of those that are compared. */
export interface Contestant {
  readonly name: string;
  /** Does the thing once and gives its figure: a time or a rate. */
  readonly measure: () => Promise<number>;
}

/** Each contestant's figures, one a round, in the order of the rounds. */
export type Figures = ReadonlyMap<string, readonly number[]>;

/** How often they take turns. */
export interface Rounds {
  /** Counted, 1 or more. */
  readonly rounds: number;
  /** Before these, not counted. */
  readonly warmUpRounds: number;
  /** Told each figure as it comes. */
  readonly onFigure?: (name: string, figure: number, round: number) => void;
}

/** Lets all contestants measure in turn; each round another one begins. */
export async function compete(
  contestants: readonly Contestant[],
  { rounds, warmUpRounds, onFigure }: Rounds,
): Promise<Figures> {
  const figures = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -warmUpRounds; round < rounds; round++) {
    const first = (round + warmUpRounds) % contestants.length;
    for (const { name, measure } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const figure = await measure();
      if (round < 0) continue;
      figures.get(name)?.push(figure);
      onFigure?.(name, figure, round);
    }
  }
  return figures;
}

/** The middle of some figures; of two middles, halfway. NaN of none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2;
}

/** One contestant's figures divided by another's. */
export interface Ratio {
  /** The median of the rounds' ratios: a round's two figures were taken one right after the other. */
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
}

/** Divides round by round. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const ratios = ours.map((figure, round) => figure / (theirs[round] ?? NaN));
  return { ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

/** What a ratio is to be: a time at most so many times another's, a rate at least. */
export interface Aim {
  readonly kind: "at most" | "at least";
  readonly value: number;
}

/** Whether a ratio is what it is to be. */
export function reaches({ ratio }: Ratio, { kind, value }: Aim): boolean {
  return kind === "at most" ? ratio <= value : ratio >= value;
}
