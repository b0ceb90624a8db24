/** One member's whole life: start up, supervise, decide afresh, until it exits or is told to stop. */
import { getLogger } from "@logtape/logtape";
import type { ExitStatus } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { startUp } from "./startup.ts";
import { supervise } from "./supervise.ts";

const log = getLogger(["galera-keeper", "member"]);

/**
 * Keeps a member until its server exits by itself or the signal stops it. Its session is closed and
 * its datadir let go in every case.
 *
 * @param signal Stops it in order.
 * @returns How the server exited; null where we were told to stop and did.
 * @throws {KeeperError} What only a person can mend.
 */
export async function keep(member: Member, signal: AbortSignal): Promise<ExitStatus | null> {
  member.stopOn(signal);
  try {
    for (;;) {
      const up = await startUp(member, signal);
      if (up.kind === "exited") return up.status;
      const end = await supervise(member, up.started, signal);
      switch (end.kind) {
        case "exited":
          return end.status;
        case "stopped":
          return null;
        case "decide-afresh":
          log.info("Deciding afresh");
      }
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    await member.close();
    await member.database.close();
  }
}
