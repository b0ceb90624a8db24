/** Programs that we start: as the right user, without our environment, and ended when we end. */
import type { Logger } from "@logtape/logtape";
import { REAL_CLOCK } from "../machine/clock.ts";
import { startProgram } from "../machine/children.ts";
import { UnavailableError } from "../errors.ts";
import type { ExitStatus } from "./database.ts";
import { type OnLine, Output } from "./output.ts";
import { sessionMembers, signalAll } from "./processes.ts";
import { type Account, identityArguments, searchPath } from "./programs.ts";

/** What to start. */
export interface ChildOptions {
  /** Absolute. */
  readonly program: string;
  /** Never a password among them: anyone may read them. */
  readonly args: readonly string[];
  readonly account: Account;
  /** Where its output goes. */
  readonly log: Logger;
  /** Besides what {@link environment} has. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from its standard input; nothing by default. */
  readonly input?: ReadableStream<Uint8Array>;
  /** Called for each line that it prints. */
  readonly onLine?: OnLine;
}

/** A program that was started. Its process leads a session of its own. */
export interface Child {
  readonly pid: number;
  /** Settles when it and all that it started have ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Settles with what went wrong with its input, or null; never rejects. */
  readonly inputError: Promise<unknown>;
  /** Sends it a signal, if it is still there. */
  signal(signal: Deno.Signal): void;
}

/** What a server needs to know of the world; ours holds passwords, so it does not get it. */
export function environment(): Record<string, string> {
  const passedOn = ["TZ", "TMPDIR", "LD_PRELOAD", "MALLOC_CONF", "MALLOC_ARENA_MAX"].flatMap(
    (name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    },
  );
  return {
    PATH: searchPath(),
    HOME: "/nonexistent",
    LANG: "C.UTF-8",
    ...Object.fromEntries(passedOn),
  };
}

/** How long the output of a program that has ended may stay open. */
const DRAIN_MS = 2000;

/** Ends where its parent is no longer the one that it is told; else becomes the program. */
const UNLESS_ORPHAN = '[ "$PPID" -eq "$0" ] || exit 143; exec "$@"';

/** What a shell would not pass on, as no variable of its own has such a name: bash's functions. Never a secret. */
function unnameable(env: Readonly<Record<string, string>>): readonly string[] {
  const odd = Object.entries(env).filter(([name]) => !/^[A-Za-z_]\w*$/.test(name));
  return odd.length === 0 ? [] : ["env", ...odd.map(([name, value]) => `${name}=${value}`)];
}

/**
 * Starts a program. When we die it gets SIGTERM from the kernel: setpriv asks for that after the
 * change of user, as that change would take it back. Did we die just before it asked, nothing would
 * come any more: so it looks once whether we are still there. (The kernel watches the thread that
 * started it, prctl(2): Deno starts programs on its main thread, which lives as long as we do.)
 *
 * @throws {UnavailableError} It cannot be started.
 */
export function startChild(
  { program, args, account, log, env = {}, input, onLine }: ChildOptions,
): Child {
  const identity = account.isOther ? identityArguments(account) : [];
  const command: Deno.CommandOptions = {
    args: [
      ...["--pdeathsig", "TERM", ...identity, "--"],
      ...["/bin/sh", "-c", UNLESS_ORPHAN, `${Deno.pid}`, ...unnameable(env), program, ...args],
    ],
    clearEnv: true,
    env: { ...environment(), ...env },
    cwd: "/",
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    // A session of its own: a terminal's Ctrl-C is for us alone, and its children can be found.
    detached: true,
  };
  let child: Deno.ChildProcess;
  try {
    child = startProgram("setpriv", command);
  } catch (cause) {
    throw new UnavailableError(
      `Cannot start ${program}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  const output = new Output(log, onLine);
  output.follow(child.stdout);
  output.follow(child.stderr);
  // It may end without having read all, as it likes.
  const inputError = (input?.pipeTo(child.stdin) ?? Promise.resolve()).then(
    () => null,
    (error) => error instanceof Deno.errors.BrokenPipe ? null : error,
  );
  return {
    pid: child.pid,
    exited: ended(child, output),
    inputError,
    signal: (signal) => signalAll([child.pid], signal),
  };
}

async function ended(child: Deno.ChildProcess, output: Output): Promise<ExitStatus> {
  const { code, signal } = await child.status;
  await endSession(child.pid);
  await output.end(DRAIN_MS);
  return {
    code: signal === null ? code : null,
    signal,
    lastErrors: code === 0 ? [] : output.lastErrors,
  };
}

/** Ends what a program left behind: asks first, as scripts clean up after themselves. */
async function endSession(session: number): Promise<void> {
  for (let round = 0;; round++) {
    const left = (await sessionMembers(session)).map(({ pid }) => pid);
    if (left.length === 0) return;
    signalAll(left, round < 20 ? "SIGTERM" : "SIGKILL");
    await REAL_CLOCK.sleep(100);
  }
}

/**
 * Starts a program and waits for its end.
 *
 * @param signal Ends it. @throws The signal's reason.
 */
export async function runChild(options: ChildOptions, signal: AbortSignal): Promise<ExitStatus> {
  signal.throwIfAborted();
  const child = startChild(options);
  const stop = () => child.signal("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const status = await child.exited;
    signal.throwIfAborted();
    const inputError = await child.inputError;
    // To the program it looked like the end of its input, and it took that for success.
    if (inputError !== null && status.code === 0) throw inputError;
    return status;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
