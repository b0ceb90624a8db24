import assert from "node:assert/strict";
import { IDENTITY_FILE } from "../../lib/mariadb/identity.ts";
import type { Running, SpawnPlan, TransferSeen } from "../../lib/mariadb/database.ts";
import { isMover, sessionMembers, signalAll } from "../../lib/mariadb/processes.ts";
import { bootstrap } from "./bootstrap.ts";
import { isUp, Machine, NEVER, type TestDatabase, until } from "./machine.ts";

/** Some 64 MB, so that an SST takes long enough to be interrupted. */
const FILL =
  "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB);" +
  "INSERT INTO d.t (b) VALUES (REPEAT('x', 1000000));" +
  "INSERT INTO d.t (b) SELECT b FROM d.t;".repeat(6);

const join = (donor: TestDatabase, serverId: number): SpawnPlan => ({
  kind: "join",
  donors: [donor.settings.address],
  startPosition: null,
  serverId,
});

/** Waits until a joiner's datadir has something that only an SST brings there. */
async function untilReceiving(database: TestDatabase, running: Running): Promise<void> {
  let exited = false;
  running.exited.then(() => exited = true);
  for (;;) {
    const names = (await Array.fromAsync(Deno.readDir(database.datadir))).map(({ name }) => name);
    if (names.includes("ibdata1") || names.includes(".sst")) return;
    assert.ok(!exited, "the joiner has exited");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What is seen of a joiner's SST while it goes on, from its beginning to its end. */
async function watched(running: Running, role: "joiner" | "donor"): Promise<TransferSeen[]> {
  const before = (await running.transfer())?.number ?? 0;
  const all: TransferSeen[] = [];
  for (let isOver = false; !isOver;) {
    const seen = await running.transfer();
    if (seen !== null && seen.number > before) {
      all.push(seen);
      isOver = seen.hasEnded;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const last = all.at(-1)!;
  assert.deepEqual(
    [last.kind, last.role, last.peer, last.failure],
    ["SST", role, role === "joiner" ? "node-1" : "node-2", null],
  );
  for (const [index, { done }] of all.entries()) {
    assert.ok(done >= (all[index - 1]?.done ?? 0), JSON.stringify(all));
  }
  return all;
}

async function idOf({ datadir }: TestDatabase): Promise<string> {
  return JSON.parse(await Deno.readTextFile(`${datadir}/${IDENTITY_FILE}`)).datadirId;
}

for (const [net, sstMethod] of [[80, "rsync"], [81, "mariabackup"]] as const) {
  Deno.test(`an SST by ${sstMethod} that is cut is seen as torn, one that is complete is not`, async () => {
    await using machine = await Machine.make(net);
    // Heavier than half of the two, so that it stays Primary when the joiner is killed.
    const { providerOptions } = await machine.settings(1);
    const donor = await machine.database(1, {
      sstMethod,
      providerOptions: { ...providerOptions, "pc.weight": "3" },
    });
    const joiner = await machine.database(2, { sstMethod });
    const first = await bootstrap(donor);
    await machine.sql(donor, FILL);
    const { datadirId } = await joiner.inspect(NEVER);

    // A server that receives an SST does not hear a SIGTERM; the stop is quick all the same.
    const stopped = await joiner.spawn(join(donor, 2));
    await untilReceiving(joiner, stopped);
    const startedMs = performance.now();
    await stopped.stop(600_000);
    assert.ok(performance.now() - startedMs < 60_000);
    const cut = await stopped.transfer();
    assert.ok(cut !== null && cut.hasEnded && cut.failure !== null);
    assert.deepEqual((await joiner.inspect(NEVER)).held, { kind: "torn" });

    // Killed, its scripts live on for a while and clean up their marks.
    await until(first, isUp);
    const killed = await joiner.spawn(join(donor, 2));
    await untilReceiving(joiner, killed);
    Deno.kill(killed.pid, "SIGKILL");
    await killed.exited;
    assert.deepEqual((await joiner.inspect(NEVER)).held, { kind: "torn" });
    assert.equal(await idOf(joiner), datadirId);

    // The torn one joins again. A donor of an SST that was cut may spoil the next attempt.
    await until(first, isUp);
    assert.notEqual((await first.transfer())?.failure, null, "of the one that was cut");
    const sent = watched(first, "donor");
    const second = await joiner.spawn(join(donor, 2));
    let moved = 0;
    const [received, status] = await Promise.all([
      watched(second, "joiner"),
      until(second, isUp),
    ]);
    const { done, total, elapsedMs } = (await sent).at(-1)!;
    // rsync says a little besides what it copies.
    assert.ok(total !== null && done >= total && done < total * 1.02, `${done} of ${total}`);
    assert.ok(done > 64_000_000 && elapsedMs > 0);
    assert.ok(
      Math.abs(received.at(-1)!.done - done) < done / 50,
      `${received.at(-1)!.done}, ${done}`,
    );
    assert.ok(received.every((seen) => seen.done < done * 1.02), "nothing is counted twice");
    assert.ok(await second.transferredBytes() > 60_000_000);
    moved = await second.transferredBytes();
    assert.ok(await second.transferredBytes() >= moved);
    assert.equal(await idOf(joiner), datadirId, "kept, and not the donor's");
    assert.notEqual(await idOf(donor), datadirId);
    assert.equal(await machine.sql(joiner, "SELECT COUNT(*) FROM d.t"), "64");
    await second.stop(20_000);
    const { held } = await joiner.inspect(NEVER);
    assert.ok(held.kind === "at" && held.position.uuid === status.clusterUuid);
  });
}

Deno.test("a donor that is told to stop stops, its SST hanging too, and its joiner knows", async () => {
  await using machine = await Machine.make(82);
  const donor = await machine.database(1);
  const joiner = await machine.database(2);
  const first = await bootstrap(donor);
  await machine.sql(donor, FILL);
  await joiner.inspect(NEVER);
  const second = await joiner.spawn(join(donor, 2));
  await untilReceiving(joiner, second);
  assert.equal((await first.status())?.localState, 2);
  const senders = (await sessionMembers(first.pid)).filter(isMover).map(({ pid }) => pid);
  assert.ok(senders.length > 0);
  signalAll(senders, "SIGSTOP"); // As on a file system that hangs.
  const status = await first.stop(600_000);
  assert.equal(status.code, 0);
  assert.equal((await donor.inspect(NEVER)).held.kind, "at");
  assert.notEqual((await second.exited).code, 0);
  assert.deepEqual((await joiner.inspect(NEVER)).held, { kind: "torn" });
});

Deno.test("a donor that dies leaves a joiner that is torn", async () => {
  await using machine = await Machine.make(83);
  const donor = await machine.database(1);
  const joiner = await machine.database(2);
  const first = await bootstrap(donor);
  await machine.sql(donor, FILL);
  await joiner.inspect(NEVER);
  const second = await joiner.spawn(join(donor, 2));
  await untilReceiving(joiner, second);
  Deno.kill(first.pid, "SIGKILL");
  await first.exited;
  await second.stop(60_000);
  assert.deepEqual((await joiner.inspect(NEVER)).held, { kind: "torn" });
  const { held } = await donor.inspect(NEVER);
  assert.ok(held.kind === "at" && held.position.seqno > 0n);
});

// The official image's script makes no such account, and root's password may be another one by now.
Deno.test("an SST by mariabackup needs no password, and says on both sides why it fails", async () => {
  await using machine = await Machine.make(86);
  const { initialisation } = await machine.settings(1);
  const sstMethod = "mariabackup";
  const { providerOptions } = await machine.settings(1);
  const donor = await machine.database(1, {
    sstMethod,
    initialisation: { ...initialisation, rootPassword: "of old" },
    providerOptions: { ...providerOptions, "pc.weight": "3" },
  });
  const joiner = await machine.database(2, { sstMethod });
  await donor.inspect(NEVER);
  await donor.initialise(NEVER);
  const first = await donor.spawn({ kind: "bootstrap", startPosition: null, serverId: 1 });
  await until(first, ({ primary, synced }) => primary && synced);
  await first.makeWritable();
  const hasAccount = async () =>
    await machine.sql(donor, "SELECT COUNT(*) FROM mysql.user WHERE User = 'mysql'") === "1";
  assert.ok(await hasAccount());
  await machine.sql(
    donor,
    "DROP USER mysql@localhost; CREATE USER mysql@localhost IDENTIFIED BY 'x';" +
      "ALTER USER root@localhost IDENTIFIED VIA unix_socket",
  );
  await joiner.inspect(NEVER);
  const refused = await joiner.spawn(join(donor, 2));
  const { code, lastErrors } = await refused.exited;
  assert.notEqual(code, 0);
  assert.equal(lastErrors.length, 1, lastErrors.join("; "));
  assert.match(lastErrors[0] ?? "", /^the SST from node-1 failed: node-1 cannot send it \(/);
  assert.match(
    (await refused.transfer())?.failure ?? "",
    /^node-1 cannot send it \(.*\), and says why in its log$/,
  );
  assert.match(
    (await first.transfer())?.failure ?? "",
    /^mariadb-backup finished with error: 1: .*Access denied for user 'mysql'@'localhost'/,
  );

  await until(first, isUp);
  await machine.sql(donor, "DROP USER mysql@localhost");
  // As the keeper of a donor that starts anew does.
  await first.stop(20_000);
  const { held } = await donor.inspect(NEVER);
  assert.ok(held.kind === "at");
  const again = await donor.spawn({
    kind: "bootstrap",
    startPosition: held.position,
    serverId: 1,
  });
  await until(again, ({ primary, synced }) => primary && synced);
  assert.equal(
    await machine.sql(
      donor,
      "SET wsrep_on = OFF; SELECT COUNT(*) FROM mysql.user WHERE User = 'mysql'",
    ),
    "0",
    "nothing is written while it takes no writes",
  );
  await again.makeWritable();
  await until(again, isUp);
  const second = await joiner.spawn(join(donor, 2));
  await until(second, isUp);
  assert.equal((await again.transfer())?.failure, null);
  assert.match(
    await machine.sql(joiner, "SHOW GRANTS FOR mysql@localhost"),
    /^GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON \*\.\* TO `mysql`@`localhost` IDENTIFIED VIA unix_socket$/,
  );
});

Deno.test("a donor by mariabackup whose joiner leaves before it sends, sends to the next attempt in its turn", async () => {
  await using machine = await Machine.make(87);
  const sstMethod = "mariabackup";
  const { providerOptions } = await machine.settings(1);
  const donor = await machine.database(1, {
    sstMethod,
    providerOptions: { ...providerOptions, "pc.weight": "3" },
  });
  const joiner = await machine.database(2, { sstMethod });
  const first = await bootstrap(donor);
  await joiner.inspect(NEVER);
  const cut = await joiner.spawn(join(donor, 2));
  const seenOf = async (isWanted: (seen: TransferSeen) => boolean): Promise<TransferSeen> => {
    for (;;) {
      const seen = await first.transfer();
      if (seen !== null && isWanted(seen)) return seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await seenOf(({ phase }) => phase === "waiting for the joiner");
  await cut.stop(600_000);
  // At once, while the script of the first attempt would still sleep.
  const next = await joiner.spawn(join(donor, 2));
  const ended = await seenOf(({ hasEnded }) => hasEnded);
  assert.deepEqual([ended.number, ended.failure], [1, "node-2 has left the cluster"]);
  await until(next, isUp);
  const sent = await seenOf(({ hasEnded }) => hasEnded);
  assert.deepEqual([sent.number, sent.failure], [2, null]);
});
