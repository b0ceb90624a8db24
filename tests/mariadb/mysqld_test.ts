import assert from "node:assert/strict";
import { ConfigError, UnavailableError } from "../../lib/errors.ts";
import type { SpawnPlan } from "../../lib/mariadb/database.ts";
import type { DatabaseSettings } from "../../lib/mariadb/settings.ts";
import { listProcesses } from "../../lib/mariadb/processes.ts";
import { findAccount, findProgram, findProvider } from "../../lib/mariadb/programs.ts";
import { bootstrap } from "./bootstrap.ts";
import { Machine, NEVER, until } from "./machine.ts";

const BOOTSTRAP: SpawnPlan = { kind: "bootstrap", startPosition: null, serverId: 1 };

/** What a start says that cannot be; it leaves nothing behind. */
async function refusal(machine: Machine, more: Partial<DatabaseSettings> = {}) {
  const database = await machine.database(1, more);
  const error = await database.inspect(NEVER).then(
    () => database.spawn(BOOTSTRAP),
  ).then(() => null, (reason) => reason);
  assert.ok(error instanceof ConfigError || error instanceof UnavailableError, String(error));
  assert.ok(!error.message.includes("\n"), error.message);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(database.datadir)), []);
  await database.close();
  return `${error.exitStatus} ${error.message}`;
}

Deno.test("a start says what is missing on this machine", async () => {
  await using machine = await Machine.make(60);
  assert.match(
    await refusal(machine, { provider: "/none.so" }),
    /^78 Galera's library .*"\/none\.so"/,
  );
  await assert.rejects(findProgram(["no-such-program"], "a-package"), {
    name: "UnavailableError",
    message: /no-such-program; install Debian's package a-package/,
  });
  assert.match(await findProvider(null), /libgalera_smm\.so$/);
  await assert.rejects(findAccount("no-such-user"), {
    name: "ConfigError",
    message: /no-such-user/,
  });
  await assert.rejects(findAccount("root"), {
    name: "ConfigError",
    message: /must not run as root/,
  });
});

Deno.test("a start says which port or socket is taken, and by what it was wanted", async () => {
  await using machine = await Machine.make(61);
  const { address, socket } = await machine.settings(1);
  for (const [port, what] of [[3306, "clients"], [4567, "Galera"], [4568, "IST"], [4444, "SST"]]) {
    using _ = Deno.listen({ hostname: address, port: Number(port) });
    const message = await refusal(machine);
    assert.ok(
      message.startsWith(
        `69 The port for ${what} is taken: something listens on ${address}:${port}`,
      ),
      message,
    );
  }
  assert.match(
    await refusal(machine, { bind: "192.0.2.77" }),
    /^78 Cannot listen on 192\.0\.2\.77/,
  );
  using _ = Deno.listen({ transport: "unix", path: socket });
  assert.match(await refusal(machine), /^69 The socket .* is taken/);
});

Deno.test("spawn() never bootstraps what must not be, nor joins where it does not fit", async () => {
  await using machine = await Machine.make(62);
  const A = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
  const position = { uuid: A, seqno: 7n };
  const grastate = (uuid: string, seqno: number) =>
    `# GALERA saved state\nversion: 2.1\nuuid: ${uuid}\nseqno: ${seqno}\nsafe_to_bootstrap: 0\n`;
  const zero = "00000000-0000-0000-0000-000000000000";
  const table: [string, string | null, SpawnPlan, RegExp][] = [
    ["torn", grastate(zero, -1), BOOTSTRAP, /torn datadir never bootstraps/],
    ["a cluster's, as a new one", grastate(A, 7), BOOTSTRAP, /needs its position/],
    ["behind what it holds", grastate(A, 9), { ...BOOTSTRAP, startPosition: position }, /fit/],
    ["another cluster's", grastate(zero, -1), { ...BOOTSTRAP, startPosition: position }, /fit/],
    ["nothing", null, { ...BOOTSTRAP, startPosition: position }, /does not fit/],
    [
      "without donors",
      null,
      { kind: "join", donors: [], startPosition: null, serverId: 1 },
      /donors/,
    ],
  ];
  const database = await machine.database(1);
  const { datadir } = database;
  for (const [what, text, plan, message] of table) {
    await database.inspect(NEVER);
    if (text !== null) await Deno.writeTextFile(`${datadir}/grastate.dat`, text);
    await assert.rejects(database.spawn(plan), message, what);
    if (text !== null) {
      assert.equal(await Deno.readTextFile(`${datadir}/grastate.dat`), text, what);
      await Deno.remove(`${datadir}/grastate.dat`);
    }
  }
});

