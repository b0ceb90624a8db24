import assert from "node:assert/strict";
import type { Ensemble } from "../../lib/zookeeper/ensemble.ts";
import {
  ConnectionLossError,
  NoAuthError,
  NoNodeError,
  SessionExpiredError,
  zooKeeperError,
} from "../../lib/zookeeper/errors.ts";
import { type HeldLock, Lock } from "../../lib/zookeeper/lock.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { anyServer, expire, startServers, TEST_DIGEST, until } from "./server.ts";

const PATH = "/locks/one";
const lockOf = (ensemble: Ensemble, name = "me", path = PATH) => new Lock(ensemble, path, { name });

const contendersOf = async (session: Ensemble): Promise<readonly string[]> =>
  (await session.exists(PATH)) === null ? [] : (await session.children(PATH)).children;

/** The session, with some of its methods replaced. */
function withMethods(session: Session, methods: Partial<Ensemble>): Ensemble {
  return new Proxy<Ensemble>(session, {
    get(_target, key) {
      const value = Reflect.get(key in methods ? methods : session, key, session);
      return typeof value === "function" ? value.bind(session) : value;
    },
  });
}

const waiting = Symbol("still waiting");
/** What a promise has come to by now. */
const soFar = <T>(promise: Promise<T>) =>
  Promise.race([promise, new Promise<symbol>((resolve) => setTimeout(resolve, 20, waiting))]);

Deno.test("Lock.acquire() makes its path, and one contender in kazoo's layout", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const lock = new Lock(session, PATH, { name: "galera-1", randomId: () => "0".repeat(32) });
  const held = await lock.acquire();
  assert.equal(held.path, `${PATH}/${"0".repeat(32)}__lock__0000000000`);
  const { data, stat } = await session.get(held.path);
  assert.equal(new TextDecoder().decode(data), "galera-1");
  assert.equal(stat.ephemeralOwner, session.sessionId);
  assert.deepEqual(await lock.contenders(), ["galera-1"]);
  assert.ok(!held.lost.aborted);
  await held.release();
  await held.release();
  assert.deepEqual(await lock.contenders(), []);
  assert.ok(!held.lost.aborted);
  {
    await using again = await lockOf(session).acquire();
    assert.match(again.path, /\/[0-9a-f]{32}__lock__0000000001$/);
  }
  assert.deepEqual(await contendersOf(session), []);
  assert.deepEqual(await lockOf(session, "x", "/no/such/lock").contenders(), []);
  // A contender of others' making holds what a terminal would obey.
  const others = `${PATH}/${"1".repeat(32)}__lock__`;
  await session.create(others, "a\x1b[2J\nb", { mode: "ephemeral_sequential" });
  assert.deepEqual(await lock.contenders(), ["a\\u001b[2J b"]);
});

Deno.test("Lock.acquire() is first come first served, over sessions and within one", async () => {
  await using server = await anyServer();
  const sessions = await Promise.all([1, 2, 3].map(() => server.connect()));
  const locks = Array.from({ length: 9 }, (_, i) => lockOf(sessions[i % 3]!, `m${i}`));
  const order: number[] = [];
  let holders = 0;
  const { promise: allInLine, resolve: go } = Promise.withResolvers<void>();
  const done: Promise<void>[] = [];
  for (const [i, lock] of locks.entries()) {
    done.push((async () => {
      await using _held = await lock.acquire();
      assert.equal(++holders, 1);
      order.push(i);
      await allInLine;
      holders--;
    })());
    await until(async () => (await lock.contenders()).length === i + 1);
  }
  assert.deepEqual(await locks[0]!.contenders(), locks.map((_, i) => `m${i}`));
  go();
  await Promise.all(done);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(await contendersOf(sessions[0]!), []);
});

