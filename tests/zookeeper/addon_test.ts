import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ADDON_CONSTANTS } from "../../lib/zookeeper/addon_constants.ts";
import { NativeZooKeeper } from "../../lib/zookeeper/addon.ts";
import { ZooKeeper, ZooKeeperClient } from "../../lib/zookeeper/client.ts";
import { CODE, WATCHER_TYPE } from "../../lib/zookeeper/constants.ts";
import { NoNodeError, ZooKeeperError } from "../../lib/zookeeper/errors.ts";
import { freshPath, Opened, serverForAll, until } from "./opened.ts";

const hosts = serverForAll();
const constants = ZooKeeper.constants;
const NOBODY = "127.10.0.2:1";

/** Calls one of the package's methods; gives what its callback got, or the code it returned. */
function called(zk: ZooKeeperClient, method: string, ...args: unknown[]): Promise<unknown> {
  return new Promise((resolve) => {
    const call = (zk as unknown as Record<string, (...args: unknown[]) => number>)[method]!;
    const rc = call.call(zk, ...args, (...results: unknown[]) => resolve(results));
    if (rc !== 0) resolve(rc);
  });
}

/** Without what differs from run to run. */
function stable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `bytes ${value}`;
  if (Array.isArray(value)) return value.map(stable);
  if (typeof value !== "object" || value === null) return value;
  if (!("czxid" in value)) return value;
  const { version, dataLength, numChildren, aversion } = value as Record<string, number>;
  return { version, dataLength, numChildren, aversion };
}

const stat = (version: number, dataLength: number, numChildren = 0, aversion = 0) => ({
  version,
  dataLength,
  numChildren,
  aversion,
});

Deno.test("NativeZooKeeper has the addon's constants and no others", () => {
  assert.deepEqual(Object.keys(NativeZooKeeper), Object.keys(ADDON_CONSTANTS));
  assert.equal(NativeZooKeeper.name, "ZooKeeper");
  const table: readonly (readonly [keyof typeof ADDON_CONSTANTS, unknown])[] = [
    ["ZOO_PERM_ALL", 31],
    ["ZOO_EXPIRED_SESSION_STATE", -112],
    ["ZOO_AUTH_FAILED_STATE", -113],
    ["ZOO_CONNECTED_STATE", 3],
    ["ZOO_LOG_LEVEL_DEBUG", 4],
    ["ZOO_EPHEMERAL_SEQUENTIAL", 3],
    ["ZOO_CONTAINER", 4],
    ["ZOO_PERSISTENT_WITH_TTL", 5],
    ["ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL", 6],
    ["ZOO_CONFIG_NODE", "/zookeeper/config"],
    ["ZNODEEXISTS", -110],
    ["ZSESSIONMOVED", -118],
    ["ZOO_NOTWATCHING_EVENT", -2],
    ["ZOO_READ_ACL_UNSAFE", { perms: 1, scheme: "world", auth: "anyone" }],
    ["ZOO_CREATOR_ALL_ACL", { perms: 31, scheme: "auth", auth: "" }],
  ];
  for (const [name, value] of table) {
    assert.deepEqual(constants[name as keyof typeof constants], value, name);
    assert.deepEqual((NativeZooKeeper as unknown as Record<string, unknown>)[name], value, name);
  }
  assert.throws(() => {
    (NativeZooKeeper as unknown as Record<string, unknown>).ZOK = 7;
  }, TypeError);
});

