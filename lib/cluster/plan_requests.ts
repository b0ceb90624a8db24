/** What a person asks of all members, before it is written: who is in it, in which order, or why not. Pure. */
import type { Refusal } from "./operate.ts";
import {
  describeRequest,
  isOver,
  orderToStop,
  type Other,
  type Request,
  type Stopping,
  whyNotNow,
} from "./requests.ts";
import { and, nameOf } from "./say.ts";
import type { SeenRecord } from "./view.ts";

/** What is asked for; who asked and when is added to it. */
export type Asked = Pick<Request, "kind" | "members" | "outage">;

/** What is to be asked of whom. */
export interface RequestPlan {
  readonly kind: "ask";
  readonly asked: Asked;
  /** Members on record that do not run. */
  readonly skipped: readonly string[];
}

/** What a person sees who asks. */
export interface RequestSight {
  /** Who had all starts pause and since when, in a few words; null where nobody did. */
  readonly paused: string | null;
  readonly records: readonly SeenRecord[];
  /** All that are registered. */
  readonly registered: readonly Other[];
  /** What was asked last. */
  readonly standing: Request | null;
}

/**
 * A restart in turn, by name.
 *
 * @param only Whom, all being on record; null for all that are registered.
 * @param outage Whether it is meant that nobody serves meanwhile.
 */
export function planRestart(
  sight: RequestSight,
  { only, outage }: { readonly only: readonly string[] | null; readonly outage: boolean },
): RequestPlan | Refusal {
  const busy = inTheWay(sight.standing);
  if (busy !== null) return refused(busy);
  if (sight.paused !== null) {
    return refused(`All starts are paused ${sight.paused}: \`galera-keeper resume\` first`);
  }
  const running = namesOf(sight.registered);
  const missing = (only ?? []).filter((name) => !running.includes(name));
  if (missing.length > 0) {
    return refused(
      `${and(missing)} ${
        missing.length > 1 ? "are" : "is"
      } not registered: only what runs can be ` +
        "restarted; see galera-keeper status",
    );
  }
  const members = running.filter((name) => only === null || only.includes(name));
  const adopted = adoptedOf(sight).filter((name) => members.includes(name));
  if (adopted.length > 0) {
    return refused(`${notOurs(adopted)}; or name the others with --only`);
  }
  const [first] = members;
  if (first === undefined) return refused("No member is registered: there is nothing to restart");
  const others = sight.registered.filter(({ name }) => name !== first);
  const primary = sight.registered.some((one) => one.name === first && one.primary);
  const seen = { primary, others, records: sight.records };
  const why = whyNotNow({ members, outage }, first, seen);
  if (why === null) return plan({ kind: "restart", members, outage }, sight, only ?? []);
  const meant = !outage && whyNotNow({ members, outage: true }, first, seen) === null;
  return refused(
    meant
      ? `Not restarted, as ${why}: give --yes where that is meant`
      : `Not restarted, as ${why}; see galera-keeper status`,
  );
}

/**
 * A stop of all, the last one known.
 *
 * @param running What the registered members say of themselves.
 */
export function planStop(
  sight: RequestSight,
  running: readonly Stopping[],
): RequestPlan | Refusal {
  const busy = inTheWay(sight.standing);
  if (busy !== null) return refused(busy);
  const adopted = adoptedOf(sight);
  if (adopted.length > 0) return refused(notOurs(adopted));
  return plan({ kind: "stop", members: orderToStop(running), outage: true }, sight, []);
}

function adoptedOf({ registered }: RequestSight): readonly string[] {
  return namesOf(registered.filter(({ isAdopted }) => isAdopted));
}

function notOurs(adopted: readonly string[]): string {
  const what = adopted.length > 1 ? "are adopted: their servers are" : "is adopted: its server is";
  return `${
    and(adopted)
  } ${what} not ours to stop. Stop mariadbd there as it was started, and start ` +
    "galera-keeper run in its place";
}

function plan(
  asked: Asked,
  { records }: RequestSight,
  only: readonly string[],
): RequestPlan {
  const skipped = only.length > 0
    ? []
    : records.map(nameOf).filter((name) => !asked.members.includes(name));
  return { kind: "ask", asked, skipped };
}

/** Why nothing else can be asked for now; null where it can. */
export function inTheWay(standing: Request | null): string | null {
  return standing === null || isOver(standing) ? null : `Refused: ${describeRequest(standing)}`;
}

function namesOf(registered: readonly Other[]): readonly string[] {
  return registered.flatMap(({ name }) => name ?? []).toSorted((a, b) =>
    a.localeCompare(b, "en", { numeric: true })
  );
}

function refused(reason: string): Refusal {
  return { kind: "refused", reason };
}
