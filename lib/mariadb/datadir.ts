/** The datadir: whether it can be used at all, whose it is, and what it holds. */
import type { Logger } from "@logtape/logtape";
import type { Position } from "../cluster/position.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { ConfigError, UnavailableError } from "../errors.ts";
import { type Content, type Finding, judge, judgeRecovered, readContent } from "./content.ts";
import type { Inspection } from "./database.ts";
import type { Owner } from "./files.ts";
import { readGrastate } from "./grastate.ts";
import { readIdentity, type StoredIdentity, touchIdentity, writeIdentity } from "./identity.ts";
import { RUNTIME_PREFIX } from "./runtime.ts";
import {
  findHolders,
  type Process,
  sessionMembers,
  signalAll,
  transfersAmong,
} from "./processes.ts";
import { type Account, mayWorkIn } from "./programs.ts";

/** How long a keeper may take to let go of a datadir after its end, in milliseconds. */
const LOCK_PATIENCE_MS = 1500;
const HOLDER_POLL_MS = 250;
/** How long a server whose keeper died may take to stop by itself: it serves nobody we know of. */
const ORPHAN_GRACE_MS = 60_000;

/** A datadir that this keeper, and no other, works with. */
export class Datadir {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Whose its files are to be. */
  readonly owner: Owner;
  readonly #account: Account;
  readonly #lock: Deno.FsFile;
  readonly #log: Logger;
  #isUnborn = false;

  private constructor(path: string, account: Account, lock: Deno.FsFile, log: Logger) {
    this.path = path;
    this.#account = account;
    this.owner = account.isOther ? { uid: account.uid, gid: account.gid } : null;
    this.#lock = lock;
    this.#log = log;
  }

  /**
   * Takes a datadir for this process alone.
   *
   * @throws {UnavailableError} It is missing, or another keeper has it.
   * @throws {ConfigError} It is no folder, not the account's, or read-only.
   */
  static async take(path: string, account: Account, log: Logger): Promise<Datadir> {
    const stat = await look(path);
    if (stat.uid === 0 && account.isOther && await isNew(path)) {
      // As a container's new volume comes.
      log.info('Giving the empty datadir "{path}" to {name}', { path, name: account.name });
      await changing(path, () => Deno.chown(path, account.uid, account.gid));
    } else {
      requireAccess(path, stat, account);
    }
    const real = await Deno.realPath(path);
    const lock = await takeLock(real);
    return new Datadir(real, account, lock, log);
  }

  /** Whether its data, as last inspected, knows nothing of the cluster that grastate.dat names. */
  get isUnborn(): boolean {
    return this.#isUnborn;
  }

  /** Lets another keeper have it. */
  release(): void {
    this.#lock.close();
  }

  /** What is kept beside the data; written first where there is nothing yet. */
  async identity(): Promise<StoredIdentity> {
    const known = await readIdentity(this.path);
    if (known !== null) return known;
    const datadirId = crypto.randomUUID();
    const identity = {
      datadirId,
      attempt: null,
      lineage: [],
      initialising: false,
      failedStarts: 0,
    };
    await this.writeIdentity(identity);
    return identity;
  }

  /** Writes what is kept beside the data. @throws {ConfigError} The datadir is read-only. */
  async writeIdentity(identity: StoredIdentity): Promise<void> {
    await changing(this.path, () => writeIdentity(this.path, identity, this.owner));
  }

  /**
   * Looks at what it holds.
   *
   * @param recover Asks the data itself for its position.
   * @throws {import("../errors.ts").KeeperError} It does not fit together.
   */
  async inspect(account: Account, recover: () => Promise<Position>): Promise<Inspection> {
    const known = await readIdentity(this.path);
    const content = await readContent(this.path);
    requireOwned(content, account);
    const { held, problem } = await this.#judge(known, content, recover);
    // Only now: a datadir that is refused stays as it was.
    if (known !== null) await changing(this.path, () => touchIdentity(this.path));
    const { datadirId, attempt, lineage, failedStarts } = known ?? await this.identity();
    const { dataBytes } = content;
    const sentence = problem !== undefined && { problem };
    return { held, datadirId, attempt, lineage, failedStarts, dataBytes, ...sentence };
  }

