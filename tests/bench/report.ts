/** What the parts of the benchmark share: where they work, what they find, how it is written. */

import { type Aim, type Figures, median, type Ratio, ratioOf, reaches } from "./contest.ts";
import type { Scratch } from "./scratch.ts";

/** What a part of the benchmark works with. */
export interface Bench {
  readonly scratch: Scratch;
  /** The ZooKeeper server that all contestants use, "address:port". */
  readonly hosts: string;
  /** How many rounds are counted; null: what the part finds enough. */
  readonly rounds: number | null;
  /** The compiled binary; null where there is none. */
  readonly binary: string | null;
  /** Tells whoever waits what is being done, in a line. */
  readonly say: (line: string) => void;
  /** Notes, in a line, what could not be measured and why. */
  readonly lack: (line: string) => void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  readonly ratio: Ratio;
  /** Null where nothing is aimed at. */
  readonly aim: Aim | null;
}

/** Writes a figure with its unit. */
export type Format = (figure: number) => string;

/** "11.2 s" */
export const seconds: Format = (figure) => `${figure.toFixed(1)} s`;
/** "112 ms" */
export const milliseconds: Format = (figure) => `${figure.toFixed(0)} ms`;
/** "0.31 %" */
export const percent: Format = (figure) => `${figure.toFixed(2)} %`;
/** "74 MiB" */
export const mebibytes: Format = (figure) => `${figure.toFixed(0)} MiB`;
/** "12,345/s" */
export const perSecond: Format = (figure) => `${Math.round(figure).toLocaleString("en")}/s`;

/** The row that compares one contestant of ours with one of theirs. */
export function rowOf(
  what: string,
  figures: Figures,
  { ours, theirs, aim, format }: {
    readonly ours: string;
    readonly theirs: string;
    readonly aim: Aim | null;
    readonly format: Format;
  },
): Row {
  const of = (name: string) => figures.get(name) ?? [];
  return {
    what,
    ours: format(median(of(ours))),
    theirs: `${theirs} ${format(median(of(theirs)))}`,
    ratio: ratioOf(of(ours), of(theirs)),
    aim,
  };
}

/** The row of a cost that is compared with nothing but what is aimed at, so much or less. */
export function costOf(
  what: string,
  figures: readonly number[],
  aim: number,
  format: Format,
): Row {
  // By nought cannot be divided: there the figure itself is to be nought.
  const ratio = ratioOf(figures, figures.map(() => aim === 0 ? 1 : aim));
  return {
    what,
    ours: format(median(figures)),
    theirs: `the aim ${format(aim)}`,
    ratio,
    aim: { kind: "at most", value: aim === 0 ? 0 : 1 },
  };
}

/** The rows as Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, theirs, ratio, aim }) => {
    const { least, most } = ratio;
    const verdict = aim === null
      ? ["", ""]
      : [`${aim.kind} ${aim.value.toFixed(2)}`, reaches(ratio, aim) ? "reached" : "**missed**"];
    const spread = `${ratio.ratio.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
    return [what, ours, theirs, spread, ...verdict];
  });
  const head = ["", "galera-keeper", "against", "ratio (all rounds)", "aim", ""];
  const format = (cells: readonly string[]) => `| ${cells.join(" | ")} |`.replace(/ +/g, " ");
  return [format(head), `|${"---|".repeat(head.length)}`, ...lines.map(format)].join("\n");
}
