import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import {
  listeners,
  optionFile,
  providerOptions,
  type Purpose,
  type Surroundings,
} from "../../lib/mariadb/option_file.ts";
import type { DatabaseSettings } from "../../lib/mariadb/settings.ts";
import { NO_INITIALISATION } from "./machine.ts";

const A = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const SETTINGS: DatabaseSettings = {
  datadir: "/data",
  socket: "/run/mysqld/mysqld.sock",
  user: "mysql",
  member: "galera-1",
  address: "192.0.2.1",
  bind: null,
  port: 3306,
  clusterName: "galera",
  sstMethod: "rsync",
  provider: null,
  providerOptions: {},
  extraArguments: [],
  initialisation: NO_INITIALISATION,
};
const SURROUNDINGS: Surroundings = {
  provider: "/lib/galera.so",
  hasWsrepInfo: true,
  runtimeFolder: "/run/gk",
  sstAccount: "mysql",
  cores: 2,
};

/** The values of the section [mysqld], the last one of each name; null where it stands alone. */
function values(more: Partial<DatabaseSettings>, purpose: Purpose): Map<string, string | null> {
  const [section = ""] = optionFile({ ...SETTINGS, ...more }, SURROUNDINGS, purpose).split(
    "\n[sst]",
  );
  return new Map(
    section.split("\n").slice(1).filter((line) => line !== "").map((line) => {
      const [, name = "", value] = /^([^=]+)(?:="(.*)")?$/.exec(line) ?? [];
      return [name.replaceAll("-", "_"), value ?? null];
    }),
  );
}

Deno.test("optionFile() lets only a bootstrap begin a cluster", () => {
  const position = { uuid: A, seqno: 7n };
  const table: [string, Purpose, string | null | undefined, string | undefined][] = [
    ["bootstrap", { kind: "bootstrap", startPosition: position, serverId: 1 }, "ON", "ALL"],
    [
      "join",
      { kind: "join", donors: ["192.0.2.2"], startPosition: null, serverId: 1 },
      "OFF",
      "NONE",
    ],
    ["recover", { kind: "recover" }, "OFF", "NONE"],
    ["plain", { kind: "plain" }, "OFF", undefined],
    ["initialise", { kind: "initialise", datadir: "/data/new" }, "OFF", undefined],
  ];
  for (const [what, purpose, newCluster, reject] of table) {
    const all = values({}, purpose);
    assert.equal(all.get("wsrep_new_cluster"), newCluster, what);
    assert.equal(all.get("wsrep_reject_queries"), reject, what);
  }
});

Deno.test("optionFile() names donors, and never none: that would begin a cluster", () => {
  const join = (...donors: string[]): Purpose => ({
    kind: "join",
    donors,
    startPosition: null,
    serverId: 3,
  });
  const address = (purpose: Purpose) => values({}, purpose).get("wsrep_cluster_address");
  assert.equal(address(join("192.0.2.2", "192.0.2.3:4567")), "gcomm://192.0.2.2,192.0.2.3:4567");
  assert.equal(address(join("fd00::7", "[fd00::8]:4567")), "gcomm://[fd00::7],[fd00::8]:4567");
  assert.throws(() => address(join()), /needs donors/);
  const bootstrap: Purpose = { kind: "bootstrap", startPosition: null, serverId: 1 };
  assert.equal(address(bootstrap), "gcomm://192.0.2.1");
});

Deno.test("optionFile() lets users change what is theirs", () => {
  const join: Purpose = {
    kind: "join",
    donors: ["192.0.2.2"],
    startPosition: { uuid: A, seqno: 7n },
    serverId: 42,
  };
  const plain = values({}, join);
  assert.equal(plain.get("binlog_format"), "ROW");
  assert.equal(plain.get("wsrep_gtid_domain_id"), "1");
  assert.equal(plain.get("wsrep_start_position"), `${A}:7`);
  assert.equal(plain.get("server_id"), "42");
  assert.equal(plain.get("bind_address"), "*");
  const changed = values(
    { extraArguments: ["--wsrep-gtid-domain-id=9", "--skip-name-resolve"] },
    join,
  );
  assert.equal(changed.get("wsrep_gtid_domain_id"), "9");
  assert.equal(changed.get("skip_name_resolve"), null);
});

