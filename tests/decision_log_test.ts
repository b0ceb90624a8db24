// needs: zookeeper
import assert from "node:assert/strict";
import { DecisionLog, MOST_BYTES, MOST_ENTRIES } from "../lib/decision_log.ts";
import { REAL_CLOCK } from "../lib/machine/clock.ts";
import { type Noted, parseDecisions } from "../lib/znodes.ts";
import type { Ensemble, Stat } from "../lib/zookeeper/ensemble.ts";
import {
  ConnectionLossError,
  NoAuthError,
  NoNodeError,
  SessionExpiredError,
} from "../lib/zookeeper/errors.ts";
import { Session } from "../lib/zookeeper/session.ts";
import { anyServer, startServers, until } from "./zookeeper/server.ts";

const PATH = "/db/decisions/g-1";

function event(reason: string): Noted {
  const at = "2026-01-02T03:04:05.678Z";
  return { at, kind: "event", rule: null, reason, person: null };
}

function logOf(storage: "persistent" | "ephemeral" = "persistent"): DecisionLog {
  return new DecisionLog({ root: "/db", member: "g-1", storage, clock: REAL_CLOCK });
}

async function reasons(session: Session): Promise<readonly string[]> {
  return parseDecisions((await session.get(PATH)).data).map(({ reason }) => reason);
}

Deno.test("DecisionLog writes what was noted before and after there is a session, all at once", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const log = logOf();
  log.note(event("one"));
  await log.flush(1000);
  log.use(session);
  for (const name of ["two", "three", "four"]) log.note(event(name));
  await log.flush(10_000);
  assert.deepEqual(await reasons(session), ["one", "two", "three", "four"]);
  // The first write took what there was, the second one all that came meanwhile.
  assert.ok((await session.get(PATH)).stat.version <= 1);
});

Deno.test("DecisionLog goes on with what an earlier life wrote, within its bounds", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const before = logOf();
  before.use(session);
  for (let i = 0; i < MOST_ENTRIES + 5; i++) before.note(event(`${i}`));
  await before.flush(10_000);
  const after = logOf();
  after.use(session);
  after.note(event("new"));
  await after.flush(10_000);
  const kept = await reasons(session);
  assert.equal(kept.length, MOST_ENTRIES);
  assert.deepEqual([kept[0], kept.at(-2), kept.at(-1)], ["6", "54", "new"]);

  for (let i = 0; i < MOST_ENTRIES; i++) after.note(event(`${i} ${"é".repeat(5000)}`));
  await after.flush(10_000);
  const { stat, data } = await session.get(PATH);
  assert.ok(stat.dataLength <= MOST_BYTES, `${stat.dataLength} bytes`);
  const long = parseDecisions(data);
  assert.ok(long.length > 5 && long.at(-1)?.reason.startsWith("49 é"), `${long.length} entries`);
});

Deno.test("DecisionLog shares its list with a second keeper of the name, and puts a lost one back", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const [one, other] = [logOf(), logOf()];
  for (const log of [one, other]) log.use(session);
  one.note(event("one"));
  await one.flush(10_000);
  other.note(event("other"));
  await other.flush(10_000);
  one.note(event("one again"));
  await one.flush(10_000);
  assert.deepEqual(await reasons(session), ["one", "other", "one again"]);

  await session.deleteRecursive("/db");
  one.note(event("after the ensemble was emptied"));
  await one.flush(10_000);
  assert.deepEqual(await reasons(session), [
    "one",
    "other",
    "one again",
    "after the ensemble was emptied",
  ]);
  await session.set(PATH, "junk");
  one.note(event("anew"));
  await one.flush(10_000);
  assert.deepEqual(await reasons(session), ["anew"]);
});

Deno.test("DecisionLog of ephemeral storage goes with its session, and not with an earlier one", async () => {
  await using place = await anyServer();
  const [first, second] = [await place.connect(), await place.connect()];
  const before = logOf("ephemeral");
  before.use(first);
  before.note(event("one"));
  await before.flush(10_000);
  const after = logOf("ephemeral");
  after.use(second);
  after.note(event("two"));
  await after.flush(10_000);
  assert.equal((await second.get(PATH)).stat.ephemeralOwner, second.sessionId);
  await first.close();
  assert.deepEqual(await reasons(second), ["one", "two"]);
});

