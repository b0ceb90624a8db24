/** What a command is made of; `cli.ts` turns it into commander's. One file of `commands/` each. */

/** The environment, as a command sees it; tests give their own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command gets besides its options. */
export interface CommandContext {
  readonly env: Environment;
  /** What stood on the command line after `--`; null without a `--`. */
  readonly rest: readonly string[] | null;
  /** The program's whole command line, itself described: for completion and documentation. */
  readonly program: readonly CommandDefinition[];
}

/** One option of a command. Each also comes from the environment as `GALERA_KEEPER_<OPTION>`. */
export interface OptionDefinition {
  /** As commander writes it: `-v, --verbose`, or with a value `--port <port>`. */
  readonly flags: string;
  readonly description: string;
  /** Its heading in the help. */
  readonly group?: string;
  /** Reads the value. @throws {ValueError} */
  readonly parse?: (text: string) => unknown;
  /** False where the variable of that name says something else: who this is, not whom to look at. */
  readonly hasVariable?: boolean;
  /** It may stand several times: `parse` gives a list, and the lists are put together. */
  readonly repeats?: boolean;
  readonly default?: unknown;
  /** How the help writes the default, where it is found out later or not as it would be typed. */
  readonly defaultText?: string;
  /** The words it takes, for help and completion; `parse` checks them. */
  readonly choices?: readonly string[];
}

/** An operand of a command. */
export interface OperandDefinition {
  /** As commander writes it: `<path>`, `[value]`, `[names...]`. */
  readonly syntax: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

/** A command, with what its help says. */
export interface CommandDefinition {
  readonly name: string;
  readonly summary: string;
  /** Its heading in the help of the program. */
  readonly group: string;
  readonly description?: string;
  readonly options: readonly OptionDefinition[];
  readonly operands?: readonly OperandDefinition[];
  /** What `--` introduces, for commands that take something after it. */
  readonly restSyntax?: string;
  /** Each a command line and what it does. */
  readonly examples?: readonly (readonly [commandLine: string, does: string])[];
  /** Not shown in help and completion. */
  readonly isHidden?: boolean;
  readonly subcommands?: readonly CommandDefinition[];
  /**
   * Does it.
   *
   * @param options The values of the options by their names in camel case.
   * @returns The exit status.
   * @throws {KeeperError} What a person can act on.
   */
  action?(options: object, context: CommandContext, operands: readonly string[]): Promise<number>;
}
