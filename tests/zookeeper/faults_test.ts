// needs: zookeeper
/** The client over connections that are slow, cut, corrupt or silent, and over servers that die. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type NativeZooKeeper } from "../../lib/zookeeper/addon.ts";
import { CODE, STATE } from "../../lib/zookeeper/constants.ts";
import { freshPath, Opened, until } from "./opened.ts";
import { type Direction, Proxy } from "./proxy.ts";
import { startServers } from "./server.ts";

/** The code of one request. */
type Request = (native: NativeZooKeeper, done: (code: number) => void) => number;

/** Makes a request; resolves with its code, whether returned or called back. */
function code(native: NativeZooKeeper, request: Request): Promise<number> {
  return new Promise((resolve) => {
    const rc = request(native, resolve);
    if (rc !== CODE.ZOK) resolve(rc);
  });
}

/** Keeps some requests under way until it is stopped; every one must be answered. */
class Load {
  readonly codes = new Map<number, number>();
  sent = 0;
  answered = 0;
  readonly #running: Promise<void>[];
  #stopped = false;

  constructor(native: NativeZooKeeper, path: string, width = 8) {
    this.#running = Array.from({ length: width }, () => this.#run(native, path));
  }

  async #run(native: NativeZooKeeper, path: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      this.sent++;
      const request: Request = i % 2 === 0
        ? (native, done) => native.a_set(path, `${i}`, -1, done)
        : (native, done) => native.a_get(path, false, done);
      const rc = await code(native, request);
      this.answered++;
      this.codes.set(rc, (this.codes.get(rc) ?? 0) + 1);
      // Without a connection a request fails at once: others must get their turn.
      if (rc !== CODE.ZOK) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  count(rc: number): number {
    return this.codes.get(rc) ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    assert.equal(this.answered, this.sent);
  }
}

Deno.test("ZooKeeper works over a connection that is slow and comes in small pieces", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  proxy.pieceBytes = 7;
  await using opened = await Opened.open(proxy.hosts);
  const { zk } = opened;
  const path = freshPath();
  const data = "x".repeat(1000);
  await zk.create(path, data, 0);
  proxy.delayMs = 1;
  const found = await zk.get(path, false) as [unknown, Uint8Array];
  assert.equal(new TextDecoder().decode(found[1]), data);
  assert.deepEqual(opened.events, [["connect", ""]]);
  proxy.delayMs = 0;
  proxy.pieceBytes = Infinity;
});

Deno.test("ZooKeeper answers every request and keeps its session when connections are cut under load", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  await using opened = await Opened.open(proxy.hosts);
  const { zk } = opened;
  const path = freshPath();
  const id = zk.client_id;
  await zk.create(path, "", 1);
  const load = new Load(zk.native, path);
  for (let cuts = 1; cuts <= 10; cuts++) {
    const before = load.count(CODE.ZOK);
    await until(() => load.count(CODE.ZOK) > before + 20);
    proxy.cut();
    await until(() => opened.count("connect") > cuts);
  }
  await load.stop();
  assert.deepEqual([...load.codes.keys()].toSorted(), [CODE.ZCONNECTIONLOSS, CODE.ZOK].toSorted());
  assert.equal(zk.client_id, id);
  assert.equal(opened.count("connecting"), 10);
  assert.equal(await zk.pathExists(path, false), true, "the ephemeral is still there");
});

Deno.test("ZooKeeper answers every request when bytes are corrupted or cut off", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  const path = freshPath();
  await using plain = await Opened.open(servers.hosts);
  await plain.zk.create(path, "", 0);
  const fault = fc.record({
    direction: fc.constantFrom<Direction>("to client", "to server"),
    after: fc.nat(5),
    at: fc.nat(60),
    value: fc.nat(255),
    cut: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fault, async ({ direction, after, at, value, cut }) => {
      let pieces = 0;
      proxy.meddle = (bytes, way) => {
        if (way !== direction || pieces++ !== after || at >= bytes.length) return bytes.length;
        if (cut) return at;
        bytes[at] = value;
        return bytes.length;
      };
      const opened = new Opened({ connect: proxy.hosts, timeout: 1000 }).init();
      const { native } = opened.zk;
      const codes: number[] = [];
      for (let i = 0; i < 8; i++) {
        codes.push(await code(native, (native, done) => native.a_exists(path, true, done)));
        codes.push(await code(native, (native, done) => native.a_get_children2("/", false, done)));
      }
      assert.ok(codes.every((code) => code <= 0), String(codes));
      // A corrupted handshake may have cost the session; without that it works again.
      const isOver = () => opened.count("close") > 0;
      await until(async () =>
        isOver() || await code(native, (native, done) => native.a_sync("/", done)) === CODE.ZOK
      );
      if (!isOver()) await opened.close();
    }),
    { numRuns: 40 },
  );
});

Deno.test("ZooKeeper leaves a server that falls silent for the next one", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  await using opened = await Opened.open(`${proxy.hosts},${servers.hosts}`, {
    timeout: 1500,
    host_order_deterministic: true,
  });
  const { zk } = opened;
  const id = zk.client_id;
  assert.equal(proxy.count, 1);
  proxy.stalls = true;
  assert.equal(
    await code(zk.native, (native, done) => native.a_exists("/", false, done)),
    CODE.ZCONNECTIONLOSS,
  );
  await until(() => opened.count("connect") === 2);
  assert.equal(zk.client_id, id);
  assert.match(
    String(opened.events.find(([name]) => name === "trouble")?.[1]),
    /nothing heard for/,
  );
});

