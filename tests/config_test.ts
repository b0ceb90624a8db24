import assert from "node:assert/strict";
import { runCommandLine } from "../lib/cli.ts";
import {
  buildRunConfig,
  isContainerId,
  type Machine,
  rebuildRunConfig,
  type RunConfig,
} from "../lib/config.ts";
import { ConfigError, UsageError } from "../lib/errors.ts";
import { RUN } from "../lib/commands/run.ts";
import type { RunOptions } from "../lib/settings/options.ts";

const FILES: Readonly<Record<string, string>> = {
  "/secrets/root": "s3cret-root\n",
  "/secrets/digest": "keeper:s3cret-digest\n",
  "/secrets/bad-digest": "keeper\n",
  "/secrets/empty": "\n",
  "/acl": "# Who else\nip:10.0.0.0/8:r\n",
  "/bad-acl": "ip:10.0.0.0/8:r\nworld:me:r\n",
  "/auth-acl": "auth::cdrwa\n",
  "/zk/ca.pem": "-----BEGIN CERTIFICATE-----\n",
  "/half/ca.pem": "-----BEGIN CERTIFICATE-----\n",
  "/half/cert.pem": "-----BEGIN CERTIFICATE-----\n",
  "/locked/ca.pem": "-----BEGIN CERTIFICATE-----\n",
  "/locked/cert.pem": "-----BEGIN CERTIFICATE-----\n",
  "/locked/key.pem": "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
};

const MACHINE: Machine = {
  hostname: () => "galera-7",
  interfaces: () => [
    { name: "lo", address: "127.0.0.1" },
    { name: "eth0", address: "192.0.2.2" },
  ],
  uid: () => 0,
  readTextFile: (path) => {
    const text = FILES[path];
    if (text === undefined) throw new Deno.errors.NotFound(`No such file or directory: ${path}`);
    return text;
  },
};

/** Takes a command line and an environment through the real parser to the configuration. */
async function configOf(
  args: string,
  env: Record<string, string> = {},
  machine = MACHINE,
  build = buildRunConfig,
): Promise<RunConfig> {
  let config: RunConfig | undefined;
  const capture = {
    ...RUN,
    action(options: RunOptions, context: { rest: readonly string[] | null }) {
      config = build(options, context.rest, env, machine);
      return Promise.resolve(0);
    },
  };
  const words = args.split(" ").filter((word) => word !== "");
  await runCommandLine(words, { commands: [capture], version: "0", env, print: () => {} });
  assert.ok(config !== undefined);
  return config;
}

Deno.test("buildRunConfig() has the defaults of the options table", async () => {
  assert.deepEqual(await configOf(""), {
    zookeeper: {
      hosts: [{ hostname: "zookeeper", port: 2181 }],
      chroot: "",
      sessionTimeoutMs: 10_000,
      root: "/mariadb",
      digest: null,
      acl: null,
      tls: null,
    },
    member: "galera-7",
    address: "192.0.2.2",
    bind: null,
    port: 3306,
    clusterName: "galera",
    http: { host: "0.0.0.0", port: 8008, advertised: "192.0.2.2:8008" },
    size: null,
    storage: "persistent",
    datadir: "/var/lib/mysql",
    socket: "/run/mysqld/mysqld.sock",
    user: "mysql",
    sstMethod: "rsync",
    stallTimeoutMs: 300_000,
    drainMs: 5000,
    stopTimeoutMs: 3_600_000,
    provider: null,
    providerOptions: {},
    tls: null,
    initialisation: {
      rootPassword: null,
      hasRandomRootPassword: false,
      allowsEmptyRootPassword: false,
      rootHost: null,
      database: null,
      user: null,
      password: null,
    },
    isWsrepOn: true,
    extraArguments: [],
    log: { format: null, level: "info", isVerbose: false, secrets: [] },
  });
});

Deno.test("rebuildRunConfig() has a machine's other address, and the member's name", async () => {
  const before = await configOf("");
  const machine = {
    ...MACHINE,
    hostname: () => "dhcp-9",
    interfaces: () => [{ name: "eth0", address: "192.0.2.9" }],
  };
  const now = await configOf("", {}, machine, (...args) => rebuildRunConfig(before, ...args));
  assert.deepEqual([before.address, now.address], ["192.0.2.2", "192.0.2.9"]);
  assert.equal(now.http?.advertised, "192.0.2.9:8008");
  assert.deepEqual([before.member, now.member], ["galera-7", "galera-7"]);
});

