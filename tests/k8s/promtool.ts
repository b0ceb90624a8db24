/** Prometheus' own checker, of Debian's package prometheus. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** A file of the repository, by its path there. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** Runs `promtool`; it must find nothing to say. @param input What it reads. */
export async function promtool(args: readonly string[], input = ""): Promise<void> {
  const child = new Deno.Command("promtool", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  // What it only advises leaves the status 0 with some of its versions.
  if (args[0] === "check" && args[1] === "metrics") assert.equal(said, "");
}
