/** Programs of a test's own in front of the real ones, for what a real one does at no test's wish. */
import { join } from "node:path";
import { run } from "./place.ts";

/** A line of shell that tells what a mariadbd is started for; to be used as `case "$purpose" in`. */
export const PURPOSE = [
  "file=${1#--defaults-extra-file=}; purpose=other",
  `grep -q '^wsrep_cluster_address="gcomm://.' "$file" && purpose=join`,
  `grep -q '^wsrep_new_cluster="ON"' "$file" && purpose=bootstrap`,
  `grep -q '^wsrep_recover="ON"' "$file" && purpose=recover`,
].join("\n");

/**
 * Puts a script in front of a program. `$REAL` in it is the program itself; it ends with
 * `exec "$REAL" "$@"` where the real one is to run.
 *
 * @param folder Where the script is put, and what it writes to: the account of mariadbd may.
 * @returns The PATH that finds it.
 */
export async function wrap(folder: string, program: string, script: string): Promise<string> {
  const bin = join(folder, "wrapped");
  await Deno.mkdir(bin, { recursive: true });
  await Deno.chmod(bin, 0o777);
  const real = (await run("sh", "-c", `command -v ${program}`)).trim();
  const text = `#!/bin/sh\nREAL=${real}\nHERE=${bin}\n${script}\n`;
  await Deno.writeTextFile(join(bin, program), text);
  await Deno.chmod(join(bin, program), 0o755);
  return `${bin}:${Deno.env.get("PATH")}`;
}

/** A script for mariadbd that notes what each start was for, then does something else or nothing. */
export function noting(script = ""): string {
  return `${PURPOSE}\necho "$purpose" >> "$HERE/starts"\n${script}\nexec "$REAL" "$@"`;
}

/** What mariadbd was started for since the last time that this was asked, in order. */
export async function takeStarts(folder: string): Promise<readonly string[]> {
  const path = join(folder, "wrapped", "starts");
  try {
    const text = await Deno.readTextFile(path);
    await Deno.remove(path);
    return text.trim().split("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