Deno.test("ZooKeeper before init has the addon's values and takes every call", () => {
  const zk = new ZooKeeperClient("127.10.0.2:1");
  assert.deepEqual(
    [zk.state, zk.timeout, zk.client_id, zk.client_password, zk.is_unrecoverable],
    [0, -1, "0", "0".repeat(32), 0],
  );
  const ignore = () => assert.fail("called");
  const acl = [constants.ZOO_OPEN_ACL_UNSAFE];
  const table: readonly (readonly [string, number])[] = [
    ["a_create", zk.a_create("/a", "", 0, ignore)],
    ["a_createTtl", zk.a_createTtl("/a", "", 5, 1, ignore)],
    ["a_exists", zk.a_exists("/a", true, ignore)],
    ["aw_exists", zk.aw_exists("/a", ignore, ignore)],
    ["a_get", zk.a_get("/a", true, ignore)],
    ["aw_get", zk.aw_get("/a", ignore, ignore)],
    ["a_get_children", zk.a_get_children("/a", true, ignore)],
    ["aw_get_children", zk.aw_get_children("/a", ignore, ignore)],
    ["a_get_children2", zk.a_get_children2("/a", true, ignore)],
    ["aw_get_children2", zk.aw_get_children2("/a", ignore, ignore)],
    ["a_set", zk.a_set("/a", "", 0, ignore)],
    ["a_delete_", zk.a_delete_("/a", 0, ignore)],
    ["a_get_acl", zk.a_get_acl("/a", ignore)],
    ["a_set_acl", zk.a_set_acl("/a", 0, acl, ignore)],
    ["add_auth", zk.add_auth("digest", "a:b", ignore)],
    ["a_sync", zk.a_sync("/a", ignore)],
    ["a_getconfig", zk.a_getconfig(true, ignore)],
    ["aw_getconfig", zk.aw_getconfig(ignore, ignore)],
    ["a_reconfig", zk.a_reconfig(null, null, null, -1, ignore)],
    ["set_servers", zk.set_servers("a:1")],
    ["a_create2", zk.native.a_create2("/a", "", 0, ignore)],
    ["a_multi", zk.native.a_multi([], ignore)],
    ["a_add_watch", zk.native.a_add_watch("/a", 0, ignore, ignore)],
    ["a_remove_watches", zk.native.a_remove_watches("/a", 3, ignore)],
    ["forget_watcher", zk.native.forget_watcher("/a", ignore)],
  ];
  for (const [method, rc] of table) assert.equal(rc, CODE.ZINVALIDSTATE, method);
  assert.equal(zk.close(), zk.native);
  assert.equal(zk.close(), zk.native);
});

Deno.test("NativeZooKeeper throws for too few arguments, as the addon does", () => {
  const native = new NativeZooKeeper() as unknown as Record<string, () => unknown>;
  const table: readonly (readonly [string, RegExp])[] = [
    ["a_create", /^expected 4 arguments$/],
    ["a_create_ttl", /^expected 5 arguments$/],
    ["a_exists", /^expected 3 arguments$/],
    ["aw_exists", /^expected at least 3 arguments$/],
    ["a_get", /^expected 3 arguments$/],
    ["aw_get", /^expected at least 3 arguments$/],
    ["a_get_children", /^expected 3 arguments$/],
    ["aw_get_children", /^expected at least 3 arguments$/],
    ["a_get_children2", /^expected 3 arguments$/],
    ["aw_get_children2", /^expected at least 3 arguments$/],
    ["a_set", /^expected 4 arguments$/],
    ["a_delete_", /^expected 3 arguments$/],
    ["a_get_acl", /^expected 2 arguments$/],
    ["a_set_acl", /^expected 4 arguments$/],
    ["add_auth", /^expected 3 arguments$/],
    ["a_sync", /^expected 2 arguments$/],
    ["a_getconfig", /^expected 2 arguments$/],
    ["aw_getconfig", /^expected at least 2 arguments$/],
    ["set_servers", /^expected at least 1 arguments$/],
    ["a_reconfig", /^expected 5 arguments$/],
    ["init", /^Must pass ZK init object$/],
  ];
  for (const [method, message] of table) {
    assert.throws(() => native[method]!(), { message }, method);
  }
});

Deno.test("ZooKeeper.init() says what is wrong with its options", () => {
  const table: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^Init argument must be an object$/],
    [null, /^Init argument must be an object$/],
    [1, /^Init argument must be an object$/],
    [{}, /^No ZooKeeper servers given/],
    [{ connect: "" }, /^Cannot parse the list of ZooKeeper servers: ""/],
    [{ connect: "a:b" }, /^Cannot parse the list/],
    [{ connect: NOBODY, client_id: "1" }, /be both specified or unspecified/],
    [{ connect: NOBODY, client_password: "1" }, /be both specified or unspecified/],
    [{ connect: NOBODY, client_id: "1", client_password: "12" }, /password.*correct length/],
    [{ connect: NOBODY, client_id: "1", client_password: "x".repeat(32) }, /not hexadecimal/],
    [{ connect: NOBODY, tls: { cert: "x" } }, /both a certificate and its key/],
    [{ connect: NOBODY, tls: { key: "x" } }, /both a certificate and its key/],
  ];
  for (const [config, message] of table) {
    const native = new NativeZooKeeper();
    assert.throws(() => native.init(config as never), { message }, JSON.stringify(config));
    assert.equal(native.state, 0);
  }
});

