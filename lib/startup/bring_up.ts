/** From a spawned server to one that is Primary and Synced, or to the reason why not. */
import type { Running, WsrepStatus } from "../mariadb/database.ts";
import type { Member } from "../member.ts";
import { OtherPrimary } from "../peers.ts";

/** How it ended, where the server did not exit by itself. */
export type BringUp =
  | { readonly kind: "up"; readonly uuid: string }
  | { readonly kind: "stalled"; readonly forMs: number }
  | { readonly kind: "lost-primary" }
  | { readonly kind: "other-cluster"; readonly uuid: string };

/**
 * Looks at a server until it is Primary, Synced and, where it joins, ready.
 *
 * @param expectedUuid The cluster it is to join; null for a bootstrap.
 * @param signal Ends it. @throws The signal's reason.
 */
export async function bringUp(
  member: Member,
  running: Running,
  expectedUuid: string | null,
  signal: AbortSignal,
): Promise<BringUp> {
  const { clock } = member.world;
  const { startPollMs, stallMs, nonPrimaryGraceMs, askAgainMs } = member.timing;
  using others = new OtherPrimary(member.settings.member);
  let moved = "";
  let movedAtMs = clock.nowMs();
  let primaryAtMs: number | null = null;
  let askAtMs = 0;
  let aloneSinceMs: number | null = null;
  for (;;) {
    const status = await running.status();
    signal.throwIfAborted();
    member.progress.observe(status);
    await member.transfers.look(running);
    const nowMs = clock.nowMs();
    const seen = `${await running.transferredBytes()} ${fingerprint(status)}`;
    if (seen !== moved) {
      [moved, movedAtMs] = [seen, nowMs];
      askAtMs = nowMs + askAgainMs;
      aloneSinceMs = null;
    }
    if (status?.primary) {
      primaryAtMs = nowMs;
      const ready = status.synced && (status.ready || expectedUuid === null);
      if (ready && expectedUuid !== null && status.clusterUuid !== expectedUuid) {
        return { kind: "other-cluster", uuid: status.clusterUuid };
      }
      if (ready) return { kind: "up", uuid: status.clusterUuid };
    } else if (status !== null && primaryAtMs !== null && nowMs - primaryAtMs > nonPrimaryGraceMs) {
      return { kind: "lost-primary" };
    }
    if (expectedUuid !== null && !status?.primary && nowMs >= askAtMs) {
      askAtMs = nowMs + askAgainMs;
      // As long as a member waits that lost the others: one whose session was lost registers again.
      aloneSinceMs = await isAlone(member, others) ? aloneSinceMs ?? nowMs : null;
      if (aloneSinceMs !== null && nowMs - aloneSinceMs >= nonPrimaryGraceMs) {
        return { kind: "lost-primary" };
      }
    }
    // Bytes count, not time: an SST of two terabytes takes as long as it takes.
    if (nowMs - movedAtMs > stallMs) return { kind: "stalled", forMs: nowMs - movedAtMs };
    await clock.sleep(startPollMs, signal);
  }
}

/**
 * Whether no member is Primary any more. A joiner cannot say so: it is silent as long as its SST
 * lasts, and one whose only donor was killed waits for more of it without end, with the lock that the
 * donor needs to come back. False while the ensemble cannot be asked.
 */
async function isAlone({ connected }: Member, others: OtherPrimary): Promise<boolean> {
  if (connected === null) return false;
  return !await others.isThere(connected).catch(() => true);
}

function fingerprint(status: WsrepStatus | null): string {
  if (status === null) return "silent";
  const { primary, connected, localState, lastCommitted, clusterSize } = status;
  return [primary, connected, localState, lastCommitted, clusterSize].join(" ");
}
