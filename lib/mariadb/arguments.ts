/** What stands after `--`, turned into lines of an option file. Pure. */
import { ConfigError, UsageError } from "../errors.ts";
import { setting, shown } from "../settings/shown.ts";

/** A line of an option file: its name, and its value if it has one. */
export type Option = readonly [name: string, value: string | null];

/** Options that have one of ours, or are ours to decide; names as in an option file, with `-`. */
const OURS: ReadonlyMap<string, string> = new Map([
  ["bind-address", "use --bind"],
  ["bootstrap", "a datadir is initialised as needed"],
  ["datadir", "use --datadir"],
  ["defaults-extra-file", "write its options after --, or into /etc/mysql"],
  ["defaults-file", "write its options after --, or into /etc/mysql"],
  ["defaults-group-suffix", "write its options after --, or into /etc/mysql"],
  ["help", "ask mariadbd itself"],
  ["log-error", "what mariadbd says goes through galera-keeper's log"],
  ["no-defaults", "galera-keeper's own options are in a file"],
  ["port", "use --port"],
  ["print-defaults", "ask mariadbd itself"],
  ["server-id", "each member is given its own"],
  ["socket", "use --socket"],
  ["user", "use --user"],
  ["version", "ask mariadbd itself"],
  ["wsrep-cluster-address", "it comes from ZooKeeper"],
  ["wsrep-cluster-name", "use --cluster-name"],
  ["wsrep-new-cluster", "who bootstraps is decided through ZooKeeper"],
  ["wsrep-node-address", "use --address"],
  ["wsrep-node-name", "use --member"],
  ["wsrep-on", "use the variable WSREP_ON"],
  ["wsrep-provider", "use --provider"],
  ["wsrep-provider-options", "use --provider-options"],
  ["wsrep-recover", "positions are recovered as needed"],
  ["wsrep-reject-queries", "a bootstrap keeps clients out with it until it is registered"],
  ["wsrep-sst-auth", "a command line is no place for a password"],
  ["wsrep-sst-method", "use --sst-method"],
  ["wsrep-start-position", "it comes from the datadir"],
]);

/** An option file's line is cut at 4096 bytes (MariaDB's my_default.c). */
const LONGEST_LINE_BYTES = 4000;

/**
 * Reads options for mariadbd.
 *
 * @param args `--name`, `--name=value`; a leading `mariadbd` or `mysqld` is left out.
 * @throws {UsageError} Something is no such option.
 * @throws {ConfigError} An option is ours.
 */
export function readArguments(args: readonly string[]): readonly Option[] {
  const options = args[0] === "mariadbd" || args[0] === "mysqld" ? args.slice(1) : args;
  return options.map(readArgument);
}

function readArgument(argument: string): Option {
  const [, name, value] = /^--([A-Za-z][A-Za-z0-9_.-]*)(?:=([^]*))?$/.exec(argument) ?? [];
  if (name === undefined) {
    throw new UsageError(
      `Cannot pass ${shown(argument)} on to mariadbd: after -- write options as --name=value`,
    );
  }
  const owned = whoseOption(name);
  if (owned !== null) {
    // That one is a password.
    const said = /auth/i.test(name) ? `--${name}` : argument;
    throw new ConfigError(`${setting(said)} cannot go after --: ${owned}`);
  }
  const option: Option = [name, value ?? null];
  if (new TextEncoder().encode(formatOption(option)).length > LONGEST_LINE_BYTES) {
    throw new ConfigError(
      `${setting(`--${name}`)} is too long for an option file: ${LONGEST_LINE_BYTES} bytes at most`,
    );
  }
  return option;
}

/** Why an option cannot be given; null where it can. */
function whoseOption(name: string): string | null {
  // mariadbd takes `-` and `_` alike, a prefix such as loose- or skip-, and any abbreviation.
  const plain = name.toLowerCase().replaceAll("_", "-")
    .replace(/^(?:(?:loose|skip|disable|enable|maximum)-)+/, "");
  for (const [ours, reason] of OURS) {
    if (ours === plain || (plain.length > 3 && ours.startsWith(plain))) return reason;
  }
  return null;
}

/** One line of an option file, quoted so that any value is read back as it is. */
export function formatOption([name, value]: Option): string {
  if (value === null) return name;
  const quoted = value.replace(
    /[\\"\n\r\t\b]/g,
    (character) => ESCAPES.get(character) ?? character,
  );
  return `${name}="${quoted}"`;
}

/** As MariaDB's my_default.c reads them. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ['"', '\\"'],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
]);