Deno.test("optionFile() binds every listener where it is told to", () => {
  const join: Purpose = { kind: "join", donors: ["::1"], startPosition: null, serverId: 1 };
  const text = optionFile({ ...SETTINGS, bind: "192.0.2.1" }, SURROUNDINGS, join);
  for (
    const line of [
      'bind_address="192.0.2.1"',
      'wsrep_sst_receive_address="192.0.2.1:4444"',
      "gmcast.listen_addr=tcp://192.0.2.1:4567;ist.recv_addr=192.0.2.1:4568",
      'sockopt=",bind=192.0.2.1"',
    ]
  ) assert.ok(text.includes(line), line);
  assert.deepEqual(
    listeners({ ...SETTINGS, bind: "192.0.2.1" }, join).map(({ host, port }) => `${host} ${port}`),
    ["192.0.2.1 3306", "192.0.2.1 4567", "192.0.2.1 4568", "192.0.2.1 4444"],
  );
  assert.deepEqual(listeners(SETTINGS, { kind: "plain" }).map(({ host }) => host), ["0.0.0.0"]);
});

Deno.test("optionFile() has root's password only where mariabackup can log in no other way", () => {
  const initialisation = { ...NO_INITIALISATION, rootPassword: "hunter2" };
  const join: Purpose = { kind: "join", donors: ["::1"], startPosition: null, serverId: 1 };
  const has = (
    sstMethod: "rsync" | "mariabackup",
    purpose: Purpose,
    sstAccount: string | null = null,
  ) =>
    optionFile({ ...SETTINGS, sstMethod, initialisation }, { ...SURROUNDINGS, sstAccount }, purpose)
      .includes("hunter2");
  assert.equal(has("mariabackup", join, "mysql"), false);
  assert.equal(has("rsync", join), false);
  assert.equal(has("mariabackup", join), true);
  assert.equal(has("mariabackup", { kind: "recover" }), false);
});

Deno.test("optionFile() tells mariadb-backup who it logs in as, and how many threads it has", () => {
  const section = (cores: number) => {
    const plan: Purpose = { kind: "bootstrap", startPosition: null, serverId: 1 };
    const text = optionFile(SETTINGS, { ...SURROUNDINGS, cores }, plan);
    return text.slice(text.indexOf("[mariabackup]")).trim().split("\n");
  };
  const table: [cores: number, threads: number][] = [[1, 1], [2, 1], [3, 2], [8, 4], [64, 4]];
  for (const [cores, threads] of table) {
    assert.deepEqual(section(cores), ["[mariabackup]", 'user="mysql"', `parallel="${threads}"`]);
  }
});

Deno.test("providerOptions() puts the user's over ours, but for what is decided elsewhere", () => {
  const options = (more: Record<string, string>, rest: Partial<DatabaseSettings> = {}) =>
    providerOptions({ ...SETTINGS, ...rest, providerOptions: more });
  assert.equal(options({}), "pc.recovery=no");
  assert.equal(options({ "gcache.size": "1G" }), "pc.recovery=no;gcache.size=1G");
  assert.match(options({}, { address: "fd00::1" }), /gmcast\.listen_addr=tcp:\/\/\[::\]:4567/);
  const refused: [Record<string, string>, string | null][] = [
    [{ "pc.recovery": "yes" }, null],
    [{ "pc.bootstrap": "1" }, null],
    [{ "PC.ignore_sb": "true" }, null],
    [{ "gmcast.listen_addr": "tcp://0.0.0.0:1" }, "192.0.2.1"],
    [{ "ist.recv_bind": "0.0.0.0" }, "192.0.2.1"],
    [{ "x": "1;pc.bootstrap=1" }, null],
  ];
  for (const [more, bind] of refused) {
    assert.throws(() => options(more, { bind }), ConfigError, JSON.stringify(more));
  }
});
