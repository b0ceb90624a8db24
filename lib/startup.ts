/**
 * Start-up, from a datadir to a registered member:
 *
 *     connect → inspect the datadir → record → lock → record again, observe → decide → act →
 *     register → unlock
 *
 * Nothing that was read before the lock was held is acted on.
 */
import { getLogger } from "@logtape/logtape";
import { begin } from "./cluster/attempts.ts";
import { decide } from "./cluster/decide.ts";
import { isSamePlace } from "./cluster/position.ts";
import { beforeSpawn } from "./cluster/record.ts";
import type { Cluster, Decision, View } from "./cluster/view.ts";
import { KeeperError, UnavailableError } from "./errors.ts";
import type { ExitStatus, Identity, Inspection, Running, SpawnPlan } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { askAll } from "./peers.ts";
import { describeHeld } from "./progress.ts";
import { refusedByZooKeeper } from "./refusal.ts";
import { type Started, untilRegistered } from "./registration.ts";
import { noteFailedStart, noteStopped } from "./requests.ts";
import { type Registry, StaleError, TakenError, type VersionedRecord } from "./registry.ts";
import type { Snapshot } from "./snapshot.ts";
import { type BringUp, bringUp, describeExit, exitSignal } from "./bring_up.ts";
import { type HeldLock, Lock } from "./zookeeper/lock.ts";
import { ConnectionLossError, SessionExpiredError, ZooKeeperError } from "./zookeeper/errors.ts";
import { ZnodeError } from "./znodes.ts";

const log = getLogger(["galera-keeper", "startup"]);

/** How a start-up ended: with a registered member, or with a `mariadbd` that exited by itself. */
export type StartUp =
  | { readonly kind: "registered"; readonly started: Started }
  | { readonly kind: "exited"; readonly status: ExitStatus };

/**
 * Starts this member, as long as it takes.
 *
 * @param signal Ends it: what runs is stopped and recorded. @throws The signal's reason.
 * @param lock The start-up lock, where it is held already: for the first try, however that ends.
 * @throws {KeeperError} What only a person can mend.
 */
export async function startUp(
  member: Member,
  signal: AbortSignal,
  lock: HeldLock | null = null,
): Promise<StartUp> {
  try {
    return await untilStarted(member, signal, lock);
  } catch (error) {
    if (error instanceof KeeperError && !signal.aborted) {
      await noteFailedStart(member, error.message);
    }
    throw error;
  } finally {
    letGo(lock);
  }
}

/** It is on its way; nobody waits for it. */
function letGo(lock: HeldLock | null): void {
  lock?.release().catch((error) => log.debug("The lock is not let go: {error}", { error }));
}

async function untilStarted(
  member: Member,
  signal: AbortSignal,
  held: HeldLock | null,
): Promise<StartUp> {
  let patience: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    member.progress.enter("inspecting", "Looking at what the datadir holds");
    const found = await member.database.inspect(signal);
    member.progress.inspected(found);
    member.pacing.inspected(found);
    if (found.problem !== undefined) log.warn("{problem}", { problem: found.problem });
    member.progress.enter("connecting", "Connecting to ZooKeeper");
    const registry = await member.registry(signal);
    try {
      const result = await oneRound(member, registry, found, held, signal);
      if (result !== null) return result;
      patience = held = null;
    } catch (error) {
      letGo(held);
      held = null;
      signal.throwIfAborted();
      if (error instanceof TakenError) {
        const { nowMs } = member.world.clock;
        patience ??= nowMs() + registry.ensemble.sessionTimeoutMs * 4 / 3;
        if (nowMs() >= patience) throw new UnavailableError(`${error.message}: stop it first`);
      }
      await waitOut(member, error, signal);
    }
  }
}

