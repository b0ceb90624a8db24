/** What members say that are on record, beside what the record says. */

import type { Sight } from "../cluster/operate.ts";
import { askAll } from "../peers.ts";
import type { NodeChild, Snapshot } from "../snapshot.ts";
import type { PeerStatus, World } from "../world.ts";
import type { Arbitrator } from "../znodes.ts";

/**
 * Asks every member that has an address, registered or not.
 *
 * @param readArbitrators What arbitrators say: read once all members were asked.
 */
export async function askSight(
  snapshot: Snapshot,
  readArbitrators: () => Promise<readonly Arbitrator[]>,
  ask: World["ask"],
  signal: AbortSignal,
): Promise<Sight> {
  const { cluster, records, storage, nodes, paused } = snapshot;
  const clusterUuid = cluster.kind === "known" ? cluster.cluster.uuid : null;
  // Who asks is no member: nobody is left out.
  const asking = { member: "", address: "", clusterUuid };
  const [registered, answering] = await Promise.all([
    askAll(nodes, asking, ask, signal),
    findServing(snapshot, clusterUuid, ask, signal),
  ]);
  const voting = (await readArbitrators()).filter(({ primary }) => primary);
  const seen = [...voting.flatMap(({ members }) => members), ...inAdoptedViews(nodes)];
  const serving = [...new Set([...answering.map(({ member }) => member), ...seen])];
  const unknownInView = countUnknown(answering, seen, nodes) - voting.length;
  return {
    ...{ storage, paused, cluster, records, registered, serving },
    ...(unknownInView > 0 && { unknownInView }),
  };
}

/** How many servers of a primary component are none that is known to be in it, arbitrators counted in. */
function countUnknown(
  answering: readonly PeerStatus[],
  seen: readonly string[],
  nodes: readonly NodeChild[],
): number {
  // An adopted member has the names of all that are in it.
  if (nodes.some(({ node }) => node?.primary && node.adopted !== undefined)) return 0;
  const primary = answering.filter((status) => status.primary);
  // Nobody can ask these.
  const mute = nodes.filter(({ node }) => node === null || (node.primary && node.http === null))
    .map(({ address, node }) => node?.member ?? address);
  const known = new Set([...primary.map(({ member }) => member), ...seen, ...mute]);
  return Math.max(0, ...primary.map(({ clusterSize }) => clusterSize ?? 0)) - known.size;
}

/** Who runs with an adopted server that is Primary, whether a keeper speaks for them or not. */
export function inAdoptedViews(nodes: readonly NodeChild[]): readonly string[] {
  return nodes.flatMap(({ node }) => node?.primary ? node.adopted ?? [] : []);
}

/**
 * Members that answer and run a server: one that is cut off from the ensemble only serves on. One that
 * does not answer either may yet be seen by an arbitrator that votes with it.
 */
async function findServing(
  { records }: Snapshot,
  clusterUuid: string | null,
  ask: World["ask"],
  signal: AbortSignal,
): Promise<readonly PeerStatus[]> {
  const statuses = await Promise.all(records.map(async (seen) => {
    if (seen.kind !== "record" || seen.record.http === null) return null;
    try {
      const status = await ask(seen.record.http, signal);
      const { member, primary, uuid } = status;
      // An address may have gone to another cluster, whose members may have the same names.
      const isOurs = clusterUuid === null || uuid === null || uuid === clusterUuid;
      return isOurs && member === seen.record.name && (primary || uuid !== null) ? status : null;
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }));
  return statuses.filter((status) => status !== null);
}
