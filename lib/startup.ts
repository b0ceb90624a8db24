/**
 * Start-up, from a datadir to a registered member:
 *
 *     connect → inspect the datadir → record → lock → record again, observe → decide → act →
 *     register → unlock
 *
 * Nothing that was read before the lock was held is acted on. The steps are in `startup/`: the lock,
 * what is observed under it, the act up to the spawn, the way from there to the registration, and what
 * is put on record where it comes to a stop instead.
 */
import { getLogger } from "@logtape/logtape";
import { decide } from "./cluster/decide.ts";
import { KeeperError, UnavailableError } from "./errors.ts";
import type { Inspection } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { refusedByZooKeeper } from "./refusal.ts";
import { noteFailedStart, noteStopped } from "./requests.ts";
import { type Registry, StaleError, TakenError } from "./registry.ts";
import { act } from "./startup/act.ts";
import { keepLock, letGo, takeLock } from "./startup/lock.ts";
import { see, untilAnythingChanges } from "./startup/observe.ts";
import type { StartUp } from "./startup/scene.ts";
import type { HeldLock } from "./zookeeper/lock.ts";
import { ConnectionLossError, SessionExpiredError, ZooKeeperError } from "./zookeeper/errors.ts";
import { ZnodeError } from "./znodes.ts";

const log = getLogger(["galera-keeper", "startup"]);

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
        patience ??= member.world.clock.nowMs() + registry.ensemble.sessionTimeoutMs * 4 / 3;
        await untilFree(member, error, patience, signal);
      } else await waitOut(member, error, signal);
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

/**
 * Waits until what is in the way may have gone, as a dead keeper's session does.
 *
 * @param untilMs It is another keeper's that lives, after that. @throws {UnavailableError} Then.
 */
export async function untilFree(
  { progress, world: { clock } }: Member,
  { message, changed }: TakenError,
  untilMs: number,
  signal: AbortSignal,
): Promise<void> {
  const leftMs = untilMs - clock.nowMs();
  if (leftMs <= 0) throw new UnavailableError(`${message}: stop it first`);
  progress.enter("waiting", `Waiting: ${message}`);
  const waited = new AbortController();
  try {
    const late = clock.sleep(leftMs, AbortSignal.any([signal, waited.signal]));
    await Promise.race([changed.catch(() => {}), late]);
  } finally {
    waited.abort();
  }
}

/** Waits out what stands in the way of a start. @throws What only a person can mend. */
export async function waitOut(member: Member, error: unknown, signal: AbortSignal): Promise<void> {
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
  if (error instanceof ZnodeError) {
    member.progress.enter("waiting", `Waiting, a person is needed: ${error.message}`);
    return await clock.sleep(member.timing.askAgainMs, signal);
  }
  if (error instanceof ZooKeeperError) {
    throw refusedByZooKeeper(error);
  }
  throw error;
}
