// needs: zookeeper
/** What becomes of a session when servers and connections fail. */

import assert from "node:assert/strict";
import type { SessionState } from "../../lib/zookeeper/ensemble.ts";
import {
  ConnectionLossError,
  NoNodeError,
  SessionExpiredError,
  ZooKeeperError,
} from "../../lib/zookeeper/errors.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { expire, startServers, until } from "./server.ts";

const never = new AbortController().signal;
const connect = (hosts: string, sessionTimeoutMs = 10_000) =>
  Session.connect({ hosts, sessionTimeoutMs });

async function untilState(session: Session, wanted: SessionState): Promise<void> {
  for await (const state of session.states()) if (state === wanted) return;
  assert.fail(`The session ended and was never ${wanted}`);
}

/** Stops a process by SIGSTOP, all of its threads: one that has not heard of it yet may still answer. */
async function freeze(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  for (;;) {
    const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
    const states = await Promise.all(tasks.map(async (task) => {
      // A thread may end meanwhile.
      const stat = await Deno.readTextFile(`/proc/${pid}/task/${task}/stat`).catch(() => ") T ");
      return stat.slice(stat.lastIndexOf(")"));
    }));
    if (states.every((state) => state.startsWith(") T "))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("Session survives kill -9 of its server: suspended, then connected, ephemerals kept", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts);
  const seen: SessionState[] = [];
  const watching = (async () => {
    for await (const state of session.states()) seen.push(state);
  })();
  await session.create("/e", "mine", { mode: "ephemeral" });
  const id = session.sessionId;
  await own.servers[0]!.kill();
  await untilState(session, "suspended");
  await assert.rejects(session.get("/e"), ConnectionLossError);
  await assert.rejects(session.create("/later", ""), ConnectionLossError);
  await assert.rejects(
    session.multi([{ op: "create", path: "/l", data: "" }]),
    ConnectionLossError,
  );
  await assert.rejects(session.getAndWatch("/e", never), ConnectionLossError);
  await own.restart();
  await untilState(session, "connected");
  assert.equal(session.sessionId, id);
  assert.equal((await session.exists("/e"))?.ephemeralOwner, id);
  // What was refused while suspended was not kept to take effect later.
  assert.equal(await session.exists("/later"), null);
  await session.close();
  await watching;
  assert.deepEqual(seen, ["connected", "suspended", "connected"]);
});

Deno.test("Session fails what is in flight when the server dies or falls silent, and never hangs", async () => {
  await using own = await startServers();
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    await using session = await connect(own.hosts, 1_500);
    await session.ensurePath("/a");
    const { pid } = own.servers[0]!;
    await freeze(pid);
    const inFlight = await Promise.allSettled([
      session.create(`/${signal}`, ""),
      session.get("/a"),
      session.multi([{ op: "set", path: "/a", data: "" }]),
      session.existsAndWatch("/a", never),
      session.sync("/a"),
      signal === "SIGKILL" ? own.servers[0]!.kill() : undefined,
    ]);
    for (const [index, outcome] of inFlight.slice(0, 5).entries()) {
      assert.ok(outcome.status === "rejected", `${signal} ${index}`);
      assert.ok(outcome.reason instanceof ConnectionLossError, String(outcome.reason));
    }
    assert.equal(session.state, "suspended");
    if (signal === "SIGKILL") await own.restart();
    else Deno.kill(pid, "SIGCONT");
  }
});

Deno.test("Session is lost when the server says so: operations, watches and states tell of it", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts);
  await session.create("/e", "", { mode: "ephemeral" });
  const { changed } = await session.existsAndWatch("/none", never);
  const seen = Array.fromAsync(session.states());
  await expire(session, own.hosts);
  assert.equal((await seen).at(-1), "lost");
  assert.equal(session.state, "lost");
  await assert.rejects(changed, SessionExpiredError);
  await assert.rejects(session.get("/e"), (error) => {
    assert.ok(error instanceof SessionExpiredError);
    assert.equal(error.path, "/e");
    assert.ok(error.cause instanceof ZooKeeperError);
    return true;
  });
  assert.deepEqual(await Array.fromAsync(session.states()), ["lost"]);
  await using other = await connect(own.hosts);
  assert.equal(await other.exists("/e"), null);
});