Deno.test("buildRunConfig() takes every option from the command line", async () => {
  const config = await configOf(
    "run --zookeeper a:1,b:2/x --session-timeout 5s --root /db --zookeeper-digest-file " +
      "/secrets/digest --zookeeper-acl-file /acl --zookeeper-tls-dir /zk/ --member m-1 --address 127.0.1.1 --bind 127.0.1.1 --port 3307 " +
      "--cluster-name c --http 127.0.1.1:9000 --size 3 --storage ephemeral --datadir /d/ " +
      "--socket /s --user db --sst-method mariabackup --stall-timeout 90s --drain 0s --stop-timeout 2m --provider /p.so " +
      "--provider-options gcache.size=1G;gcs.fc_limit=64 --tls-dir /t/ --log-format json --log-level warning " +
      "--verbose -- mysqld --max-connections=5 --skip-log-bin",
  );
  assert.deepEqual(config.zookeeper, {
    hosts: [{ hostname: "a", port: 1 }, { hostname: "b", port: 2 }],
    chroot: "/x",
    sessionTimeoutMs: 5000,
    root: "/db",
    digest: "keeper:s3cret-digest",
    acl: [{ scheme: "ip", id: "10.0.0.0/8", rights: "r" }],
    tls: { caCerts: ["-----BEGIN CERTIFICATE-----"] },
  });
  const { zookeeper: _zookeeper, initialisation: _initialisation, ...rest } = config;
  assert.deepEqual(rest, {
    member: "m-1",
    address: "127.0.1.1",
    bind: "127.0.1.1",
    port: 3307,
    clusterName: "c",
    http: { host: "127.0.1.1", port: 9000, advertised: "127.0.1.1:9000" },
    size: 3,
    storage: "ephemeral",
    datadir: "/d",
    socket: "/s",
    user: "db",
    sstMethod: "mariabackup",
    stallTimeoutMs: 90_000,
    drainMs: 0,
    stopTimeoutMs: 120_000,
    provider: "/p.so",
    providerOptions: { "gcache.size": "1G", "gcs.fc_limit": "64" },
    tls: { ca: "/t/ca.pem", cert: "/t/cert.pem", key: "/t/key.pem" },
    isWsrepOn: true,
    extraArguments: ["mysqld", "--max-connections=5", "--skip-log-bin"],
    log: { format: "json", level: "warning", isVerbose: true, secrets: ["s3cret-digest"] },
  });
});

Deno.test("buildRunConfig() takes every option from the environment, the command line first", async () => {
  const config = await configOf("--port 3308", {
    GALERA_KEEPER_ZOOKEEPER: "z:9",
    GALERA_KEEPER_SESSION_TIMEOUT: "3s",
    GALERA_KEEPER_ROOT: "/",
    GALERA_KEEPER_ZOOKEEPER_DIGEST: "u:digest-password",
    GALERA_KEEPER_MEMBER: "e-1",
    GALERA_KEEPER_NETWORK: "192.0.2.0/24",
    GALERA_KEEPER_PORT: "3309",
    GALERA_KEEPER_HTTP: "off",
    GALERA_KEEPER_SIZE: "1",
    GALERA_KEEPER_VERBOSE: "false",
    GALERA_KEEPER_DATADIR: "",
    MYSQL_ROOT_PASSWORD_FILE: "/secrets/root",
    MARIADB_DATABASE: "app",
    MARIADB_USER: "app",
    MYSQL_PASSWORD: "app-password",
    MARIADB_ROOT_HOST: "%",
    WSREP_ON: "OFF",
  });
  assert.equal(config.zookeeper.hosts[0]?.hostname, "z");
  assert.equal(config.zookeeper.root, "");
  assert.equal(config.zookeeper.sessionTimeoutMs, 3000);
  assert.equal(config.member, "e-1");
  assert.equal(config.address, "192.0.2.2");
  assert.equal(config.port, 3308);
  assert.equal(config.http, null);
  assert.equal(config.size, 1);
  assert.equal(config.log.isVerbose, false);
  assert.equal(config.datadir, "/var/lib/mysql");
  assert.equal(config.isWsrepOn, false);
  assert.deepEqual(config.initialisation, {
    rootPassword: "s3cret-root",
    hasRandomRootPassword: false,
    allowsEmptyRootPassword: false,
    rootHost: "%",
    database: "app",
    user: "app",
    password: "app-password",
  });
  assert.deepEqual(config.log.secrets, ["digest-password", "s3cret-root", "app-password"]);
});

Deno.test("buildRunConfig() runs as itself where it is not root", async () => {
  assert.equal((await configOf("", {}, { ...MACHINE, uid: () => 999 })).user, null);
});

