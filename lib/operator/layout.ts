/** Text in lines of a certain width. Pure. */

/** Control characters of whatever was read would be orders to a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ");
}

/**
 * Breaks a text between its words.
 *
 * @param columns How wide a line may be, in characters; null: as wide as it is long.
 * @param indent How far lines after the first are indented, in blanks.
 */
export function wrap(text: string, columns: number | null, indent: number): readonly string[] {
  // Where hardly a word has room beside the indent, lines are better long than many.
  if (columns === null || columns < indent + 20) return [text];
  const lines: string[] = [];
  let rest = text;
  while (rest.length > columns) {
    const first = lines.length === 0 ? indent : 0;
    const at = rest.lastIndexOf(" ", columns);
    // A word that is longer than a line is cut.
    const end = at > first && rest.slice(first, at).trim() !== "" && at > indent ? at : columns;
    lines.push(rest.slice(0, end).trimEnd());
    rest = " ".repeat(indent) + rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Cuts a text that is longer than there is room, with a sign that it was. */
export function shorten(text: string, columns: number | null): string {
  if (columns === null || text.length <= columns) return text;
  return columns < 1 ? "" : `${text.slice(0, columns - 1)}…`;
}
