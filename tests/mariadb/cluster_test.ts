import assert from "node:assert/strict";
import { formatPosition } from "../../lib/cluster/position.ts";
import type { Inspection, Running, TransferSeen } from "../../lib/mariadb/database.ts";
import { bootstrap } from "./bootstrap.ts";
import { isUp, Machine, NEVER, type TestDatabase, until } from "./machine.ts";

/** Where a datadir says it is. */
function positionOf({ held }: Inspection): string {
  return held.kind === "at" ? formatPosition(held.position) : held.kind;
}

/** A server's view: who is in it, each server with an id of its own. */
async function seen(running: Running) {
  const view = await running.viewMembers();
  const ids = new Set(view.map(({ gcommUuid }) => gcommUuid));
  assert.equal(ids.size, view.length);
  return view.map(({ name, address }) => ({ name, address }));
}

Deno.test("a bootstrap lets nobody write or read before makeWritable()", async () => {
  await using machine = await Machine.make(40);
  const database = await machine.database(1);
  assert.equal((await database.inspect(NEVER)).held.kind, "empty");
  await database.initialise(NEVER);
  assert.equal((await database.inspect(NEVER)).held.kind, "fresh");
  const first = await bootstrapAgain(database, null);
  await first.makeWritable();
  await machine.sql(
    database,
    "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB;" +
      "CREATE USER admin@'%' IDENTIFIED BY 'p'; GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;" +
      "CREATE EVENT d.e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO d.t VALUES ()",
  );
  assert.deepEqual(await first.stop(20_000), { code: 0, signal: null, lastErrors: [] });

  const stopped = await database.inspect(NEVER);
  assert.ok(stopped.held.kind === "at" && stopped.held.safeToBootstrap);
  const { position } = stopped.held;
  const again = await bootstrapAgain(
    await machine.withOptions(database, "--event-scheduler=ON"),
    position,
  );
  const tcp = ["-h", database.settings.address, "-u", "admin", "-pp"];
  const refused = ["INSERT INTO d.t VALUES ()", "CREATE DATABASE e", "SELECT * FROM d.t", "BEGIN"];
  for (const statement of refused) {
    await assert.rejects(machine.sql(database, statement), /1047/, statement);
    await assert.rejects(machine.sql(database, statement, tcp), /1047/, statement);
  }
  // The event has had its second.
  await until(again, () => true);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const count = "SET SESSION wsrep_on = OFF; SELECT COUNT(*) FROM d.t";
  const before = await machine.sql(database, count);
  assert.equal((await again.status())?.lastCommitted, position.seqno + 1n, "its own view alone");
  await again.makeWritable();
  await machine.sql(database, "INSERT INTO d.t VALUES ()", tcp);
  assert.notEqual(await machine.sql(database, "SELECT COUNT(*) FROM d.t"), before);
});

async function bootstrapAgain(
  database: TestDatabase,
  startPosition: { uuid: string; seqno: bigint } | null,
): Promise<Running> {
  const running = await database.spawn({ kind: "bootstrap", startPosition, serverId: 1 });
  const status = await until(running, ({ primary, synced }) => primary && synced);
  if (startPosition !== null) assert.equal(status.clusterUuid, startPosition.uuid);
  return running;
}