/** Once through, from the record to the act; null where it has to be done again. */
async function oneRound(
  member: Member,
  registry: Registry,
  found: Inspection,
  held: HeldLock | null,
  signal: AbortSignal,
): Promise<StartUp | null> {
  await registry.prepare();
  // Of an earlier life in this session, whose connection was lost when it was to be taken back: others
  // would wait for it to heal.
  await registry.deregister();
  await registry.report(found, signal);
  member.hasName(registry);
  const watches = new AbortController();
  try {
    const waiting = await (async () => {
      await using lock = await keepLock(member, registry, held, signal) ??
        await takeLock(member, registry, found, signal);
      const own = await registry.report(found, signal);
      const snapshot = await registry.observe(watches.signal);
      const view = await see(member, found, snapshot, signal);
      const decision = decide(view);
      member.progress.decide(decision);
      if (snapshot.paused !== null) await noteStopped(member);
      if (decision.kind === "wait") {
        const { person, reason, waitsFor } = decision;
        // What it waits for itself to do brings no znode to change: it looks again at once.
        if (person === null && waitsFor.includes(view.self.name)) throw new StaleError(reason);
        if (person !== null && snapshot.paused === null) {
          await noteFailedStart(member, `it waits for a person: ${reason}`);
        }
        return { snapshot, view, decision };
      }
      return await act({ member, registry, lock, found, own, snapshot }, decision, signal);
    })();
    if (waiting === null || !("decision" in waiting)) return waiting;
    member.progress.enter("waiting", `Waiting: ${waiting.decision.reason}`);
    await untilAnythingChanges(member, waiting.snapshot, waiting.view, signal);
    return null;
  } finally {
    watches.abort();
  }
}

/** The lock that is held already; null where it is not, or not by this session. */
async function keepLock(
  member: Member,
  registry: Registry,
  lock: HeldLock | null,
  signal: AbortSignal,
): Promise<HeldLock | null> {
  if (lock === null) return null;
  const { ensemble } = registry;
  const stat = await ensemble.exists(lock.path);
  if (stat?.ephemeralOwner !== ensemble.sessionId) return null;
  return told(member, lock, member.world.clock.nowMs(), signal);
}

/** Contends for the start-up lock. @throws As `Lock.acquire`. */
export function acquireStartLock(
  member: Member,
  registry: Registry,
  signal: AbortSignal,
): Promise<HeldLock> {
  const { randomId } = member.world;
  const lock = new Lock(registry.ensemble, registry.lockPath, {
    name: member.settings.member,
    randomId,
  });
  return lock.acquire(signal);
}

/** Waits for the lock, before that as long as failed starts ask for; meanwhile a record that vanishes is written again. */
async function takeLock(
  member: Member,
  registry: Registry,
  found: Inspection,
  signal: AbortSignal,
): Promise<HeldLock> {
  const watching = new AbortController();
  const kept = keepRecord(registry, found, watching.signal);
  try {
    await member.pacing.wait({ progress: member.progress, registry, signal });
    member.progress.enter("locking", "Waiting for the start-up lock: one member starts at a time");
    const sinceMs = member.world.clock.nowMs();
    const lock = await acquireStartLock(member, registry, signal);
    return told(member, lock, sinceMs, signal);
  } finally {
    watching.abort();
    await kept;
  }
}

/** From now on to its release, as it is counted. */
function told(member: Member, lock: HeldLock, sinceMs: number, signal: AbortSignal): HeldLock {
  const { nowMs } = member.world.clock;
  const takenAtMs = nowMs();
  member.progress.tell({ kind: "lock-taken", waitedMs: takenAtMs - sinceMs });
  return unlessStopping(lock, signal, () => {
    member.progress.tell({ kind: "lock-released", heldMs: nowMs() - takenAtMs });
  });
}

/** Told to stop, nobody waits for the ensemble to hear that the lock is free: it goes with the session. */
function unlessStopping(lock: HeldLock, signal: AbortSignal, onReleased: () => void): HeldLock {
  return {
    get path() {
      return lock.path;
    },
    get lost() {
      return lock.lost;
    },
    release: () => lock.release(),
    [Symbol.asyncDispose]: async () => {
      const released = new AbortController();
      const stopped = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { signal: released.signal });
      });
      await Promise.race([lock.release(), stopped]).finally(() => {
        released.abort();
        onReleased();
      });
    },
  };
}

async function keepRecord(
  registry: Registry,
  found: Inspection,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await (await registry.watchOwnRecord(signal)).changed;
      await registry.report(found, signal);
    } catch {
      // Under the lock it is reported again, and there an error counts.
      return;
    }
  }
}

