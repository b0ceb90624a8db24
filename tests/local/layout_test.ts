import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import {
  addressAfter,
  defaultDataDir,
  type LocalConfig,
  memberEnvironment,
  planMembers,
  runArguments,
} from "../../lib/local/layout.ts";

const CONFIG: LocalConfig = {
  nodes: 3,
  dataDir: "/srv/g",
  baseAddress: "127.0.1.1",
  sstMethod: "rsync",
  drainMs: 0,
  mariadbdOptions: ["--max-connections=7"],
};

Deno.test("planMembers() gives each member an address and folders of its own", () => {
  const plans = planMembers(CONFIG);
  assert.deepEqual(plans.map(({ name, address }) => [name, address]), [
    ["galera-1", "127.0.1.1"],
    ["galera-2", "127.0.1.2"],
    ["galera-3", "127.0.1.3"],
  ]);
  assert.deepEqual(plans[1], {
    name: "galera-2",
    address: "127.0.1.2",
    folder: "/srv/g/galera-2",
    datadir: "/srv/g/galera-2/data",
    socket: "/srv/g/galera-2/run/mysqld.sock",
    log: "/srv/g/logs/galera-2.log",
  });
  assert.deepEqual(planMembers({ ...CONFIG, nodes: 0 }), []);
});

Deno.test("planMembers() refuses a path that no unix socket can have", () => {
  const dataDir = `/${"x".repeat(90)}`;
  assert.throws(() => planMembers({ ...CONFIG, dataDir }), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /longer than 107 bytes: give a shorter --data$/);
    return true;
  });
});

Deno.test("addressAfter() counts within the loopback network", () => {
  const table: [string, number, string][] = [
    ["127.0.1.1", 0, "127.0.1.1"],
    ["127.0.1.255", 1, "127.0.2.0"],
    ["127.255.255.253", 1, "127.255.255.254"],
  ];
  for (const [base, distance, expected] of table) {
    assert.equal(addressAfter(base, distance), expected);
  }
  for (const base of ["10.0.0.1", "::1", "127.255.255.254"]) {
    assert.throws(() => addressAfter(base, 1), ConfigError, base);
  }
});

Deno.test("runArguments() names the member's own places, mariadbd's options last", () => {
  const [, plan] = planMembers(CONFIG);
  assert.ok(plan !== undefined);
  const args = runArguments(plan, CONFIG, ["--zookeeper", "zk:1"], "info").join(" ");
  assert.match(
    args,
    /^run --zookeeper zk:1 --member galera-2 --bind 127\.0\.1\.2 --http 127\.0\.1\.2:8008 --size 3 /,
  );
  assert.match(args, / -- .* --max-connections=7$/);
});

Deno.test("memberEnvironment() keeps passwords for members, and our own variables from them", () => {
  const env = {
    PATH: "/bin",
    MARIADB_ROOT_PASSWORD: "x",
    GALERA_KEEPER_SIZE: "9",
    GONE: undefined,
  };
  assert.deepEqual(memberEnvironment(env, null), { PATH: "/bin", MARIADB_ROOT_PASSWORD: "x" });
  assert.equal(memberEnvironment(env, "u:p")["GALERA_KEEPER_ZOOKEEPER_DIGEST"], "u:p");
});

Deno.test("defaultDataDir() is the system's for root, else the user's", () => {
  assert.equal(defaultDataDir(0, { HOME: "/root" }), "/var/lib/galera-keeper");
  assert.equal(defaultDataDir(7, { HOME: "/home/a" }), "/home/a/.local/state/galera-keeper");
  assert.equal(defaultDataDir(7, { XDG_STATE_HOME: "/s" }), "/s/galera-keeper");
});
