/**
 * A place for one member that may be refused: its folders, its part of ZooKeeper, and what all of it
 * looks like, to be compared before and after.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findHolders } from "../../lib/mariadb/processes.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { clearRuntime, type Finished, startKeeper } from "../keeper.ts";

/** Who mariadbd runs as where we are root. */
const USER = "mysql";

/** Small buffers, so that a start is quick. */
export const SMALL: readonly string[] = [
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=16M",
  "--innodb-flush-log-at-trx-commit=2",
  "--performance-schema=OFF",
];

/** How long anything may take on a machine that is busy; then something hangs. */
const PATIENCE_MS = 90_000;

/** A member's process, read to its end. */
export interface Process {
  readonly pid: number;
  /** What it wrote to standard error so far. */
  readonly stderr: string;
  readonly finished: Promise<Finished>;
  kill(signal: Deno.Signal): void;
  /** Resolves once a line of either output matches. Fails when it ends first. */
  untilSaid(pattern: RegExp): Promise<void>;
}

/** One member's place. */
export class Place implements AsyncDisposable {
  readonly folder: string;
  readonly address: string;
  readonly hosts: string;
  readonly root: string;
  /** `user:password` of the znodes' owner, who alone can remove them; null: anybody can. */
  digest: string | null = null;
  readonly #ownsRoot: boolean;
  readonly #processes: Deno.ChildProcess[] = [];

  private constructor(
    folder: string,
    address: string,
    hosts: string,
    root: string,
    ownsRoot: boolean,
  ) {
    this.#ownsRoot = ownsRoot;
    this.folder = folder;
    this.address = address;
    this.hosts = hosts;
    this.root = root;
  }

  /** Makes the folders; the datadir is empty. @param root Of another place, to meet it there. */
  static async make(hosts: string, root?: string): Promise<Place> {
    const folder = await Deno.makeTempDir({ prefix: "gk-place-" });
    await Deno.chmod(folder, 0o755);
    const byte = () => 1 + Math.floor(Math.random() * 254);
    const address = `127.${20 + byte() % 60}.${byte()}.${byte()}`;
    const own = `/test-${crypto.randomUUID()}`;
    const place = new Place(folder, address, hosts, root ?? own, root === undefined);
    await Deno.mkdir(place.datadir);
    await Deno.mkdir(join(folder, "run"));
    await give(place.datadir);
    await give(join(folder, "run"));
    return place;
  }

  get datadir(): string {
    return join(this.folder, "data");
  }

  get socket(): string {
    return join(this.folder, "run", "mysqld.sock");
  }

  /** A file in this place, given to the account of mariadbd. @returns Its path. */
  async file(name: string, text: string, mode = 0o644): Promise<string> {
    const path = join(this.folder, name);
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    await give(path);
    return path;
  }

  /** The arguments of a good start; what comes behind them counts. */
  args(more: readonly string[] = [], mariadbd: readonly string[] = []): readonly string[] {
    return [
      "run",
      `--zookeeper=${this.hosts}`,
      "--session-timeout=4s",
      "--drain=0s",
      `--root=${this.root}`,
      "--member=alice",
      `--address=${this.address}`,
      `--bind=${this.address}`,
      `--datadir=${this.datadir}`,
      `--socket=${this.socket}`,
      "--provider-options=gcache.size=32M",
      "--log-format=text",
      "--size=1",
      ...more,
      "--",
      ...SMALL,
      ...mariadbd,
    ];
  }