/** What this member can see, the lock being held. */
async function see(
  member: Member,
  found: Inspection,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<View> {
  const { member: name, size, storage } = member.settings;
  return {
    self: { name, held: found.held, attempt: found.attempt },
    size,
    storage,
    paused: snapshot.paused,
    cluster: snapshot.cluster,
    records: snapshot.records,
    registered: await ask(member, snapshot, signal),
  };
}

function ask(member: Member, snapshot: Snapshot, signal: AbortSignal) {
  const { member: name, address } = member.settings;
  const clusterUuid = snapshot.cluster.kind === "known" ? snapshot.cluster.cluster.uuid : null;
  return askAll(snapshot.nodes, { member: name, address, clusterUuid }, member.world.ask, signal);
}

/** Waits, without the lock, until a znode that was read changes or a registered member answers otherwise. */
async function untilAnythingChanges(
  member: Member,
  snapshot: Snapshot,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = member.world;
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const before = JSON.stringify(view.registered);
  const answersChange = async () => {
    // A healed link changes no znode.
    do await clock.sleep(member.timing.askAgainMs, either); while (
      snapshot.nodes.length === 0 || JSON.stringify(await ask(member, snapshot, either)) === before
    );
  };
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { signal: ended.signal });
  });
  try {
    await Promise.race([snapshot.changed, answersChange(), aborted]);
  } finally {
    ended.abort();
    aborted.catch(() => {});
  }
}

/** What an act works with: all of it read while the lock was held. */
interface Scene {
  readonly member: Member;
  readonly registry: Registry;
  readonly lock: HeldLock;
  readonly found: Inspection;
  readonly own: VersionedRecord;
  readonly snapshot: Snapshot;
}

type Act = Exclude<Decision, { readonly kind: "wait" }>;

/** Bootstraps or joins; the lock is held until the member is registered or has stopped again. */
async function act(before: Scene, decision: Act, signal: AbortSignal): Promise<StartUp | null> {
  const scene = { ...before, found: await rename(before) };
  const { member, registry, found, snapshot } = scene;
  const serverId = await registry.giveServerId(scene.own, snapshot.records);
  const own = await registry.readOwnRecord();
  if (own === null) throw new StaleError("The own record has gone");
  member.progress.identify({ datadirId: found.datadirId, serverId });
  const cluster = decision.kind === "bootstrap"
    ? nextAttempt(scene)
    : snapshot.cluster.kind === "known"
    ? snapshot.cluster.cluster
    : null;
  if (cluster === null) throw new StaleError("The cluster is not on record");
  await registry.begin(
    scene.lock.path,
    own,
    {
      datadirId: found.datadirId,
      data: beforeSpawn(own.record.data, cluster.uuid),
      instead: null,
      insteadCopy: null,
      lineage: cluster.attempts,
    },
    decision.kind === "bootstrap" ? { next: cluster, version: snapshot.version } : null,
  );
  const running = await start(scene, decision, { serverId, cluster }, signal);
  return await untilServing(scene, decision, { running, serverId, cluster }, signal);
}

/**
 * A new id for the datadir before each start, on disk before it is on record: a copy that was taken
 * earlier and is put back after the server died running has another id and less data than that.
 */
async function rename({ member, found }: Scene): Promise<Inspection> {
  const datadirId = member.world.randomId();
  const { attempt, lineage } = found;
  await member.database.writeIdentity({ datadirId, attempt, lineage });
  return { ...found, datadirId };
}

/** Spawns. Where it does not come to that, the record goes back to what the datadir holds. */
async function start(
  scene: Scene,
  decision: Act,
  { serverId, cluster }: { readonly serverId: number; readonly cluster: Cluster },
  signal: AbortSignal,
): Promise<Running> {
  const { member, registry, found, lock } = scene;
  const { database } = member;
  try {
    await database.writeIdentity(identityOf(found, cluster));
    await member.pacing.begin();
    if (decision.kind === "bootstrap" && found.held.kind === "empty") {
      member.progress.enter("bootstrapping", "Initialising an empty datadir");
      await database.initialise(signal);
    }
    await registry.lookOnceMore(lock.path, cluster.attempt);
    signal.throwIfAborted();
    const running = await database.spawn(spawnPlan(decision, found, serverId));
    member.progress.tell({ kind: "spawned", how: decision.kind });
    running.exited.then((status) => member.progress.tell({ kind: "exited", status }));
    return running;
  } catch (error) {
    if (signal.aborted || isOfTheEnsemble(error)) await member.pacing.undo();
    await takeBack(scene, decision, cluster, await recordAfterStop(member));
    throw error;
  }
}

/** Whether the ensemble is why it did not come to a start, or what is on record there. */
function isOfTheEnsemble(error: unknown): boolean {
  return error instanceof StaleError || error instanceof ZooKeeperError;
}

