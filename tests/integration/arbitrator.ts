/** A real arbitrator for tests: a `galera-keeper arbitrate` process with a real `garbd`. */
import { runtimeKey } from "../../lib/mariadb/garbd.ts";
import { listProcesses, type Process } from "../../lib/mariadb/processes.ts";
import { readArbitrators } from "../../lib/snapshot.ts";
import type { Arbitrator } from "../../lib/znodes.ts";
import { clearRuntime, type Finished, keeperCommand } from "../keeper.ts";
import type { MemberPlace, TestCluster } from "./harness.ts";

/** How long anything may take on a machine that is busy; then something hangs. */
const PATIENCE_MS = 180_000;

/** One arbitrator of a cluster. It runs from the beginning. */
export class TestArbitrator implements AsyncDisposable {
  readonly name = "arb";
  readonly address: string;
  readonly #cluster: TestCluster;
  readonly #options: readonly string[];
  readonly #process: Deno.ChildProcess;
  readonly #finished: Promise<Finished>;
  #log = "";

  /**
   * @param place Where it runs; beside the members by default.
   * @param options Behind those of every arbitrator's.
   */
  constructor(cluster: TestCluster, place?: MemberPlace, options: readonly string[] = []) {
    this.#options = options;
    this.#cluster = cluster;
    this.address = place?.address ?? cluster.members[0]!.address.replace(/\d+$/, "9");
    const [program = "", ...before] = [...place?.command ?? [], ...keeperCommand()];
    this.#process = new Deno.Command(program, {
      args: [...before, ...this.args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const drain = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const bytes of stream) this.#log += decoder.decode(bytes, { stream: true });
    };
    const { status, stdout, stderr } = this.#process;
    this.#finished = Promise.all([status, drain(stdout), drain(stderr)])
      .then(([{ code, signal }]) => ({ status: code, signal, stdout: "", stderr: this.#log }));
  }

  /** Its command line. */
  get args(): readonly string[] {
    return [
      "arbitrate",
      `--zookeeper=${this.#cluster.zookeeper}`,
      "--session-timeout=4s",
      `--root=${this.#cluster.root}`,
      `--member=${this.name}`,
      `--address=${this.address}`,
      `--bind=${this.address}`,
      "--provider-options=gcache.size=32M",
      "--log-format=text",
      ...this.#options,
    ];
  }

  /** Asks it to stop. */
  async stop(): Promise<Finished> {
    this.#process.kill("SIGTERM");
    return await this.#finished;
  }

  /** The process of its garbd; null where there is none. */
  async garbd(): Promise<Process | null> {
    const all = await listProcesses();
    return all.find(({ parent, command }) =>
      parent === this.#process.pid && command.includes("/garbd ")
    ) ?? null;
  }

  /** What is on record of it; null where it is not registered. */
  async onRecord(): Promise<Arbitrator | null> {
    await using session = await this.#cluster.session();
    const all = await readArbitrators(session, this.#cluster.root);
    return all.find(({ name }) => name === this.name) ?? null;
  }

  /** Waits until it votes, with a garbd that is another than before. */
  async untilVotes(before: Process | null = null): Promise<Process> {
    return await this.until("it votes", async () => {
      const garbd = await this.garbd();
      return garbd?.pid !== before?.pid && (await this.onRecord())?.primary ? garbd : null;
    });
  }

  /** Asks again until there is an answer, neither null nor false. Fails with its log. */
  async until<T>(what: string, ask: () => Promise<T | null | false>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await ask();
      if (answer !== null && answer !== false) return answer;
      if (Date.now() > deadline) throw new Error(`Waited in vain for "${what}":\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const garbd = await this.garbd();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#finished;
    // It leaves when its keeper is gone.
    await this.until("garbd ends", async () => {
      const all = await listProcesses();
      return all.every(({ pid }) => pid !== garbd?.pid);
    });
    await clearRuntime(runtimeKey({ address: this.address, member: this.name }));
  }
}
