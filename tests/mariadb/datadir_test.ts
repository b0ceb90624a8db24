import assert from "node:assert/strict";
import { ConfigError, type KeeperError, UnavailableError } from "../../lib/errors.ts";
import { IDENTITY_FILE } from "../../lib/mariadb/identity.ts";
import { chown, Machine, NEVER, type TestDatabase } from "./machine.ts";

const A = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const GRASTATE = `# GALERA saved state\nversion: 2.1\nuuid: ${A}\nseqno: 7\nsafe_to_bootstrap: 0\n`;

/** Everything below a folder, by name and content. */
async function tree(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("find", {
    args: [path, "-printf", "%P %y %m %u %s\n"],
  }).output();
  return new TextDecoder().decode(stdout).split("\n").sort().join("\n");
}

async function refusal(database: TestDatabase): Promise<KeeperError> {
  const error = await database.inspect(NEVER).then(() => null, (reason) => reason);
  assert.ok(error instanceof ConfigError || error instanceof UnavailableError, String(error));
  assert.ok(!error.message.includes("\n"), error.message);
  return error;
}

/** Files as a database has them, as far as a look can tell. */
async function fakeData(datadir: string): Promise<void> {
  for (const folder of ["mysql", "sys", "shop"]) {
    await Deno.mkdir(`${datadir}/${folder}`);
    await Deno.writeTextFile(`${datadir}/${folder}/t.ibd`, "12345");
    await chown(`${datadir}/${folder}`);
  }
  await Deno.writeTextFile(`${datadir}/ibdata1`, "x".repeat(1000));
  await chown(`${datadir}/ibdata1`);
}

Deno.test("inspect() refuses a datadir that cannot be one", async () => {
  await using machine = await Machine.make(20);
  const at = async (path: string) => {
    const { datadir: _, ...settings } = await machine.settings(1);
    const error = await refusal(await machine.database(1, { ...settings, datadir: path }));
    return `${error.exitStatus} ${error.message}`;
  };
  assert.match(await at(`${machine.folder}/none`), /^69 The datadir ".*none" is missing/);
  await Deno.writeTextFile(`${machine.folder}/file`, "");
  assert.match(await at(`${machine.folder}/file`), /^78 .* is no folder/);
  await Deno.mkdir(`${machine.folder}/foreign`);
  await Deno.chown(`${machine.folder}/foreign`, 65534, 65534);
  assert.match(await at(`${machine.folder}/foreign`), /^78 .* is not ours: mysql/);
  await Deno.mkdir(`${machine.folder}/roots`);
  await Deno.writeTextFile(`${machine.folder}/roots/x`, "");
  assert.match(await at(`${machine.folder}/roots`), /^78 .* is not ours: mysql/);
  await Deno.mkdir(`${machine.folder}/closed`);
  await chown(`${machine.folder}/closed`);
  await Deno.chmod(`${machine.folder}/closed`, 0o555);
  assert.match(await at(`${machine.folder}/closed`), /^78 .* is not ours: mysql/);
});

