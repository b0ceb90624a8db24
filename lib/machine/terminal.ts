/** Standard output and standard error, written at once and whole; and a person's answer. */

import { stdin } from "node:process";
import { createInterface } from "node:readline";

/** Where text goes; tests give their own. */
export interface Output {
  isTerminal(): boolean;
  /** How wide and high the terminal is, in characters; 80 by 24 where it is none. */
  size(): { readonly columns: number; readonly rows: number };
  /** Writes all of it before it returns. */
  write(text: string): void;
  /** As `write()`, for what is no text. */
  writeBytes(bytes: Uint8Array): void;
  /** Whether its reader has gone: whoever writes for ever may stop. */
  isGone?(): boolean;
}

const encoder = new TextEncoder();

/**
 * An output that writes synchronously: what is said before a crash or an exit is seen. A reader
 * that went away is no error, as the database is not to die of a closed log.
 */
function outputTo(stream: typeof Deno.stdout | typeof Deno.stderr): Output {
  let gone = false;
  const writeBytes = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      try {
        at += stream.writeSync(bytes.subarray(at));
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) {
          gone = true;
          return;
        }
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      }
    }
  };
  return {
    isTerminal: () => stream.isTerminal(),
    size: () => {
      try {
        const { columns, rows } = Deno.consoleSize();
        // Of a terminal that nobody looks at, as a script's, nobody has said how large it is.
        return { columns: columns || 80, rows: rows || 24 };
      } catch {
        return { columns: 80, rows: 24 };
      }
    },
    write: (text) => writeBytes(encoder.encode(text)),
    writeBytes,
    isGone: () => gone,
  };
}

/**
 * Whether colours are to be used: on a terminal that knows them, unless a person wants none
 * (https://no-color.org: `NO_COLOR` that is not empty).
 */
export function hasColours(
  output: Pick<Output, "isTerminal">,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return output.isTerminal() && !env.NO_COLOR && env.TERM !== "dumb";
}

/** Standard output: what was asked for. */
export const STDOUT: Output = outputTo(Deno.stdout);

/** Standard error: the log, and why something failed. */
export const STDERR: Output = outputTo(Deno.stderr);

/**
 * Asks a person for a line, on standard error so that what is asked for is not among the answers.
 *
 * @returns What was typed; empty where the input ended. @throws The signal's reason.
 */
export async function askLine(question: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  STDERR.write(question);
  // Not as a terminal: Ctrl-C is to come as the signal that it is.
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    return await new Promise((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  } finally {
    lines.close();
  }
}
