/** The start-up lock: one member starts at a time. */
import { getLogger } from "@logtape/logtape";
import type { Inspection } from "../mariadb/database.ts";
import type { Member } from "../member.ts";
import type { Registry } from "../registry.ts";
import { type HeldLock, Lock } from "../zookeeper/lock.ts";

const log = getLogger(["galera-keeper", "startup"]);

/** The lock that is held already; null where it is not, or not by this session. */
export async function keepLock(
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
export async function takeLock(
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

/** It is on its way; nobody waits for it. */
export function letGo(lock: HeldLock | null): void {
  lock?.release().catch((error) => log.debug("The lock is not let go: {error}", { error }));
}
