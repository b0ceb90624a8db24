/** The README's parts, for tests that run or check what it says. */

import type { OptionDefinition } from "../lib/command.ts";
import { COMMANDS } from "../lib/commands/all.ts";
import { LOG_OPTIONS, RUN_OPTIONS, ZOOKEEPER_OPTIONS } from "../lib/settings/options.ts";

/** All of it. */
export const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));

/** What stands below a heading, up to the next one of its level or above. @throws There is none. */
export function sectionOf(heading: string): string {
  const [level = ""] = /^#+/.exec(heading) ?? [];
  const from = README.indexOf(`\n${heading}\n`);
  if (from === -1) throw new Error(`The README has no heading "${heading}"`);
  const text = README.slice(from + heading.length + 2);
  // A comment in a fenced block begins as a heading does.
  let isFenced = false;
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isFenced = !isFenced;
    const [, other] = /^(#+) /.exec(line) ?? [];
    if (!isFenced && other !== undefined && other.length <= level.length) break;
    lines.push(line);
  }
  return lines.join("\n");
}

/** The fenced blocks of a language in a section, each without its fences. */
export function blocksOf(section: string, language: string): readonly string[] {
  const pattern = new RegExp("^```" + language + "\\n([^]*?)^```$", "gm");
  return [...section.matchAll(pattern)].map(([, text = ""]) => text);
}

/** A table's rows, each by its cells, without the head. @param head Its first line. @throws There is none. */
export function tableOf(text: string, head: string): readonly (readonly string[])[] {
  const from = text.indexOf(`${head}\n|---`);
  if (from === -1) throw new Error(`The README has no table "${head}"`);
  const [table = ""] = text.slice(from).split("\n\n");
  return table.trimEnd().split("\n").slice(2).map((row) =>
    row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
  );
}

/** How tables show an option's default: as the help does. */
export function shownDefault({ default: value, defaultText }: OptionDefinition): string {
  return defaultText ?? (value === undefined ? "" : `${value}`);
}

/**
 * The rows of the options that are not as those of `run`, a command after the other; behind them one with
 * those that are.
 */
export function otherOptionRows(): readonly string[] {
  return COMMANDS.filter(({ name, isHidden }) => !isHidden && name !== "run").flatMap(
    ({ name, options }) => {
      const own = options.filter((option) => !isAsOfRun(option)).map((option) => {
        const shown = shownDefault(option);
        const cells = [`\`${option.flags}\``, shown && `\`${shown}\``, option.description];
        return [`\`${name}\``, ...cells].map((cell) => cell.replaceAll("|", "\\|"));
      });
      const shared = namesOf(options.filter(isAsOfRun));
      const rows = shared.length === 0 ? own : [...own, [`\`${name}\``, shared, "", "as of `run`"]];
      return rows.map((cells) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |"));
    },
  );
}

const sameOfRun = ({ flags }: OptionDefinition) => RUN_OPTIONS.find((one) => one.flags === flags);

function isAsOfRun(option: OptionDefinition): boolean {
  const same = sameOfRun(option);
  return same !== undefined && option.hasVariable !== false &&
    shownDefault(same) === shownDefault(option);
}

/** Flags, with whole groups of them in a word. */
function namesOf(options: readonly OptionDefinition[]): string {
  const groups = [["ZooKeeper's", ZOOKEEPER_OPTIONS], ["the log's", LOG_OPTIONS]] as const;
  const flags = new Set(options.map((option) => option.flags));
  const names: string[] = [];
  for (const [name, group] of groups) {
    if (!group.every((option) => flags.has(option.flags))) continue;
    names.push(name);
    for (const option of group) flags.delete(option.flags);
  }
  return [...names, ...[...flags].map((one) => `\`${one.replace(/ .*/, "")}\``)].join(", ");
}