Deno.test("a mariadbd that dies at once says why", async () => {
  await using machine = await Machine.make(63);
  const { extraArguments } = await machine.settings(1);
  const database = await machine.database(1, {
    extraArguments: [...extraArguments, "--no-such-option=1"],
  });
  await database.inspect(NEVER);
  const running = await database.spawn(BOOTSTRAP);
  const status = await running.exited;
  assert.ok(status.code !== 0);
  assert.match(status.lastErrors.join("\n"), /unknown variable 'no-such-option=1'/);
  assert.equal(await running.status(), null);
  assert.deepEqual(await running.viewMembers(), []);
  assert.deepEqual(await running.stop(0), status);
});

Deno.test("status() tells a wrong password from a server that is not up yet", async () => {
  await using machine = await Machine.make(64);
  const initialisation = {
    ...(await machine.settings(1)).initialisation,
    rootPassword: "right",
  };
  const database = await machine.database(1, { initialisation });
  const running = await bootstrap(database);
  // Without the socket's login, as in the official image.
  await machine.sql(database, "ALTER USER root@localhost IDENTIFIED BY 'right'");
  assert.equal((await running.status())?.primary, true);
  await running.stop(20_000);
  await database.close();
  const wrong = await machine.database(1, {
    initialisation: { ...initialisation, rootPassword: "wrong" },
  });
  const found = await wrong.inspect(NEVER);
  assert.ok(found.held.kind === "at");
  const again = await wrong.spawn({ ...BOOTSTRAP, startPosition: found.held.position });
  await assert.rejects(until(again, () => true), {
    name: "ConfigError",
    message: /refuses the password of "root": MARIADB_ROOT_PASSWORD/,
  });
  await again.stop(20_000);
});

Deno.test("status() is not fooled by another server on the socket", async () => {
  await using machine = await Machine.make(65);
  const other = await machine.database(2);
  await bootstrap(other);
  const database = await machine.database(1);
  await database.inspect(NEVER);
  await database.initialise(NEVER);
  const running = await database.spawn(BOOTSTRAP);
  while (!await Deno.lstat(database.settings.socket).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Deno.rename(other.settings.socket, database.settings.socket);
  await assert.rejects(until(running, () => false), {
    name: "ConfigError",
    message: /another server answers, with datadir ".*data-2"/,
  });
});

Deno.test("stop() kills after its grace, and asked again takes the shorter one", async () => {
  await using machine = await Machine.make(66);
  const database = await machine.database(1);
  const running = await bootstrap(database);
  Deno.kill(running.pid, "SIGSTOP");
  const slow = running.stop(600_000);
  const status = await running.stop(300);
  assert.deepEqual([status.code, status.signal], [null, "SIGKILL"]);
  assert.deepEqual(await slow, status);
  assert.equal((await database.inspect(NEVER)).held.kind, "at");
});

Deno.test("mariadbd does not outlive its keeper, and the next one waits for its end", async () => {
  await using machine = await Machine.make(67);
  const settings = await machine.settings(1);
  {
    const first = await machine.database(1);
    await first.inspect(NEVER);
    await first.initialise(NEVER);
    await first.close();
  }
  const keeper = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      new URL("./keeper_process.ts", import.meta.url).pathname,
      JSON.stringify(settings),
      JSON.stringify(BOOTSTRAP),
    ],
    stdout: "piped",
  }).spawn();
  const reader = keeper.stdout.getReader();
  const { value } = await reader.read();
  const pid = Number(new TextDecoder().decode(value));
  const next = await machine.database(1);
  await assert.rejects(next.inspect(NEVER), { name: "UnavailableError" });
  keeper.kill("SIGKILL");
  await keeper.status;
  await reader.cancel();
  await next.inspect(NEVER);
  assert.ok(!(await listProcesses()).some((process) => process.pid === pid));
});
