/** What a server and its scripts print, turned into lines of our log with their own level. */
import type { Logger } from "@logtape/logtape";

/** How bad a line is, in its writer's own opinion. */
export type Level = "error" | "warning" | "info";

/** One line: its level, null where it does not say, and its text without time and level. */
export interface Line {
  readonly level: Level | null;
  readonly text: string;
}

const LEVELS: Readonly<Record<string, Level>> = {
  error: "error",
  warning: "warning",
  warn: "warning",
  fatal: "error",
};

/** `2026-01-02  3:04:05 0 [Note] …`; when it crashes, `260102  3:04:05 [ERROR] …`. */
const SERVER_LINE = /^\d{4}-?\d\d-?\d\d[ T]+\d{1,2}:\d\d:\d\d(?: \d+)? \[(\w+)\] (.*)$/;
const CRASH_LINE = /^\d{6}[ ]+\d{1,2}:\d\d:\d\d \[(\w+)\] (.*)$/;
/** garbd's `2026-01-02 03:04:05.678  INFO: …`. */
const GARBD_LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +(\w+): (.*)$/;
/** `WSREP_SST: [INFO] … (20260102 03:04:05.678)`. */
const SST_LINE = /^(WSREP_SST: )\[(\w+)\] (.*?)(?: \(\d{8} [\d:.]+\))?$/;

/** Reads a line as mariadbd, an SST script or garbd writes it. */
export function parseLine(line: string): Line {
  const [, word, text] = SERVER_LINE.exec(line) ?? CRASH_LINE.exec(line) ??
    GARBD_LINE.exec(line) ?? [];
  if (word !== undefined && text !== undefined) return { level: levelOf(word), text };
  const [, prefix, sstWord, sstText] = SST_LINE.exec(line) ?? [];
  if (sstWord !== undefined) return { level: levelOf(sstWord), text: `${prefix}${sstText}` };
  return { level: null, text: line };
}

function levelOf(word: string): Level {
  return LEVELS[word.toLowerCase()] ?? "info";
}

const LONGEST_LINE = 16_384;
/** How many lines are kept for when it dies. */
const KEPT = 5;

/** Is told of a line, and whether it came with its end: else it may go on, or was cut off. */
export type OnLine = (line: Line, isWhole: boolean) => void;

/** Takes what a program prints: logs it, and keeps the last of it for when it dies. */
export class Output {
  readonly #log: Logger;
  readonly #onLine: OnLine;
  readonly #errors: string[] = [];
  readonly #last: string[] = [];
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  readonly #ends: Promise<void>[] = [];

  /** @param onLine Called for each line besides. */
  constructor(log: Logger, onLine: OnLine = () => {}) {
    this.#log = log;
    this.#onLine = onLine;
  }

  /** Its last lines that are errors, oldest first; its very last lines where it called none that. */
  get lastErrors(): readonly string[] {
    return this.#errors.length > 0 ? [...this.#errors] : [...this.#last];
  }

  /** Reads a stream to its end. */
  follow(stream: ReadableStream<Uint8Array>): void {
    const reader = stream.getReader();
    this.#readers.push(reader);
    this.#ends.push(this.#read(reader));
  }

  /**
   * Resolves when all streams have ended. A child that was left behind may hold one open: after a
   * grace, in milliseconds, they are closed.
   */
  async end(graceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const reader of this.#readers) reader.cancel().catch(() => {});
    }, graceMs);
    await Promise.all(this.#ends);
    clearTimeout(timer);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let level: Level = "info";
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) level = this.#take(line, level, true);
      // A line without an end must not fill the memory.
      if (done || rest.length > LONGEST_LINE) {
        level = this.#take(rest, level, false);
        rest = "";
      }
      if (done) return;
    }
  }

  #take(raw: string, before: Level, isWhole: boolean): Level {
    if (raw.trim() === "") return before;
    const line = parseLine(raw.trimEnd());
    // A view of the group, a stack trace: lines without a level go on with the one before.
    const level = line.level ?? before;
    if (line.level === "error") keep(this.#errors, line.text);
    keep(this.#last, line.text);
    // What a server prints is no template.
    this.#log[level](line.text.replaceAll(/[{}]/g, "$&$&"));
    this.#onLine(line, isWhole);
    return level;
  }
}

function keep(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > KEPT) lines.shift();
}
