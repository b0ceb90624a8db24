/**
 * A server that others started becomes a member, and is kept as one: registered, asked, never started and
 * never stopped. Members that are started by a keeper then join through it, so that a cluster that was
 * run by hand is taken over one member at a time.
 */
import { getLogger } from "@logtape/logtape";
import { requireAdoptable } from "./adoptable.ts";
import { inViewOf, namesOf } from "./adoptions.ts";
import { planAdoption } from "./cluster/adopt.ts";
import { describeRequest, isOver } from "./cluster/requests.ts";
import { RefusedError, UnavailableError } from "./errors.ts";
import { exitSignal } from "./exit.ts";
import type { Adoptable, ServerFacts } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { askAll } from "./peers.ts";
import { type Registry, StaleError, TakenError } from "./registry.ts";
import { type Started, untilRegistered } from "./registration.ts";
import { acquireStartLock, letGo } from "./startup/lock.ts";
import { untilFree, waitOut } from "./startup.ts";
import { supervise } from "./supervise.ts";

const log = getLogger(["galera-keeper", "adopt"]);

const OVERRULED =
  "Another attempt is on record, a person decided otherwise: this server is not of that " +
  "cluster; stop it and start galera-keeper run";

/**
 * Adopts the server that runs on this member's datadir and keeps it, until it ends or the signal ends us.
 * The session is closed and the datadir let go in every case.
 *
 * @param clusterName Galera's name for the cluster.
 * @param signal Deregisters; the server runs on.
 * @returns Whether the server has ended.
 * @throws {KeeperError} Why it is not adopted, or not any more.
 */
export async function adopt(
  member: Member,
  clusterName: string,
  signal: AbortSignal,
): Promise<boolean> {
  member.stopOn(signal);
  try {
    member.progress.adopt();
    member.progress.enter("inspecting", "Looking for the mariadbd to adopt");
    const server = await member.database.adopt();
    using exit = exitSignal(server.running, signal);
    try {
      const started = await untilAdopted(member, clusterName, server, exit.signal);
      const end = await supervise(member, started, signal);
      if (end.kind === "decide-afresh") throw new RefusedError(OVERRULED);
      return end.kind === "exited";
    } catch (error) {
      if (!exit.exited || signal.aborted) throw error;
      throw new UnavailableError("mariadbd has ended before it was adopted", { cause: error });
    }
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    await member.close();
    await member.database.close();
  }
}

async function untilAdopted(
  member: Member,
  clusterName: string,
  server: Adoptable,
  signal: AbortSignal,
): Promise<Started> {
  const { nowMs } = member.world.clock;
  let patience: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    // Before anything is written anywhere.
    await factsOf(member, clusterName, server);
    member.progress.enter("connecting", "Connecting to ZooKeeper");
    const registry = await member.registry(signal);
    try {
      return await adoptOnce(member, clusterName, server, registry, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TakenError) {
        patience ??= nowMs() + registry.ensemble.sessionTimeoutMs * 4 / 3;
        await untilFree(member, error, patience, signal);
      } else await waitOut(member, error, signal);
    }
  }
}

async function factsOf(member: Member, clusterName: string, server: Adoptable) {
  const facts = await server.facts();
  const { member: name, address } = member.settings;
  requireAdoptable(facts, { member: name, address, clusterName });
  // Checked: one that does not answer is not adopted.
  return { ...facts, status: facts.status! };
}

async function adoptOnce(
  member: Member,
  clusterName: string,
  server: Adoptable,
  registry: Registry,
  signal: AbortSignal,
): Promise<Started> {
  await registry.prepare();
  // Of an earlier try in this session, whose connection was lost.
  await registry.deregister();
  await registry.claim(signal);
  member.progress.enter("locking", "Waiting for the start-up lock: one member starts at a time");
  const lock = await acquireStartLock(member, registry, signal);
  const watches = new AbortController();
  try {
    const snapshot = await registry.observe(watches.signal);
    // What was read before the lock was held is not acted on.
    const facts = await factsOf(member, clusterName, server);
    const { status } = facts;
    if (facts.inView.length !== status.clusterSize) {
      throw new StaleError("The Galera view is changing");
    }
    const inView = inViewOf(facts.inView);
    const identity = await server.identity();
    const { member: name, address } = member.settings;
    const { cluster: onRecord, version, records, storage, nodes } = snapshot;
    const clusterUuid = onRecord.kind === "known" ? onRecord.cluster.uuid : null;
    const sighting = await registry.adoptions.sighting();
    const request = (await registry.requests.read())?.request ?? null;
    const plan = planAdoption({
      self: {
        name,
        datadirId: identity.datadirId,
        attempt: identity.attempt,
        lineage: identity.lineage,
        position: { uuid: status.clusterUuid, seqno: status.lastCommitted },
      },
      sighting: sighting?.sighting ?? null,
      inView,
      storage,
      cluster: onRecord,
      records,
      registered: await askAll(
        nodes,
        { member: name, address, clusterUuid },
        member.world.ask,
        signal,
      ),
      asked: request === null || isOver(request) ? null : describeRequest(request),
      size: member.settings.size,
    });
    if (plan.kind === "refuse") throw new RefusedError(`Not adopted: ${plan.reason}`);
    const { cluster } = plan;
    const { datadirId } = identity;
    const followed = { datadirId, attempt: cluster.attempt, lineage: cluster.attempts };
    // On disk before it is on record, as before each start.
    await member.database.writeIdentity(followed);
    const { records: running } = plan;
    await registry.adoptions.begin(lock.path, {
      cluster,
      version,
      records: running,
      inView,
      sighting,
    });
    member.hasName(registry);
    const serverId = plan.records.find((record) => record.name === name)!.serverId!;
    member.progress.identify({ datadirId, serverId });
    member.progress.observe(status);
    tellOf(member, facts, namesOf(inView));
    const started: Started = {
      running: server.running,
      datadirId,
      serverId,
      uuid: status.clusterUuid,
      cluster,
      records,
      dataBytes: 0,
      readOnly: false,
      adopted: namesOf(inView),
    };
    member.progress.enter("registering", "Primary and Synced, registering");
    if (await untilRegistered(member, started, signal) === "overruled") {
      throw new RefusedError(OVERRULED);
    }
    member.progress.ready();
    return started;
  } finally {
    watches.abort();
    letGo(lock);
  }
}

/** Galera's own default: what `run` has where it is not told otherwise. */
const GCACHE_SIZE = "128M";

function tellOf(
  { progress, settings }: Member,
  { inView, gcacheSize }: ServerFacts,
  names: readonly string[],
): void {
  const others = names.filter((name) => name !== settings.member);
  progress.note(
    `Adopted, started by others; in its Galera view: ${others.join(", ") || "nobody else"}`,
  );
  log.info("Adopted; on record as running: {names}", { names: names.join(", ") });
  const arbitrators = inView.filter(({ address }) => address === "").map(({ name }) => name);
  if (arbitrators.length > 0) {
    log.warn(
      "In the Galera view without an address, taken for arbitrators, without data: {names}",
      {
        names: arbitrators.join(", "),
      },
    );
  }
  if (gcacheSize === GCACHE_SIZE || gcacheSize === "") return;
  log.info("For IST as now, galera-keeper run needs --provider-options gcache.size={gcacheSize}", {
    gcacheSize,
  });
}