Deno.test("Lock.acquire() ends when it is aborted, and leaves no contender", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const lock = lockOf(session);
  await assert.rejects(lock.acquire(AbortSignal.abort(new Error("before"))), /before/);
  assert.deepEqual(await contendersOf(session), []);

  const creating = new AbortController();
  const early = lock.acquire(creating.signal);
  creating.abort(new Error("while it is made"));
  await assert.rejects(early, /while it is made/);
  await until(async () => (await contendersOf(session)).length === 0);

  await using held = await lock.acquire();
  const inLine = new AbortController();
  const second = lock.acquire(inLine.signal);
  second.catch(() => {});
  await until(async () => (await contendersOf(session)).length === 2);
  const third = lockOf(await server.connect(), "third").acquire();
  await until(async () => (await contendersOf(session)).length === 3);
  inLine.abort(new Error("in line"));
  await assert.rejects(second, /in line/);
  await until(async () => (await contendersOf(session)).length === 2);
  assert.equal(await soFar(third), waiting);
  await held.release();
  await (await third).release();
});

Deno.test("Lock.acquire() survives a lost reply to its create, done or not done", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  for (const isDone of [true, false]) {
    let creates = 0;
    const lossy = withMethods(session, {
      async create(path, data, options) {
        if (++creates > 1) return session.create(path, data, options);
        if (isDone) await session.create(path, data, options);
        throw zooKeeperError(-4, "create", path);
      },
    });
    await session.ensurePath(PATH);
    const held = await lockOf(lossy).acquire();
    assert.equal(creates, isDone ? 1 : 2);
    assert.deepEqual(await contendersOf(session), [held.path.slice(PATH.length + 1)]);
    await held.release();
    assert.deepEqual(await contendersOf(session), []);
  }
});

Deno.test("Lock.acquire() aborted after a lost reply still removes its contender", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.ensurePath(PATH);
  const aborting = new AbortController();
  const lossy = withMethods(session, {
    async create(path, data, options) {
      await session.create(path, data, options);
      aborting.abort(new Error("enough"));
      throw zooKeeperError(-4, "create", path);
    },
  });
  await assert.rejects(lockOf(lossy).acquire(aborting.signal), /enough/);
  await until(async () => (await contendersOf(session)).length === 0);
});

Deno.test("Lock.acquire() starts over when its contender is gone, at the end of the line", async () => {
  await using server = await anyServer();
  const [session, other] = [await server.connect(), await server.connect()];
  const first = await lockOf(other, "first").acquire();
  const second = lockOf(other, "second").acquire();
  await until(async () => (await lockOf(session).contenders()).length === 2);
  const removed = lockOf(session, "removed").acquire();
  await until(async () => (await lockOf(session).contenders()).length === 3);
  const last = (await contendersOf(session)).find((name) => name.endsWith("2"));
  await session.delete(`${PATH}/${last}`);
  const fourth = lockOf(other, "fourth").acquire();
  await until(async () => (await lockOf(session).contenders()).length === 3);
  await first.release();
  await (await second).release();
  const held = await fourth;
  await until(async () => (await lockOf(session).contenders()).length === 2);
  assert.deepEqual(await lockOf(session).contenders(), ["fourth", "removed"]);
  await held.release();
  await (await removed).release();
});

Deno.test("Lock.acquire() right behind the holder finds its contender gone: by the list, or by lost", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  for (const listsAgain of [true, false]) {
    const holder = await lockOf(session, "holder").acquire();
    const behind = new Lock(session, PATH, { name: "behind", listsAgain }).acquire();
    await until(async () => (await contendersOf(session)).length === 2);
    const own = (await contendersOf(session)).find((name) => !holder.path.endsWith(name));
    await session.delete(`${PATH}/${own}`);
    await holder.release();
    const held = await behind;
    assert.equal(held.path === `${PATH}/${own}`, !listsAgain);
    if (!listsAgain) await until(() => held.lost.aborted);
    assert.equal(held.lost.aborted, !listsAgain);
    await held.release();
  }
});

