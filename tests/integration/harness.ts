/**
 * Real members for tests: `galera-keeper run` processes with real `mariadbd`s on loopback addresses,
 * from source or, where GALERA_KEEPER_BINARY names it, from the compiled binary.
 */
import { join } from "node:path";
import * as mariadb from "mariadb";
import type { Cluster, MemberRecord } from "../../lib/cluster/view.ts";
import { readSnapshot } from "../../lib/snapshot.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { findHolders, signalAll } from "../../lib/mariadb/processes.ts";
import type { MemberStatus } from "../../lib/progress.ts";
import { clearRuntime, keeperCommand } from "../keeper.ts";

/** The command that is this program. */
export function program(): readonly [string, ...string[]] {
  return keeperCommand();
}

/** Small buffers, so that several members fit beside each other. */
const SMALL = [
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=16M",
  "--innodb-flush-log-at-trx-commit=2",
  "--performance-schema=OFF",
];

/** Where a member runs. */
export interface MemberPlace {
  /** The address that other members reach it by. */
  readonly address: string;
  /** Where the test asks for its `/status`, an address that it has besides; the same by default. */
  readonly askedAt?: string;
  /** What starts the program in that place, as `ip netns exec` does; nothing by default. */
  readonly command?: readonly string[];
}

/** How a member is started. */
export interface MemberOptions {
  readonly size?: number | null;
  readonly options?: readonly string[];
  readonly mariadbd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One member's place on this machine: address, datadir, log. Its process comes and goes. */
export class TestMember {
  readonly name: string;
  readonly address: string;
  readonly datadir: string;
  readonly socket: string;
  readonly #folder: string;
  readonly #zookeeper: string;
  readonly #root: string;
  readonly #askedAt: string;
  readonly #command: readonly string[];
  #process: Deno.ChildProcess | null = null;
  #log = "";
  #drained: Promise<unknown> = Promise.resolve();

  constructor(
    name: string,
    { address, askedAt = address, command = [] }: MemberPlace,
    folder: string,
    zookeeper: string,
    root: string,
  ) {
    this.name = name;
    this.address = address;
    this.#askedAt = askedAt;
    this.#command = command;
    this.datadir = join(folder, "data");
    this.socket = join(folder, "mysqld.sock");
    this.#folder = folder;
    this.#zookeeper = zookeeper;
    this.#root = root;
  }

