/** From a spawned server to a registered member, or to a stop. */
import { getLogger } from "@logtape/logtape";
import type { Running } from "../mariadb/database.ts";
import { describeExit, exitSignal } from "../exit.ts";
import type { Member } from "../member.ts";
import { type Started, untilRegistered } from "../registration.ts";
import { noteFailedStart } from "../requests.ts";
import { type BringUp, bringUp } from "./bring_up.ts";
import { type Act, identityOf, type Scene, type Spawned, type StartUp } from "./scene.ts";
import { recordAfterStop, takeBack } from "./stopped.ts";

const log = getLogger(["galera-keeper", "startup"]);

/** From the spawn to the registration; the lock goes back only after either or a stop. */
export async function untilServing(
  scene: Scene,
  decision: Act,
  { running, serverId, cluster }: Spawned,
  signal: AbortSignal,
): Promise<StartUp | null> {
  const { member, found } = scene;
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