  /** Starts the program. @param within What starts it in another place. */
  start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    within: readonly string[] = [],
  ): Process {
    const child = startKeeper(args, { env, within });
    this.#processes.push(child);
    const texts = { stdout: "", stderr: "" };
    let wake = () => {};
    const drain = async (name: keyof typeof texts) => {
      const decoder = new TextDecoder();
      for await (const bytes of child[name]) {
        texts[name] += decoder.decode(bytes, { stream: true });
        wake();
      }
    };
    let hasEnded = false;
    const finished = Promise.all([child.status, drain("stdout"), drain("stderr")])
      .then(([{ code, signal }]): Finished => ({ status: code, signal, ...texts }))
      .finally(() => {
        hasEnded = true;
        wake();
      });
    return {
      pid: child.pid,
      get stderr() {
        return texts.stderr;
      },
      finished,
      kill: (signal) => child.kill(signal),
      async untilSaid(pattern) {
        const late = setTimeout(() => {
          hasEnded = true;
          wake();
        }, PATIENCE_MS);
        while (!pattern.test(texts.stderr) && !pattern.test(texts.stdout)) {
          assert(!hasEnded, `It did not say ${pattern}:\n${texts.stderr}`);
          await new Promise<void>((resolve) => wake = resolve);
        }
        clearTimeout(late);
      },
    };
  }

  /** What `/status` says; null while nobody answers. */
  async status(): Promise<Record<string, unknown> | null> {
    try {
      const response = await fetch(`http://${this.address}:8008/status`, {
        headers: { connection: "close" },
      });
      return await response.json();
    } catch {
      return null;
    }
  }

  /** Waits until `/status` says that it is in this stage. */
  async untilStage(process: Process, stage: string): Promise<Record<string, unknown>> {
    let hasEnded = false;
    process.finished.then(() => hasEnded = true);
    const startedMs = performance.now();
    while (!hasEnded && performance.now() - startedMs < PATIENCE_MS) {
      const status = await this.status();
      if (status?.stage === stage) return status;
      await pause(50);
    }
    throw new Error(`It did not come to be ${stage}:\n${process.stderr}`);
  }

  /** All below the datadir: names, owners, modes, sizes and times; and all znodes with their data. */
  async look(): Promise<{ readonly files: readonly string[]; readonly znodes: Znodes }> {
    await using session = await this.session();
    return { files: await list(this.folder), znodes: await znodesBelow(session, this.root) };
  }

  /** A session of the test's own. */
  async session(digest: string | null = null): Promise<Session> {
    return await Session.connect({ hosts: this.hosts, sessionTimeoutMs: 10_000, digest });
  }

  /** Puts a znode there, with what is above it. */
  async put(path: string, data: string): Promise<void> {
    await using session = await this.session();
    await session.ensurePath(`${this.root}${path}`);
    await session.set(`${this.root}${path}`, data);
  }

  /** Takes all its znodes away. */
  async forget(): Promise<void> {
    await using session = await this.session(this.digest);
    if (await session.exists(this.root) !== null) await session.deleteRecursive(this.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    }
    await untilNobodyUses(this.folder);
    await untilNobodyHolds(this.datadir);
    await clearRuntime(this.datadir);
    await Deno.remove(this.folder, { recursive: true });
    if (this.#ownsRoot) await this.forget();
  }
}

/** Data by path. */
export type Znodes = Readonly<Record<string, string>>;

/** All znodes below one, with their data. */
export async function znodesBelow(session: Session, path: string): Promise<Znodes> {
  if (await session.exists(path) === null) return {};
  const { data } = await session.get(path);
  const all: Record<string, string> = { [path]: new TextDecoder().decode(data) };
  const { children } = await session.children(path);
  for (const child of children.toSorted()) {
    Object.assign(all, await znodesBelow(session, `${path}/${child}`));
  }
  return all;
}

async function list(path: string): Promise<string[]> {
  const stat = await Deno.lstat(path);
  const kind = stat.isDirectory ? "folder" : `${stat.size} bytes, ${stat.mtime?.toISOString()}`;
  const lines = [`${path}: ${stat.uid} ${((stat.mode ?? 0) & 0o777).toString(8)} ${kind}`];
  if (!stat.isDirectory) return lines;
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) names.push(name);
  for (const name of names.toSorted()) lines.push(...await list(join(path, name)));
  return lines;
}

/** The one line besides the log; fails where there is another number of them. */
export function theLine({ stderr }: Pick<Finished, "stderr">): string {
  const lines = stderr.split("\n").filter((line) => line !== "" && !/^\d{4}-\d\d-\d\dT/.test(line));
  assert.equal(lines.length, 1, `Not one line besides the log:\n${stderr}`);
  const [, line] = /^galera-keeper: (.+)$/.exec(lines[0]!) ?? [];
  assert(line, `No line of ours: ${lines[0]}`);
  return line;
}

/** A `grastate.dat` as Galera writes it, but for what it says. */
export function grastate(uuid: string, seqno: string, safeToBootstrap = 1): string {
  return "# GALERA saved state\nversion: 2.1\n" +
    `uuid:    ${uuid}\nseqno:   ${seqno}\nsafe_to_bootstrap: ${safeToBootstrap}\n`;
}

/** Gives a file to the account that mariadbd runs as. */
export async function give(path: string): Promise<void> {
  if (Deno.uid() === 0) await run("chown", "-R", `${USER}:${USER}`, path);
}

/** Runs a program. @returns What it printed. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Processes whose command line names a folder. */
export async function usersOf(folder: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-af", folder] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** Waits until no process names a folder. */
export async function untilNobodyUses(folder: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if ((await usersOf(folder)).length === 0) return;
    await pause(100);
  }
  throw new Error(`Left over: ${(await usersOf(folder)).join("; ")}`);
}

/** Waits until no server of a keeper that was killed works in a datadir. */
async function untilNobodyHolds(datadir: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { servers, strays } = await findHolders(datadir);
    if (servers.length + strays.length === 0) return;
    await pause(100);
  }
  throw new Error(`Somebody works in ${datadir}`);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
