/** This program, to be started once more as another process. */

import { fileURLToPath } from "node:url";

/**
 * What starts this program once more: the compiled binary itself, or Deno on our sources with the
 * permissions that deno.json grants.
 *
 * @returns A program and the arguments that come before our own.
 */
export function selfCommand(): readonly [program: string, ...before: string[]] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--permission-set",
    "--config",
    path("deno.json"),
    path("main.ts"),
  ];
}
