/** The command line: commands as `command.ts` has them, by way of commander. */

import { Command, CommanderError, Option } from "commander";
import type {
  CommandContext,
  CommandDefinition,
  Environment,
  OptionDefinition,
} from "./command.ts";
import { ConfigError, EXIT, UsageError } from "./errors.ts";
import { shown } from "./settings/shown.ts";
import { parseBoolean, ValueError } from "./settings/values.ts";

/** What the program is called. */
export const PROGRAM = "galera-keeper";

/** Where help and the version go. */
export type Print = (text: string) => void;

/** What a command line is run with. */
export interface ProgramOptions {
  readonly commands: readonly CommandDefinition[];
  readonly version: string;
  readonly env: Environment;
  readonly print: Print;
}

/**
 * Runs a command line.
 *
 * @param args What stands after the program's name.
 * @returns The exit status.
 * @throws {UsageError} The command line is wrong.
 * @throws {KeeperError} What the command throws.
 */
export async function runCommandLine(
  args: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  const dashes = args.indexOf("--");
  const before = dashes < 0 ? [...args] : args.slice(0, dashes);
  const context: CommandContext = {
    env: options.env,
    rest: dashes < 0 ? null : args.slice(dashes + 1),
    program: options.commands,
  };
  let status: number = EXIT.ok;
  const program = buildProgram(options, context, (value) => status = value);
  try {
    await program.parseAsync(withDefaultCommand(before), { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    const [, bare] = /^error: unknown option '(--[^=']+)=/.exec(error.message) ?? [];
    if (bare !== undefined) {
      // commander compares the value, too, and would print what may be a secret: asked without it.
      const without = before.map((arg) => arg.startsWith(`${bare}=`) ? bare : arg);
      return await runCommandLine(without, options);
    }
    throw new UsageError(usageMessage(error, before, options.commands), { cause: error });
  }
}

/** No command means `run`: what starts with an option, but help and version, is one of `run`'s. */
function withDefaultCommand(args: readonly string[]): readonly string[] {
  const [first] = args;
  const isProgramsOwn = first !== undefined &&
    (!first.startsWith("-") || ["-h", "--help", "-V", "--version"].includes(first));
  return isProgramsOwn ? args : ["run", ...args];
}