Deno.test("Session is lost when it comes back later than its timeout", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts, 600);
  await using other = await connect(own.hosts);
  await session.create("/e", "", { mode: "ephemeral" });
  const { changed } = await other.existsAndWatch("/e", never);
  // A server the session cannot reach, until the one that it came from has given it up.
  session.client.set_servers("127.11.255.254:1");
  assert.equal((await changed).type, "deleted");
  assert.equal(session.state, "suspended");
  session.client.set_servers(own.hosts);
  await untilState(session, "lost");
});

Deno.test("Session is lost when the ensemble comes back without its data", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts, 600);
  for (let count = 0; count < 10; count++) await session.create(`/x${count}`, "");
  const [server] = own.servers;
  await server!.kill();
  await Deno.remove(`${server!.options.dataDir}/version-2`, { recursive: true });
  await own.restart();
  // The new server has not seen what this session has, and closes its connections without a word.
  await untilState(session, "lost");
  await using other = await connect(own.hosts);
  assert.equal(await other.exists("/x0"), null);
});

Deno.test("Session.close() ends what is pending and takes the ephemerals along", async () => {
  await using own = await startServers();
  await using other = await connect(own.hosts);
  const session = await connect(own.hosts);
  await session.create("/e", "", { mode: "ephemeral" });
  const { changed } = await session.existsAndWatch("/none", never);
  const pending = Array.from({ length: 100 }, (_, i) => session.create(`/p${i}`, ""));
  const settled = Promise.allSettled(pending);
  const closing = session.close();
  assert.equal(session.state, "lost");
  await assert.rejects(session.get("/e"), SessionExpiredError);
  await Promise.all([closing, session.close()]);
  // All that was asked for before the close was done before it.
  assert.ok((await settled).every(({ status }) => status === "fulfilled"));
  await assert.rejects(changed, SessionExpiredError);
  assert.equal(await other.exists("/e"), null);
  assert.notEqual(await other.exists("/p99"), null);
  await session.close();
});

Deno.test("Session.close() does not hang on a server that is silent or dead", async () => {
  await using own = await startServers();
  const silent = await connect(own.hosts, 1_000);
  const { pid } = own.servers[0]!;
  await freeze(pid);
  const pending = assert.rejects(silent.get("/"), ZooKeeperError);
  await silent.close();
  await pending;
  Deno.kill(pid, "SIGCONT");
  const bereft = await connect(own.hosts, 1_000);
  await own.servers[0]!.kill();
  await untilState(bereft, "suspended");
  await bereft.close();
});

Deno.test("Session.connect() waits for a server, says why, and can be aborted", async () => {
  await using own = await startServers();
  await own.servers[0]!.kill();
  const aborting = new AbortController();
  const reasons: string[] = [];
  const waiting = Session.connect({
    hosts: own.hosts,
    sessionTimeoutMs: 2_000,
    signal: aborting.signal,
    onWaiting: (reason) => {
      reasons.push(reason);
      aborting.abort(new Error("enough"));
    },
  });
  await assert.rejects(waiting, /enough/);
  assert.equal(reasons.length, 1);
  assert.match(reasons[0]!, new RegExp(`Cannot connect to .*${own.hosts}: Connection refused`));
  await assert.rejects(
    Session.connect({ hosts: own.hosts, sessionTimeoutMs: 2_000, signal: aborting.signal }),
    /enough/,
  );

  const { promise: told, resolve } = Promise.withResolvers<string>();
  const connecting = Session.connect({
    hosts: own.hosts,
    sessionTimeoutMs: 2_000,
    onWaiting: resolve,
  });
  await told;
  await own.restart();
  await using session = await connecting;
  assert.equal(session.state, "connected");
  assert.equal(session.sessionTimeoutMs, 2_000);
});

