/** What was decided is done: the record says running, `mariadbd` is spawned, as the first one or as a joiner. */
import { begin } from "../cluster/attempts.ts";
import { beforeSpawn } from "../cluster/record.ts";
import type { Cluster } from "../cluster/view.ts";
import type { Inspection, Running, SpawnPlan } from "../mariadb/database.ts";
import { StaleError } from "../registry.ts";
import { ZooKeeperError } from "../zookeeper/errors.ts";
import { type Act, identityOf, type Scene, type StartUp } from "./scene.ts";
import { untilServing } from "./serve.ts";
import { recordAfterStop, takeBack } from "./stopped.ts";

/** Bootstraps or joins; the lock is held until the member is registered or has stopped again. */
export async function act(
  before: Scene,
  decision: Act,
  signal: AbortSignal,
): Promise<StartUp | null> {
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

function spawnPlan(decision: Act, { held }: Inspection, serverId: number): SpawnPlan {
  const startPosition = held.kind === "at" ? held.position : null;
  return decision.kind === "bootstrap"
    ? { kind: "bootstrap", startPosition, serverId }
    : { kind: "join", donors: decision.donors, startPosition, serverId };
}
