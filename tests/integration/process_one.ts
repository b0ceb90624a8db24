/** The program as process 1, as in a container: in a PID namespace that goes with it. */
import { STDERR } from "../../lib/machine/terminal.ts";
import { pause, run } from "./place.ts";

/** What starts a program as process 1, with a /proc of its own. */
export const AS_PROCESS_ONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"];

/** The process that such a command started, as this machine numbers it. */
export async function processOneOf(unshare: number): Promise<number> {
  for (;;) {
    const children = await Deno.readTextFile(`/proc/${unshare}/task/${unshare}/children`);
    const [pid] = children.trim().split(" ").filter((text) => text !== "");
    if (pid !== undefined) return Number(pid);
    await pause(10);
  }
}

/**
 * Waits until a keeper listens to signals: until it catches SIGUSR2, the last that it does. A signal that
 * comes before is lost on a process 1; in the instant that Deno takes to listen, it may end it by abort(3).
 */
export async function untilListening(pid: number): Promise<void> {
  const sigusr2 = 1n << 11n;
  for (;;) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const [, caught = "0"] = /^SigCgt:\s*(\w+)$/m.exec(status) ?? [];
    if ((BigInt(`0x${caught}`) & sigusr2) !== 0n) return;
    await pause(5);
  }
}

/** Runs a program in the namespace of a process 1, as `docker exec` does. @returns What it printed. */
export async function runInside(processOne: number, ...command: string[]): Promise<string> {
  return await run("nsenter", `--target=${processOne}`, "--pid", "--mount", "--", ...command);
}

/** The mariadbd that a keeper started. */
export async function mariadbdUnder(keeper: number): Promise<number> {
  return Number(await run("pgrep", "--parent", `${keeper}`, "mariadbd"));
}

/** The children of a process that have ended and whose status nobody took. */
export async function zombiesOf(parent: number): Promise<readonly string[]> {
  const lines = (await run("ps", "-e", "-o", "pid=,ppid=,stat=,comm=")).split("\n");
  return lines.filter((line) => new RegExp(`^\\s*\\d+\\s+${parent}\\s+Z`).test(line));
}

/** Waits until a process has no zombies. */
export async function untilNoZombies(parent: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await zombiesOf(parent)).length === 0) return;
    await pause(100);
  }
  const left = await zombiesOf(parent);
  throw new Error(`${left.length} zombies are left: ${left.slice(0, 5).join("; ")} …`);
}

/** Whether PID namespaces can be made here, tried; where not, one line says so. */
export function canBeProcessOne(): boolean {
  const problem = problemOf(AS_PROCESS_ONE);
  if (problem === null) return true;
  STDERR.write(`Tests as process 1 are left out, as no PID namespace can be made: ${problem}\n`);
  return false;
}

/** Whether user namespaces can be made here, tried; where not, as in a chroot, one line says so. */
export function canBeOtherUser(): boolean {
  const problem = problemOf(["unshare", "--user", "--"]);
  if (problem === null) return true;
  STDERR.write(`A test without root is left out, as no user namespace can be made: ${problem}\n`);
  return false;
}

/** Why a program cannot be started so; null where it can. */
function problemOf([program = "", ...args]: readonly string[]): string | null {
  try {
    const { success, stderr } = new Deno.Command(program, { args: [...args, "true"] }).outputSync();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