Deno.test("ZooKeeper does its operations with the addon's results", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  assert.deepEqual([zk.state, zk.timeout, zk.is_unrecoverable], [3, 6000, 0]);
  assert.match(zk.client_id as unknown as string, /^[0-9a-f]+$/);
  assert.match(zk.client_password, /^[0-9A-F]{32}$/);
  const root = freshPath();
  const table: readonly (readonly [string, readonly unknown[], unknown])[] = [
    ["a_create", [root, "", 0], [0, "ok", root]],
    ["a_create", [root, "", 0], [-110, "node exists", "null"]],
    ["a_create", [`${root}/e`, "text", 1], [0, "ok", `${root}/e`]],
    ["a_create", [`${root}/e/x`, "", 1], [-108, "no children for ephemerals", "null"]],
    ["a_create", [`${root}/no/x`, "", 0], [-101, "no node", "null"]],
    ["a_create", [`${root}/s-`, Buffer.from("b"), 3], [0, "ok", `${root}/s-0000000001`]],
    ["a_create", [`${root}/`, "", 2], [0, "ok", `${root}/0000000002`]],
    ["a_create", [`${root}/u`, undefined, 1], [0, "ok", `${root}/u`]],
    ["a_create", [`${root}/n`, 42, 1], [0, "ok", `${root}/n`]],
    ["a_create", [`${root}/8`, Uint8Array.of(65, 66), 1], [0, "ok", `${root}/8`]],
    ["a_create", [`${root}/16`, new Uint16Array([0x4241]), 1], [0, "ok", `${root}/16`]],
    ["a_create", [`${root}/c`, "", 4], [0, "ok", `${root}/c`]],
    ["a_create", [`${root}/t`, "", 5], CODE.ZBADARGUMENTS],
    ["a_createTtl", [`${root}/t`, "", 5, 0], CODE.ZBADARGUMENTS],
    ["a_createTtl", [`${root}/t`, "", 0, 9], CODE.ZBADARGUMENTS],
    ["a_createTtl", [`${root}/t`, "", 5, 60000], [0, "ok", `${root}/t`]],
    ["a_createTtl", [`${root}/t-`, "", 6, 60000], [0, "ok", `${root}/t-0000000009`]],
    ["a_get", [`${root}/e`, false], [0, "ok", stat(0, 4), "bytes text"]],
    ["a_get", [`${root}/u`, false], [0, "ok", stat(0, 9), "bytes undefined"]],
    ["a_get", [`${root}/n`, false], [0, "ok", stat(0, 2), "bytes 42"]],
    ["a_get", [`${root}/8`, false], [0, "ok", stat(0, 2), "bytes AB"]],
    ["a_get", [`${root}/16`, false], [0, "ok", stat(0, 2), "bytes AB"]],
    ["a_get", [root, false], [0, "ok", stat(0, 0, 10), "bytes "]],
    ["a_get", [`${root}/no`, false], [-101, "no node", null, null]],
    ["a_exists", [`${root}/e`, false], [0, "ok", stat(0, 4)]],
    ["a_exists", [`${root}/no`, false], [-101, "no node", null]],
    ["a_exists", ["no", false], CODE.ZBADARGUMENTS],
    ["a_set", [`${root}/e`, "käse", 0], [0, "ok", stat(1, 5)]],
    ["a_set", [`${root}/e`, "x", 0], [-103, "bad version", null]],
    ["a_set", [`${root}/e`, "x", -1], [0, "ok", stat(2, 1)]],
    ["a_set", [`${root}/e`, "x", undefined], [0, "ok", stat(3, 1)]],
    ["a_set", [`${root}/e`, Buffer.alloc(0), "3"], [0, "ok", stat(4, 0)]],
    ["a_get_children", [`${root}/c`, false], [0, "ok", []]],
    ["a_get_children", [`${root}/no`, false], [-101, "no node", null]],
    ["a_get_children2", [`${root}/c`, false], [0, "ok", [], stat(0, 0)]],
    ["a_get_children2", [`${root}/no`, false], [-101, "no node", null, null]],
    ["a_sync", [root], [0, "ok", root]],
    ["a_get_acl", [`${root}/c`], [
      0,
      "ok",
      [{ perms: 31, scheme: "world", auth: "anyone" }],
      stat(0, 0),
    ]],
    ["a_get_acl", [`${root}/no`], [-101, "no node", null, null]],
    ["a_set_acl", [`${root}/c`, 5, [constants.ZOO_OPEN_ACL_UNSAFE]], [-103, "bad version"]],
    ["a_set_acl", [`${root}/c`, 0, []], [-114, "invalid acl"]],
    ["a_set_acl", [`${root}/c`, 0, [constants.ZOO_CREATOR_ALL_ACL]], [-114, "invalid acl"]],
    ["add_auth", ["digest", "user:secret"], [0, "ok"]],
    ["a_set_acl", [`${root}/c`, 0, [constants.ZOO_CREATOR_ALL_ACL]], [0, "ok"]],
    ["a_set_acl", [`${root}/c`, 1, [constants.ZOO_OPEN_ACL_UNSAFE]], [0, "ok"]],
    ["a_getconfig", [false], [0, "ok", stat(0, 0, 0, -1), "bytes "]],
    ["a_delete_", [root, 0], [-111, "not empty"]],
    ["a_delete_", [`${root}/e`, 0], [-103, "bad version"]],
    ["a_delete_", [`${root}/e`, 4], [0, "ok"]],
    ["a_delete_", [`${root}/e`, -1], [-101, "no node"]],
  ];
  for (const [method, args, expected] of table) {
    assert.deepEqual(
      stable(await called(zk, method, ...args)),
      expected,
      `${method} ${args.map(String)}`,
    );
  }
});

