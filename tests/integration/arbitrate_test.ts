// needs: zookeeper galera arbitrator
import assert from "node:assert/strict";
import { runtimeKey } from "../../lib/mariadb/garbd.ts";
import { listProcesses, type Process } from "../../lib/mariadb/processes.ts";
import { readArbitrators } from "../../lib/snapshot.ts";
import type { Arbitrator } from "../../lib/znodes.ts";
import { clearRuntime, type Finished, keeper, startKeeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster } from "./harness.ts";

/** How long anything may take on a machine that is busy; then something hangs. */
const PATIENCE_MS = 120_000;

/** A real `galera-keeper arbitrate` on a loopback address beside a cluster's. */
class TestArbitrator implements AsyncDisposable {
  readonly name = "arb";
  readonly address: string;
  readonly #cluster: TestCluster;
  readonly #process: Deno.ChildProcess;
  readonly #finished: Promise<Finished>;
  #log = "";

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.address = cluster.members[0]!.address.replace(/\d+$/, "9");
    this.#process = startKeeper(this.args);
    const drain = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const bytes of stream) this.#log += decoder.decode(bytes, { stream: true });
    };
    const { status, stdout, stderr } = this.#process;
    this.#finished = Promise.all([status, drain(stdout), drain(stderr)])
      .then(([{ code, signal }]) => ({ status: code, signal, stdout: "", stderr: this.#log }));
  }

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

  /** Waits until it votes, with a garbd that is another than before. @returns Its process. */
  async untilVotes(before: Process | null = null): Promise<Process> {
    return await until(
      "the arbitrator votes",
      async () => {
        const garbd = await this.garbd();
        return garbd?.pid !== before?.pid && (await this.onRecord())?.primary ? garbd : null;
      },
      () => this.#log,
    );
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
    await until("garbd ends", async () => {
      const all = await listProcesses();
      return all.every(({ pid }) => pid !== garbd?.pid);
    }, () => this.#log);
    await clearRuntime(runtimeKey({ address: this.address, member: this.name }));
  }
}

/** Asks again until there is an answer. */
async function until<T>(
  what: string,
  ask: () => Promise<T | null | false>,
  log: () => string = () => "",
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`Waited in vain for "${what}":\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

Deno.test("an arbitrator keeps one of two members Primary, and holds up nothing", async () => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 2);
  const [one, two] = cluster.members as [typeof cluster.members[0], typeof cluster.members[0]];
  // It comes first, and waits.
  await using arbitrator = new TestArbitrator(cluster);
  await until("it is registered", () => arbitrator.onRecord());
  for (const member of cluster.members) member.start({ size: 2 });
  await Promise.all(cluster.members.map((member) => member.untilRegistered()));
  const first = await arbitrator.untilVotes();
  const ofThree = () =>
    one.until("three in the view", ({ primary, clusterSize }) => primary && clusterSize === 3);
  await ofThree();
  const [, file = ""] = /\/garbd --cfg (\S+)$/.exec(first.command) ?? [];
  assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600, first.command);
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const shown = await keeper(["status", ...arbitrator.args.slice(1, 4)]);
  assert.match(
    shown.stdout,
    new RegExp(
      `\nArbitrator: arb, ${arbitrator.address}, votes since \\S+, with galera-[12], galera-[12]\n`,
    ),
  );

  // Its garbd dies: another one takes its place. A second arbitrator of its name is refused.
  const second = keeper(arbitrator.args);
  Deno.kill(first.pid, "SIGKILL");
  await arbitrator.untilVotes(first);
  await ofThree();
  const { status, stderr } = await second;
  assert.equal(status, 69, stderr);
  assert.match(stderr, /galera-keeper: Another arbitrator is registered as arb: .*: stop it first/);

  // One of two members dies: the other one serves on.
  await two.crash();
  await one.until("the dead one is out", ({ clusterSize }) => clusterSize === 2);
  await one.query("INSERT INTO app.t VALUES (1)");
  assert.equal((await one.status())?.primary, true);
  two.start({ size: 2 });
  await two.untilRegistered();
  await ofThree();

  // ZooKeeper's data is lost: the arbitrator is in the members' view, but gets no record as one.
  {
    await using session = await cluster.session();
    await session.deleteRecursive(cluster.root);
  }
  const { records } = await cluster.untilOnRecord(2);
  assert.deepEqual(records.map(({ name }) => name).toSorted(), ["galera-1", "galera-2"]);
  await arbitrator.untilVotes();

  // Both die: the arbitrator lives, and the cluster forms by the rules without it.
  const before = await arbitrator.onRecord();
  await Promise.all([one.crash(), two.crash()]);
  for (const member of [one, two]) member.start({ size: 2 });
  await Promise.all([one.untilRegistered(), two.untilRegistered()]);
  await until("it follows the new attempt", async () => {
    const now = await arbitrator.onRecord();
    return now !== null && now.primary && now.attempt !== before!.attempt;
  });
  await ofThree();
  assert.deepEqual((await two.query("SELECT id FROM app.t")).map(({ id }) => id), [1]);

  // Told to stop it leaves nothing behind, and the members go on.
  const stopped = await arbitrator.stop();
  assert.deepEqual([stopped.status, stopped.signal], [0, null], stopped.stderr);
  assert.deepEqual([await arbitrator.onRecord(), await arbitrator.garbd()], [null, null]);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  await one.until("it has left", ({ primary, clusterSize }) => primary && clusterSize === 2);

  // Without it the same death ends the service.
  await two.crash();
  await one.until("not Primary", ({ primary }) => !primary);
});