Deno.test("DecisionLog waits for the connection, writes once, and no stop waits with it", async () => {
  await using servers = await startServers({ network: "127.14" });
  await using session = await Session.connect({
    hosts: servers.hosts,
    sessionTimeoutMs: 20_000,
  });
  const log = logOf();
  log.use(session);
  log.note(event("one"));
  await log.flush(10_000);
  await servers.servers[0]!.kill();
  for await (const state of session.states()) if (state !== "connected") break;
  log.note(event("two"));
  // There is no connection: it returns at once, whatever the bound is.
  await log.flush(3_600_000);
  await servers.restart();
  for await (const state of session.states()) if (state === "connected") break;
  await log.flush(10_000);
  assert.deepEqual(await reasons(session), ["one", "two"]);
});

Deno.test("DecisionLog gives up without harm where the session is over", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const log = logOf();
  log.use(session);
  await session.close();
  log.note(event("one"));
  await log.flush(3_600_000);
  const next = await place.connect();
  log.use(next);
  await log.flush(10_000);
  assert.deepEqual(await reasons(next), ["one"]);
});

/** A session of which one operation is another. */
function withOther(session: Session, other: Partial<Ensemble>): Ensemble {
  const handler: ProxyHandler<Session> = {
    get(target, name) {
      const value = Reflect.get(other, name) ?? Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  };
  return new Proxy(session, handler);
}

Deno.test("DecisionLog writes once what took effect though its answer was lost", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const log = logOf();
  let lost = 0;
  log.use(withOther(session, {
    async create(path, data, options) {
      await session.create(path, data, options);
      lost++;
      throw new ConnectionLossError(-4, "The answer is lost");
    },
  }));
  log.note(event("one"));
  await log.flush(10_000);
  assert.equal(lost, 1);
  assert.deepEqual(await reasons(session), ["one"]);
});

Deno.test("DecisionLog writes through a new session what the old one held up", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const log = logOf();
  const isOver = Promise.withResolvers<never>();
  log.use(withOther(session, { get: () => isOver.promise }));
  log.note(event("one"));
  log.use(session);
  isOver.reject(new SessionExpiredError(-112, "The session is over"));
  await until(async () => await session.exists(PATH) !== null);
  assert.deepEqual(await reasons(session), ["one"]);
});

Deno.test("DecisionLog forgets nothing that is noted just when a write ends", async () => {
  // After how many turns of the microtasks it comes: one of them is just before the end.
  for (let turns = 0; turns < 20; turns++) {
    let written: readonly string[] = [];
    const log = logOf();
    const take = (data: Uint8Array | string | undefined) => {
      written = parseDecisions(data as Uint8Array).map(({ reason }) => reason);
    };
    const ensemble: Partial<Ensemble> = {
      state: "connected",
      get: () => Promise.reject(new NoNodeError(-101, "There is none")),
      async create(path, data) {
        take(data);
        noteLater();
        return await Promise.resolve(path);
      },
      async set(_path, data) {
        take(data);
        return await Promise.resolve({ version: 1 } as Stat);
      },
    };
    const noteLater = async () => {
      for (let i = 0; i < turns; i++) await Promise.resolve();
      log.note(event("two"));
    };
    log.use(ensemble as Ensemble);
    log.note(event("one"));
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(written, ["one", "two"], `${turns} turns later`);
  }
});

Deno.test("DecisionLog tries again at the end what was refused", async () => {
  await using place = await anyServer();
  const session = await place.connect();
  const log = logOf();
  let refusals = 1;
  log.use(withOther(session, {
    get(path) {
      if (refusals-- > 0) return Promise.reject(new NoAuthError(-102, "Refused"));
      return session.get(path);
    },
  }));
  log.note(event("one"));
  await log.flush(10_000);
  await log.flush(10_000);
  assert.deepEqual(await reasons(session), ["one"]);
});