Deno.test("ZooKeeper gives a stat in the addon's form", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const path = freshPath();
  const before = Date.now() - 60_000;
  await zk.create(path, "12", constants.ZOO_EPHEMERAL);
  const own = await zk.exists(path, false) as unknown as Record<string, unknown>;
  const other = await zk.exists("/", false) as unknown as Record<string, unknown>;
  assert.deepEqual(Object.keys(own), [
    "czxid",
    "mzxid",
    "pzxid",
    "dataLength",
    "numChildren",
    "version",
    "cversion",
    "aversion",
    "ctime",
    "mtime",
    "ephemeralOwner",
    "createdInThisSession",
  ]);
  assert.ok((own.ctime as Date).getTime() > before);
  assert.equal(typeof own.czxid, "number");
  assert.equal(own.ephemeralOwner, zk.client_id);
  assert.deepEqual([own.createdInThisSession, other.createdInThisSession], [true, false]);
  assert.equal(other.ephemeralOwner, "0");
});

Deno.test("ZooKeeper's promises resolve and reject as the package says", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  assert.equal(await zk.create(root, "data", 0), root);
  assert.equal(
    await zk.create(`${root}/t`, "", constants.ZOO_PERSISTENT_WITH_TTL, 60000),
    `${root}/t`,
  );
  assert.equal(await zk.pathExists(root, false), true);
  assert.equal(await zk.pathExists(`${root}/no`, false), false);
  assert.deepEqual(await zk.get_children(root, false), ["t"]);
  assert.deepEqual(stable(await zk.get_children2(root, false)), [["t"], stat(0, 4, 1)]);
  assert.deepEqual(stable(await zk.get(root, false)), [stat(0, 4, 1), "bytes data"]);
  assert.deepEqual(stable(await zk.set(root, "new", 0)), stat(1, 3, 1));
  assert.equal(await zk.sync(root), root);
  const acl = await zk.get_acl(root) as unknown as unknown[];
  await zk.set_acl(root, 0, acl[0] as never);
  assert.deepEqual(stable(await zk.getconfig(false)), [stat(0, 0, 0, -1), "bytes "]);
  await assert.rejects(zk.exists(`${root}/no`, false), { message: "-101 no node" });
  await assert.rejects(zk.get("no", false), /ZBADARGUMENTS -8/);
  await assert.rejects(zk.reconfig("server.9=a:1:2", null, null, -1), /^Error: -\d+ /);
  await zk.delete_(`${root}/t`, 0);
  await zk.delete_(root, -1);
  const made = await new Promise((resolve) =>
    zk.mkdirp(`${root}/a/b`, (error, ok) => resolve([error, ok]))
  );
  assert.deepEqual(made, [null, true]);
  assert.equal(await zk.pathExists(`${root}/a/b`, false), true);
  zk.setEncoding("utf8");
  assert.deepEqual(stable(await zk.get(`${root}/a`, false)), [
    stat(0, 21, 1),
    "created by zk-mkdir-p",
  ]);
});

