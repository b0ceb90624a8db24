/** What a member sees of the others while it holds the lock, and what it waits for without it. */
import type { View } from "../cluster/view.ts";
import type { Inspection } from "../mariadb/database.ts";
import type { Member } from "../member.ts";
import { askAll } from "../peers.ts";
import type { Snapshot } from "../snapshot.ts";

/** What this member can see, the lock being held. */
export async function see(
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
export async function untilAnythingChanges(
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
