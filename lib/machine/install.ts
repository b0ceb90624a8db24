/** The options by which a command may install what this machine lacks. */

import { ensureInstalled, type Need } from "./prerequisites.ts";
import { type Output, STDERR } from "./terminal.ts";
import type { OptionDefinition } from "../command.ts";

/** Whether missing packages may be installed. */
export interface InstallFlags {
  readonly install?: boolean;
  readonly yes?: boolean;
}

/** The options that go with `InstallFlags`. */
export const INSTALL_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--install",
    description: "as root, install Debian's packages that are missing",
    group: "This machine:",
  },
  {
    flags: "-y, --yes",
    description: "do not ask before that",
    group: "This machine:",
  },
];

/**
 * Makes sure that what is needed is on this machine, asking on a terminal before it installs.
 *
 * @throws {UnavailableError} It is not; the message has the command that installs it.
 */
export async function requirePackages(
  needs: readonly Need[],
  { install = false, yes = false }: InstallFlags,
  output: Output = STDERR,
): Promise<void> {
  await ensureInstalled(needs, {
    install,
    confirm: (packages) => yes || !Deno.stdin.isTerminal() || ask(packages),
    say: (line) => output.write(`${line}\n`),
  });
}

function ask(packages: readonly string[]): boolean {
  return confirm(`Install ${packages.join(", ")} with apt-get?`);
}