Deno.test("ZooKeeper.connect() calls back with the client", async () => {
  const zk = new ZooKeeperClient({ connect: hosts(), timeout: 6000 });
  const client = await new Promise((resolve, reject) =>
    zk.connect({}, (error, client) => error ? reject(error) : resolve(client))
  );
  assert.equal(client, zk);
  const closed = new Promise((resolve) => zk.once("close", resolve));
  zk.close();
  await closed;
});

Deno.test("ZooKeeper calls watchers once, with type, state and path", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  const seen: string[] = [];
  const watcher = (name: string) => (type: number, state: number, path: string) =>
    seen.push(`${name} ${type} ${state} ${path}`);
  await zk.create(root, "", 0);
  await called(zk, "aw_exists", `${root}/a`, watcher("exists"));
  await called(zk, "aw_get", `${root}/a`, watcher("never"));
  await called(zk, "a_exists", `${root}/a`, true);
  await called(zk, "aw_get_children", root, watcher("children"));
  await called(zk, "aw_get_children2", root, watcher("children2"));
  await zk.create(`${root}/a`, "", 0);
  const twice = watcher("twice");
  await called(zk, "aw_get", `${root}/a`, twice);
  await called(zk, "aw_get", `${root}/a`, twice);
  await called(zk, "aw_exists", `${root}/a`, watcher("there"));
  await zk.get(`${root}/a`, true);
  await zk.set(`${root}/a`, "1", -1);
  await zk.set(`${root}/a`, "2", -1);
  await called(zk, "aw_get", `${root}/a`, watcher("data"));
  await called(zk, "aw_get_children", `${root}/a`, watcher("own"));
  await zk.get_children(root, true);
  await zk.delete_(`${root}/a`, -1);
  assert.deepEqual(seen, [
    `exists 1 3 ${root}/a`,
    `children 4 3 ${root}`,
    `children2 4 3 ${root}`,
    `twice 3 3 ${root}/a`,
    `twice 3 3 ${root}/a`,
    `there 3 3 ${root}/a`,
    `own 2 3 ${root}/a`,
    `data 2 3 ${root}/a`,
  ]);
  assert.deepEqual(opened.events, [
    ["connect", ""],
    ["created", `${root}/a`],
    ["changed", `${root}/a`],
    ["child", root],
  ]);
});

Deno.test("NativeZooKeeper.a_create2() gives path and stat, with the access list it is told", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  const [path, made] = await zk.create2(`${root}-`, "ab", { flags: 2 });
  assert.match(path, new RegExp(`^${root}-\\d{10}$`));
  assert.deepEqual(stable(made), stat(0, 2));
  const acl = [{ perm: 1, scheme: "world", auth: "anyone" }];
  await zk.create2(root, "", { acl });
  const found = await zk.get_acl(root) as unknown as unknown[];
  assert.deepEqual(found[0], [{ perms: 1, scheme: "world", auth: "anyone" }]);
  await zk.create2(`${path}/ttl`, "", { flags: 5, ttl: 60000 });
  await zk.create(`${path}/own`, "", { flags: 1, acl } as unknown as number);
  await assert.rejects(zk.create2(root, "", 0), (error) => {
    assert.ok(error instanceof ZooKeeperError);
    assert.deepEqual([error.code, error.path], [CODE.ZNODEEXISTS, root]);
    return true;
  });
  await assert.rejects(zk.create2("x", "", 0), { code: CODE.ZBADARGUMENTS });
});

