/** One member of a cluster on this machine: its process, its log, what it says of itself. */

import { EXIT, KeeperError } from "../errors.ts";
import type { MemberStatus } from "../progress.ts";
import { startProgram } from "../machine/children.ts";
import { selfCommand } from "../machine/self.ts";
import { HTTP_PORT, type MemberPlan } from "./layout.ts";
import { backoffMs, isServing, type MemberView, type ProcessState } from "./view.ts";

/** How often a member is asked, in milliseconds. */
const ASK_EVERY_MS = 250;
const ANSWER_MS = 2000;

/** How a member's process is started. */
export interface MemberStart {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A member's process: started, started again when it ends by itself, asked, stopped. */
export class LocalMember {
  readonly plan: MemberPlan;
  readonly #start: MemberStart;
  readonly #stop = new AbortController();
  #child: Deno.ChildProcess | null = null;
  #state: ProcessState = { kind: "running", status: null };
  #startedMs = performance.now();
  #readyMs: number | null = null;
  #failures = 0;
  #lastLine = "";

  constructor(plan: MemberPlan, start: MemberStart) {
    this.plan = plan;
    this.#start = start;
  }

  /** What is to be shown now. */
  get view(): MemberView {
    const { name, address } = this.plan;
    const takenMs = this.#readyMs ?? performance.now() - this.#startedMs;
    return { name, address, state: this.#state, takenMs };
  }

  /**
   * Keeps the process running until `stop()`.
   *
   * @throws {KeeperError} It says that what it was told is wrong: another start would not help.
   */
  async keep(): Promise<void> {
    const asking = this.#ask();
    try {
      while (!this.#stop.signal.aborted) {
        const status = await this.#runOnce();
        if (this.#stop.signal.aborted) {
          this.#state = { kind: "stopped", how: howItEnded(status) };
          return;
        }
        await this.#afterEnd(status);
      }
      this.#state = { kind: "stopped", how: "it did not run" };
    } finally {
      this.#stop.abort();
      await asking;
    }
  }

  /** Asks the process to stop; `keep()` resolves when it has. */
  stop(): void {
    this.#stop.abort();
    if (this.#child === null) return;
    this.#state = { kind: "stopping" };
    this.#signal("SIGTERM");
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child?.kill(name);
    } catch {
      // It has ended already.
    }
  }

  async #runOnce(): Promise<Deno.CommandStatus> {
    this.#startedMs = performance.now();
    this.#readyMs = null;
    this.#state = { kind: "running", status: null };
    const [program, ...before] = selfCommand();
    const child = startProgram("setpriv", {
      // Should we be killed, a member does not live on without us.
      args: ["--pdeathsig", "TERM", program, ...before, ...this.#start.args],
      env: { ...this.#start.env },
      clearEnv: true,
      // A terminal's Ctrl-C is for us, who stop the members one after the other.
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    this.#child = child;
    const log = await Deno.open(this.plan.log, { create: true, append: true });
    try {
      await Promise.all([this.#copy(child.stdout, log), this.#copy(child.stderr, log)]);
      return await child.status;
    } finally {
      log.close();
      this.#child = null;
    }
  }

  async #copy(stream: ReadableStream<Uint8Array<ArrayBuffer>>, log: Deno.FsFile): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length;) at += log.writeSync(chunk.subarray(at));
      const lines = decoder.decode(chunk, { stream: true }).split("\n");
      this.#lastLine = lines.findLast((line) => line.trim() !== "") ?? this.#lastLine;
    }
  }

  async #afterEnd(status: Deno.CommandStatus): Promise<void> {
    if (status.code === EXIT.usage || status.code === EXIT.config) {
      const line = this.#lastLine.replace(/^galera-keeper: /, "");
      throw new KeeperError(`${this.plan.name}: ${line}`, status.code);
    }
    this.#failures++;
    const againInMs = backoffMs(this.#failures);
    const why = this.#lastLine.startsWith("galera-keeper: ")
      ? `: ${this.#lastLine.slice("galera-keeper: ".length)}`
      : "";
    this.#state = { kind: "ended", how: `${howItEnded(status)}${why}`, againInMs };
    await pause(againInMs, this.#stop.signal);
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (this.#child !== null) this.#note(await this.#askOnce());
      await pause(ASK_EVERY_MS, signal);
    }
  }

  #note(status: MemberStatus | null): void {
    if (this.#state.kind !== "running" || (status === null && this.#state.status === null)) return;
    this.#state = { kind: "running", status };
    if (!isServing(this.view) || this.#readyMs !== null) return;
    this.#readyMs = performance.now() - this.#startedMs;
    this.#failures = 0;
  }

  async #askOnce(): Promise<MemberStatus | null> {
    try {
      const response = await fetch(`http://${this.plan.address}:${HTTP_PORT}/status`, {
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_MS)]),
      });
      const status: MemberStatus = await response.json();
      return status.member === this.plan.name ? status : null;
    } catch {
      return null;
    }
  }
}

function howItEnded({ code, signal }: Deno.CommandStatus): string {
  return signal ?? `status ${code}`;
}

/** Resolves after a while, or at once when the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
