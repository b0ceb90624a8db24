/** What an operator sees: all that is on record, and what members say of themselves. */

import type { Said, Scene } from "../cluster/dry_run.ts";
import { parsePosition, PositionError } from "../cluster/position.ts";
import type { Held } from "../cluster/view.ts";
import { askMember } from "../http.ts";
import { Operator, type Reading } from "./operator.ts";
import type { MemberStatus, SaidHeld } from "../progress.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";

/** All that is on record, and what members say. */
export interface SeenScene extends Scene {
  /** Null where nobody has ever reported below the root. */
  readonly reading: Reading | null;
  /** What members that answer say of themselves, by name. */
  readonly statuses: ReadonlyMap<string, MemberStatus>;
}

/** Reads all that is on record below a root, and asks every member that has an address. */
export async function readScene(
  ensemble: Ensemble,
  root: string,
  signal: AbortSignal,
): Promise<SeenScene> {
  const asked = new Map<string, Promise<MemberStatus>>();
  // A registered member is on record, too: it is asked once for both.
  const ask = (http: string) => {
    const answer = asked.get(http) ?? askMember(http, signal);
    asked.set(http, answer);
    return answer;
  };
  const reading = await readOrNull(new Operator(ensemble, root, ask), signal);
  const sight = reading?.sight ?? NOTHING;
  const statuses = new Map<string, MemberStatus>();
  for (const answer of await Promise.allSettled(asked.values())) {
    if (answer.status === "rejected" || isAnothers(sight, answer.value)) continue;
    statuses.set(answer.value.member, answer.value);
  }
  const said = new Map([...statuses].map(([name, status]) => [name, saidBy(status)]));
  return { sight, said, statuses, reading };
}

/**
 * Whether another cluster's keeper of the same name answers at an address that was a member's: that one
 * is not there, or is on record with the datadir that it has.
 */
function isAnothers({ records }: Scene["sight"], { member, datadirId }: MemberStatus): boolean {
  return records.some((seen) =>
    seen.kind === "record" && seen.record.name === member && !seen.present &&
    seen.record.datadirId !== datadirId
  );
}

const NOTHING: Scene["sight"] = {
  storage: "persistent",
  paused: null,
  cluster: { kind: "none" },
  records: [],
  registered: [],
  serving: [],
};

async function readOrNull(operator: Operator, signal: AbortSignal): Promise<Reading | null> {
  try {
    return await operator.read(signal);
  } catch (error) {
    if (error instanceof NoNodeError) return null;
    throw error;
  }
}

function saidBy({ held, attempt, size, doing }: MemberStatus): Said {
  return { held: held === null ? null : readHeld(held), attempt, size, doing };
}

function readHeld(held: SaidHeld): Held | null {
  if (held.kind !== "at") return { kind: held.kind };
  try {
    return { ...held, position: parsePosition(held.position) };
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
    return null;
  }
}
