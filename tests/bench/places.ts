/** Where things are. */

import { fileURLToPath } from "node:url";

/** Debian's Python, which Debian's kazoo is for; another one may come first in PATH. */
export const PYTHON = "/usr/bin/python3";

/** The project's folder, without a slash at its end. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A file of the benchmark. */
export function bench(name: string): string {
  return `${ROOT}/tests/bench/${name}`;
}

/** The program, from source. */
export function keeperFromSource(): readonly [string, ...string[]] {
  return [Deno.execPath(), "run", "--quiet", "--allow-all", `${ROOT}/main.ts`];
}
