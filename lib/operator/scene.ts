/** What an operator sees: all that is on record, and what members say of themselves. */

import type { Said, Scene } from "../cluster/dry_run.ts";
import { parsePosition, PositionError } from "../cluster/position.ts";
import type { Held } from "../cluster/view.ts";
import { askMember } from "../http.ts";
import { Operator, type Reading } from "./operator.ts";
import type { MemberStatus, SaidHeld } from "../progress.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { NoNodeError } from "../zookeeper/errors.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Arbitrator } from "../znodes.ts";
import { askSight } from "./sight.ts";
import type { Heard } from "./status.ts";

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
  const asking = new Asking(signal);
  const reading = await readOrNull(new Operator(ensemble, root, asking.ask), signal);
  return await sceneOf(reading, asking);
}

/**
 * Asks every member that has an address, by what was read before.
 *
 * @param snapshot Null where nobody has ever reported.
 * @param also Others to ask, `host:port` each.
 */
export async function askScene(
  snapshot: Snapshot | null,
  arbitrators: readonly Arbitrator[],
  also: readonly string[],
  signal: AbortSignal,
): Promise<SeenScene & Pick<Heard, "silent">> {
  const asking = new Asking(signal);
  const others = also.map((http) => asking.ask(http));
  const sight = snapshot === null
    ? null
    : await askSight(snapshot, () => Promise.resolve(arbitrators), asking.ask, signal);
  const answers = await Promise.allSettled(others);
  const known = snapshot === null ? [] : addressesOf(snapshot);
  const silent = answers.flatMap((answer, at) => {
    const address = also[at]!;
    if (answer.status === "fulfilled" || known.includes(address)) return [];
    return [{ address, problem: messageOf(answer.reason) }];
  });
  const reading = snapshot === null || sight === null ? null : { snapshot, sight };
  return { ...await sceneOf(reading, asking), silent };
}

/** Where members answer that are on record, `host:port` each. */
export function addressesOf({ records, nodes }: Snapshot): readonly string[] {
  const ofRecords = records.map((seen) => seen.kind === "record" ? seen.record.http : null);
  const ofNodes = nodes.map(({ node }) => node?.http ?? null);
  return [...new Set([...ofRecords, ...ofNodes].filter((http) => http !== null))];
}

/** Asks members, each once: a registered member is on record, too. */
class Asking {
  readonly #signal: AbortSignal;
  readonly asked = new Map<string, Promise<MemberStatus>>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly ask = (http: string): Promise<MemberStatus> => {
    const answer = this.asked.get(http) ?? askMember(http, this.#signal);
    this.asked.set(http, answer);
    return answer;
  };
}

async function sceneOf(reading: Reading | null, { asked }: Asking): Promise<SeenScene> {
  const sight = reading?.sight ?? NOTHING;
  const statuses = new Map<string, MemberStatus>();
  for (const answer of await Promise.allSettled(asked.values())) {
    if (answer.status === "rejected" || isAnothers(sight, answer.value)) continue;
    statuses.set(answer.value.member, answer.value);
  }
  const said = new Map([...statuses].map(([name, status]) => [name, saidBy(status)]));
  return { sight, said, statuses, reading };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
