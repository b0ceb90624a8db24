/** The log: text for people, JSON lines for machines, on standard error, without passwords. */

import {
  configureSync,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type LogRecord,
  resetSync,
  type TextFormatter,
} from "@logtape/logtape";
import type { LogConfig } from "./config.ts";
import { type Output, STDERR } from "./machine/terminal.ts";
import { escaped } from "./settings/shown.ts";

/** The category of all that we log; mariadbd's own lines are one below. */
export const CATEGORY = "galera-keeper";

/** Our logger, or one for a part of the program. */
export function logger(...part: readonly string[]) {
  return getLogger([CATEGORY, ...part]);
}

/** Starts the log, or changes it where it runs already. */
export function startLog(config: LogConfig, output: Output = STDERR): void {
  const format = config.format ?? (output.isTerminal() ? "text" : "json");
  const formatter = redacted(formatterOf(format, output.isTerminal()), config.secrets);
  configureSync({
    reset: true,
    sinks: { output: (record: LogRecord) => output.write(formatter(record)) },
    loggers: [
      { category: CATEGORY, lowestLevel: config.level, sinks: ["output"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["output"] },
    ],
  });
}

/** Ends the log; what is logged from now on goes nowhere. */
export function stopLog(): void {
  resetSync();
}

function formatterOf(format: "text" | "json", isTerminal: boolean): TextFormatter {
  if (format === "json") {
    const formatter = getJsonLinesFormatter({ properties: "flatten" });
    // JSON itself escapes what is below a blank, and no more of what terminals obey.
    return (record) =>
      formatter(withBareStrings(record)).split("\n").map((line) => escaped(line)).join("\n");
  }
  const formatter = isTerminal
    ? getAnsiColorFormatter({
      timestamp: "time",
      timeZone: null,
      level: "full",
      value,
      format: lineOf,
    })
    : getTextFormatter({ timestamp: "rfc3339", level: "full", value, format: lineOf });
  return (record) => formatter(withoutOrders(record));
}

/** Text of others' is in our lines, and in mariadbd's: a terminal is to show it, not to obey it. */
function withoutOrders(record: LogRecord): LogRecord {
  const escape = (part: unknown) =>
    typeof part === "string" ? part.split(/([\t\r\n]+)/).map(escapedBetween).join("") : part;
  return { ...record, message: record.message.map(escape) };
}

function escapedBetween(part: string, at: number): string {
  return at % 2 === 0 ? escaped(part) : part;
}

/** A text in a sentence stands as it is, without quotes; on one line, whoever wrote it. */
function value(value: unknown, inspect: (value: unknown) => string): string {
  return typeof value === "string" ? value.replaceAll(/\s*[\r\n]+\s*/g, " ") : inspect(value);
}

/** Strings inside a message without quotes around them, which the JSON formatter has no option for. */
function withBareStrings(record: LogRecord): LogRecord {
  const message: unknown[] = [""];
  record.message.forEach((part, at) => {
    const isText = at % 2 === 0 || typeof part === "string";
    if (isText) message[message.length - 1] = `${message.at(-1)}${part}`;
    else message.push(part, "");
  });
  return { ...record, message };
}

/** `12:00:00.000 warning mariadbd: message`; our own lines, most of them, name no part. */
function lineOf(values: {
  readonly timestamp: string | null;
  readonly level: string;
  readonly message: string;
  readonly record: LogRecord;
}): string {
  const part = values.record.category.slice(1).join("·");
  return `${values.timestamp} ${values.level} ${part && `${part}: `}${values.message}`;
}

/** Shorter ones are no secret, and would tear holes into every word. */
const SHORTEST_SECRET = 4;

/**
 * A safety net: nothing of ours logs a password, but a line that comes from elsewhere might hold
 * one. Both the plain text and its form inside JSON are replaced.
 */
export function redacted(formatter: TextFormatter, secrets: readonly string[]): TextFormatter {
  const forms = secrets.filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), escaped(secret)])
    .sort((one, other) => other.length - one.length);
  if (forms.length === 0) return formatter;
  return (record) => forms.reduce((line, form) => line.replaceAll(form, "***"), formatter(record));
}
