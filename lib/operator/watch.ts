/** `status --watch`: a report whenever ZooKeeper or a member has news. */

import type { ZooKeeperConfig } from "../config.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { follow } from "./follow.ts";
import { NOTHING_ON_RECORD, type OnRecord, readOnRecord } from "./on_record.ts";
import { addressesOf } from "./scene.ts";
import type { StatusReport } from "./status.ts";

/** How often members are asked anew, in milliseconds: what they do moves no znode. */
const ASK_EVERY_MS = 1000;

/** What one look is made of. */
export interface Glimpse {
  readonly onRecord: OnRecord;
  /** Why ZooKeeper does not answer; null where it does. */
  readonly away: string | null;
  /** Whom to ask beside those on record, `host:port` each. */
  readonly members: readonly string[];
}

/** How to look, and where to show it. */
export interface Watching {
  readonly config: ZooKeeperConfig;
  /** Whom to ask beside those on record, `host:port` each. */
  readonly members: readonly string[];
  look(glimpse: Glimpse, signal: AbortSignal): Promise<StatusReport>;
  /** @returns false where nobody looks any more. */
  show(report: StatusReport): boolean;
}

/**
 * Looks whenever a znode changes, and once a second at the members; shows each look. Where ZooKeeper
 * goes away, those are asked that were known by it.
 *
 * @throws The signal's reason. @throws {ZooKeeperError} The ensemble refuses it for good.
 */
export async function watchReports(watching: Watching, signal: AbortSignal): Promise<void> {
  const { config, members, look, show } = watching;
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  let glimpse: Glimpse | null = null;
  let known: readonly string[] = [];
  let wake = () => {};
  const following = follow<OnRecord>({
    config,
    read: (ensemble, watches) => readOnRecord(ensemble, config.root, watches),
    tell(followed) {
      if (followed.kind === "read") {
        const { snapshot } = followed.value;
        known = snapshot === null ? [] : addressesOf(snapshot);
        glimpse = { onRecord: followed.value, away: null, members };
      } else {
        const all = [...new Set([...members, ...known])];
        glimpse = { onRecord: NOTHING_ON_RECORD, away: followed.problem, members: all };
      }
      wake();
    },
  }, either);
  const showing = async () => {
    for (;;) {
      const waited = new AbortController();
      const woken = new Promise<void>((resolve) => wake = resolve);
      if (glimpse !== null && !show(await look(glimpse, either))) return;
      const late = REAL_CLOCK.sleep(ASK_EVERY_MS, AbortSignal.any([either, waited.signal]));
      await Promise.race([woken, late]).finally(() => waited.abort());
    }
  };
  try {
    await Promise.race([following, showing()]);
  } finally {
    ended.abort();
    await Promise.allSettled([following]);
  }
}
