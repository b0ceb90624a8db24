// needs: zookeeper galera faketime
// from source only
/**
 * Keepers whose time of day jumps by years: before they start, while they wait, start and serve. Only
 * theirs does; what they start, and ZooKeeper, have the real one.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startServers } from "../zookeeper/server.ts";
import { type MemberOptions, TestCluster, type TestMember } from "./harness.ts";
import {
  assertNothingLost,
  bootstraps,
  insert,
  untilAllRegistered,
  untilWaitingFor,
} from "./outage.ts";
import { run } from "./place.ts";
import { wrap } from "./wrapper.ts";

/** A clock of a keeper's own. */
interface Watch {
  /** What a keeper is to be started with. */
  readonly options: MemberOptions;
  /** Puts it forward, or back, by years. */
  jump(years: number): Promise<void>;
}

async function watchFor({ datadir }: TestMember): Promise<Watch> {
  const folder = join(datadir, "..");
  const file = join(folder, "years");
  const jump = async (years: number) => {
    // Never half a file: it is read at each look at the clock.
    await Deno.writeTextFile(`${file}.new`, `${years < 0 ? "" : "+"}${years}y\n`);
    await Deno.rename(`${file}.new`, file);
  };
  await jump(0);
  const env = {
    // The dynamic linker knows where $LIB is.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketimeMT.so.1",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    // Another user than root cannot share in what the library keeps in memory.
    PATH: await wrap(folder, "setpriv", `${FORGET}; unset LD_PRELOAD; exec "$REAL" "$@"`),
  };
  return { options: { size: 2, env }, jump };
}

/** What the library leaves in memory of a process that does not end by itself, in shell. */
const FORGET = "rm -f /dev/shm/*faketime_*_$$";

/** Keepers that were started; disposing of them takes away what the library left of those killed. */
class Keepers implements AsyncDisposable {
  readonly #pids: number[] = [];

  start(member: TestMember, { options }: Watch): void {
    member.start(options);
    this.#pids.push(member.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#pids) await run("sh", "-c", FORGET.replace("$$", `${pid}`));
  }
}

/** Clocks jump about for as long as something takes. */
async function whileJumping<T>(watches: readonly Watch[], body: () => Promise<T>): Promise<T> {
  let isOver = false;
  const jumping = (async () => {
    for (let round = 0; !isOver; round++) {
      for (const [at, watch] of watches.entries()) {
        await watch.jump(YEARS[(round + 3 * at) % YEARS.length]!);
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  try {
    return await body();
  } finally {
    isOver = true;
    await jumping;
  }
}

const YEARS = [9, -20, 100, -45, 30, -10];

/** Time for some rounds of waiting, or of looking after a server. */
const rounds = () => new Promise((resolve) => setTimeout(resolve, 5000));

Deno.test("no jump of the clock has a member bootstrap, stop waiting, or leave its cluster", async () => {
  await using servers = await startServers();
  await using keepers = new Keepers();
  await using cluster = await TestCluster.prepare(servers.hosts, 2);
  const { members } = cluster;
  const [one, two] = members as [TestMember, TestMember];
  const watches = [await watchFor(one), await watchFor(two)] as const;
  await watches[0].jump(9);
  await watches[1].jump(-20);
  const statuses = await whileJumping(watches, async () => {
    for (const [at, member] of members.entries()) keepers.start(member, watches[at]!);
    return await untilAllRegistered(members);
  });
  const { uuid } = statuses[0]!;
  for (const { startedAt } of statuses) {
    const years = Number(startedAt.slice(0, 4)) - new Date().getFullYear();
    assert.ok(Math.abs(years) > 7, `Its clock is not the one that jumps: ${startedAt}`);
  }
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  await insert(one, 1);

  // Serving: the sessions live on, and so do the servers.
  await using session = await cluster.session();
  const registered = async () =>
    await Promise.all(
      members.map(async ({ address }) =>
        (await session.get(`${cluster.root}/nodes/${address}`)).stat.czxid
      ),
    );
  const before = await registered();
  await whileJumping(watches, rounds);
  await untilAllRegistered(members);
  assert.deepEqual(await registered(), before);
  await insert(two, 2);

  // Waiting for the other: a hundred years are no reason to go on without it.
  await Promise.all(members.map((member) => member.crash()));
  await whileJumping(watches, async () => {
    keepers.start(one, watches[0]);
    await untilWaitingFor(one, two);
    await rounds();
    await untilWaitingFor(one, two);
    assert.equal((await bootstraps(cluster)).length, 1);
    keepers.start(two, watches[1]);
    assert.equal((await untilAllRegistered(members))[0]!.uuid, uuid);
  });
  assert.equal((await bootstraps(cluster)).length, 2);
  await assertNothingLost(members, [1, 2]);
  for (const member of members) {
    assert.equal((await member.stop()).code, 0, member.log);
    assert.doesNotMatch(member.log, /Giving this start up|to decide afresh/);
  }
});
