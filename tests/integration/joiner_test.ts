// needs: zookeeper galera
// from source only
/** Joins that fail: nobody waits for ever behind a member that does not make it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { isMover, sessionMembers, signalAll } from "../../lib/mariadb/processes.ts";
import { startServers } from "../zookeeper/server.ts";
import { type MemberOptions, TestCluster, type TestMember } from "./harness.ts";
import { pause, serverOf, until } from "./load.ts";
import {
  assertNothingLost,
  bootstraps,
  empty,
  inOrder,
  insert,
  logSince,
  recordOf,
  untilAllRegistered,
  untilWaitingFor,
} from "./outage.ts";

/** A file beside a table, all hole: it takes an SST seconds to send and no room on the donor's disk. */
const LARGE = "app/large";

async function withLarge(donor: TestMember, body: () => Promise<void>): Promise<void> {
  const path = join(donor.datadir, LARGE);
  using file = await Deno.create(path);
  await file.truncate(2 * 1024 ** 3);
  await body();
  await Deno.remove(path);
}

/** Waits until a joiner receives a part of the donor's data. */
async function untilReceiving(member: TestMember): Promise<void> {
  await member.until("joining", ({ stage }) => stage === "joining");
  const names = async (folder: string) => {
    const entries = Deno.readDir(join(member.datadir, folder));
    return await Array.fromAsync(entries, ({ name }) => name).catch(() => []);
  };
  await until(
    `${member.name} receives an SST`,
    async () => (await names("app")).some((name) => /^\.?large/.test(name)),
  );
}

/** As an orchestrator does: starts a member again whenever it has ended. */
class Restarts {
  readonly #done: Promise<void>;
  #isOver = false;
  /** How many times it has ended. */
  count = 0;

  constructor(member: TestMember, options: MemberOptions = {}) {
    this.#done = this.#keepStarting(member, options);
  }

  async #keepStarting(member: TestMember, options: MemberOptions): Promise<void> {
    while (!this.#isOver) {
      member.start(options);
      await member.ended();
      this.count++;
      await pause(500);
    }
  }

  /** Waits for one more end. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }
}

Deno.test("a member whose join fails, however it fails, gives the lock to the next", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 4);
  const { members } = cluster;
  const [one, two, three, four] = members as [TestMember, TestMember, TestMember, TestMember];
  for (const member of [one, two]) member.start({ size: 2 });
  await untilAllRegistered([one, two]);
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  await insert(one, 1);
  const step = inOrder(t);
  const kindOnRecord = async (member: TestMember) => (await recordOf(cluster, member))?.data.kind;

  await step("an SST that fails again and again", async () => {
    // The donor may not read what it is to send.
    const unreadable = join(two.datadir, "app/unreadable");
    await Deno.writeTextFile(unreadable, "", { mode: 0o000 });
    const restarts = new Restarts(three, { mariadbd: ["--wsrep-sst-donor=galera-2"] });
    await until("it has failed twice", () => restarts.count >= 2);
    four.start({ mariadbd: ["--wsrep-sst-donor=galera-1"] });
    await four.untilRegistered();
    const { count } = restarts;
    await until("it fails on", () => restarts.count > count);
    await restarts.end();
    assert.equal(await kindOnRecord(three), "torn");
    await Deno.remove(unreadable);
    three.start();
    await untilAllRegistered(members);
    await assertNothingLost(members, [1]);
  });

  await step("a donor that dies", async () => {
    for (const member of [three, four]) {
      await member.stop();
      await empty(member);
    }
    await withLarge(two, async () => {
      three.start({ mariadbd: ["--wsrep-sst-donor=galera-2"] });
      await untilReceiving(three);
      four.start();
      await four.until("waiting for the lock", ({ stage }) => stage === "locking");
      await two.crash();
      const { code } = await three.ended();
      assert.notEqual(code, 0);
      assert.equal(await kindOnRecord(three), "torn");
      await four.untilRegistered();
    });
    for (const member of [two, three]) member.start();
    await untilAllRegistered(members);
    await assertNothingLost(members, [1]);
  });

  await step("an SST that hangs", async () => {
    for (const member of [three, four]) {
      await member.stop();
      await empty(member);
    }
    await withLarge(two, async () => {
      const log = logSince(three);
      three.start({
        options: ["--stall-timeout=10s"],
        mariadbd: ["--wsrep-sst-donor=galera-2,"],
      });
      await untilReceiving(three);
      const senders = (await sessionMembers((await serverOf(two))!)).filter(isMover)
        .map(({ pid }) => pid);
      assert.ok(senders.length > 0);
      signalAll(senders, "SIGSTOP");
      four.start({ mariadbd: ["--wsrep-sst-donor=galera-1"] });
      await four.until("waiting for the lock", ({ stage }) => stage === "locking");
      await until(
        "it is given up",
        () => /Giving this start up: nothing has moved for 1\d s/.test(log()),
      );
      await until("it is torn", async () => await kindOnRecord(three) === "torn");
      await four.untilRegistered();
      assert.equal((await four.status())?.decision?.kind, "join");
      signalAll(senders, "SIGCONT");
    });
    await untilAllRegistered(members);
    await assertNothingLost(members, [1]);
  });

  await step("the only member that is Primary dies as a donor", async () => {
    await two.stop();
    for (const member of [three, four]) {
      await member.stop();
      await empty(member);
    }
    await withLarge(one, async () => {
      three.start();
      await untilReceiving(three);
      four.start();
      await four.until("waiting for the lock", ({ stage }) => stage === "locking");
      await one.crash();
      await untilWaitingFor(four, one);
      // What the joiner got is nothing to go on with.
      assert.equal(await kindOnRecord(three), "torn");
    });
    for (const member of [one, two]) member.start();
    await untilAllRegistered(members);
    assert.equal((await bootstraps(cluster)).at(-1), "galera-1");
    await assertNothingLost(members, [1]);
  });
});