/** commander's message as one line: sentence case, with its suggestion, and where to look. */
function usageMessage(
  error: CommanderError,
  args: readonly string[],
  commands: readonly CommandDefinition[],
): string {
  const command = commands.find(({ name }) => name === withDefaultCommand(args)[0]);
  const [first = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const hint = suggestion === undefined ? "" : ` ${suggestion.replace("(Did", "(did")}`;
  const message = first.charAt(0).toUpperCase() + first.slice(1) + hint;
  return `${message}: see ${[PROGRAM, command?.name, "--help"].filter(Boolean).join(" ")}`;
}

/** Builds commander's program; also for completion and documentation. */
export function buildProgram(
  { commands, version, print, env }: ProgramOptions,
  context: CommandContext,
  setStatus: (status: number) => void,
): Command {
  const program = new Command(PROGRAM)
    .description("Starts, joins and keeps MariaDB Galera clusters through ZooKeeper.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => {} })
    .configureHelp({ optionDescription: describeOption })
    .addHelpText("after", `\n${PROGRAM} with no command is ${PROGRAM} run.`);
  for (const definition of commands) {
    addCommand(program, definition, { context, env, setStatus });
  }
  return program;
}

interface Wiring {
  readonly context: CommandContext;
  readonly env: Environment;
  readonly setStatus: (status: number) => void;
}

function addCommand(parent: Command, definition: CommandDefinition, wiring: Wiring): void {
  const command = parent.command(definition.name, { hidden: definition.isHidden ?? false })
    .summary(definition.summary)
    .description(definition.description ?? definition.summary)
    .helpGroup(definition.group)
    .addHelpText("after", helpAfter(definition));
  const usage = ["[options]", ...(definition.operands ?? []).map((operand) => operand.syntax)];
  if (definition.subcommands !== undefined) usage.push("[command]");
  if (definition.restSyntax !== undefined) usage.push(`[-- ${definition.restSyntax}]`);
  command.usage(usage.join(" "));
  for (const option of definition.options) command.addOption(buildOption(option));
  for (const operand of definition.operands ?? []) {
    command.argument(operand.syntax, operand.description);
  }
  for (const subcommand of definition.subcommands ?? []) addCommand(command, subcommand, wiring);
  if (definition.action === undefined) return;
  command.allowExcessArguments().action(async () => {
    wiring.setStatus(await act(definition, command, wiring));
  });
}

function act(definition: CommandDefinition, command: Command, wiring: Wiring): Promise<number> {
  const { context, env } = wiring;
  const help = `see ${PROGRAM} ${definition.name} --help`;
  const operands = definition.operands ?? [];
  const isVariadic = operands.some((operand) => operand.syntax.includes("..."));
  const excess = isVariadic ? undefined : command.args[operands.length];
  if (excess !== undefined) {
    const hint = definition.restSyntax === undefined
      ? ""
      : ` (${definition.restSyntax} go after --)`;
    throw new UsageError(
      `Unexpected argument ${shown(excess)} for ${definition.name}${hint}: ${help}`,
    );
  }
  if (context.rest !== null && definition.restSyntax === undefined) {
    throw new UsageError(`${definition.name} takes nothing after --: ${help}`);
  }
  applyEnvironment(command, definition, env);
  return definition.action!(command.opts(), context, command.args);
}

/** The variable that stands in for an option. */
export function variableOf(option: OptionDefinition): string {
  const long = new Option(option.flags).long ?? "";
  return `GALERA_KEEPER_${long.replace(/^--/, "").replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Takes what the command line leaves out from the environment. commander can do that too, but calls
 * any value of a variable for a flag a yes, "false" as well.
 */
function applyEnvironment(
  command: Command,
  definition: CommandDefinition,
  env: Environment,
): void {
  for (const option of definition.options) {
    const name = new Option(option.flags).attributeName();
    const variable = variableOf(option);
    const text = env[variable];
    const isOnCommandLine = command.getOptionValueSource(name) === "cli";
    if (isOnCommandLine || text === undefined || text === "") continue;
    if (option.hasVariable === false) continue;
    const isFlag = !/[<[]/.test(option.flags);
    const parse = option.parse ?? (isFlag ? parseBoolean : (value: string) => value);
    command.setOptionValueWithSource(
      name,
      parseValue(parse, text, variable, ConfigError),
      "env",
    );
  }
}

function parseValue(
  parse: (text: string) => unknown,
  text: string,
  source: string,
  ErrorClass: typeof ConfigError | typeof UsageError,
): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof ValueError)) throw cause;
    throw new ErrorClass(`${source} is ${shown(text)}: ${cause.message}`, { cause });
  }
}

function buildOption(definition: OptionDefinition): Option {
  const option = new Option(definition.flags, definition.description);
  const { parse } = definition;
  const takesValue = option.required || option.optional;
  if (parse !== undefined && takesValue) {
    option.argParser((text, before: unknown) => {
      const value = parseValue(parse, text, option.long ?? "", UsageError);
      return definition.repeats && Array.isArray(before) && Array.isArray(value)
        ? [...before, ...value]
        : value;
    });
  }
  if (definition.default !== undefined || definition.defaultText !== undefined) {
    option.default(definition.default, definition.defaultText);
  }
  if (definition.group !== undefined) option.helpGroup(definition.group);
  return option;
}

/** Help for an option: what it does, its words, its default. */
function describeOption(option: Option): string {
  const text = option.defaultValueDescription ?? option.defaultValue;
  const extra = text === undefined ? "" : ` (default: ${text})`;
  return option.description + extra;
}

function helpAfter(definition: CommandDefinition): string {
  const examples = (definition.examples ?? []).map(([line, does]) => `  ${line}\n      ${does}`);
  const lines = examples.length === 0 ? [] : ["", "Examples:", ...examples];
  const sample = definition.options.find((option) => option.flags.startsWith("--"));
  if (sample !== undefined) {
    const flag = sample.flags.replace(/ .*/, "");
    lines.push("", `Every option is also a variable: ${flag} is ${variableOf(sample)}.`);
  }
  return lines.join("\n");
}