Deno.test("Lock.acquire() makes its path again when that is deleted meanwhile", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  let isFirst = true;
  const racing = withMethods(session, {
    async ensurePath(path) {
      await session.ensurePath(path);
      if (isFirst) await session.deleteRecursive("/locks");
      isFirst = false;
    },
  });
  await (await lockOf(racing).acquire()).release();
});

Deno.test("Lock.acquire() does not take a changed predecessor for one that is gone", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const held = await lockOf(session).acquire();
  const second = lockOf(session).acquire();
  await until(async () => (await contendersOf(session)).length === 2);
  for (let i = 0; i < 3; i++) await session.set(held.path, `changed ${i}`);
  assert.equal(await soFar(second), waiting);
  await held.release();
  await (await second).release();
});

Deno.test("Lock.acquire() passes on what the ensemble refuses for good", async () => {
  await using server = await anyServer();
  const stranger = await server.connect();
  const owner = await server.connect({ digest: TEST_DIGEST });
  await owner.ensurePath(PATH);
  await assert.rejects(lockOf(stranger).acquire(), NoAuthError);
  await assert.rejects(
    lockOf(await server.connect(), "x", "no/slash").acquire(),
    /an argument is not valid/,
  );
});

Deno.test("Lock goes to the next when its holder's session is lost, and the holder knows", async () => {
  await using own = await startServers();
  const connect = () => Session.connect({ hosts: own.hosts, sessionTimeoutMs: 10_000 });
  await using holder = await connect();
  await using waiter = await connect();
  const held = await lockOf(holder).acquire();
  const { lost } = held;
  const behind = lockOf(holder).acquire();
  behind.catch(() => {});
  await until(async () => (await contendersOf(waiter)).length === 2);
  const next = lockOf(waiter).acquire();
  await expire(holder, own.hosts);
  await (await next).release();
  await until(() => lost.aborted);
  assert.ok(lost.reason instanceof SessionExpiredError);
  assert.match(lost.reason.message, /the session with ZooKeeper is over/);
  await assert.rejects(behind, SessionExpiredError);
  // Without a session there is nothing to delete.
  await held.release();
  await assert.rejects(lockOf(holder).acquire(), SessionExpiredError);
});

Deno.test("HeldLock.lost tells when somebody removes the contender, not when it is released", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const held = await lockOf(session).acquire();
  assert.ok(!held.lost.aborted);
  await session.set(held.path, "changed");
  await session.delete(held.path);
  await until(() => held.lost.aborted);
  assert.ok(held.lost.reason instanceof NoNodeError);
  assert.match(held.lost.reason.message, new RegExp(held.path));
  await held.release();

  const late = await lockOf(session).acquire();
  await session.delete(late.path);
  await until(() => late.lost.aborted);

  const released = await lockOf(session).acquire();
  const { lost } = released;
  await released.release();
  await session.sync(PATH);
  assert.ok(!lost.aborted);
});

Deno.test("HeldLock.path fences: a multi that checks it fails once the lock is another's", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.create("/data", "0");
  const fenced = (held: HeldLock) =>
    session.multi([{ op: "check", path: held.path }, { op: "set", path: "/data", data: "1" }]);
  const held = await lockOf(session).acquire();
  await fenced(held);
  await held.release();
  await using _next = await lockOf(session).acquire();
  await assert.rejects(fenced(held), NoNodeError);
});

Deno.test("Lock survives kill -9 of the server, held, waited for and released meanwhile", async () => {
  await using own = await startServers();
  const connect = () => Session.connect({ hosts: own.hosts, sessionTimeoutMs: 10_000 });
  await using session = await connect();
  await using other = await connect();
  const held = await lockOf(session).acquire();
  const { lost } = held;
  const second = lockOf(other, "second").acquire();
  await until(async () => (await contendersOf(session)).length === 2);
  await own.servers[0]!.kill();
  await until(() => session.state === "suspended" && other.state === "suspended");
  const third = lockOf(other, "third").acquire();
  const released = held.release();
  assert.equal(await soFar(released), waiting);
  assert.equal(await soFar(second), waiting);
  assert.equal(await soFar(third), waiting);
  const aborting = new AbortController();
  const given = lockOf(other).acquire(aborting.signal);
  aborting.abort(new Error("up"));
  await assert.rejects(given, /up/);
  await own.restart();
  await released;
  assert.ok(!lost.aborted);
  await (await second).release();
  await (await third).release();
  assert.deepEqual(await contendersOf(session), []);
});

