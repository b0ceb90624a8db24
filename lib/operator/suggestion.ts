/** What a person may have meant. */

import { Command } from "commander";

/**
 * What a person may have meant by a word, in brackets to go behind it; empty where nothing is near.
 * commander keeps the function to itself, and shows what it finds for a command that there is not.
 */
export function suggestionFor(word: string, known: readonly string[]): string {
  const program = new Command().exitOverride().helpCommand(false)
    .configureOutput({ writeErr: () => {} });
  for (const name of known.filter((name) => /^[\w.-]+$/.test(name))) program.command(name);
  try {
    program.parse(["--", word], { from: "user" });
  } catch (error) {
    const meant = /\(Did you mean .*\?\)/.exec(error instanceof Error ? error.message : "")?.[0];
    if (meant !== undefined) return ` ${meant.replace("(Did", "(did")}`;
  }
  return "";
}