Deno.test("buildRunConfig() binds where others reach us, HTTP included", async () => {
  const bound = await configOf("--bind 127.0.1.2");
  assert.equal(bound.address, "127.0.1.2");
  assert.deepEqual(bound.http, { host: "127.0.1.2", port: 8008, advertised: "127.0.1.2:8008" });
  const wild = await configOf("--bind 0.0.0.0 --http 9000");
  assert.equal(wild.bind, null);
  assert.deepEqual(wild.http, { host: "0.0.0.0", port: 9000, advertised: "192.0.2.2:9000" });
});

/** Each: the command line, the environment, the class, and what the line must say. */
const REFUSED: readonly (readonly [
  string,
  Record<string, string>,
  typeof ConfigError | typeof UsageError,
  RegExp,
])[] = [
  ["--zookeper a:1", {}, UsageError, /^Unknown option '--zookeper' \(did you mean --zookeeper\?\)/],
  ["--zookeeper a:b:c", {}, UsageError, /^--zookeeper is "a:b:c": expected HOST:PORT/],
  ["--zookeeper", {}, UsageError, /argument missing/],
  ["--port 0", {}, UsageError, /^--port is "0": expected a port from 1 to 65535$/],
  ["--port 65536", {}, UsageError, /expected a port from 1 to 65535$/],
  ["--size 0", {}, UsageError, /^--size is "0": expected a number of members from 1 to 128$/],
  ["--size three", {}, UsageError, /^--size is "three"/],
  ["--session-timeout 10", {}, UsageError, /with its unit/],
  ["--session-timeout 1ms", {}, UsageError, /from 1s to 10m/],
  ["--storage tape", {}, UsageError, /expected persistent or ephemeral/],
  ["--sst-method dump", {}, UsageError, /expected rsync or mariabackup/],
  ["--http db:80", {}, UsageError, /expected an IP address/],
  ["--datadir data", {}, UsageError, /expected an absolute path/],
  ["--provider-options x", {}, UsageError, /expected "name=value/],
  ["--member a/b", {}, UsageError, /^--member is "a\/b"/],
  ["run mariadbd", {}, UsageError, /^Unexpected argument "mariadbd" .*go after --/],
  ["--port 1 mariadbd -- --x", {}, UsageError, /^Unexpected argument "mariadbd"/],
  ["", { GALERA_KEEPER_PORT: "tcp://10.0.0.1:8008" }, ConfigError, /^GALERA_KEEPER_PORT is "tcp:/],
  ["", { GALERA_KEEPER_VERBOSE: "perhaps" }, ConfigError, /expected yes or no$/],
  ["--address 203.0.113.9", {}, ConfigError, /is not an address of this machine/],
  ["--bind 203.0.113.9", {}, ConfigError, /^--bind 203\.0\.113\.9 is not an address of this mach/],
  ["--bind 127.0.0.5 --address 192.0.2.2", {}, ConfigError, /listens elsewhere/],
  ["--address 192.0.2.2 --interface eth0", {}, ConfigError, /give one of them$/],
  ["--http 127.0.0.1:8008", {}, ConfigError, /cannot be reached by members/],
  ["--http 3306", {}, ConfigError, /both want port 3306/],
  ["--provider-options pc.bootstrap=true", {}, ConfigError, /pc\.bootstrap=true.*leave it out$/],
  [
    "--zookeeper-acl-file /no",
    {},
    ConfigError,
    /^Cannot read the file "\/no" that --zookeeper-acl/,
  ],
  [
    "--zookeeper-acl-file /acl",
    {},
    ConfigError,
    /^The file "\/acl" that --zookeeper-acl-file names: nobody has all rights, we neither: give /,
  ],
  [
    "--zookeeper-acl-file /bad-acl",
    { GALERA_KEEPER_ZOOKEEPER_DIGEST: "a:b" },
    ConfigError,
    /names: line 2, "world:me:r": expected world:anyone:RIGHTS$/,
  ],
  [
    "--zookeeper-acl-file /auth-acl",
    {},
    ConfigError,
    /auth::cdrwa is nobody without --zookeeper-d/,
  ],
  [
    "--zookeeper-tls-dir /none",
    {},
    ConfigError,
    /^Cannot read the file "\/none\/ca\.pem" that --z/,
  ],
  [
    "--zookeeper-tls-dir /half",
    {},
    ConfigError,
    /^Cannot read the file "\/half\/key\.pem" that --zookeeper-tls-dir names: No such file/,
  ],
  [
    "--zookeeper-tls-dir /locked",
    {},
    ConfigError,
    /^The file "\/locked\/key\.pem" of --zookeeper-tls-dir holds no private key without a pass/,
  ],
  ["--tls-dir tls", {}, UsageError, /^--tls-dir is "tls": expected an absolute path of letters/],
  ["--tls-dir /a,b", {}, UsageError, /expected an absolute path of letters/],
  [
    "--tls-dir /t --provider-options socket.ssl_key=/k",
    {},
    ConfigError,
    /^--provider-options has socket\.ssl_key=\/k: --tls-dir says it; leave one of them out$/,
  ],
  ["--zookeeper-digest-file /nowhere", {}, ConfigError, /^Cannot read the file "\/nowhere"/],
  ["--zookeeper-digest-file /secrets/bad-digest", {}, ConfigError, /holds no digest/],
  [
    "--zookeeper-digest-file /secrets/digest",
    { GALERA_KEEPER_ZOOKEEPER_DIGEST: "a:b" },
    ConfigError,
    /^Both --zookeeper-digest-file and GALERA_KEEPER_ZOOKEEPER_DIGEST are given/,
  ],
  [
    "",
    { MARIADB_ROOT_PASSWORD: "a", MARIADB_ROOT_PASSWORD_FILE: "/secrets/root" },
    ConfigError,
    /^Both MARIADB_ROOT_PASSWORD and MARIADB_ROOT_PASSWORD_FILE are given: give one of them$/,
  ],
  [
    "",
    { MYSQL_USER: "a", MYSQL_USER_FILE: "/secrets/root" },
    ConfigError,
    /^Both MYSQL_USER and MYSQL_USER_FILE are given/,
  ],
  [
    "",
    { MARIADB_ROOT_PASSWORD: "one-one", MYSQL_ROOT_PASSWORD: "two-two" },
    ConfigError,
    /^MARIADB_ROOT_PASSWORD and MYSQL_ROOT_PASSWORD are both given and differ/,
  ],
  ["", { MARIADB_PASSWORD_FILE: "/nowhere" }, ConfigError, /that MARIADB_PASSWORD_FILE names/],
  [
    "",
    { MARIADB_ROOT_PASSWORD: "a", MARIADB_RANDOM_ROOT_PASSWORD: "1" },
    ConfigError,
    /contradict each other/,
  ],
  ["", { MARIADB_RANDOM_ROOT_PASSWORD: "no" }, ConfigError, /unset it for a no$/],
  ["", { MARIADB_USER: "root", MARIADB_PASSWORD: "x" }, ConfigError, /^MARIADB_USER is "root"/],
  ["", { MARIADB_USER: "app" }, ConfigError, /^MARIADB_USER is given without MARIADB_PASSWORD/],
  ["", { MARIADB_PASSWORD: "x" }, ConfigError, /^MARIADB_PASSWORD is given without MARIADB_USER/],
  ["", { WSREP_ON: "perhaps" }, ConfigError, /^WSREP_ON is "perhaps": expected ON or OFF$/],
  ["-- max_connections=5", {}, UsageError, /write options as --name=value$/],
  ["-- mariadbd -P 5", {}, UsageError, /^Cannot pass "-P" on to mariadbd/],
  ["-- --datadir=/x", {}, ConfigError, /^--datadir=\/x cannot go after --: use --datadir$/],
  ["-- --wsrep_new_cluster", {}, ConfigError, /who bootstraps is decided/],
];

for (const [args, env, ErrorClass, message] of REFUSED) {
  const shown = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), args];
  Deno.test(`buildRunConfig() refuses ${shown.join(" ").trim()}`, async () => {
    await assert.rejects(configOf(args, env), (error: unknown) => {
      assert.ok(error instanceof ErrorClass, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  });
}

Deno.test("buildRunConfig() never shows a password in an error", async () => {
  const secret = "hunter2-hunter2";
  const env = { MARIADB_ROOT_PASSWORD: secret, MYSQL_ROOT_PASSWORD: secret + "x" };
  await assert.rejects(configOf("", env), (error: Error) => !error.message.includes(secret));
  const digest = { GALERA_KEEPER_ZOOKEEPER_DIGEST: secret };
  await assert.rejects(configOf("", digest), (error: Error) => !error.message.includes(secret));
});

Deno.test("isContainerId() tells a name that podman or docker made from one that was given", () => {
  for (const name of ["9b086eccfc30", "123456789012"]) assert.ok(isContainerId(name), name);
  for (const name of ["galera-1", "db", "9b086eccfc3", "9b086eccfc300", "node-abcdef01"]) {
    assert.ok(!isContainerId(name), name);
  }
});
