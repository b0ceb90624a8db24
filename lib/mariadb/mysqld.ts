/** A mariadbd that was started: its status, its end. */
import type { Logger } from "@logtape/logtape";
import { REAL_CLOCK } from "../machine/clock.ts";
import { UnavailableError } from "../errors.ts";
import { type ChildOptions, environment, startChild } from "./child.ts";
import { KeptConnection, type Login } from "./connection.ts";
import type { ExitStatus, Running, TransferSeen, ViewMember, WsrepStatus } from "./database.ts";
import { Guard } from "./guard.ts";
import type { Line } from "./output.ts";
import { programOf, sessionMembers, signalAll, transfersAmong } from "./processes.ts";
import { ensureSstAccount } from "./sst_account.ts";
import { TlsHints } from "./tls_hints.ts";
import { EXITED, WAITING } from "./transfer_log.ts";
import { TransferSight } from "./transfer_sight.ts";
import { Transfers } from "./transfers.ts";
import { readStatus, readViewMembers } from "./wsrep.ts";

/** Between two looks at a server that is to stop, in milliseconds. */
const LOOK_EVERY_MS = 250;
/** How long a server that serves nobody yet may take to stop: nothing of a client's is in it. */
const STARTING_GRACE_MS = 10_000;

/**
 * How often an SST's script is asked, ten times a second, before it is killed, and its server is asked:
 * nothing of it is of use any more, and a donor that is asked while it is there never ends (seen with
 * 10.11: its SIGTERM stays pending for good).
 */
const TRANSFER_ROUNDS = 40;

/** What a server needs besides its program. */
export interface MysqldOptions {
  readonly child: Omit<ChildOptions, "onLine">;
  readonly socket: string;
  readonly login: Login;
  /** Who SSTs by mariabackup log in as; null where none is to come. */
  readonly sstAccount: string | null;
  /** Its name in the cluster. */
  readonly member: string;
  /** Without symbolic links. */
  readonly datadir: string;
  readonly log: Logger;
  /** Whether its group speaks TLS. */
  readonly isTls: boolean;
  /** Called once it has ended. */
  readonly cleanUp: () => Promise<void>;
}

/** A mariadbd, its SST scripts, and our connection to it. */
export class Mysqld implements Running {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly #connection: KeptConnection;
  readonly #transfers: Transfers;
  readonly #sight: TransferSight;
  readonly #log: Logger;
  readonly #hints: TlsHints;
  /** Who is to be let in for SSTs; null once that is seen to. */
  #sstAccount: string | null;
  #isServing = false;
  #hasExited = false;
  #killAtMs = Infinity;
  #stopping: Promise<void> | null = null;

