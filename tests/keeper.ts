/**
 * The program as its users run it: a process. From the sources, or the compiled binary where the
 * variable GALERA_KEEPER_BINARY names one.
 */

import { fileURLToPath } from "node:url";
import { selfCommand } from "../lib/machine/self.ts";
import { RuntimeFolder } from "../lib/mariadb/runtime.ts";

const BINARY = Deno.env.get("GALERA_KEEPER_BINARY") || null;

/** What starts the program, and the arguments that come before its own. */
export function keeperCommand(): readonly [program: string, ...before: string[]] {
  if (BINARY === null) return selfCommand();
  return [fileURLToPath(new URL(`../${BINARY}`, import.meta.url))];
}

/** How a process ended and what it wrote. */
export interface Finished {
  readonly status: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link startKeeper}. */
export interface KeeperOptions {
  /** Variables over ours; none of ours whose names begin with GALERA_KEEPER_ or MARIADB_. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What starts it in another place, as `unshare` does; nothing by default. */
  readonly within?: readonly string[];
}

/** Starts the program. */
export function startKeeper(
  args: readonly string[],
  options: KeeperOptions = {},
): Deno.ChildProcess {
  const [program = "", ...before] = [...options.within ?? [], ...keeperCommand()];
  return new Deno.Command(program, {
    args: [...before, ...args],
    env: { ...inherited(), ...options.env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject())
      .filter(([name]) => !/^(GALERA_KEEPER|MARIADB|MYSQL)_|^WSREP_ON$/.test(name)),
  );
}

/** Runs the program to its end. */
export async function keeper(
  args: readonly string[],
  options: KeeperOptions = {},
): Promise<Finished> {
  const { code, signal, stdout, stderr } = await startKeeper(args, options).output();
  const decoder = new TextDecoder();
  return { status: code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Takes away what a keeper that was killed left behind; its next start would. */
export async function clearRuntime(datadir: string): Promise<void> {
  const owner = { uid: Deno.uid()!, gid: Deno.gid()! };
  await (await RuntimeFolder.make(datadir, owner)).remove();
}
