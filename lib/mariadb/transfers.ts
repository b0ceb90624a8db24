/** What can be seen of a state transfer from outside: what the processes that move it have written. */
import {
  isMover,
  type Process,
  programOf,
  sessionMembers,
  transfersAmong,
  type Written,
  writtenBytes,
} from "./processes.ts";
import type { Account } from "./programs.ts";

/** Looking costs two processes, and whoever asks may ask twenty times a second. */
const LOOK_EVERY_MS = 1000;

/** Counts what state transfers move. */
export class Transfers {
  readonly #server: number;
  readonly #account: Account;
  readonly #counts = new Map<number, number>();
  #data = 0;
  #lookedAtMs = -Infinity;
  #looking: Promise<void> | null = null;

  /** @param server The server's process, which leads its session. @param account Its own. */
  constructor(server: number, account: Account) {
    this.#server = server;
    this.#account = account;
  }

  /**
   * Bytes that anything moved so far; only grows, and tells no more than that something moves. At most
   * a second old, the first time it is asked.
   */
  async bytes(): Promise<number> {
    await this.#lookAgain();
    return [...this.#counts.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Bytes of data that the SST which goes on has copied so far; only grows. At most a second old. */
  async copied(): Promise<number> {
    await this.#lookAgain();
    return this.#data;
  }

  /** Another transfer begins: its data is counted from nothing. */
  restart(): void {
    this.#data = 0;
  }

  async #lookAgain(): Promise<void> {
    if (performance.now() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#looking ??= this.#look().finally(() => this.#looking = null);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const processes = transfersAmong(await sessionMembers(this.#server));
    const pids = [this.#server, ...processes.map(({ pid }) => pid)];
    const written = await writtenBytes(pids, this.#account);
    const movers = new Set(processes.filter(isMover).map(({ pid }) => pid));
    for (const [pid, { all, toFiles }] of written) {
      if (pid !== this.#server && !movers.has(pid)) continue;
      // The server also writes to its log; what an IST brings it writes to files.
      const bytes = pid === this.#server ? toFiles : all;
      this.#counts.set(pid, Math.max(bytes, this.#counts.get(pid) ?? 0));
    }
    this.#data = Math.max(this.#data, copiedData(processes, written));
    this.#lookedAtMs = performance.now();
  }
}

/**
 * How much data an SST has copied, by what its processes have written. mariabackup: what mbstream
 * writes to files, what mariadb-backup writes to its pipe; both before or after any compression. rsync:
 * what its processes have written, those that have ended too, as what they wrote counts for the one
 * that waited for them: the daemon of a joiner, the script and its xargs of a donor.
 */
export function copiedData(
  processes: readonly Process[],
  written: ReadonlyMap<number, Written>,
): number {
  const sum = (isCounted: (process: Process) => boolean) =>
    processes.filter(isCounted).reduce((sum, { pid }) => sum + (written.get(pid)?.all ?? 0), 0);
  const isDonor = processes.some(({ command }) => / --role '?donor'? /.test(command));
  const isRsync = processes.some(({ command }) => command.includes("wsrep_sst_rsync"));
  if (isRsync) return sum((process) => isDonor || programOf(process) === "rsync");
  const streams = isDonor ? ["mariadb-backup", "mariabackup"] : ["mbstream"];
  // The preparing and moving of a joiner is mariadb-backup's, too.
  return sum((process) => streams.includes(programOf(process)));
}
