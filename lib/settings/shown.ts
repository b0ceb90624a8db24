/** Values of others' in a line for people: on one line, without what a terminal obeys. Pure. */

// deno-lint-ignore no-control-regex
const OBEYED = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/** Whether a text has what a terminal obeys. */
export function hasObeyed(text: string): boolean {
  return text.search(OBEYED) >= 0;
}

/** The same text with control characters, and those that turn writing around, as `\u001b`. */
export function escaped(text: string): string {
  return text.replaceAll(
    OBEYED,
    (character) =>
      SHORT.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A value in quotes: escaped, and cut where it is long. */
export function shown(text: string, most = 80): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return `"${escaped(cut)}"`;
}

/** A setting as somebody wrote it, `name=value`: escaped, and cut where it is long. */
export function setting(text: string): string {
  return oneLine(text, 100);
}

/** How long a sentence may be that ends the program. */
const LONGEST_LINE = 4000;

/** A sentence that may hold others' values: escaped, on one line, cut where it is very long. */
export function oneLine(text: string, most = LONGEST_LINE): string {
  const line = text.replaceAll(/[\r\n\t]+/g, " ");
  return escaped(line.length > most ? `${line.slice(0, most)}…` : line);
}
