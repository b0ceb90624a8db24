/** One member's whole life: start up, supervise, decide afresh, until it exits or is told to stop. */
import { getLogger } from "@logtape/logtape";
import { afterDrain, type Told } from "./drain.ts";
import type { ExitStatus } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { startUp } from "./startup.ts";
import type { StartUp } from "./startup/scene.ts";
import { supervise } from "./supervise.ts";
import type { StartLock } from "./turn.ts";

const log = getLogger(["galera-keeper", "member"]);

/**
 * Keeps a member until its server exits by itself or the signal stops it. Its session is closed and
 * its datadir let go in every case.
 *
 * @param told Stops it in order; one that serves drains first.
 * @returns How the server exited; null where we were told to stop and did.
 * @throws {KeeperError} What only a person can mend.
 */
export async function keep(member: Member, told: Told): Promise<ExitStatus | null> {
  using drained = afterDrain(member, told);
  const { signal } = drained;
  member.stopOn(signal);
  try {
    let lock: StartLock | null = null;
    for (;;) {
      const up: StartUp = await startUp(member, signal, lock);
      lock = null;
      if (up.kind === "exited") return up.status;
      const end = await supervise(member, up.started, signal);
      switch (end.kind) {
        case "exited":
          return end.status;
        case "stopped":
          return null;
        case "decide-afresh":
          // Its server has stopped in the middle of a drain.
          if (told.signal.aborted) return null;
          log.info("Deciding afresh");
          break;
        case "turn":
          lock = end.lock;
          if (told.signal.aborted) return null;
          await member.pacing.succeeded(); // Stopped in order.
      }
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    // Stopped in order, whatever it was at: whoever starts it again wants that now.
    if (told.signal.aborted) await member.pacing.succeeded();
    await member.close();
    await member.database.close();
  }
}
