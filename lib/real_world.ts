/** A member in the real world: its settings and the ports of `world.ts`, from a configuration. */
import type { RunConfig } from "./config.ts";
import { askStatus } from "./http.ts";
import { REAL_CLOCK } from "./machine/clock.ts";
import type { Database } from "./mariadb/database.ts";
import { Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import type { Timing } from "./world.ts";
import { openSession } from "./zookeeper_session.ts";

/** The member that a configuration describes, around a real database and a real ensemble. */
export function realMember(
  { member, address, storage, size, http, zookeeper }: RunConfig,
  database: Database,
  timing: Timing,
  progress: Progress,
): Member {
  return new Member(
    { member, address, storage, size, root: zookeeper.root, http: http?.advertised ?? null },
    {
      connect: (signal, onWaiting) =>
        openSession(zookeeper, { makeChroot: true, signal, onWaiting }),
      database,
      ask: askStatus,
      clock: REAL_CLOCK,
      randomId: () => crypto.randomUUID().replaceAll("-", ""),
    },
    timing,
    progress,
  );
}