  /** Makes the folders; the datadir is left empty. */
  async prepare(): Promise<void> {
    await Deno.mkdir(this.datadir, { recursive: true });
    if (Deno.uid() === 0) {
      await command("chown", "mysql:mysql", this.#folder, this.datadir);
    }
  }

  /** What its process wrote so far. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    if (this.#process === null) throw new Error(`${this.name} does not run`);
    return this.#process.pid;
  }

  start({ size = 3, options = [], mariadbd = [], env = {} }: MemberOptions = {}): void {
    this.#spawn([
      "run",
      ...this.#shared,
      "--drain=0s",
      "--provider-options=gcache.size=32M",
      ...(size === null ? [] : [`--size=${size}`]),
      ...options,
      "--",
      ...SMALL,
      ...mariadbd,
    ], env);
  }

  /** Starts the keeper that adopts a server that runs on its datadir. */
  adopt({ options = [], env = {} }: Pick<MemberOptions, "options" | "env"> = {}): void {
    this.#spawn(["adopt", ...this.#shared, ...options], env);
  }

  /** What any keeper of this member is told. */
  get #shared(): readonly string[] {
    return [
      `--zookeeper=${this.#zookeeper}`,
      "--session-timeout=4s",
      `--root=${this.#root}`,
      `--member=${this.name}`,
      `--address=${this.address}`,
      `--bind=${this.address}`,
      ...(this.#askedAt === this.address ? [] : ["--http=0.0.0.0:8008"]),
      `--datadir=${this.datadir}`,
      `--socket=${this.socket}`,
      "--log-format=text",
    ];
  }

  #spawn(args: readonly string[], env: Readonly<Record<string, string>>): void {
    const [executable = "", ...first] = [...this.#command, ...program()];
    this.#process = new Deno.Command(executable, {
      args: [...first, ...args],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const decoder = new TextDecoder();
    const drain = async (stream: ReadableStream<Uint8Array>) => {
      for await (const bytes of stream) this.#log += decoder.decode(bytes, { stream: true });
    };
    this.#drained = Promise.all([drain(this.#process.stdout), drain(this.#process.stderr)]);
  }

  /** How its process ended, once it has. */
  async ended(): Promise<Deno.CommandStatus> {
    if (this.#process === null) throw new Error(`${this.name} does not run`);
    const status = await this.#process.status;
    await this.#drained;
    this.#process = null;
    return status;
  }

  signal(signal: Deno.Signal): void {
    this.#process?.kill(signal);
  }

  /** As a power cut: the keeper and its `mariadbd` are killed at once. */
  async crash(): Promise<void> {
    const { servers, strays } = await findHolders(this.datadir);
    // With its keeper dead a server gets SIGTERM, and may yet leave the group in order; with its server
    // dead a keeper records that. Stopped first, it sees nothing of it.
    this.signal("SIGSTOP");
    signalAll([...servers, ...strays].map(({ pid }) => pid), "SIGKILL");
    this.signal("SIGKILL");
    await this.ended();
  }

  async stop(): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    return await this.ended();
  }

  /** What `/status` says; null while nobody answers. */
  async status(): Promise<MemberStatus | null> {
    try {
      const response = await fetch(`http://${this.#askedAt}:8008/status`, {
        signal: AbortSignal.timeout(2000),
        headers: { connection: "close" },
      });
      return await response.json();
    } catch {
      return null;
    }
  }

  /** Waits for a status; fails with the log when the process ends first. */
  async until(
    what: string,
    holds: (status: MemberStatus) => boolean,
    patienceMs = 120_000,
  ): Promise<MemberStatus> {
    const deadline = Date.now() + patienceMs;
    let ended: Deno.CommandStatus | null = null;
    this.#process?.status.then((status) => ended = status);
    for (;;) {
      const status = await this.status();
      if (status !== null && holds(status)) return status;
      if (ended !== null || Date.now() > deadline) {
        const why = ended === null ? "it did not come to that" : "its process has ended";
        throw new Error(
          `${this.name}: waited for "${what}", ${why}; its status: ${JSON.stringify(status)}; ` +
            `its log:\n${this.#log}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  untilRegistered(): Promise<MemberStatus> {
    return this.until(
      "registered and Synced",
      (status) => status.stage === "registered" && status.primary && status.synced,
    );
  }

  /** Runs SQL as root over the unix socket. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const connection = await mariadb.createConnection({
      socketPath: this.socket,
      user: "root",
      bigIntAsNumber: true,
    });
    try {
      return await connection.query(sql);
    } finally {
      await connection.end();
    }
  }
}

/** Members of one cluster below one root, in a folder that goes with them. */
export class TestCluster implements AsyncDisposable {
  readonly members: readonly TestMember[];
  readonly zookeeper: string;
  readonly root: string;
  readonly #folder: string;

  private constructor(
    members: readonly TestMember[],
    zookeeper: string,
    root: string,
    folder: string,
  ) {
    this.members = members;
    this.zookeeper = zookeeper;
    this.root = root;
    this.#folder = folder;
  }

  /**
   * Prepares members; starts none.
   *
   * @param zookeeper The ensemble's `host:port,…`.
   * @param places Where they run, or how many, on loopback addresses.
   */
  static async prepare(
    zookeeper: string,
    places: number | readonly MemberPlace[] = 3,
  ): Promise<TestCluster> {
    const folder = await Deno.makeTempDir({ prefix: "galera-keeper-" });
    await Deno.chmod(folder, 0o755);
    const root = `/test-${crypto.randomUUID()}`;
    const members = (typeof places === "number" ? onLoopback(places) : places).map(
      (place, index) => {
        const name = `galera-${index + 1}`;
        return new TestMember(name, place, join(folder, name), zookeeper, root);
      },
    );
    for (const member of members) await member.prepare();
    return new TestCluster(members, zookeeper, root, folder);
  }

  /** A session of the test's own. */
  async session(): Promise<Session> {
    return await Session.connect({ hosts: this.zookeeper, sessionTimeoutMs: 10_000 });
  }

  /** What is on record once that many members are registered. */
  async untilOnRecord(
    count: number,
  ): Promise<{ readonly cluster: Cluster; readonly records: readonly MemberRecord[] }> {
    await using session = await this.session();
    const { signal } = new AbortController();
    for (let tries = 0; tries < 600; tries++) {
      if (await session.exists(`${this.root}/nodes`) !== null) {
        const snapshot = await readSnapshot(session, this.root, signal);
        if (snapshot.nodes.length === count && snapshot.cluster.kind === "known") {
          const records = snapshot.records.flatMap((seen) =>
            seen.kind === "record" ? [seen.record] : []
          );
          return { cluster: snapshot.cluster.cluster, records };
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`No ${count} members are registered`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(async (member) => {
      try {
        member.signal("SIGKILL");
        await member.ended();
      } catch {
        // It did not run.
      }
    }));
    await this.#untilFree();
    await Promise.all(this.members.map(({ datadir }) => clearRuntime(datadir)));
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** Its datadirs are ours only when nobody works there: in an SST a server may not hear a SIGTERM. */
  async #untilFree(): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      const all = await Promise.all(this.members.map(({ datadir }) => findHolders(datadir)));
      const holders = all.flatMap(({ servers, strays }) => [...servers, ...strays]);
      if (holders.length === 0) return;
      signalAll(holders.map(({ pid }) => pid), "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`Processes are left over that use ${this.#folder}`);
  }
}

function onLoopback(count: number): readonly MemberPlace[] {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  const network = `127.${100 + byte() % 100}.${byte()}`;
  return Array.from({ length: count }, (_, index) => ({ address: `${network}.${index + 1}` }));
}

async function command(executable: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(executable, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
