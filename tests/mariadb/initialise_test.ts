import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import { PASSWORD_FILE, STAGING_FOLDER } from "../../lib/mariadb/initialise.ts";
import { bootstrap } from "./bootstrap.ts";
import { chown, Machine, NEVER, NO_INITIALISATION, type TestDatabase } from "./machine.ts";

async function namesIn(path: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
}

/** Files for a new database, in a folder that only has them for this test. */
async function initFiles(
  database: TestDatabase,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  const folder = database.settings.initFolder ?? "";
  await Deno.mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes, {
      mode: name.includes("program") ? 0o755 : 0o644,
    });
  }
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("initialise() makes what the variables ask for, and applies files in order", async () => {
  await using machine = await Machine.make(100);
  const database = await machine.database(1, {
    initialisation: {
      ...NO_INITIALISATION,
      rootPassword: "p'w\\ \"#ü`",
      database: "my_shop`",
      user: "o'app",
      password: "'; DROP DATABASE mysql; --",
    },
  });
  const insert = (step: string) => `INSERT INTO steps (step) VALUES ('${step}');\n`;
  await initFiles(database, {
    "1 first.sql":
      "CREATE TABLE steps (n INT PRIMARY KEY AUTO_INCREMENT, step TEXT);\nDELIMITER //\n" +
      "CREATE PROCEDURE p() BEGIN SELECT 1; END //\nDELIMITER ;\n" + insert("first"),
    "2-second.sql.gz": await gzip(insert("second")),
    "3-sourced.sh": `echo "${insert("third").trim()}" | docker_process_sql "$MARIADB_DATABASE"\n`,
    "4-program.sh": '#!/bin/bash\nmariadb -uroot -p"$MYSQL_ROOT_PASSWORD" "$MYSQL_DATABASE" ' +
      `<<< "${insert("fourth").trim()}"\n`,
    "5-ignored.txt": "x",
  });
  const running = await bootstrap(database);
  assert.equal(
    await machine.sql(database, "SELECT step FROM `my_shop```.steps ORDER BY n"),
    "first\nsecond\nthird\nfourth",
  );
  const as = (user: string, password: string) => [
    `--host=${database.settings.address}`,
    `--user=${user}`,
    `--password=${password}`,
  ];
  const { user, password, rootPassword } = database.settings.initialisation;
  const app = as(user ?? "", password ?? "");
  assert.equal(await machine.sql(database, "SELECT COUNT(*) FROM `my_shop```.steps", app), "4");
  await assert.rejects(machine.sql(database, "SELECT * FROM mysql.global_priv", app), /denied/);
  assert.equal(await machine.sql(database, "SELECT 1", as("root", rootPassword ?? "")), "1");
  await assert.rejects(machine.sql(database, "SELECT 1", as("root", "wrong")), /denied/);
  const users = await machine.sql(database, "SELECT user, host FROM mysql.user WHERE user = ''");
  assert.equal(users, "");
  assert.doesNotMatch(await machine.sql(database, "SHOW DATABASES"), /^test$/m);
  assert.deepEqual((await namesIn(database.datadir)).filter((name) => name.startsWith(".")), []);
  await running.stop(20_000);
  const { held } = await database.inspect(NEVER);
  assert.equal(held.kind, "at");
});

Deno.test("initialise() leaves nothing of a database behind where a file fails", async () => {
  const table: [string, Record<string, string | Uint8Array>, RegExp][] = [
    ["SQL that is wrong", { "1.sql": "CREATE DATABASE d;", "2.sql": "NONSENSE;" }, /syntax/],
    [
      "a script that fails",
      { "1.sh": "echo about to fail >&2; exit 3" },
      /exited with status 3: about to/,
    ],
    ["a file that is cut", { "1.sql.gz": (await gzip("SELECT 1;".repeat(999))).slice(0, 40) }, /./],
  ];
  for (const [what, files, message] of table) {
    await using machine = await Machine.make(101);
    const database = await machine.database(1);
    await initFiles(database, files);
    await database.inspect(NEVER);
    await assert.rejects(database.initialise(NEVER), message, what);
    assert.equal((await database.inspect(NEVER)).held.kind, "empty", what);
    await Deno.remove(database.settings.initFolder ?? "", { recursive: true });
    await database.initialise(NEVER);
    assert.equal((await database.inspect(NEVER)).held.kind, "fresh", what);
  }
});