  async #judge(
    identity: StoredIdentity | null,
    content: Content,
    recover: () => Promise<Position>,
  ): Promise<Finding> {
    const { initialising, attempt } = identity ?? { initialising: false, attempt: null };
    const grastate = initialising ? "missing" : await readGrastate(this.path);
    this.#isUnborn = false;
    const verdict = judge({ content, grastate, initialising, attempted: attempt !== null });
    if (!("ask" in verdict)) return verdict;
    const asked = judgeRecovered(content, verdict, await recover());
    this.#isUnborn = asked.held.kind !== "at";
    return asked;
  }

  /**
   * Waits until nobody else works in it. A server that was a keeper's and lost it was told to stop
   * by the kernel; where it does not (one that receives an SST forgets that), it is helped along.
   *
   * @param signal Ends the wait. @throws The signal's reason.
   */
  async untilFree(signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    let said = "";
    for (;;) {
      const { servers, strays } = await findHolders(this.path, this.#account);
      if (servers.length + strays.length === 0) return;
      const pids = servers.map(({ pid }) => pid).join(", ");
      if (servers.length > 0 && said !== pids) {
        said = pids;
        this.#log.warn(
          'Waiting for mariadbd, process {pids}, that still holds the datadir "{datadir}"',
          { pids, datadir: this.path },
        );
      }
      const waitedMs = performance.now() - startedMs;
      signalAll(strays.map(({ pid }) => pid), waitedMs < 5000 ? "SIGTERM" : "SIGKILL");
      if (servers.length > 0 && servers.every(isKeepers)) await this.#helpAlong(servers, waitedMs);
      await REAL_CLOCK.sleep(HOLDER_POLL_MS, signal);
    }
  }

  async #helpAlong(orphans: readonly Process[], waitedMs: number): Promise<void> {
    for (const { pid } of orphans) {
      // One that receives an SST ends when its script does, and does not hear a signal.
      const transfers = transfersAmong(await sessionMembers(pid));
      signalAll([...transfers.map((process) => process.pid), pid], "SIGTERM");
      if (waitedMs > ORPHAN_GRACE_MS) {
        this.#log.warn("Killing mariadbd, process {pid}: it lost its keeper and does not stop", {
          pid,
        });
        signalAll([pid], "SIGKILL");
      }
    }
  }
}

/** How a keeper names its option file to a server. */
const OURS = new RegExp(`--defaults-extra-file=\\S*/${RUNTIME_PREFIX}\\S*/\\w+\\.cnf`);

/** Whether a keeper started a server: its option file shows that. Ours is the lock, so that one is gone. */
export function isKeepers({ command }: Pick<Process, "command">): boolean {
  return OURS.test(command);
}

async function look(path: string): Promise<Deno.FileInfo> {
  let stat: Deno.FileInfo;
  try {
    stat = await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw unusable(path, cause);
    throw new UnavailableError(
      `The datadir "${path}" is missing: create it, or name another with --datadir`,
      { cause },
    );
  }
  if (stat.isDirectory) return stat;
  throw new ConfigError(`The datadir "${path}" is no folder: name one with --datadir`);
}

/** Whether there is nothing in it but what a file system puts there. */
async function isNew(path: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(path)) {
    if (name !== "lost+found") return false;
  }
  return true;
}

function requireAccess(path: string, stat: Deno.FileInfo, account: Account): void {
  if (mayWorkIn(stat, account)) return;
  throw new ConfigError(
    `The datadir "${path}" is not ours: ${account.name} (${account.uid}) may not write to it, its ` +
      `owner is ${stat.uid}; chown it, or name another with --datadir`,
  );
}

/** As for the datadir itself: data of another user's would only be found out in the middle of a start. */
function requireOwned({ datadir, owners }: Content, account: Account): void {
  for (const [name, uid] of owners) {
    if (uid === account.uid) continue;
    throw new ConfigError(
      `The datadir "${datadir}" holds data of another user's: "${name}" is owned by ${uid}, ` +
        `mariadbd runs as ${account.name} (${account.uid}); chown -R it, or name another user with --user`,
    );
  }
}

async function changing<T>(path: string, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (cause) {
    throw unusable(path, cause);
  }
}

function unusable(path: string, cause: unknown): ConfigError {
  const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
  return new ConfigError(
    `The datadir "${path}" cannot be used: ${why}; mend that, or name another with --datadir`,
    { cause },
  );
}

/** A lock of the folder itself (flock(2)): it leaves nothing behind and goes with the process. */
async function takeLock(path: string): Promise<Deno.FsFile> {
  const folder = await Deno.open(path).catch((cause) => {
    throw unusable(path, cause);
  });
  const locked = folder.lock(true);
  const patience = new AbortController();
  const isLocked = await Promise.race([
    locked.then(() => true),
    REAL_CLOCK.sleep(LOCK_PATIENCE_MS, patience.signal).then(() => false, () => false),
  ]);
  patience.abort();
  if (isLocked) return folder;
  // There is no other way to take a request for a lock back.
  locked.then(() => folder.close(), () => folder.close());
  throw new UnavailableError(
    `The datadir "${path}" belongs to another galera-keeper that runs: stop it, or name another ` +
      "with --datadir",
  );
}
