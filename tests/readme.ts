/** The README's parts, for tests that run or check what it says. */

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