Deno.test("ZooKeeperClient.multi() does all or nothing", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  const done = await zk.multi([
    { op: "create", path: root, data: "1" },
    { op: "create", path: `${root}/s-`, data: "", flags: 3 },
    { op: "create", path: `${root}/c`, data: "", flags: 4 },
    { op: "create", path: `${root}/t`, data: "", flags: { flags: 5, ttl: 60000 } },
    { op: "set", path: root, data: "23", version: 0 },
    { op: "check", path: root, version: 1 },
    { op: "delete", path: `${root}/c` },
  ]);
  assert.deepEqual(done.map(({ rc, path, stat }) => [rc, path, stat?.dataLength]), [
    [0, root, undefined],
    [0, `${root}/s-0000000000`, undefined],
    [0, `${root}/c`, undefined],
    [0, `${root}/t`, undefined],
    [0, undefined, 2],
    [0, undefined, undefined],
    [0, undefined, undefined],
  ]);
  await assert.rejects(
    zk.multi([
      { op: "set", path: root, data: "4" },
      { op: "delete", path: `${root}/no` },
      { op: "check", path: root },
    ]),
    (error) => {
      assert.ok(error instanceof NoNodeError);
      assert.deepEqual([error.path, error.index], [`${root}/no`, 1]);
      return true;
    },
  );
  assert.deepEqual(stable(await zk.get(root, false)), [stat(1, 2, 2), "bytes 23"]);
  assert.deepEqual(await zk.multi([]), []);
  const outcome = await called(zk.native as never, "a_multi", [
    { op: "check", path: root },
    { op: "check", path: root, version: 9 },
    { op: "check", path: root },
  ]) as unknown[];
  assert.deepEqual(outcome, [-103, "bad version", [
    { rc: 0, error: "ok" },
    { rc: -103, error: "bad version" },
    { rc: -2, error: "run time inconsistency" },
  ]]);
});

Deno.test("ZooKeeperClient.add_watch() watches until it is removed", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  const seen: string[] = [];
  const watcher = (name: string) => (type: number, _state: number, path: string) =>
    seen.push(`${name} ${type} ${path}`);
  await zk.create(root, "", 0);
  await zk.create(`${root}/a`, "", 0);
  await zk.add_watch(`${root}/a`, 0, watcher("one"));
  await zk.add_watch(root, 1, watcher("all"));
  for (let round = 0; round < 2; round++) {
    await zk.create(`${root}/a/b`, "", 0);
    await zk.set(`${root}/a`, "1", -1);
    await zk.delete_(`${root}/a/b`, -1);
  }
  const once = [
    `all 1 ${root}/a/b`,
    `one 4 ${root}/a`,
    `one 3 ${root}/a`,
    `all 3 ${root}/a`,
    `all 2 ${root}/a/b`,
    `one 4 ${root}/a`,
  ];
  assert.deepEqual(seen, [...once, ...once]);
  await zk.remove_watches(root, WATCHER_TYPE.any);
  await zk.set(`${root}/a`, "2", -1);
  assert.deepEqual(seen.slice(once.length * 2), [`one 3 ${root}/a`]);
  await assert.rejects(zk.remove_watches(root, WATCHER_TYPE.any), { code: CODE.ZNOWATCHER });
  await assert.rejects(zk.add_watch(root, 7 as 0, () => {}), { code: CODE.ZBADARGUMENTS });
  await assert.rejects(zk.remove_watches(root, 9), { code: CODE.ZBADARGUMENTS });
});