/** `cluster` as it says that this member bootstraps. */
function nextAttempt({ member, found, snapshot }: Scene): Cluster {
  const { cluster: onRecord, records } = snapshot;
  const { held, attempt: followed, lineage } = found;
  const by = member.settings.member;
  return begin({
    onRecord,
    records,
    lineage,
    by,
    copy: held.kind === "at" ? { position: held.position, attempt: followed } : null,
    attempt: member.world.randomId(),
    forced: onRecord.kind === "known" && onRecord.cluster.forced && onRecord.cluster.by === by,
  });
}

function identityOf({ datadirId }: Inspection, { attempt, attempts }: Cluster): Identity {
  return { datadirId, attempt, lineage: attempts };
}

function spawnPlan(decision: Act, { held }: Inspection, serverId: number): SpawnPlan {
  const startPosition = held.kind === "at" ? held.position : null;
  return decision.kind === "bootstrap"
    ? { kind: "bootstrap", startPosition, serverId }
    : { kind: "join", donors: decision.donors, startPosition, serverId };
}

/** From the spawn to the registration; the lock goes back only after either or a stop. */
async function untilServing(
  scene: Scene,
  decision: Act,
  spawned: { readonly running: Running; readonly serverId: number; readonly cluster: Cluster },
  signal: AbortSignal,
): Promise<StartUp | null> {
  const { member, found } = scene;
  const { running, serverId, cluster } = spawned;
  const bootstraps = decision.kind === "bootstrap";
  member.progress.enter(
    bootstraps ? "bootstrapping" : "joining",
    bootstraps ? "Starting a primary component" : `Joining through ${decision.donors.join(", ")}`,
  );
  member.transfers.donors = scene.snapshot.nodes;
  using exit = exitSignal(running, signal);
  try {
    const result = await bringUpUnlessOverruled(
      member,
      running,
      { expectedUuid: bootstraps ? null : cluster.uuid, attempt: cluster.attempt },
      exit.signal,
    );
    if (result.kind !== "up") return await giveUp(scene, running, result);
    const started: Started = {
      running,
      datadirId: found.datadirId,
      serverId,
      uuid: result.uuid,
      cluster,
      records: scene.snapshot.records,
      // What an SST brought took the place of what was there.
      dataBytes: member.transfers.copiedBytes(running) ?? found.dataBytes,
      readOnly: bootstraps,
    };
    await member.database.writeIdentity(identityOf(found, cluster));
    member.progress.enter("registering", "Primary and Synced, registering");
    if (await untilRegistered(member, started, exit.signal) === "overruled") {
      return await giveUp(scene, running, { kind: "overruled" });
    }
    member.progress.ready();
    return { kind: "registered", started };
  } catch (error) {
    const hasExitedItself = exit.exited && !signal.aborted;
    const status = await running.stop(
      signal.aborted ? member.timing.stopGraceMs : member.timing.giveUpGraceMs,
    );
    if (hasExitedItself) {
      member.progress.note(`mariadbd has exited in its start ${describeExit(status)}`);
    }
    await takeBack(scene, decision, cluster, await recordAfterStop(member));
    if (!hasExitedItself) throw error;
    await noteFailedStart(member, `mariadbd has exited ${describeExit(status)}`);
    return { kind: "exited", status };
  }
}

/** What a start that did not make it came to. */
type Failed = Exclude<BringUp, { readonly kind: "up" }> | { readonly kind: "overruled" };

/**
 * Looks after a start until it is up, or until another attempt is on record: a joiner that still looks
 * for members would take its state from that one, and nobody could tell afterwards which of the two
 * its copy followed.
 */
async function bringUpUnlessOverruled(
  member: Member,
  running: Running,
  expected: { readonly expectedUuid: string | null; readonly attempt: string },
  signal: AbortSignal,
): Promise<BringUp | Failed> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const overruled = untilOverruled(member, expected.attempt, either).then(
    () => ({ kind: "overruled" } as const),
    () => new Promise<never>(() => {}), // The signal's end is told by the other one.
  );
  try {
    const up = bringUp(member, running, expected.expectedUuid, either);
    up.catch(() => {}); // Overruled, nobody waits for it.
    return await Promise.race([up, overruled]);
  } finally {
    ended.abort();
  }
}

