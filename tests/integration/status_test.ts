/** What a person is shown of an outage, from its beginning to its end: `status` and `log`. */
// needs: zookeeper galera
import assert from "node:assert/strict";
import * as v from "valibot";
import { type Finished, keeper, startKeeper } from "../keeper.ts";
import { statusSchema } from "../operator/status_schema.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { inOrder, insert, startNew, untilAllRegistered } from "./outage.ts";

/** `status --watch` on a pipe. */
class Watch implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(args: readonly string[]) {
    this.#child = startKeeper(["status", "--watch", ...args]);
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits until a screen says that; what was shown before it is done with. */
  async until(expected: RegExp): Promise<void> {
    for (;;) {
      const found = expected.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index);
        return;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`It ended before ${expected}: ${this.#text}`);
      this.#text += value;
    }
  }

  /** Ctrl-C. @returns Its exit status. */
  async end(): Promise<number> {
    this.#child.kill("SIGINT");
    const { code } = await this.#child.status;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#reader.cancel();
    await this.#child.stderr.cancel();
    await this.#child.status;
  }
}

Deno.test("status and log tell the story of an outage", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const [one, two, three] = cluster.members as [TestMember, TestMember, TestMember];
  const at = [`--zookeeper=${cluster.zookeeper}`, `--root=${cluster.root}`];
  const status = (...args: readonly string[]) => keeper(["status", ...at, ...args]);
  /** A killed keeper is gone with its session. */
  const until = async (expected: RegExp): Promise<Finished> => {
    for (let tries = 0;; tries++) {
      const shown = await status();
      if (expected.test(shown.stdout)) return shown;
      assert.ok(tries < 60, `${expected} is not in ${shown.stdout}${shown.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  const step = inOrder(t);
  await startNew(cluster);
  await using watch = new Watch(at);

  await step("all is well", async () => {
    const shown = await until(/^All well/);
    assert.deepEqual([shown.status, shown.stderr], [0, ""]);
    assert.match(shown.stdout, /^All well: 3 of 3 Synced\nCluster: \S+, running, bootstrapped by /);
    const line = new RegExp(`\ngalera-2 +${two.address.replaceAll(".", "\\.")} +Synced +\\d+ +2`);
    assert.match(shown.stdout, line);
    const printed = JSON.parse((await status("--json")).stdout);
    assert.deepEqual(v.parse(statusSchema, printed), printed);
    await watch.until(/^All well: 3 of 3 Synced$/m);
  });

  await step("a member dies", async () => {
    await three.crash();
    const summary = "Degraded: galera-3 died running \\(2 of 3 Synced\\)";
    // Not before the others' servers are told to be without it, which a keeper asks once a second.
    const advice = "forgetting it is safe now: `galera-keeper forget galera-3`\\.";
    const shown = await until(new RegExp(`^${summary}\n[^]*${advice}\n$`));
    assert.equal(shown.status, 1);
    assert.match(shown.stdout, /\ngalera-3 +\S+ +died running +- +-\n/);
    await watch.until(new RegExp(`^${summary}$`, "m"));
    await insert(one, 1);
  });

  await step("all others do, and come back without it", async () => {
    await Promise.all([one.crash(), two.crash()]);
    for (const member of [one, two]) member.start();
    const waits = "galera-1 waiting for galera-3; galera-2 waiting for galera-3";
    const summary = `^No primary component: ${waits}; galera-3 died running; a person is needed`;
    const shown = await until(new RegExp(`${summary}\n`));
    assert.equal(shown.status, 2);
    assert.match(shown.stdout, /\ngalera-1 +\S+ +waiting for galera-3 +\d+ +2/);
    assert.match(shown.stdout, /\nA person is needed: galera-3 died running .*forget galera-3/);
    await watch.until(new RegExp(`${summary}$`, "m"));
  });

  await step("it is back, and the log tells how it went", async () => {
    three.start();
    await untilAllRegistered(cluster.members);
    assert.equal((await until(/^All well/)).status, 0);
    const told = await keeper(["log", ...at, "--json"]);
    const { entries } = JSON.parse(told.stdout) as {
      entries: { member: string; kind: string; reason: string; person: string | null }[];
    };
    const storyOf = (name: string) =>
      entries.filter(({ member }) => member === name).map(({ kind, reason, person }) =>
        `${kind}: ${reason}${person === null ? "" : " !"}`
      ).join("\n");
    const story = storyOf("galera-1");
    let rest = story;
    for (
      const expected of [
        /^event: Started: the datadir is empty$/m,
        /^(join|bootstrap): /m,
        /^event: Registered, Primary and Synced, at seqno \d+$/m,
        /^event: Started: the datadir holds \S+:\d+/m,
        /^wait: galera-3 died running .* !$/m,
        /^(join|bootstrap): /m,
        /^event: Registered, Primary and Synced, at seqno \d+$/m,
      ]
    ) {
      const found = expected.exec(rest);
      assert.ok(found !== null, `${expected} is not in its place in\n${story}`);
      rest = rest.slice(found.index + found[0].length);
    }
    // galera-3 was killed while it served: nothing is between that and its next start, but for SSTs,
    // its own among them: what mariadbd prints of its end may be read when it is long Synced.
    assert.match(
      storyOf("galera-3"),
      /event: Registered, Primary and Synced, at seqno \d+\n(?:event: SST (?:to|from) .*\n)*event: Started: the datadir holds /,
    );
    const lines = (await keeper(["log", ...at, "-n", "3"])).stdout.trimEnd().split("\n");
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, /^2\S+Z {2}galera-\d {2}\S/);
  });

  await step("one is stopped in order", async () => {
    assert.equal((await two.stop()).code, 0);
    await insert(one, 2);
    // How far the others are is what they saw when they looked last, a second ago at most.
    await until(
      /^Degraded: galera-2 stopped \(2 of 3 Synced\)\n[^]*\ngalera-2 +\S+ +stopped +\d+ \(-\d+\) +-\n/,
    );
    const { stdout } = await keeper(["log", ...at, "--member=galera-2", "-n", "2"]);
    assert.match(stdout, /Stopping mariadbd: told to stop\n.*the datadir holds \S+:\d+\n$/);
    const told = await keeper(["log", ...at, "--json", "--member", "galera-2"]);
    assert.ok(told.stdout.length < 32_000);
    await watch.until(/^Degraded: galera-2 stopped \(2 of 3 Synced\)$/m);
  });

  await step("ZooKeeper dies, and the members are asked", async () => {
    await servers.servers[0]!.kill();
    const members = `--members=${[one, two, three].map(({ address }) => address)}`;
    const shown = await status(members);
    assert.equal(shown.status, 1, shown.stderr);
    assert.match(
      shown.stdout,
      /^Degraded: ZooKeeper does not answer; \S+:8008 no answer \(2 of 3 Synced\)\n/,
    );
    assert.match(shown.stdout, /\ngalera-3 +\S+ +Synced +\d+ +2/);
    // It knows from before whom to ask.
    await watch.until(
      /^Degraded: ZooKeeper does not answer; \S+:8008 no answer \(2 of 3 Synced\)$/m,
    );
    await servers.restart();
    await watch.until(/^Degraded: galera-2 stopped \(2 of 3 Synced\)$/m);
    assert.equal(await watch.end(), 0);
  });
});
