/**
 * Processes that belong to a server: its session, and who still holds a datadir.
 *
 * By ps, readlink and cat, as Deno gives /proc itself to nobody but `--allow-all`.
 */
import { runProgram } from "../machine/children.ts";
import { findProgram } from "./programs.ts";

/** One process. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The session it belongs to: all that a server starts is in the server's. */
  readonly session: number;
  /** Its arguments, joined with blanks. */
  readonly command: string;
}

/** All processes that run, zombies left out. */
export async function listProcesses(): Promise<readonly Process[]> {
  const text = await output("ps", ["-e", "-ww", "-o", "pid=,ppid=,sid=,stat=,args="]);
  return text.split("\n").flatMap((line) => {
    const [, pid, parent, session, state, command] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined || state === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session), command }];
  });
}

/** The processes of a session, but for the one that leads it. */
export async function sessionMembers(session: number): Promise<readonly Process[]> {
  const all = await listProcesses();
  return all.filter((process) => process.session === session && process.pid !== session);
}

/** Programs that move the data of an SST; what their scripts do besides is no progress. */
const MOVERS = ["rsync", "mbstream", "mariabackup", "mariadb-backup"];

/** Whether a process moves the data of an SST. */
export function isMover(process: Process): boolean {
  return MOVERS.includes(programOf(process));
}

/**
 * Those of a session that belong to a state transfer: the SST's scripts, what they started, and what
 * moves data for a script that is gone. Not a `wsrep_notify_cmd`.
 */
export function transfersAmong(members: readonly Process[]): readonly Process[] {
  const byPid = new Map(members.map((process) => [process.pid, process]));
  const isOfScript = (process: Process | undefined): boolean =>
    process !== undefined &&
    (process.command.includes("wsrep_sst_") || isOfScript(byPid.get(process.parent)));
  // rsync's way through TLS; its bytes are counted as rsync's own.
  const isTunnel = (process: Process) => programOf(process) === "stunnel";
  return members.filter((process) => isOfScript(process) || isMover(process) || isTunnel(process));
}

/** The name of the program that runs. */
export function programOf(process: Process): string {
  const [first = ""] = process.command.split(" ", 1);
  return first.slice(first.lastIndexOf("/") + 1);
}

/** Who still works in a datadir. */
export interface Holders {
  /** Servers. */
  readonly servers: readonly Process[];
  /** SST scripts whose server is gone, and what they started. */
  readonly strays: readonly Process[];
}

/**
 * Looks for servers and SST scripts that still work in a datadir. A server's working folder is its
 * datadir, which says so on any file system, and in an SST too, when no data file is open.
 */
export async function findHolders(datadir: string): Promise<Holders> {
  const all = await listProcesses();
  const servers: Process[] = [];
  for (const process of all) {
    if (!["mariadbd", "mysqld"].includes(programOf(process))) continue;
    const folder = await output("readlink", ["--", `/proc/${process.pid}/cwd`]);
    if (folder.trimEnd() === datadir) servers.push(process);
  }
  const sessions = new Set(
    all.filter(({ command }) =>
      command.includes("wsrep_sst_") && command.includes(`--datadir ${datadir}/ `)
    ).map(({ session }) => session),
  );
  const serving = new Set(servers.map(({ session }) => session));
  const strays = all.filter((process) =>
    !serving.has(process.session) &&
    (sessions.has(process.session) || isTransferDaemon(process, datadir))
  );
  return { servers, strays };
}

/**
 * Whether a process listens for an SST into a datadir. Where the server and its keeper are killed at
 * once, the script dies as it complains, of a pipe that nobody reads any more, and what it started
 * would listen for ever. Others who copy a datadir with rsync have no such configuration in it.
 */
function isTransferDaemon(process: Process, datadir: string): boolean {
  const configuration = new Map([["rsync", "rsync_sst.conf"], ["stunnel", "stunnel.conf"]])
    .get(programOf(process));
  return configuration !== undefined &&
    `${process.command} `.includes(` ${datadir}/${configuration} `);
}

/** Sends a signal to processes, whichever of them are still there. */
export function signalAll(pids: readonly number[], signal: Deno.Signal): void {
  for (const pid of pids) {
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      // Gone between the look and the signal.
      if (!(error instanceof Deno.errors.NotFound) && !isNoSuchProcess(error)) throw error;
    }
  }
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}

/**
 * How many bytes processes have written so far, by pid: to files, pipes and sockets, and what of it
 * went to a file system. Those that cannot be asked are left out.
 */
export async function writtenBytes(
  pids: readonly number[],
): Promise<ReadonlyMap<number, { readonly all: number; readonly toFiles: number }>> {
  const written = new Map<number, { all: number; toFiles: number }>();
  await Promise.all(pids.map(async (pid) => {
    const text = await output("cat", [`/proc/${pid}/io`]);
    const [, all] = /^wchar: (\d+)$/m.exec(text) ?? [];
    const [, toFiles] = /^write_bytes: (\d+)$/m.exec(text) ?? [];
    if (all !== undefined && toFiles !== undefined) {
      written.set(pid, { all: Number(all), toFiles: Number(toFiles) });
    }
  }));
  return written;
}

/** What a small program prints; "" where it fails. @throws {UnavailableError} It is not there. */
async function output(name: string, args: readonly string[]): Promise<string> {
  const program = await findProgram([name], name === "ps" ? "procps" : "coreutils");
  const { stdout } = await runProgram(program, {
    args: [...args],
    env: { LC_ALL: "C" },
    stderr: "null",
  });
  return new TextDecoder().decode(stdout);
}
