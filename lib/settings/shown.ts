/** Values of others' in a line for people: on one line, without what a terminal obeys. Pure. */

// deno-lint-ignore no-control-regex
const OBEYED = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/** The same text with control characters, and those that turn writing around, as `\u001b`. */
export function escaped(text: string): string {
  return text.replaceAll(
    OBEYED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A value in quotes: escaped, and cut where it is long. */
export function shown(text: string, most = 80): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return `"${escaped(cut)}"`;
}

/** How long a sentence may be that ends the program or stands in the log. */
const LONGEST_LINE = 4000;

/** A sentence that may hold others' values: escaped, on one line, cut where it is very long. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s*[\r\n]+\s*/g, " ");
  return escaped(line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line);
}
