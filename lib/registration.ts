/** From a server that is Primary to a member that is registered, and registered again. */
import { getLogger } from "@logtape/logtape";
import type { Cluster, MemberRecord, SeenRecord } from "./cluster/view.ts";
import { joined, UNKNOWN_DATADIR } from "./cluster/record.ts";
import type { Running } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { inViewOf } from "./adoptions.ts";
import { type Registry, StaleError, TakenError } from "./registry.ts";
import { ConnectionLossError, SessionExpiredError } from "./zookeeper/errors.ts";
import { type Node, ZnodeError } from "./znodes.ts";

const log = getLogger(["galera-keeper", "registration"]);

/** A server that has joined, or begun, a primary component. */
export interface Started {
  readonly running: Running;
  readonly datadirId: string;
  readonly serverId: number;
  /** The cluster's UUID, as `mariadbd` says it. */
  readonly uuid: string;
  /** The cluster as this member last knew it; `attempt` is the one its datadir follows. */
  cluster: Cluster;
  /** The records as they were when this member started, for an ensemble that is emptied. */
  readonly records: readonly SeenRecord[];
  /** Bytes of data when it was last inspected. */
  readonly dataBytes: number;
  /** It was started to bootstrap and takes no writes yet. */
  readOnly: boolean;
  /** Others started it: the members of its Galera view, by name. Absent where it is ours to stop. */
  adopted?: readonly string[];
}

/** How a registration ended: `overruled` when another attempt is on record, a person's. */
export type Registration = "registered" | "overruled";

/**
 * Registers, as long as that takes: finishes an unfinished bootstrap of this member's, puts back what
 * an emptied ensemble has lost, registers, and lets clients in. A server that runs is left alone
 * whatever the ensemble does.
 *
 * @param signal Ends it. @throws The signal's reason.
 */
export async function untilRegistered(
  member: Member,
  started: Started,
  signal: AbortSignal,
): Promise<Registration> {
  for (;;) {
    signal.throwIfAborted();
    const registry = await member.registry(signal);
    try {
      return await registerOnce(member, registry, started, signal);
    } catch (error) {
      signal.throwIfAborted();
      await pause(member, error, signal);
    }
  }
}

/** One try. @throws What `pause` knows how to wait out. */
export async function registerOnce(
  member: Member,
  registry: Registry,
  started: Started,
  signal: AbortSignal,
): Promise<Registration> {
  await registry.prepare();
  const { cluster } = await registry.readCluster();
  switch (cluster.kind) {
    case "unreadable":
      throw new ZnodeError(cluster.problem);
    case "none":
      await restore(member, registry, started);
      throw new StaleError("The cluster was put on record again");
    case "known":
      if (cluster.cluster.attempt !== started.cluster.attempt) return "overruled";
  }
  const { attempt } = started.cluster;
  if (!await registry.finishBootstrap(attempt, started.uuid)) return "overruled";
  await registry.register(nodeOf(member, started), attempt, started.serverId, signal);
  member.hasName(registry);
  if (started.readOnly) {
    // Only now: a row acknowledged before would be in a datadir whose record still says starting.
    await started.running.makeWritable();
    started.readOnly = false;
  }
  const now = (await registry.readCluster()).cluster;
  if (now.kind === "known") started.cluster = now.cluster;
  return "registered";
}

/** What `nodes/<address>` says of this member now. */
export function nodeOf(member: Member, started: Started): Node {
  const { primary, readyAt } = member.progress.status;
  return {
    member: member.settings.member,
    datadirId: started.datadirId,
    uuid: started.uuid,
    primary,
    http: member.settings.http,
    dataBytes: started.dataBytes,
    since: readyAt ?? member.world.clock.now(),
    ...(started.adopted !== undefined && { adopted: started.adopted }),
  };
}

/**
 * The ensemble was emptied: what this member knows goes back in one multi, so that nobody who reads
 * the one without the other bootstraps a second cluster.
 */
async function restore(member: Member, registry: Registry, started: Started): Promise<void> {
  log.warn("The ensemble has lost the cluster: putting it on record again");
  const view = await started.running.viewMembers();
  const records = inViewOf(view).map(({ name, address }) => {
    const own = name === member.settings.member;
    const before = started.records.find((seen) =>
      seen.kind === "record" && seen.record.name === name
    );
    const known = before?.kind === "record" ? before.record : null;
    const record: MemberRecord = {
      name,
      serverId: own ? started.serverId : known?.serverId ?? null,
      address,
      // What the others ran on when this one started may have been lost and replaced since.
      datadirId: own ? started.datadirId : UNKNOWN_DATADIR,
      data: joined(started.uuid),
      instead: null,
      insteadCopy: null,
      lineage: started.cluster.attempts,
      http: own ? member.settings.http : known?.http ?? null,
    };
    return { record, own };
  });
  await registry.restore(started.cluster, records);
}

/** Waits out what keeps a member from registering, saying what it is. */
async function pause(member: Member, error: unknown, signal: AbortSignal): Promise<void> {
  const { clock, randomId } = member.world;
  const again = 100 + Number.parseInt(randomId().slice(0, 2), 16);
  if (error instanceof StaleError || error instanceof SessionExpiredError) {
    return await clock.sleep(again, signal);
  }
  if (error instanceof ConnectionLossError) return await clock.sleep(again, signal);
  log.warn("Cannot register yet: {problem}", {
    problem: error instanceof Error ? error.message : String(error),
  });
  const changed = error instanceof TakenError ? error.changed : new Promise(() => {});
  await Promise.race([changed.catch(() => {}), clock.sleep(member.timing.askAgainMs, signal)]);
}
