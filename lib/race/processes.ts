/** The race's processes, as the one that starts them sees them. */

import type { ZooKeeperConfig } from "../config.ts";
import { UnavailableError } from "../errors.ts";
import { startProgram } from "../machine/children.ts";
import { selfCommand } from "../machine/self.ts";
import { formatZooKeeperAddress } from "../settings/options.ts";
import { decodeTrace, type Trace } from "./trace.ts";

/** The hidden command that a process of the race runs. */
export const WORKER_COMMAND = "race-demo-worker";

/** How the processes are started. */
export interface ProcessesConfig {
  readonly processes: number;
  readonly increments: number;
  readonly file: string;
  /** null: without the lock. */
  readonly zookeeper: ZooKeeperConfig | null;
}

/** Processes all begin so long after they are told to, in milliseconds: the message takes a while. */
const BEGIN_IN_MS = 20;

/**
 * Starts the processes, lets them begin at one instant when all are ready, and gathers what they did.
 *
 * @param onProgress Told how many increments are done by all together.
 * @param signal Ends the processes.
 * @throws {UnavailableError} A process failed; the message is its own last line.
 */
export async function runProcesses(
  config: ProcessesConfig,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<readonly Trace[]> {
  const done = Array.from({ length: config.processes }, () => 0);
  const workers = done.map((_, index) =>
    new WorkerProcess(config, index + 1, (count) => {
      done[index] = count;
      onProgress(done.reduce((one, other) => one + other, 0));
    })
  );
  const endAll = () => workers.forEach((worker) => worker.end());
  signal.addEventListener("abort", endAll);
  try {
    await Promise.all(workers.map((worker) => worker.ready));
    signal.throwIfAborted();
    const beginAtMs = performance.timeOrigin + performance.now() + BEGIN_IN_MS;
    await Promise.all(workers.map((worker) => worker.begin(beginAtMs)));
    return await Promise.all(workers.map((worker) => worker.trace));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", endAll);
    endAll();
    await Promise.all(workers.map((worker) => worker.ended));
  }
}

class WorkerProcess {
  /** Resolves when it has all it needs to begin. */
  readonly ready: Promise<void>;
  /** What it did, once it is done. */
  readonly trace: Promise<Trace>;
  readonly ended: Promise<unknown>;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;

  constructor(config: ProcessesConfig, process: number, onCount: (count: number) => void) {
    const [program, ...before] = selfCommand();
    this.#child = startProgram(program, {
      args: [...before, ...workerArguments(config, process)],
      env: environmentOf(config),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    const errors = new Response(this.#child.stderr).text();
    this.trace = readTrace(this.#child.stdout, ready.resolve, onCount).then(async (trace) => {
      if (trace !== null) return trace;
      const said = (await errors).trim().split("\n").at(-1)?.replace(/^galera-keeper: /, "");
      throw new UnavailableError(`Process ${process} of the race failed: ${said || "no word why"}`);
    });
    this.trace.catch(ready.reject);
    this.ready.catch(() => {});
    this.ended = Promise.allSettled([this.#child.status, this.trace, errors]);
  }

  async begin(atMs: number): Promise<void> {
    // A process that is gone already says by its trace why.
    await this.#stdin.write(new TextEncoder().encode(`${atMs}\n`)).catch(() => {});
  }

  end(): void {
    this.#stdin.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

function workerArguments(config: ProcessesConfig, process: number): readonly string[] {
  const { zookeeper, file, increments } = config;
  return [
    WORKER_COMMAND,
    ...["--file", file, "--increments", `${increments}`, "--process", `${process}`],
    ...(zookeeper === null ? ["--mode", "unlocked"] : [
      ...["--mode", "locked", "--zookeeper", formatZooKeeperAddress(zookeeper)],
      ...["--root", zookeeper.root || "/"],
      ...["--session-timeout", `${zookeeper.sessionTimeoutMs}ms`],
    ]),
  ];
}

/** The digest goes by the environment, where other users cannot see it. */
function environmentOf({ zookeeper }: ProcessesConfig): Record<string, string> {
  return {
    GALERA_KEEPER_ZOOKEEPER_DIGEST: zookeeper?.digest ?? "",
    GALERA_KEEPER_ZOOKEEPER_DIGEST_FILE: "",
  };
}

/**
 * Reads what a process says: `ready`, then how many increments are done, a line each; at last
 * `trace <bytes>` and as many bytes.
 *
 * @returns null where it ended before.
 */
async function readTrace(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  onReady: () => void,
  onCount: (count: number) => void,
): Promise<Trace | null> {
  let rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  let expected: number | null = null;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of stdout) {
    if (expected !== null) {
      parts.push(chunk);
      continue;
    }
    rest = concat([rest, chunk]);
    for (let end; expected === null && (end = rest.indexOf(0x0a)) >= 0;) {
      const line = new TextDecoder().decode(rest.subarray(0, end));
      rest = rest.slice(end + 1);
      if (line === "ready") onReady();
      else if (line.startsWith("trace ")) expected = Number(line.slice("trace ".length));
      else onCount(Number(line));
    }
    if (expected !== null) parts.push(rest);
  }
  const bytes = concat(parts);
  return expected !== null && bytes.length === expected ? decodeTrace(bytes) : null;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