Deno.test("Session watches tell of each kind of change, once", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts);
  await using other = await connect(own.hosts);

  const made = await session.existsAndWatch("/a", never);
  assert.equal(made.stat, null);
  await other.create("/a", "0");
  assert.deepEqual(await made.changed, { type: "created", path: "/a" });

  const set = await session.getAndWatch("/a", never);
  const seen = await session.existsAndWatch("/a", never);
  assert.equal(new TextDecoder().decode(set.data), "0");
  await other.set("/a", "1");
  assert.deepEqual(await set.changed, { type: "changed", path: "/a" });
  assert.deepEqual(await seen.changed, { type: "changed", path: "/a" });

  const listed = await session.childrenAndWatch("/a", never);
  assert.deepEqual(listed.children, []);
  await other.create("/a/b", "");
  assert.deepEqual(await listed.changed, { type: "children", path: "/a" });

  const gone = await session.getAndWatch("/a/b", never);
  const alone = await session.childrenAndWatch("/a/b", never);
  await other.delete("/a/b");
  assert.deepEqual(await gone.changed, { type: "deleted", path: "/a/b" });
  assert.deepEqual(await alone.changed, { type: "deleted", path: "/a/b" });
});

Deno.test("Session watches survive a reconnect and tell of what changed meanwhile", async () => {
  await using own = await startServers({ count: 3 });
  await using session = await connect(own.servers[0]!.hosts);
  await using other = await connect(own.servers[1]!.hosts);
  await session.create("/a", "");
  const data = await session.getAndWatch("/a", never);
  const exist = await session.existsAndWatch("/b", never);
  const child = await session.childrenAndWatch("/a", never);
  await own.servers[0]!.kill();
  await untilState(session, "suspended");
  const changing = (async () => {
    await other.multi([
      { op: "set", path: "/a", data: "1" },
      { op: "create", path: "/a/c", data: "" },
    ]);
  })();
  await changing;
  await own.restart(0);
  assert.equal((await data.changed).type, "changed");
  assert.equal((await child.changed).type, "children");
  await other.create("/b", "");
  assert.equal((await exist.changed).type, "created");
});

Deno.test("Session watches can be aborted, before and after the answer, and leave nothing", async () => {
  await using own = await startServers();
  await using session = await connect(own.hosts);
  await session.create("/a", "");
  for (let i = 0; i < 10; i++) {
    const aborting = new AbortController();
    const { changed } = await session.getAndWatch("/a", aborting.signal);
    aborting.abort(new Error("late"));
    await assert.rejects(changed, /late/);

    const early = new AbortController();
    const reading = session.getAndWatch("/a", early.signal);
    early.abort(new Error("early"));
    await assert.rejects((await reading).changed, /early/);
    await assert.rejects(session.getAndWatch("/a", early.signal), /early/);
  }
  await assert.rejects(session.getAndWatch("/none", never), NoNodeError);
  // The server's reply to a change would reach watchers that are still there.
  await session.set("/a", "1");
  await session.sync("/a");
});

Deno.test("Session keeps its promises while an ensemble's servers are restarted in turn", async () => {
  await using own = await startServers({ count: 3 });
  await using session = await connect(own.hosts, 20_000);
  await session.create("/n", "0");
  await session.create("/e", "", { mode: "ephemeral" });
  let acknowledged = 0;
  let unknown = 0;
  let isOver = false;
  const work = (async () => {
    while (!isOver) {
      try {
        const { data, stat } = await session.get("/n");
        const next = Number(new TextDecoder().decode(data)) + 1;
        await session.set("/n", String(next), stat.version);
        acknowledged++;
      } catch (error) {
        assert.ok(error instanceof ConnectionLossError, String(error));
        unknown++;
        for await (const state of session.states()) if (state === "connected") break;
      }
    }
  })();
  for (const [index, how] of (["kill", "stop", "kill"] as const).entries()) {
    const before = acknowledged;
    await own.servers[index]![how]();
    await own.restart(index);
    await until(() => acknowledged > before + 20);
  }
  isOver = true;
  await work;
  assert.equal(session.state, "connected");
  const total = Number(new TextDecoder().decode((await session.get("/n")).data));
  assert.ok(total >= acknowledged, `${total} is less than the ${acknowledged} acknowledged`);
  assert.ok(total <= acknowledged + unknown, `${total} exceeds ${acknowledged} and ${unknown}`);
  assert.equal((await session.exists("/e"))?.ephemeralOwner, session.sessionId);
});