Deno.test("inspect() refuses a datadir on a read-only file system", async () => {
  await using machine = await Machine.make(21);
  const database = await machine.database(1);
  const { datadir } = database;
  const run = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("mount", { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  await run("--bind", datadir, datadir);
  try {
    await run("-o", "remount,bind,ro", datadir);
    const error = await refusal(database);
    assert.equal(error.exitStatus, 78);
    assert.match(error.message, /cannot be used: Read-only file system/);
  } finally {
    await database.close();
    await new Deno.Command("umount", { args: [datadir] }).output();
  }
});

Deno.test("inspect() refuses data of another user's", async () => {
  await using machine = await Machine.make(22);
  const database = await machine.database(1);
  await fakeData(database.datadir);
  await Deno.chown(`${database.datadir}/ibdata1`, 0, 0);
  assert.match(
    (await refusal(database)).message,
    /"ibdata1" is owned by 0, mariadbd runs as mysql/,
  );
});

Deno.test("inspect() refuses a corrupt grastate.dat, and changes nothing", async () => {
  const table: [string, string, RegExp][] = [
    ["truncated", GRASTATE.slice(0, 60), /corrupt: Not a UUID/],
    ["cut in its seqno", GRASTATE.slice(0, GRASTATE.indexOf("7\n") + 1), /corrupt: .*cut off/],
    ["empty", "", /is empty/],
    ["zeros", "\0".repeat(113), /corrupt: .*no text/],
    ["junk", "hello\n", /corrupt: .*no uuid/],
    [
      "an absurd seqno",
      GRASTATE.replace("seqno: 7", `seqno: ${"9".repeat(20)}`),
      /corrupt: Not a seqno/,
    ],
  ];
  for (const [what, text, message] of table) {
    await using machine = await Machine.make(23);
    const database = await machine.database(1);
    await fakeData(database.datadir);
    await Deno.writeTextFile(
      `${database.datadir}/${IDENTITY_FILE}`,
      `{"v":1,"datadirId":"x","attempt":null}`,
    );
    await Deno.writeTextFile(`${database.datadir}/grastate.dat`, text);
    const before = await tree(database.datadir);
    const error = await refusal(database);
    assert.match(error.message, message, what);
    assert.match(error.message, /empty/, "says what to do");
    assert.equal(error.exitStatus, 78);
    assert.equal(await tree(database.datadir), before);
  }
});

Deno.test("inspect() refuses an identity that is not one", async () => {
  for (const text of ["", "{", "[]", "null", '{"v":2,"datadirId":"x","attempt":null}', '{"v":1}']) {
    await using machine = await Machine.make(24);
    const database = await machine.database(1);
    await Deno.writeTextFile(`${database.datadir}/${IDENTITY_FILE}`, text);
    assert.match((await refusal(database)).message, /does not say which datadir/, text);
  }
});

Deno.test("inspect() gives an empty datadir an id, keeps it, and finds what is stored", async () => {
  await using machine = await Machine.make(25);
  const database = await machine.database(1);
  await Deno.chown(database.datadir, 0, 0); // As a container's new volume is.
  await Deno.mkdir(`${database.datadir}/lost+found`);
  const { dataBytes: _, ...first } = await database.inspect(NEVER);
  const { datadirId: id } = first;
  const nothing = { attempt: null, lineage: [], failedStarts: 0 };
  assert.deepEqual(first, { held: { kind: "empty" }, datadirId: id, ...nothing });
  assert.notEqual((await Deno.stat(database.datadir)).uid, 0);
  const uuid = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
  const begun = { attempt: "a1", by: "g1", uuid, seqno: 2n ** 62n + 1n, from: null };
  const identity = { datadirId: first.datadirId, attempt: "a1", lineage: [begun] };
  await database.writeFailedStarts(3);
  await database.writeIdentity(identity);
  const { datadirId, attempt, lineage, failedStarts } = await database.inspect(NEVER);
  assert.deepEqual({ datadirId, attempt, lineage, failedStarts }, { ...identity, failedStarts: 3 });
  const stat = await Deno.stat(`${database.datadir}/${IDENTITY_FILE}`);
  assert.equal((stat.mode ?? 0) & 0o777, 0o600);
  assert.equal(stat.uid, (await Deno.stat(database.datadir)).uid);
  await Deno.remove(`${database.datadir}/${IDENTITY_FILE}`);
  assert.notEqual((await database.inspect(NEVER)).datadirId, first.datadirId);
});

Deno.test("inspect() reads a position without starting anything where it is known", async () => {
  await using machine = await Machine.make(26);
  const database = await machine.database(1);
  await fakeData(database.datadir);
  await Deno.writeTextFile(`${database.datadir}/grastate.dat`, GRASTATE);
  await Deno.writeTextFile(`${database.datadir}/galera.cache`, "x".repeat(5000));
  const { held, dataBytes } = await database.inspect(NEVER);
  assert.deepEqual(held, {
    kind: "at",
    position: { uuid: A, seqno: 7n },
    safeToBootstrap: false,
  });
  assert.ok(dataBytes > 1000 && dataBytes < 2000, `${dataBytes}`);
});

Deno.test("a second keeper of one datadir is refused, until the first lets go", async () => {
  await using machine = await Machine.make(27);
  const first = await machine.database(1);
  const second = await machine.database(1);
  await first.inspect(NEVER);
  const error = await refusal(second);
  assert.equal(error.exitStatus, 69);
  assert.match(error.message, /belongs to another galera-keeper that runs/);
  await first.close();
  await second.inspect(NEVER);
});

Deno.test("inspect() waits for a server that holds the datadir, and can be told to stop", async () => {
  await using machine = await Machine.make(28);
  const database = await machine.database(1);
  // A server, for whoever looks at names and working folders.
  const program = `${machine.folder}/mariadbd`;
  await Deno.copyFile("/bin/sleep", program);
  await Deno.chmod(program, 0o755);
  const holder = new Deno.Command(program, { args: ["60"], cwd: database.datadir }).spawn();
  try {
    await assert.rejects(database.inspect(AbortSignal.timeout(700)), { name: "TimeoutError" });
    const inspection = database.inspect(NEVER);
    holder.kill("SIGKILL");
    assert.equal((await inspection).held.kind, "empty");
  } finally {
    await holder.status;
  }
});