  /** Starts it. @throws {UnavailableError} It cannot be started. */
  constructor(
    { child: options, socket, login, sstAccount, member, datadir, log, isTls, cleanUp }:
      MysqldOptions,
  ) {
    this.#log = log;
    this.#sstAccount = sstAccount;
    this.#hints = new TlsHints(isTls, (hint) => log.warn("{hint}", { hint }));
    const child = startChild({ ...options, onLine: (line) => this.#notice(line) });
    this.pid = child.pid;
    const guard = new Guard(child.pid, options.account, environment());
    this.#connection = new KeptConnection(socket, login, datadir);
    this.#transfers = new Transfers(child.pid, options.account);
    this.#sight = new TransferSight(member, datadir, this.#transfers);
    this.exited = child.exited.then(async (status) => {
      this.#hasExited = true;
      await guard.end();
      this.#sight.exited();
      await this.#connection.close();
      await cleanUp().catch((error) => log.warn("Not cleaned up: {error}", { error }));
      return await this.#explained(status);
    });
  }

  async status(): Promise<WsrepStatus | null> {
    const status = await readStatus(this.#connection);
    if (status !== null) {
      this.#isServing = true;
      this.#sight.committed(status.lastCommitted);
      // It may be a donor from now on. One that bootstraps takes no writes yet.
      if (status.synced && status.ready && status.letsClientsIn) this.#admitSst();
    }
    return status;
  }

  async makeWritable(): Promise<void> {
    if (await this.#connection.query("SET GLOBAL wsrep_reject_queries = NONE") === null) {
      throw new UnavailableError("Cannot let clients in as mariadbd does not answer");
    }
  }

  async reloadCertificates(): Promise<boolean> {
    // Galera's "socket.ssl_reload": https://mariadb.com/docs/galera-cluster, wsrep_provider_options.
    const reload = "SET GLOBAL wsrep_provider_options = 'socket.ssl_reload=1'";
    return await this.#connection.query(reload) !== null;
  }

  async #admitSst(): Promise<void> {
    const name = this.#sstAccount;
    if (name === null) return;
    this.#sstAccount = null;
    const created = await ensureSstAccount(this.#connection, name);
    if (created === false) return;
    this.#log[created ? "info" : "warn"](
      created
        ? "An SST by mariabackup logs in as {name}@localhost by the unix socket: created it"
        : "An SST by mariabackup from here may fail: {name}@localhost is not there and could not be created",
      { name },
    );
  }

  async transferredBytes(): Promise<number> {
    return await this.#transfers.bytes();
  }

  async transfer(): Promise<TransferSeen | null> {
    const seen = await this.#sight.look();
    if (seen?.phase === WAITING && !seen.hasEnded) await this.#endForNobody(seen.peer);
    return seen;
  }

  /**
   * A donor by mariabackup sleeps before it sends (wsrep_sst_mariabackup: `sleep 10`). Where its joiner
   * has left meanwhile, it would send to whoever listens at that address by then: to the next attempt,
   * which expects something else first, and fails.
   */
  async #endForNobody(joiner: string | null): Promise<void> {
    const names = (await this.viewMembers()).map(({ name }) => name);
    const isKnown = joiner !== null && names.length > 0 && !names.includes("");
    if (!isKnown || names.includes(joiner) || this.#stopping !== null) return;
    this.#sight.abandon(`${joiner} has left the cluster`);
    await this.#askTransfers();
  }

  async viewMembers(): Promise<readonly ViewMember[]> {
    return await readViewMembers(this.#connection);
  }

  async stop(graceMs: number): Promise<ExitStatus> {
    this.#killAtMs = Math.min(this.#killAtMs, performance.now() + graceMs);
    this.#stopping ??= this.#stop();
    await this.#stopping;
    return await this.exited;
  }

  reload(): void {
    if (this.#hasExited || this.#stopping !== null) return;
    // One that starts would be ended by it.
    if (!this.#isServing) {
      this.#log.info("SIGHUP: mariadbd does not serve yet, nothing to open anew");
      return;
    }
    this.#log.info("SIGHUP: passed on to mariadbd");
    signalAll([this.pid], "SIGHUP");
  }

  #notice({ text, level }: Line): void {
    this.#hints.take(text);
    this.#sight.notice(text, level === "error");
    if (/: ready for connections\.$/.test(text)) this.#isServing = true;
  }

  /** A joiner that ends with its SST complains of much; why the SST failed is what a person needs. */
  async #explained(status: ExitStatus): Promise<ExitStatus> {
    const seen = status.code === 0 || this.#isServing ? null : await this.#sight.look();
    const { kind, role, peer, failure = null } = seen ?? {};
    if (kind !== "SST" || role !== "joiner" || failure === null || failure === EXITED) {
      return status;
    }
    return { ...status, lastErrors: [`the SST from ${peer ?? "its donor"} failed: ${failure}`] };
  }

  async #stop(): Promise<void> {
    const startedMs = performance.now();
    const exited = new AbortController();
    this.exited.then(() => exited.abort());
    await this.#connection.close();
    if (!this.#isServing) this.#killAtMs = Math.min(this.#killAtMs, startedMs + STARTING_GRACE_MS);
    // A server that receives an SST loses a SIGTERM, and one that sends it may never hear it again;
    // both end at once when the SST's script does, so that one is asked first.
    await this.#endTransfers();
    if (!this.#hasExited) signalAll([this.pid], "SIGTERM");
    while (!this.#hasExited) {
      await REAL_CLOCK.sleep(LOOK_EVERY_MS, exited.signal).catch(() => {});
      if (performance.now() >= this.#killAtMs) await this.#kill(performance.now() - startedMs);
      else await this.#askTransfers();
    }
  }

  /** Has what belongs to a state transfer end. @returns How many there were. */
  async #askTransfers(isLate = false): Promise<number> {
    const pids = transfersAmong(await sessionMembers(this.pid)).map(({ pid }) => pid);
    signalAll(pids, isLate ? "SIGKILL" : "SIGTERM");
    return pids.length;
  }

  async #endTransfers(): Promise<void> {
    for (let round = 0; round < 2 * TRANSFER_ROUNDS; round++) {
      if (await this.#askTransfers(round >= TRANSFER_ROUNDS) === 0) return;
      await REAL_CLOCK.sleep(100);
    }
  }

  async #kill(waitedMs: number): Promise<void> {
    const others = await sessionMembers(this.pid);
    const running = [`mariadbd (${this.pid})`].concat(
      others.map((process) => `${programOf(process)} (${process.pid})`),
    );
    this.#log.warn("Killing what did not stop within {seconds} s: {running}", {
      seconds: Math.round(waitedMs / 1000),
      running: running.join(", "),
    });
    this.#killAtMs = Infinity;
    signalAll([this.pid, ...others.map(({ pid }) => pid)], "SIGKILL");
  }
}
