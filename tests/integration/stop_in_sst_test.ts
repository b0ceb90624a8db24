// needs: zookeeper galera mariabackup
// from source only
/** SIGTERM in the middle of an SST, and members that die with the start-up lock. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  findHolders,
  isMover,
  type Process,
  programOf,
  sessionMembers,
  signalAll,
} from "../../lib/mariadb/processes.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { serverOf, until } from "./load.ts";
import { assertNothingLost, empty, insert, recordOf, untilAllRegistered } from "./outage.ts";

/** Those of a member's processes that move an SST's data, of the programs that are named. */
async function movers(
  member: TestMember,
  isOne: (process: Process) => boolean = isMover,
): Promise<readonly number[]> {
  const server = await serverOf(member);
  if (server === undefined) return [];
  return (await sessionMembers(server)).filter(isOne).map(({ pid }) => pid);
}

/** What sends the data itself: an SST by mariabackup begins with something small, and asks for versions. */
function isSender(process: Process): boolean {
  const program = programOf(process);
  return program === "rsync" ||
    ["mariabackup", "mariadb-backup"].includes(program) && process.command.includes("--stream");
}

/** Holds an SST on one of its sides once its donor sends. @returns Lets it go on. */
async function hold(held: TestMember, donor: TestMember): Promise<() => void> {
  await until(`${donor.name} sends`, async () => (await movers(donor, isSender)).length > 0, 50);
  const pids = await movers(held);
  assert.ok(pids.length > 0);
  signalAll(pids, "SIGSTOP");
  return () => signalAll(pids, "SIGCONT");
}

/** Waits until a joiner by rsync has received something: before that its datadir holds nothing yet. */
async function untilReceiving({ name, datadir }: TestMember): Promise<void> {
  const isThere = () => Deno.lstat(join(datadir, "mysql")).then(() => true, () => false);
  await until(`${name} receives`, isThere, 10);
}

/** A file in a donor's datadir that an SST by rsync takes long to send, all hole. */
async function withLarge<T>({ datadir }: TestMember, body: () => Promise<T>): Promise<T> {
  const path = join(datadir, "app/large");
  using file = await Deno.create(path);
  await file.truncate(2 * 1024 ** 3);
  try {
    return await body();
  } finally {
    await Deno.remove(path);
  }
}

const PORTS = [3306, 4444, 4567, 4568, 8008] as const;

/** Nothing is left that the next start could stumble over. */
async function assertGone({ datadir, address, socket, log }: TestMember): Promise<void> {
  const { servers, strays } = await findHolders(datadir);
  assert.deepEqual([...servers, ...strays], [], log);
  for (const port of PORTS) Deno.listen({ hostname: address, port }).close();
  await assert.rejects(Deno.connect({ transport: "unix", path: socket }));
}

async function untilLocking(member: TestMember): Promise<void> {
  await member.until("waiting for the lock", ({ stage }) => stage === "locking");
}

for (const sstMethod of ["rsync", "mariabackup"] as const) {
  Deno.test(`SIGTERM in the middle of an SST by ${sstMethod} leaves nothing that blocks the next start`, async (t) => {
    await using servers = await startServers();
    await using cluster = await TestCluster.prepare(servers.hosts);
    const { members } = cluster;
    const [one, two, three] = members as [TestMember, TestMember, TestMember];
    const start = (member: TestMember, donor?: TestMember) =>
      member.start({
        size: 1,
        options: [`--sst-method=${sstMethod}`],
        mariadbd: donor === undefined ? [] : [`--wsrep-sst-donor=${donor.name}`],
      });
    const kindOnRecord = async (member: TestMember) => (await recordOf(cluster, member))?.data.kind;
    start(one);
    await one.untilRegistered();
    await one.query("CREATE DATABASE app");
    await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
    await insert(one, 1);

    await t.step("to the joiner: the next one has the lock, the donor serves on", async () => {
      const goOn = await withLarge(one, async () => {
        start(two, one);
        if (sstMethod === "rsync") await untilReceiving(two);
        const goOn = await hold(one, one);
        start(three);
        await untilLocking(three);
        assert.equal((await two.stop()).code, 0, two.log);
        return goOn;
      });
      await assertGone(two);
      assert.equal(await kindOnRecord(two), "torn", two.log);
      goOn();
      await untilAllRegistered([one, three]);
    });

    await t.step("to the donor: it stops in order, and the joiner ends", async () => {
      const goOn = await withLarge(three, async () => {
        start(two, three);
        const goOn = await hold(two, three);
        assert.equal((await three.stop()).code, 0, three.log);
        return goOn;
      });
      await assertGone(three);
      assert.equal(await kindOnRecord(three), "at");
      goOn();
      assert.notEqual((await two.ended()).code, 0);
      await assertGone(two);
      // It may be without a quorum until it has formed a cluster of its own.
      await until("galera-1 takes rows", () => insert(one, 2).then(() => true, () => false));
      for (const member of [two, three]) start(member);
      await untilAllRegistered(members);
      await assertNothingLost(members, [1, 2]);
    });
  });
}

Deno.test("the start-up lock is free as soon as the mariadbd of its holder, or its holder, is dead", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts);
  const [one, two, three] = cluster.members as [TestMember, TestMember, TestMember];
  // It stays Primary when one of two is killed.
  one.start({ size: 1, options: ["--provider-options=gcache.size=32M;pc.weight=3"] });
  await one.untilRegistered();
  await one.query("CREATE DATABASE app");

  /** The first of two that join dies in the middle of its SST. */
  async function dies(kill: (server: number) => void): Promise<Deno.CommandStatus> {
    return await withLarge(one, async () => {
      two.start({ size: 1, mariadbd: ["--wsrep-sst-donor=galera-1"] });
      const goOn = await hold(one, one);
      three.start({ size: 1 });
      await untilLocking(three);
      kill((await serverOf(two))!);
      const ended = await two.ended();
      goOn();
      return ended;
    });
  }

  await t.step("mariadbd by kill -9: its keeper ends with that status", async () => {
    const { code } = await dies((server) => Deno.kill(server, "SIGKILL"));
    assert.equal(code, 128 + 9, two.log);
    await untilAllRegistered([one, three]);
    await assertGone(two);
  });

  await t.step("the keeper by kill -9: the lock goes with its session", async () => {
    await three.stop();
    for (const member of [two, three]) await empty(member);
    await dies(() => two.signal("SIGKILL"));
    await untilAllRegistered([one, three]);
    // A server that receives an SST loses the signal that comes with the keeper's death.
    await until("its server has ended", async () => await serverOf(two) === undefined);
    await assertGone(two);
    two.start({ size: 1 });
    await untilAllRegistered(cluster.members);
  });
});