Deno.test("NativeZooKeeper.forget_watcher() takes off one watcher", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const root = freshPath();
  const seen: string[] = [];
  const first = () => seen.push("first");
  const second = () => seen.push("second");
  await zk.create(root, "", 0);
  for (const watcher of [first, second]) await called(zk, "aw_get", root, watcher);
  assert.equal(zk.native.forget_watcher(root, first), CODE.ZOK);
  assert.equal(zk.native.forget_watcher(root, first), CODE.ZNOWATCHER);
  assert.equal(zk.native.forget_watcher(root, () => {}), CODE.ZNOWATCHER);
  await zk.set(root, "1", -1);
  assert.deepEqual(seen, ["second"]);
});

Deno.test("ZooKeeper with a chroot gives paths below it, in events too", async () => {
  await using plain = await Opened.open(hosts());
  const root = freshPath();
  await new Promise((resolve) => plain.zk.mkdirp(`${root}/a`, resolve));
  await using opened = await Opened.open(`${hosts()}${root}`);
  const { zk } = opened;
  assert.deepEqual(await zk.get_children("/", false), ["a"]);
  assert.equal(await zk.create("/b-", "", 3), "/b-0000000001");
  assert.equal(await zk.create("/", "", 2), "/0000000002");
  assert.equal(await zk.sync("/a"), "/a");
  assert.deepEqual(await zk.create2("/c", "", 0).then(([path]) => path), "/c");
  assert.deepEqual((await zk.multi([{ op: "create", path: "/d", data: "" }]))[0]?.path, "/d");
  const watched = new Promise((resolve) => zk.w_get("/a", (...args: unknown[]) => resolve(args)));
  await zk.get("/a", true);
  await plain.zk.set(`${root}/a`, "1", -1);
  assert.deepEqual(await watched, [3, 3, "/a"]);
  await zk.sync("/");
  assert.deepEqual(opened.events.at(-1), ["changed", "/a"]);
  assert.equal(Array.isArray(await zk.getconfig(false)), true);
  assert.equal(await plain.zk.pathExists(`${root}/d`, false), true);
});

Deno.test("ZooKeeper takes over a session by its id and password, and ends it for both", async () => {
  await using first = await Opened.open(hosts());
  const path = freshPath();
  await first.zk.create(path, "", constants.ZOO_EPHEMERAL);
  const second = new Opened({
    connect: hosts(),
    client_id: first.zk.client_id as unknown as string,
    client_password: first.zk.client_password.toLowerCase(),
  });
  const over = first.next("close");
  second.zk.once("connect", () => second.zk.close());
  const closed = second.next("close");
  second.init();
  assert.equal(await closed, 0);
  assert.equal(second.zk.client_id, first.zk.client_id);
  assert.equal(await over, constants.ZOO_EXPIRED_SESSION_STATE);
  assert.deepEqual([first.zk.state, first.zk.is_unrecoverable, first.zk.timeout], [0, 0, -1]);
  assert.equal(first.zk.a_get(path, false, () => {}), CODE.ZINVALIDSTATE);
  await using third = await Opened.open(hosts());
  assert.equal(await third.zk.pathExists(path, false), false);
});

Deno.test("ZooKeeper with a wrong password is told that the session is over", async () => {
  await using first = await Opened.open(hosts());
  const second = new Opened({
    connect: hosts(),
    client_id: first.zk.client_id as unknown as string,
    client_password: "0".repeat(31) + "1",
  });
  const closed = second.next("close");
  second.init();
  assert.equal(await closed, constants.ZOO_EXPIRED_SESSION_STATE);
  await first.zk.exists("/", false);
});

Deno.test("ZooKeeper ends the session when the server refuses the credentials", async () => {
  const opened = await Opened.open(hosts());
  const closed = opened.next("close");
  assert.deepEqual(await called(opened.zk, "add_auth", "bogus", "x"), [
    -115,
    "authentication failed",
  ]);
  assert.equal(await closed, constants.ZOO_AUTH_FAILED_STATE);
});

Deno.test("ZooKeeper sends credentials again after a reconnect", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const path = freshPath();
  await called(zk, "add_auth", "digest", "user:secret");
  await zk.create2(path, "mine", { acl: [{ perm: 31, scheme: "auth", auth: "" }] });
  await using stranger = await Opened.open(hosts());
  await assert.rejects(stranger.zk.get(path, false), { message: "-102 not authenticated" });
  const [address] = hosts().split(",");
  const again = opened.next("connect");
  zk.set_servers("127.10.0.2:1");
  zk.set_servers(address!);
  await again;
  assert.deepEqual(stable(await zk.get(path, false)), [stat(0, 4), "bytes mine"]);
});

