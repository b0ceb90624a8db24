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

/**
 * Says whether an error is npm:mariadb's own affair: to end a connection with a query under way it opens
 * another one and kills that query (`destroy()` of its connection.js), which a server that is not ready
 * refuses (1047), and nobody looks at that. We never send a KILL ourselves.
 */
export function isConnectorsOwn(error: unknown): boolean {
  return error instanceof Error && error.name === "SqlError" && "sql" in error &&
    typeof error.sql === "string" && /^KILL \d+\b/.test(error.sql);
}

if (import.meta.main) {
  // Of the runtime's own code, each time a name is looked up first: nobody who reads our log can mend it.
  process.noDeprecation = true;
  guardSignals();
  // A promise that nobody looks at would end us with a stack trace and status 1.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    if (isRuntimesOwn(event.reason) || isConnectorsOwn(event.reason)) return;
    Deno.exit(report(event.reason, Deno.args));
  });
  Deno.exit(await main(Deno.args));
}
