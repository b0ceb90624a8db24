/** What a benchmark makes on this machine, so that all of it is gone afterwards: folder, processes, addresses. */

import { join } from "node:path";

/** How a process is started. */
export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A process of ours and what it wrote. */
export interface Spawned {
  readonly process: Deno.ChildProcess;
  /** The next line of its standard output; rejects, with what it said last, when it ends instead. */
  readonly line: () => Promise<string>;
  /** Writes a line to its standard input. */
  readonly tell: (line: string) => Promise<void>;
  /** How it ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly hasEnded: () => boolean;
  /** All it wrote to standard error, and what nobody read of its standard output. */
  readonly rest: () => string;
}

/** For setpriv: the process gets SIGTERM when ours is gone. */
const WITH_US = ["--pdeathsig", "TERM"] as const;

/** A temporary folder, and processes that end with it. */
export class Scratch implements AsyncDisposable {
  readonly folder: string;
  /** A folder for what the disk is not to slow: in memory, where we may mount such. */
  readonly fastFolder: string;
  /** Whether it is in memory. */
  readonly isInMemory: boolean;
  readonly #running = new Set<Spawned>();
  readonly #endings: (() => Promise<void>)[] = [];
  #networks = 0;
  #isEnding = false;

  private constructor(folder: string, fastFolder: string, isInMemory: boolean) {
    this.folder = folder;
    this.fastFolder = fastFolder;
    this.isInMemory = isInMemory;
  }

  static async create(): Promise<Scratch> {
    const folder = await Deno.makeTempDir({ prefix: "galera-keeper-bench-" });
    // mariadbd runs as another user, who must get in.
    await Deno.chmod(folder, 0o755);
    const fastFolder = join(folder, "fast");
    await Deno.mkdir(fastFolder);
    // Not /dev/shm: Deno lets nobody write below /dev who has not all permissions.
    const isInMemory = await run("mount", ["-t", "tmpfs", "none", fastFolder])
      .then(() => true, () => false);
    return new Scratch(folder, fastFolder, isInMemory);
  }

  /** A new folder in the scratch, whose user owns it where one is named and we are root. */
  async makeFolder(name: string, owner?: string): Promise<string> {
    const folder = join(this.folder, name);
    await Deno.mkdir(folder, { recursive: true });
    if (owner !== undefined && Deno.uid() === 0) await run("chown", [`${owner}:`, folder]);
    return folder;
  }

  /** Removes a folder that was made here. */
  async removeFolder(name: string): Promise<void> {
    await Deno.remove(join(this.folder, name), { recursive: true });
  }

  /** Three loopback addresses that nobody used before, so that no port of theirs is still closing. */
  nextAddresses(): readonly [string, string, string] {
    this.#networks += 1;
    const network = `127.15.${(Deno.pid + this.#networks) % 250 + 1}`;
    const first = 1 + Math.floor(Math.random() * 250);
    return [`${network}.${first}`, `${network}.${first + 1}`, `${network}.${first + 2}`];
  }

  /** Starts a process that ends with us, also when we are killed. */
  spawn(program: string, args: readonly string[], options: SpawnOptions = {}): Spawned {
    if (this.#isEnding) throw new Error(`${program} is not started any more`);
    const process = new Deno.Command("setpriv", {
      args: [...WITH_US, program, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...options,
    }).spawn();
    const spawned = talkTo(process, program);
    this.#running.add(spawned);
    spawned.ended.then(() => this.#running.delete(spawned));
    return spawned;
  }

  /** Ends a process in order, after twenty seconds by force, and waits until it is gone. */
  async stop(spawned: Spawned): Promise<void> {
    signal(spawned, "SIGTERM");
    const timer = setTimeout(() => signal(spawned, "SIGKILL"), 20_000);
    await spawned.ended;
    clearTimeout(timer);
  }

  /** Has something done at the end too, when our processes are gone and the folder is still there. */
  atEnd(ending: () => Promise<void>): void {
    this.#endings.push(ending);
  }

  /** Ends all processes and removes the folder; from now on nothing is started any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#running].map((spawned) => this.stop(spawned)));
    for (const ending of this.#endings) await ending();
    if (this.isInMemory) await run("umount", [this.fastFolder]);
    await Deno.remove(this.folder, { recursive: true });
  }
}

function signal({ process }: Spawned, name: Deno.Signal): void {
  try {
    process.kill(name);
  } catch {
    // It has ended already.
  }
}

function talkTo(process: Deno.ChildProcess, program: string): Spawned {
  const lines: string[] = [];
  let said = "";
  let wake = () => {};
  let hasEnded = false;
  const read = async (
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (t: string) => void,
  ) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
  };
  let open = "";
  const ended = Promise.all([
    process.status,
    read(process.stdout, (text) => {
      const parts = (open + text).split("\n");
      open = parts.pop() ?? "";
      lines.push(...parts);
      wake();
    }),
    // The end says why something failed; a server's whole log would only fill the memory.
    read(process.stderr, (text) => said = (said + text).slice(-200_000)),
  ]).then(([status]) => {
    hasEnded = true;
    wake();
    return status;
  });
  const input = process.stdin.getWriter();
  return {
    process,
    ended,
    hasEnded: () => hasEnded,
    rest: () => said + lines.join("\n") + open,
    tell: async (line) => await input.write(new TextEncoder().encode(`${line}\n`)),
    line: async () => {
      while (lines.length === 0) {
        if (hasEnded) throw new Error(`${program} ended early: ${said.trim().slice(-2000)}`);
        await new Promise<void>((resolve) => wake = resolve);
      }
      return lines.shift()!;
    },
  };
}

/**
 * Runs a program to its end.
 *
 * @throws {Error} It failed; the message has the last line that it wrote.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<string> {
  const output = await new Deno.Command("setpriv", {
    args: [...WITH_US, program, ...args],
    stdin: "null",
    ...options,
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(output.stdout);
  if (output.success) return text;
  const said = (decoder.decode(output.stderr) + text).trim().split("\n");
  throw new Error(`${program} failed with status ${output.code}: ${said.at(-1)}`);
}