Deno.test("ZooKeeper.close() ends the session at once, and then takes no calls", async () => {
  const opened = await Opened.open(hosts());
  const { zk } = opened;
  const path = freshPath();
  const id = zk.client_id;
  const created = zk.create(path, "", constants.ZOO_EPHEMERAL);
  const got = called(zk, "a_get", "/", false) as Promise<unknown[]>;
  const closed = opened.next("close");
  assert.equal(zk.close(), zk.native);
  assert.equal(zk.close(), zk.native);
  assert.equal(zk.state, 0);
  assert.equal(zk.a_get("/", false, () => {}), CODE.ZINVALIDSTATE);
  assert.equal(zk.set_servers("a:1"), CODE.ZINVALIDSTATE);
  await assert.rejects(zk.get("/", false), /ZINVALIDSTATE -9/);
  assert.equal(await created, path);
  assert.equal((await got)[0], 0);
  assert.equal(await closed, 0);
  assert.equal(opened.count("close"), 1);
  assert.equal(zk.client_id, id);
  await using other = await Opened.open(hosts());
  assert.equal(await other.zk.pathExists(path, false), false);
});

Deno.test("ZooKeeper.init() after close begins a new session, and one while open replaces it", async () => {
  const opened = await Opened.open(hosts());
  const { zk } = opened;
  const ids = [zk.client_id];
  await opened.close();
  for (let i = 0; i < 2; i++) {
    const connected = opened.next("connect");
    opened.init();
    await connected;
    ids.push(zk.client_id);
    assert.deepEqual(stable(await zk.exists("/", false)), stable(await zk.exists("/", false)));
  }
  assert.equal(new Set(ids).size, 3);
  assert.equal(opened.count("close"), 1);
  assert.equal(await opened.close(), 0);
  assert.equal(opened.count("close"), 2);
});

Deno.test("ZooKeeper survives any argument of any method", async () => {
  await using opened = await Opened.open(hosts());
  const { zk } = opened;
  const hostile = {
    toString() {
      throw new Error("no text");
    },
  };
  const values: readonly unknown[] = [
    undefined,
    null,
    NaN,
    -1,
    2 ** 40,
    7n,
    "",
    "x",
    "/\u0000",
    "/\ud800",
    [],
    {},
    hostile,
    Symbol("s"),
    () => {},
    Object.create(null),
    new Proxy({}, {
      get() {
        throw new Error("no property");
      },
    }),
  ];
  const native = zk.native as unknown as Record<string, (...args: unknown[]) => unknown>;
  const methods = Object.getOwnPropertyNames(NativeZooKeeper.prototype)
    .filter((name) =>
      typeof Object.getOwnPropertyDescriptor(NativeZooKeeper.prototype, name)?.value === "function"
    )
    .filter((name) => !["constructor", "init", "close", "set_servers", "add_auth"].includes(name));
  assert.ok(methods.length > 20, String(methods));
  let calls = 0;
  for (const method of methods) {
    for (const value of values) {
      for (let at = 0; at < 4; at++) {
        const args: unknown[] = ["/", "x", 0, 0, () => {}].slice(
          0,
          Math.max(native[method]!.length, 2),
        );
        args[args.length - 1] = () => {};
        args[at] = value;
        const rc = native[method]!(...args);
        assert.ok(typeof rc === "number" && rc <= 0, `${method} gave ${String(rc)}`);
        calls++;
      }
    }
  }
  assert.ok(calls > 1000);
  for (const value of values) {
    assert.ok((native.set_servers!(value) as number) <= 0);
    assert.ok((native.add_auth!("digest", value, () => {}) as number) <= 0);
  }
  for (const connect of [hostile, {}, Symbol("s"), "", "/\u0000", Object.create(null)]) {
    assert.throws(() => new NativeZooKeeper().init({ connect } as never), Error);
  }
  zk.set_servers(hosts());
  await until(() => zk.pathExists("/", false));
});
