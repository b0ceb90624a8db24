/** `galera-keeper completion`: completes the command line in bash, zsh and fish. */

import { RootCommand } from "@bomb.sh/tab";
import { Option } from "commander";
import { PROGRAM } from "../cli.ts";
import type { CommandDefinition, OptionDefinition } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { STDOUT } from "../machine/terminal.ts";

/** The library's script for bash turns names of files off where they do not fit, but never on. */
const BASH_FILES = `complete -o default -F __galera_keeper_complete ${PROGRAM}`;

const SHELLS = ["bash", "zsh", "fish"] as const;

/** `galera-keeper completion bash|zsh|fish` prints what the shell is to source. */
export const COMPLETION: CommandDefinition = {
  name: "completion",
  summary: "print the script that completes this program's command line",
  group: "Help:",
  options: [],
  operands: [{ syntax: "<shell>", description: SHELLS.join(", "), choices: SHELLS }],
  examples: [
    [
      "source <(galera-keeper completion bash)",
      "for this shell, with Debian's bash-completion; in ~/.bashrc for all",
    ],
    ["galera-keeper completion fish > ~/.config/fish/completions/galera-keeper.fish", "for fish"],
  ],
  action(_options, _context, [shell = ""]) {
    const known = SHELLS.find((name) => name === shell);
    if (known === undefined) {
      throw new UsageError(`Cannot complete for "${shell}": expected ${SHELLS.join(", ")}`);
    }
    new RootCommand().setup(PROGRAM, PROGRAM, known);
    if (known === "bash") STDOUT.write(`${BASH_FILES}\n`);
    return Promise.resolve(EXIT.ok);
  },
};

/** What the script asks at each press of Tab: `galera-keeper complete -- words…`. */
export const COMPLETE: CommandDefinition = {
  name: "complete",
  summary: "give the words that may follow",
  group: "Help:",
  isHidden: true,
  options: [],
  restSyntax: "words",
  action(_options, context) {
    const words = [...context.rest ?? []];
    const before = words.at(-2) ?? "";
    // The library never lets the shell complete names of files.
    if (takesFile(before, context.program)) STDOUT.write(":0\n");
    else completionsOf(context.program).parse(words);
    return Promise.resolve(EXIT.ok);
  },
};

function takesFile(flag: string, program: readonly CommandDefinition[]): boolean {
  const option = program.flatMap(({ options }) => options)
    .find((option) => new Option(option.flags).long === flag);
  return option !== undefined && /<(file|directory)>/.test(option.flags);
}

/** Tells the library of all commands; with no command the options are those of `run`. */
function completionsOf(program: readonly CommandDefinition[]): RootCommand {
  const root = new RootCommand();
  addOptions(root, program.find(({ name }) => name === "run")?.options ?? []);
  const add = (definition: CommandDefinition, path: string): void => {
    if (definition.isHidden) return;
    const name = `${path}${definition.name}`;
    const command = root.command(name, definition.summary);
    addOptions(command, definition.options);
    for (const { syntax, choices = [] } of definition.operands ?? []) {
      command.argument(syntax, (complete) => choices.forEach((word) => complete(word, "")));
    }
    for (const subcommand of definition.subcommands ?? []) add(subcommand, `${name} `);
  };
  for (const definition of program) add(definition, "");
  return root;
}

type Completable = Pick<RootCommand, "option">;

function addOptions(command: Completable, options: readonly OptionDefinition[]): void {
  for (const definition of options) {
    const { long, required, optional } = new Option(definition.flags);
    const name = (long ?? "").replace(/^--/, "");
    const choices = definition.choices ?? [];
    if (required || optional) {
      command.option(name, definition.description, (complete) => {
        choices.forEach((word) => complete(word, ""));
      });
    } else {
      command.option(name, definition.description);
    }
  }
}