/** Resolves once another attempt is on record. @throws The signal's reason. */
async function untilOverruled(
  member: Member,
  attempt: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      return await (await member.registry(signal)).untilAnotherAttempt(attempt, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug("Not watching the cluster: {error}", { error });
      await member.world.clock.sleep(1000, signal);
    }
  }
}

/** Stops a server that did not make it, records what it holds, and only then lets go of the lock. */
async function giveUp(
  { member }: Scene,
  running: Running,
  result: Failed,
): Promise<StartUp | null> {
  log.warn("Giving this start up: {why}", { why: describe(result) });
  member.progress.enter("stopping", `Stopping mariadbd: ${describe(result)}`);
  await running.stop(member.timing.giveUpGraceMs);
  await recordAfterStop(member);
  if (result.kind !== "overruled") await noteFailedStart(member, describe(result));
  return null;
}

function describe(result: Failed): string {
  switch (result.kind) {
    case "stalled":
      return `nothing has moved for ${Math.round(result.forMs / 1000)} s`;
    case "lost-primary":
      return "it lost the primary component";
    case "other-cluster":
      return `it joined the cluster ${result.uuid}, not the one on record`;
    case "overruled":
      return "another attempt is on record, a person decided otherwise";
  }
}

/**
 * Puts on record what a stopped server holds, where the ensemble can be reached. Where it cannot, the
 * record goes on saying running, and the next start inspects anew. Never rejects.
 *
 * @returns What is on record now; null where it is not.
 */
export async function recordAfterStop(member: Member): Promise<Inspection | null> {
  member.progress.observe(null);
  const { signal } = new AbortController();
  try {
    const found = await member.database.inspect(signal);
    member.progress.note(`mariadbd has stopped: the datadir ${describeHeld(found.held)}`);
    if (member.connected === null) return null;
    await member.connected.report(found, signal);
    return found;
  } catch (error) {
    log.warn("The position is not on record: {problem}", {
      problem: error instanceof Error ? error.message : String(error),
    });
    return null;
  }
}

/**
 * A bootstrap of one's own that came to nothing, under the lock and with the server stopped: `cluster`
 * says again what it said before, so that an equal is not kept waiting by a member that dies at each
 * start. Nobody was let in and nobody could join, so nothing is lost by it. Only where the data is
 * what it was: beyond that it is another branch. A person's choice stands. Never rejects.
 */
async function takeBack(
  { member, registry, found, snapshot }: Scene,
  decision: Act,
  cluster: Cluster,
  now: Inspection | null,
): Promise<void> {
  const before = snapshot.cluster.kind === "known" ? snapshot.cluster.cluster : null;
  if (decision.kind !== "bootstrap" || now === null || before?.phase !== "running") return;
  if (!isSamePlace(found.held, now.held)) return;
  const { attempt, lineage } = found;
  try {
    // First the copy says again what it followed: that attempt will be nobody's.
    await member.database.writeIdentity({ datadirId: now.datadirId, attempt, lineage });
    await registry.report({ ...now, attempt, lineage }, new AbortController().signal);
    if (await registry.takeBack(cluster.attempt, before)) {
      const { member: name } = member.settings;
      log.warn("The bootstrap that {name} began is taken back: another one may try", { name });
      member.progress.note("The bootstrap that it began is taken back: another one may try");
    }
  } catch (error) {
    log.warn("The bootstrap that was begun is not taken back: {error}", { error });
  }
}

/** Waits out what stands in the way of a start. @throws What only a person can mend. */
async function waitOut(member: Member, error: unknown, signal: AbortSignal): Promise<void> {
  const { clock } = member.world;
  if (error instanceof StaleError) {
    log.info("Deciding again: {problem}", { problem: error.message });
    return await clock.sleep(100, signal);
  }
  if (error instanceof ConnectionLossError || error instanceof SessionExpiredError) {
    member.progress.enter("connecting", "Waiting for ZooKeeper: the connection was lost");
    await clock.sleep(100, signal);
    return await member.untilConnected(signal);
  }
  if (error instanceof TakenError) {
    member.progress.enter("waiting", `Waiting: ${error.message}`);
    await Promise.race([error.changed.catch(() => {}), clock.sleep(1000, signal)]);
    return;
  }
  if (error instanceof ZnodeError) {
    member.progress.enter("waiting", `Waiting, a person is needed: ${error.message}`);
    return await clock.sleep(member.timing.askAgainMs, signal);
  }
  if (error instanceof ZooKeeperError) {
    throw refusedByZooKeeper(error);
  }
  throw error;
}
