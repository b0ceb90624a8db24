/** The command line in, the exit status out. */

import process from "node:process";
import { runCommandLine } from "./lib/cli.ts";
import { COMMANDS } from "./lib/commands/all.ts";
import { EXIT, KeeperError } from "./lib/errors.ts";
import { guardSignals } from "./lib/machine/signals.ts";
import { escaped, oneLine } from "./lib/settings/shown.ts";
import { STDERR, STDOUT } from "./lib/machine/terminal.ts";
import { VERSION } from "./lib/version.ts";

/**
 * Runs a command line.
 *
 * @param args What stands after the program's name.
 * @returns The exit status. Never rejects: what a person can act on is one line on standard error.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await runCommandLine(args, {
      commands: COMMANDS,
      version: VERSION,
      env: Deno.env.toObject(),
      print: (text) => STDOUT.write(text),
    });
  } catch (error) {
    return report(error, args);
  }
}

/** Says what ended us and gives the exit status. */
function report(error: unknown, args: readonly string[]): number {
  const isVerbose = args.includes("--verbose") || args.includes("-v");
  const isExpected = error instanceof KeeperError;
  // What others wrote may be in it, and a terminal obeys more than letters.
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const line = isExpected
    ? message
    : `Unexpected error: ${message}: please report it, with what --verbose adds`;
  STDERR.write(`galera-keeper: ${line}\n`);
  if (isVerbose) STDERR.write(`${Deno.inspect(error).split("\n").map(escaped).join("\n")}\n`);
  return isExpected ? error.exitStatus : EXIT.software;
}

/**
 * Says whether an error is the runtime's own affair: where nobody listens on a unix socket, Deno 2.6
 * rejects a promise that it keeps to itself besides the one that it gave (`Pipe` of its node:net).
 */
export function isRuntimesOwn(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes("Symbol(Deno.internal.rid)");
}

if (import.meta.main) {
  // Of the runtime's own code, each time a name is looked up first: nobody who reads our log can mend it.
  process.noDeprecation = true;
  guardSignals();
  // A promise that nobody looks at would end us with a stack trace and status 1.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    if (!isRuntimesOwn(event.reason)) Deno.exit(report(event.reason, Deno.args));
  });
  Deno.exit(await main(Deno.args));
}
