/**
 * Processes that belong to a server: its session, and who still holds a datadir.
 *
 * By ps, readlink and grep, as Deno gives /proc itself to nobody but `--allow-all`.
 */
import { runProgram } from "../machine/children.ts";
import { type Account, findProgram, identityArguments } from "./programs.ts";

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
 *
 * @param account Whose servers they are, as for {@link writtenBytes}.
 */
export async function findHolders(
  datadir: string,
  account: OtherAccount | null = null,
): Promise<Holders> {
  const all = await listProcesses();
  const servers: Process[] = [];
  for (const process of all) {
    if (!["mariadbd", "mysqld"].includes(programOf(process))) continue;
    const args = ["--", `/proc/${process.pid}/cwd`];
    const folder = await output("readlink", args) || await output("readlink", args, account);
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

/** Who to become to look at processes, where that is somebody else. */
export type OtherAccount = Pick<Account, "name" | "gid" | "isOther">;

/** What a process has written so far, in bytes. */
export interface Written {
  /** To files, pipes and sockets. */
  readonly all: number;
  /** What of it went to a file system. */
  readonly toFiles: number;
}

/**
 * What processes have written so far, by pid, what their children had written that have ended among
 * it (Linux adds those to the parent's). Those that cannot be asked are left out.
 *
 * @param account Whose processes they are: without CAP_SYS_PTRACE, as in a container, not even root
 * may look at another's (proc(5), ptrace(2)).
 */
export async function writtenBytes(
  pids: readonly number[],
  account: OtherAccount | null = null,
): Promise<ReadonlyMap<number, Written>> {
  const files = pids.map((pid) => `/proc/${pid}/io`);
  const text = await output("grep", ["-sH", "^w[cr]", "/dev/null", ...files], account);
  const written = new Map<number, { all: number; toFiles: number }>();
  for (const [, pid, name, bytes] of text.matchAll(/^\/proc\/(\d+)\/io:(\w+): (\d+)$/gm)) {
    const counts = written.get(Number(pid)) ?? { all: 0, toFiles: 0 };
    written.set(Number(pid), counts);
    counts[name === "wchar" ? "all" : "toFiles"] = Number(bytes);
  }
  return written;
}

/** Debian's packages of what is not in coreutils. */
const PACKAGES = new Map([["ps", "procps"], ["grep", "grep"], ["setpriv", "util-linux"]]);

/** What a small program prints; "" where it fails. @throws {UnavailableError} It is not there. */
async function output(
  name: string,
  args: readonly string[],
  account: OtherAccount | null = null,
): Promise<string> {
  const found = (program: string) => findProgram([program], PACKAGES.get(program) ?? "coreutils");
  const program = await found(name);
  const as = account?.isOther ? [await found("setpriv"), ...identityArguments(account), "--"] : [];
  const [executable = program, ...rest] = [...as, program, ...args];
  const { stdout } = await runProgram(executable, {
    args: rest,
    env: { LC_ALL: "C" },
    stderr: "null",
  });
  return new TextDecoder().decode(stdout);
}