Deno.test("ZooKeeper's watch tells of a change that was made while it was cut off", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  await using opened = await Opened.open(proxy.hosts);
  await using other = await Opened.open(servers.hosts);
  const { zk } = opened;
  const root = freshPath();
  for (const path of [root, `${root}/data`, `${root}/gone`, `${root}/same`]) {
    await zk.create(path, "", 0);
  }
  const seen: string[] = [];
  const watcher = (name: string) => (type: number, state: number, path: string) =>
    seen.push(`${name} ${type} ${state} ${path.slice(root.length)}`);
  await zk.w_get(`${root}/data`, watcher("data"));
  await zk.w_get(`${root}/gone`, watcher("gone"));
  await zk.w_get(`${root}/same`, watcher("same"));
  await zk.w_exists(`${root}/new`, watcher("new")).catch(() => {});
  await zk.w_get_children(root, watcher("children"));
  await zk.add_watch(root, 1, watcher("recursive"));
  proxy.refuses = true;
  proxy.cut();
  await until(() => opened.count("connecting") === 1);
  await other.zk.set(`${root}/data`, "1", -1);
  await other.zk.delete_(`${root}/gone`, -1);
  await other.zk.create(`${root}/new`, "", 0);
  proxy.refuses = false;
  await until(() => opened.count("connect") === 2);
  await zk.sync("/");
  // A server keeps no history for watches that stay: they need not tell of what was before.
  const fired = seen.filter((line) => !/ -1 |recursive/.test(line));
  assert.deepEqual(fired.toSorted(), [
    "children 4 3 ",
    "data 3 3 /data",
    "gone 2 3 /gone",
    "new 1 3 /new",
  ]);
  await other.zk.set(`${root}/same`, "1", -1);
  await zk.sync("/");
  assert.deepEqual(seen.slice(-2).toSorted(), ["recursive 3 3 /same", "same 3 3 /same"]);
  const told = (name: string) => seen.filter((line) => line.startsWith(`${name} -1 `));
  assert.deepEqual(told("same"), [`same -1 ${STATE.connecting} `, `same -1 ${STATE.connected} `]);
});

Deno.test("ZooKeeper is told that its session is over when it was cut off too long", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using proxy = new Proxy(servers.hosts);
  await using other = await Opened.open(servers.hosts);
  const opened = await Opened.open(proxy.hosts, { timeout: 600 });
  const path = freshPath();
  await opened.zk.create(path, "", 1);
  const closed = opened.next("close");
  const deleted = Promise.withResolvers<unknown>();
  await other.zk.w_get(path, deleted.resolve);
  proxy.refuses = true;
  proxy.cut();
  assert.equal(await deleted.promise, 2);
  assert.equal(opened.count("close"), 0, "only the server says that it is over");
  proxy.refuses = false;
  assert.equal(await closed, STATE.expired);
  assert.equal(opened.zk.state, 0);
});

Deno.test("ZooKeeper keeps session, ephemerals and watches over kill -9 and restart of the server", async () => {
  await using servers = await startServers({ network: "127.10" });
  await using opened = await Opened.open(servers.hosts, { timeout: 20_000 });
  const { zk } = opened;
  const path = freshPath();
  const id = zk.client_id;
  await zk.create(path, "", 1);
  const fired = Promise.withResolvers<unknown>();
  await zk.w_get(path, (type: number, _state: number, where: string) => {
    if (type > 0) fired.resolve([type, where]);
  });
  const load = new Load(zk.native, "/zookeeper", 2);
  await servers.servers[0]!.kill();
  await until(() => opened.count("connecting") === 1);
  await servers.restart();
  await until(() => opened.count("connect") === 2);
  await load.stop();
  assert.equal(zk.client_id, id);
  const stat = await zk.set(path, "1", 0);
  assert.equal(stat.ephemeralOwner, id);
  assert.deepEqual(await fired.promise, [3, path]);
});

Deno.test("ZooKeeper lives through the restart of two servers of three under load", async () => {
  await using servers = await startServers({ network: "127.10", count: 3 });
  await using opened = await Opened.open(servers.hosts, { timeout: 20_000 });
  const { zk } = opened;
  const path = freshPath();
  const id = zk.client_id;
  await zk.create(path, "", 1);
  const load = new Load(zk.native, path);
  for (const index of [0, 1]) {
    const before = load.count(CODE.ZOK);
    await servers.servers[index]!.kill();
    await until(() => load.count(CODE.ZOK) > before + 50);
    await servers.restart(index);
  }
  await load.stop();
  assert.equal(zk.client_id, id);
  assert.equal(await zk.pathExists(path, false), true);
  for (const rc of load.codes.keys()) {
    const expected: number[] = [CODE.ZOK, CODE.ZCONNECTIONLOSS, -118];
    assert.ok(expected.includes(rc), String(rc));
  }
});
