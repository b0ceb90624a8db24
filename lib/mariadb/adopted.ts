/** A mariadbd that others started: asked as one of ours, left alone in all else. */
import type { Logger } from "@logtape/logtape";
import { RefusedError, UnavailableError } from "../errors.ts";
import { startChild } from "./child.ts";
import { KeptConnection, type Login } from "./connection.ts";
import type {
  ExitStatus,
  Running,
  ServerFacts,
  TransferSeen,
  ViewMember,
  WsrepStatus,
} from "./database.ts";
import { isKeepers } from "./datadir.ts";
import { findHolders, listProcesses } from "./processes.ts";
import { type Account, findProgram } from "./programs.ts";
import { readFacts, readStatus, readViewMembers } from "./wsrep.ts";

/**
 * Finds the server that works in a datadir.
 *
 * @returns Its process.
 * @throws {UnavailableError} There is none, or it is a keeper's that is ending.
 */
export async function findServer(datadir: string, account: Account): Promise<number> {
  const { servers: [server, ...others] } = await findHolders(datadir, account);
  if (server === undefined) {
    throw new UnavailableError(
      `No mariadbd runs on the datadir "${datadir}": name another with --datadir, or start a member ` +
        "there with galera-keeper run",
    );
  }
  if (others.length > 0 || isKeepers(server)) {
    throw new UnavailableError(
      `The mariadbd on the datadir "${datadir}", process ${server.pid}, was started by galera-keeper ` +
        "run, and its keeper is gone: it is ending, start it again with galera-keeper run",
    );
  }
  return server.pid;
}

/** Such a server. */
export class AdoptedServer implements Running {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly #connection: KeptConnection;
  readonly #socket: string;

  /** @param datadir Without symbolic links. */
  constructor(
    { pid, socket, login, datadir, account, log }: {
      readonly pid: number;
      readonly socket: string;
      readonly login: Login;
      readonly datadir: string;
      readonly account: Account;
      readonly log: Logger;
    },
  ) {
    this.pid = pid;
    this.#socket = socket;
    this.#connection = new KeptConnection(socket, login, datadir);
    this.exited = untilGone(pid, account, log).then(async () => {
      await this.close();
      // Whose child it is knows how.
      return { code: null, signal: null, lastErrors: [] };
    });
  }

  /** Closes our connection; the server runs on. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** What it says of itself. @throws {UnavailableError} It does not answer. */
  async facts(): Promise<ServerFacts> {
    const facts = await readFacts(this.#connection);
    if (facts !== null) return facts;
    throw new UnavailableError(
      `The mariadbd that runs, process ${this.pid}, does not answer on "${this.#socket}": name its ` +
        "socket with --socket",
    );
  }

  async status(): Promise<WsrepStatus | null> {
    return await readStatus(this.#connection);
  }

  async viewMembers(): Promise<readonly ViewMember[]> {
    return await readViewMembers(this.#connection);
  }

  /** What its scripts print goes elsewhere. */
  transfer(): Promise<TransferSeen | null> {
    return Promise.resolve(null);
  }

  transferredBytes(): Promise<number> {
    return Promise.resolve(0);
  }

  /** It serves as whoever started it had it serve. */
  makeWritable(): Promise<void> {
    return Promise.resolve();
  }

  /** It is never ours to stop. */
  stop(): Promise<ExitStatus> {
    return Promise.reject(new RefusedError("An adopted mariadbd is stopped by who started it"));
  }

  reload(): void {}
}

/** Waits for the end of a process that is not ours; `tail` looks for that, five times a second. */
async function untilGone(pid: number, account: Account, log: Logger): Promise<void> {
  const program = await findProgram(["tail"], "coreutils");
  do {
    const child = startChild({
      program,
      args: ["-s", "0.2", `--pid=${pid}`, "-f", "/dev/null"],
      // As ourselves: who may not look at a process is told that it is there, all the same.
      account: { ...account, isOther: false },
      log,
    });
    await child.exited;
  } while ((await listProcesses()).some((process) => process.pid === pid));
}