Deno.test("initialise() can be told to stop, and is started over", async () => {
  await using machine = await Machine.make(102);
  const database = await machine.database(1);
  await initFiles(database, { "1.sh": "sleep 60" });
  const { datadirId } = await database.inspect(NEVER);
  const controller = new AbortController();
  const initialising = database.initialise(controller.signal);
  const stopped = assert.rejects(initialising, /enough/);
  while (!(await namesIn(database.datadir)).includes(STAGING_FOLDER)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  controller.abort(new Error("enough"));
  await stopped;
  const after = await database.inspect(NEVER);
  assert.deepEqual([after.held.kind, after.datadirId], ["empty", datadirId]);
  await Deno.remove(database.settings.initFolder ?? "", { recursive: true });
  await database.initialise(NEVER);
  assert.equal((await database.inspect(NEVER)).held.kind, "fresh");
});

Deno.test("initialise() goes on moving where it was cut off", async () => {
  await using machine = await Machine.make(103);
  const database = await machine.database(1);
  await database.inspect(NEVER);
  await database.initialise(NEVER);
  const { datadir } = database;
  // Half of it is still where it was made.
  await Deno.mkdir(`${datadir}/${STAGING_FOLDER}`);
  await chown(`${datadir}/${STAGING_FOLDER}`);
  for (const name of ["mysql", "ibdata1", "aria_log_control"]) {
    await Deno.rename(`${datadir}/${name}`, `${datadir}/${STAGING_FOLDER}/${name}`);
  }
  const path = `${datadir}/galera-keeper.json`;
  const identity = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...identity, initialising: true }));
  assert.equal((await database.inspect(NEVER)).held.kind, "empty");
  await database.initialise(NEVER);
  assert.equal((await database.inspect(NEVER)).held.kind, "fresh");
  assert.ok(!(await namesIn(datadir)).includes(STAGING_FOLDER));
});

Deno.test("initialise() refuses a datadir that holds a database", async () => {
  await using machine = await Machine.make(104);
  const database = await machine.database(1);
  await database.inspect(NEVER);
  await database.initialise(NEVER);
  await assert.rejects(
    database.initialise(NEVER),
    (error) => error instanceof ConfigError && /is not empty/.test(error.message),
  );
});

Deno.test("initialise() drops what an SST that never came left behind", async () => {
  await using machine = await Machine.make(105);
  const database = await machine.database(1);
  await Deno.writeTextFile(
    `${database.datadir}/grastate.dat`,
    "uuid: 00000000-0000-0000-0000-000000000000\nseqno: -1\nsafe_to_bootstrap: 0\n",
  );
  assert.equal((await database.inspect(NEVER)).held.kind, "empty");
  await database.initialise(NEVER);
  assert.equal((await database.inspect(NEVER)).held.kind, "fresh");
});

Deno.test("initialise() keeps a password that it made up in a file, not in the log", async () => {
  await using machine = await Machine.make(106);
  const database = await machine.database(1, {
    initialisation: { ...NO_INITIALISATION, hasRandomRootPassword: true, rootHost: "127.%" },
  });
  const running = await bootstrap(database);
  const path = `${database.datadir}/${PASSWORD_FILE}`;
  const password = (await Deno.readTextFile(path)).trim();
  assert.ok(password.length >= 32);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const tcp = [`--host=${database.settings.address}`, "--user=root", `--password=${password}`];
  assert.equal(await machine.sql(database, "SELECT 1", tcp), "1");
  assert.equal((await running.status())?.primary, true);
});

Deno.test("initialise() uses the official image's script where there is one, for that alone", async () => {
  await using machine = await Machine.make(107);
  const bin = `${machine.folder}/bin`;
  await Deno.mkdir(bin);
  // Its functions as the image's script has them; what they do is what this test looks at.
  const script = `#!/bin/bash
docker_setup_env() { DATADIR=$("$@" --verbose --help 2>/dev/null | awk '$1 == "datadir" { print $2; exit }'); }
docker_create_db_directories() { mkdir -p "$DATADIR"; }
docker_verify_minimum_env() { [ "$MARIADB_ROOT_PASSWORD" = secret ] && [ -z "$MARIADB_ROOT_PASSWORD_FILE" ]; }
docker_mariadb_init() {
  shift
  mariadb-install-db "$@" --datadir="$DATADIR" --skip-test-db --rpm
  mkdir "$DATADIR/made_by_$(id -un)" && touch "$DATADIR/made_by_$(id -un)/t.frm"
}
`;
  await Deno.writeTextFile(`${bin}/docker-entrypoint.sh`, script, { mode: 0o755 });
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", `${bin}:${path}`);
  Deno.env.set("MARIADB_ROOT_PASSWORD_FILE", "/only/root/may/read");
  try {
    const database = await machine.database(1, {
      initialisation: { ...NO_INITIALISATION, rootPassword: "secret" },
    });
    await database.inspect(NEVER);
    await database.initialise(NEVER);
    assert.equal((await database.inspect(NEVER)).held.kind, "standalone");
    assert.ok((await namesIn(database.datadir)).includes("made_by_mysql"));
  } finally {
    Deno.env.set("PATH", path);
    Deno.env.delete("MARIADB_ROOT_PASSWORD_FILE");
  }
});