Deno.test("Lock.acquire() in line is aborted, or ends with the session, while suspended", async () => {
  await using own = await startServers();
  const session = await Session.connect({ hosts: own.hosts, sessionTimeoutMs: 10_000 });
  const held = await lockOf(session).acquire();
  const aborting = new AbortController();
  const aborted = lockOf(session).acquire(aborting.signal);
  const ended = lockOf(session).acquire();
  aborted.catch(() => {});
  ended.catch(() => {});
  await until(async () => (await contendersOf(session)).length === 3);
  await own.servers[0]!.kill();
  await until(() => session.state === "suspended");
  const begun = lockOf(session).acquire();
  begun.catch(() => {});
  aborting.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  const released = held.release();
  await session.close();
  await assert.rejects(ended, SessionExpiredError);
  await assert.rejects(begun, SessionExpiredError);
  await released;
});

Deno.test("HeldLock.release() tells of a delete that is refused for good, to who asks", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const refusing = withMethods(session, {
    delete: (path) => Promise.reject(zooKeeperError(-102, "delete", path)),
  });
  const held = await lockOf(refusing).acquire();
  held.release();
  await assert.rejects(held.release(), NoAuthError);
});

Deno.test("Lock under load, with servers of an ensemble restarted: never two holders", async () => {
  await using own = await startServers({ count: 3 });
  const sessions = await Promise.all(
    [1, 2, 3, 4].map(() => Session.connect({ hosts: own.hosts, sessionTimeoutMs: 20_000 })),
  );
  let holders = 0;
  let rounds = 0;
  let isOver = false;
  let last = -1;
  const work = sessions.map(async (session, i) => {
    const lock = lockOf(session, `m${i}`);
    while (!isOver) {
      const held = await lock.acquire();
      assert.equal(++holders, 1);
      const sequence = Number(held.path.slice(-10));
      assert.ok(sequence > last);
      last = sequence;
      await new Promise((resolve) => setTimeout(resolve, 1));
      rounds++;
      holders--;
      held.release();
    }
  });
  for (const index of [0, 1, 2]) {
    const before = rounds;
    await own.servers[index]!.kill();
    await own.restart(index);
    await until(() => rounds > before + 20);
  }
  isOver = true;
  await Promise.all(work);
  await until(async () => (await contendersOf(sessions[0]!)).length === 0);
  await Promise.all(sessions.map((session) => session.close()));
});

Deno.test("Lock meets a connection loss at every step, and leaves one contender at most", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const names = ["create", "children", "getAndWatch", "delete", "sync"] as const;
  for (const [before, name] of [true, false].flatMap((b) => names.map((n) => [b, n] as const))) {
    const blocker = await lockOf(session, "blocker").acquire();
    let isLost = false;
    const losing = async (...args: unknown[]) => {
      if (isLost) return await Reflect.apply(session[name], session, args);
      isLost = true;
      if (!before) await Reflect.apply(session[name], session, args);
      throw new ConnectionLossError(-4, `lost ${name}`);
    };
    const lossy = withMethods(session, { [name]: losing } as Partial<Ensemble>);
    const acquiring = lockOf(lossy, "me").acquire();
    await until(async () => (await lockOf(session).contenders()).length === 2);
    await blocker.release();
    const held = await acquiring;
    assert.deepEqual(await lockOf(session).contenders(), ["me"], `${name} ${before}`);
    await held.release();
    assert.deepEqual(await contendersOf(session), [], `${name} ${before}`);
  }
});
