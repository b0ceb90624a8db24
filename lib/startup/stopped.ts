/** What is put on record once a server has stopped. */
import { getLogger } from "@logtape/logtape";
import { isSamePlace } from "../cluster/position.ts";
import type { Cluster } from "../cluster/view.ts";
import type { Inspection } from "../mariadb/database.ts";
import type { Member } from "../member.ts";
import { describeHeld } from "../progress.ts";
import type { Act, Scene } from "./scene.ts";

const log = getLogger(["galera-keeper", "startup"]);

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
    if (member.connected === null) {
      log.warn(
        "The position is not on record, as ZooKeeper cannot be reached: there {name} goes on to have " +
          "died running, and is waited for after an outage, until it is started again or forgotten",
        { name: member.settings.member },
      );
      return null;
    }
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
export async function takeBack(
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
