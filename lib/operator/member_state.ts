/** How a member is, in a few words. Pure. */

import type { MemberRecord, RecordData } from "../cluster/view.ts";
import type { MemberStatus } from "../progress.ts";
import { percentOf, type Transfer } from "../transfer.ts";
import { and } from "../cluster/say.ts";

/** How well a member is: it serves, it is on its way, or it does neither. */
export type Health = "well" | "busy" | "bad";

/** How a member is. */
export interface MemberState {
  /** A few words that go behind its name. */
  readonly words: string;
  readonly health: Health;
}

/** What is known of a member. */
export interface Known {
  /** What it says of itself; null where it does not answer. */
  readonly status: MemberStatus | null;
  /** Null where there is none, or none that can be read. */
  readonly record: MemberRecord | null;
  /** A keeper speaks for it now. */
  readonly isPresent: boolean;
  /** Whether it is registered, and how; `unknown` where ZooKeeper does not answer. */
  readonly registered: "primary" | "not-primary" | "no" | "unknown";
  /** Whether it can be asked at all. */
  readonly offersHttp: boolean;
  /** It is in the Galera view of an adopted member that is Primary. */
  readonly isInView?: boolean;
}

/** How a member is. */
export function stateOf(known: Known): MemberState {
  const { status, record, isPresent, registered } = known;
  if (status !== null) return stateByItself(status, registered);
  if (registered === "primary" || registered === "not-primary") return stateByNode(known);
  if (isPresent) return busy("starting, no answer");
  if (known.isInView) return busy("runs, without a keeper");
  return record === null ? bad("not there") : stateByRecord(record.data);
}

const well = (words: string): MemberState => ({ words, health: "well" });
const busy = (words: string): MemberState => ({ words, health: "busy" });
const bad = (words: string): MemberState => ({ words, health: "bad" });

/** As it says itself. */
function stateByItself(status: MemberStatus, registered: Known["registered"]): MemberState {
  switch (status.stage) {
    case "connecting":
      return busy("waiting for ZooKeeper");
    case "inspecting":
      return busy("looking at its data");
    case "locking":
      return busy("waiting for the start-up lock");
    case "waiting":
      return waiting(status);
    case "bootstrapping":
      return busy("bootstrapping");
    case "joining":
      return busy(transferring("joining", "from", status.transfer));
    case "registering":
      return busy("registering");
    case "registered":
      return serving(status, registered);
    case "draining":
      return busy("draining");
    case "stopping":
      return busy("stopping");
    case "plain":
      return bad("runs without Galera");
  }
}

function waiting({ decision, member }: MemberStatus): MemberState {
  if (decision?.kind !== "wait") return busy("waiting");
  const whom = decision.waitsFor.filter((name) => name !== member);
  const words = whom.length > 2
    ? `waiting for ${whom.length} members`
    : whom.length > 0
    ? `waiting for ${and(whom)}`
    : decision.person === null
    ? "waiting"
    : "waiting for a person";
  return decision.person === null ? busy(words) : bad(words);
}

/** `wsrep_local_state` of a donor, and of a member with `wsrep_desync`. */
const DONOR = 2;

function serving(status: MemberStatus, registered: Known["registered"]): MemberState {
  const { answers, primary, synced, localState, letsClientsIn, transfer } = status;
  if (!answers) return bad("mariadbd does not answer");
  if (!primary) return bad("not Primary");
  const donates = transfer !== null && transfer.role === "donor" && transfer.endedAt === null;
  if (donates) return busy(transferring("donating", "to", transfer));
  if (localState === DONOR) return busy("donating or desynced");
  if (!synced) return busy("Primary, not Synced");
  if (!letsClientsIn) return busy("Synced, lets no client in");
  if (registered === "no") return busy("Synced, not registered");
  return well(status.adopted ? "Synced, adopted" : "Synced");
}

function transferring(verb: string, preposition: string, transfer: Transfer | null): string {
  if (transfer === null || transfer.endedAt !== null) return verb;
  const percent = percentOf(transfer);
  return [
    verb,
    ...percent === null ? [] : [`${percent} %`],
    ...transfer.peer === null ? [] : [`${preposition} ${transfer.peer}`],
  ].join(" ");
}

/** Registered, and it does not answer us: its keeper keeps the registration true. */
function stateByNode({ registered, offersHttp }: Known): MemberState {
  if (registered === "not-primary") return bad("not Primary, no answer");
  return offersHttp ? bad("Primary, no answer") : well("Primary, offers no HTTP");
}

/** Nobody speaks for it. */
function stateByRecord(data: RecordData): MemberState {
  switch (data.kind) {
    case "running":
      return bad(data.starting ? "died starting" : "died running");
    case "at":
      return bad(data.safeToBootstrap ? "stopped, safe to bootstrap" : "stopped");
    case "nothing":
      return bad("stopped, without data");
    case "torn":
      return bad("stopped, its SST was torn");
    case "standalone":
      return bad("stopped, with data of its own");
  }
}