Deno.test("members join by SST, come back by IST, and all killed go on where they were", async () => {
  await using machine = await Machine.make(41);
  const [one, two, three] = [
    await machine.database(1),
    await machine.database(2),
    await machine.database(3),
  ];
  const first = await bootstrap(one);
  await machine.sql(one, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
  const join = async (
    database: TestDatabase,
    serverId: number,
    startPosition: { uuid: string; seqno: bigint } | null,
  ) => {
    const running = await database.spawn({
      kind: "join",
      donors: [one.settings.address],
      startPosition,
      serverId,
    });
    return { running, status: await until(running, isUp) };
  };

  const before = await two.inspect(NEVER);
  const second = await join(two, 2, null);
  await three.inspect(NEVER);
  const third = await join(three, 3, null);
  assert.equal(second.status.clusterUuid, (await first.status())?.clusterUuid);
  assert.ok(await second.running.transferredBytes() > 1_000_000);
  assert.deepEqual(
    (await seen(first)).toSorted((a, b) => a.name.localeCompare(b.name)),
    [1, 2, 3].map((n) => ({ name: `node-${n}`, address: `127.12.41.${n}` })),
  );
  assert.equal(await machine.sql(two, "SELECT @@server_id"), "2");

  // Stopped in order: an IST brings what it missed, and its id stayed what it was.
  assert.equal((await second.running.stop(20_000)).code, 0);
  const away = await two.inspect(NEVER);
  assert.equal(away.datadirId, before.datadirId);
  await machine.sql(one, "INSERT INTO d.t VALUES (1), (2)");
  assert.ok(away.held.kind === "at");
  // The stop of an hour ago may have left these: an SST would wait for that process to end.
  await Deno.writeTextFile(`${two.datadir}/wsrep_sst.pid`, `${Deno.pid}\n`);
  await Deno.writeTextFile(`${two.datadir}/sst_in_progress`, "");
  await Deno.writeTextFile(`${two.datadir}/gvwstate.dat`, "");
  const back = await join(two, 2, away.held.position);
  assert.equal(await machine.sql(two, "SELECT COUNT(*) FROM d.t"), "2");
  assert.ok(await back.running.transferredBytes() < 60_000_000, "no full SST");
  const missed = Number(back.status.lastCommitted - away.held.position.seqno);
  const ended = async (running: Running): Promise<TransferSeen> => {
    for (;;) {
      const seen = await running.transfer();
      if (seen?.hasEnded) return seen;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const received = await ended(back.running);
  // Galera takes the donor of its liking.
  const sent = await ended(received.peer === "node-1" ? first : third.running);
  assert.deepEqual([sent.role, sent.peer], ["donor", "node-2"]);
  for (const { kind, done, total, failure } of [received, sent]) {
    assert.deepEqual([kind, done, failure], ["IST", total, null]);
    // What it may certify against comes again.
    assert.ok(done >= missed && done < missed + 10, `${done}, ${missed}`);
  }

  // Killed: the data itself knows where it is.
  const committed = (await first.status())?.lastCommitted ?? 0n;
  for (const running of [first, back.running, third.running]) Deno.kill(running.pid, "SIGKILL");
  const ends = await Promise.all([first, back.running, third.running].map((one) => one.exited));
  assert.deepEqual(
    ends.map(({ code, signal }) => [code, signal]),
    Array(3).fill([null, "SIGKILL"]),
  );
  const found = await Promise.all([one, two, three].map((database) => database.inspect(NEVER)));
  const uuid = second.status.clusterUuid;
  assert.ok(
    found.map(positionOf).includes(`${uuid}:${committed}`),
    found.map(positionOf).join(" "),
  );
  const newest = found.findIndex((inspection) => positionOf(inspection) === `${uuid}:${committed}`);
  const starter = [one, two, three][newest];
  assert.ok(starter !== undefined);
  const restarted = await bootstrapAgain(starter, { uuid, seqno: committed });
  await restarted.makeWritable();
  assert.equal(await machine.sql(starter, "SELECT COUNT(*) FROM d.t"), "2");
});

Deno.test("mariadbd gets one argument, a file of its own, and none of our environment", async () => {
  await using machine = await Machine.make(42);
  const rootPassword = "s3cret # \"of\" 'root'";
  const initialisation = {
    ...(await machine.settings(1)).initialisation,
    rootPassword,
    user: "app",
    password: "an0ther",
    database: "shop",
  };
  const database = await machine.database(1, { initialisation, sstMethod: "mariabackup" });
  Deno.env.set("MARIADB_ROOT_PASSWORD", rootPassword);
  try {
    const running = await bootstrap(database);
    const read = async (name: string) => {
      const { stdout } = await new Deno.Command("cat", { args: [`/proc/${running.pid}/${name}`] })
        .output();
      return new TextDecoder().decode(stdout).split("\0").filter((text) => text !== "");
    };
    const args = await read("cmdline");
    assert.equal(args.length, 2);
    const [, file = ""] = /^--defaults-extra-file=(.*)$/.exec(args[1] ?? "") ?? [];
    // Nor has its option file any: an SST logs in by the unix socket.
    assert.doesNotMatch(await Deno.readTextFile(file), /s3cret|an0ther/);
    const stat = await Deno.stat(file);
    const folder = await Deno.stat(file.slice(0, file.lastIndexOf("/")));
    assert.equal((stat.mode ?? 0) & 0o777, 0o600);
    assert.equal((folder.mode ?? 0) & 0o777, 0o700);
    assert.equal(stat.uid, (await Deno.stat(database.datadir)).uid);
    const environment = (await read("environ")).join("\n");
    assert.doesNotMatch(environment, /s3cret|an0ther|MARIADB/);
    assert.equal((await running.status())?.primary, true);
    await running.stop(20_000);
    await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  } finally {
    Deno.env.delete("MARIADB_ROOT_PASSWORD");
  }
});

Deno.test("a plain server serves without Galera", async () => {
  await using machine = await Machine.make(43);
  const database = await machine.database(1);
  await database.inspect(NEVER);
  await database.initialise(NEVER);
  const running = await database.spawn({ kind: "plain" });
  const status = await until(running, () => true);
  assert.deepEqual([status.primary, status.clusterSize], [false, 0]);
  await machine.sql(
    database,
    "CREATE DATABASE d; CREATE TABLE d.t (id INT); INSERT INTO d.t VALUES (1)",
  );
  await running.stop(20_000);
  assert.equal((await database.inspect(NEVER)).held.kind, "standalone");
});

Deno.test("a member listens on IPv6, too", async () => {
  await using machine = await Machine.make(44);
  const database = await machine.database(1, { address: "::1", bind: "::1" });
  const running = await bootstrap(database);
  assert.deepEqual(await seen(running), [{ name: "node-1", address: "::1" }]);
});
