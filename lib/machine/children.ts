/**
 * The programs that we start, all of them: process 1 has to know its own children, as it takes the
 * statuses of all others, see `reaper.ts`.
 */

const own = new Set<number>();
let onTaken: () => void = () => {};

/** Whether a process was started by us and its status is not taken yet. */
export function isOwnChild(pid: number): boolean {
  return own.has(pid);
}

/** Calls a listener each time that the status of one of our own was taken; the last one counts. */
export function whenStatusTaken(listener: () => void): void {
  onTaken = listener;
}

/**
 * Starts a program, as `Deno.Command.spawn()`.
 *
 * @throws {Deno.errors.NotFound} It is not there; other errors of `Deno.Command`.
 */
export function startProgram(program: string, options: Deno.CommandOptions): Deno.ChildProcess {
  const child = new Deno.Command(program, options).spawn();
  // Before anything else of ours can run.
  own.add(child.pid);
  const taken = () => {
    own.delete(child.pid);
    onTaken();
  };
  child.status.then(taken, taken);
  return child;
}

/** Runs a program to its end, as `Deno.Command.output()`. @throws As {@link startProgram}. */
export async function runProgram(
  program: string,
  options: Deno.CommandOptions,
): Promise<Deno.CommandOutput> {
  const piped = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return await startProgram(program, { ...piped, ...options }).output();
}
