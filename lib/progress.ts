/** What a member does now and why: kept in one place, served by `/status`, logged when it changes. */
import { getLogger } from "@logtape/logtape";
import { formatPosition } from "./cluster/position.ts";
import type { Decision, Held } from "./cluster/view.ts";
import type { Listener, MemberEvent } from "./events.ts";
import type { WsrepStatus } from "./mariadb/database.ts";
import { describeTransfer, type Transfer } from "./transfer.ts";
import type { SessionState } from "./zookeeper/ensemble.ts";
import type { Noted } from "./znodes.ts";

/** How far a member may be. */
export const STAGES = [
  "connecting",
  "inspecting",
  "locking",
  "waiting",
  "bootstrapping",
  "joining",
  "registering",
  "registered",
  "draining",
  "stopping",
  "plain",
] as const;

/** How far a member is. */
export type Stage = typeof STAGES[number];

/** What a datadir holds, as JSON. */
export type SaidHeld =
  | { readonly kind: "empty" | "fresh" | "standalone" | "torn" }
  /** The position as Galera writes it, `UUID:SEQNO`. */
  | { readonly kind: "at"; readonly position: string; readonly safeToBootstrap: boolean };

/** What `/status` shows, as JSON. */
export interface MemberStatus {
  readonly v: 1;
  readonly member: string;
  readonly datadirId: string | null;
  /** What its datadir held when it was last looked at; null before that. */
  readonly held: SaidHeld | null;
  /** The attempt that its datadir followed then. */
  readonly attempt: string | null;
  /** Its `--size`. */
  readonly size: number | null;
  readonly address: string;
  /** The cluster's UUID, once `mariadbd` says it. */
  readonly uuid: string | null;
  readonly primary: boolean;
  readonly synced: boolean;
  /** `mariadbd` answered when it was last asked. */
  readonly answers: boolean;
  /** `wsrep_local_state`: 1 joining, 2 donor or desynced, 3 joined, 4 synced; 0 without an answer. */
  readonly localState: number;
  /** Neither `wsrep_reject_queries` nor `wsrep_ready` keeps clients out. */
  readonly letsClientsIn: boolean;
  /** `read_only` is on. */
  readonly readOnly: boolean;
  /** 0 to 1, the part of its time that flow control had it paused; null without an answer. */
  readonly flowControlPaused: number | null;
  readonly stage: Stage;
  /** One plain sentence. */
  readonly doing: string;
  readonly decision: Decision | null;
  /** The last seqno committed, decimal; null while no server answers. */
  readonly seqno: string | null;
  readonly clusterSize: number | null;
  readonly serverId: number | null;
  readonly session: SessionState | "none";
  /** Since when it does that, ISO 8601. */
  readonly since: string;
  readonly startedAt: string;
  readonly readyAt: string | null;
  /** When the certificates of `--tls-dir` end, ISO 8601; null without them. */
  readonly certificateExpiresAt: string | null;
  /** Others started `mariadbd`: it is looked after, and never stopped. */
  readonly adopted: boolean;
  /** The state transfer that goes on now, as joiner or donor. */
  readonly transfer: Transfer | null;
  /** The last one that ended. */
  readonly lastTransfer: Transfer | null;
}

const log = getLogger(["galera-keeper", "member"]);

/** The state behind `/status`. */
export class Progress {
  readonly #now: () => string;
  #status: MemberStatus;
  #session: () => SessionState | "none" = () => "none";
  readonly #listeners: Listener[] = [];
  /** What the server last said to us where it refused us. */
  #refusal = "";
  #keep: (noted: Noted) => void = () => {};
  /** Whether it was in a primary component when it was last heard of as a registered member. */
  #wasPrimary = true;

  /** @param now The time of day, ISO 8601. */
  constructor(member: string, address: string, now: () => string) {
    this.#now = now;
    this.#status = {
      v: 1,
      member,
      datadirId: null,
      held: null,
      attempt: null,
      size: null,
      address,
      uuid: null,
      primary: false,
      synced: false,
      ...SILENT,
      stage: "connecting",
      doing: "Starting",
      decision: null,
      seqno: null,
      clusterSize: null,
      serverId: null,
      session: "none",
      since: now(),
      startedAt: now(),
      readyAt: null,
      certificateExpiresAt: null,
      adopted: false,
      transfer: null,
      lastTransfer: null,
    };
  }

  /** What `/status` shows now. */
  get status(): MemberStatus {
    return { ...this.#status, session: this.#session() };
  }

  /** Has somebody hear of all that happens from now on. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Tells those that listen. */
  tell(event: MemberEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Where the session's state is to be had. */
  watchSession(session: () => SessionState | "none"): void {
    this.#session = session;
  }

  /** When the certificates of `--tls-dir` end, ISO 8601. */
  set certificateExpiresAt(at: string) {
    this.#status = { ...this.#status, certificateExpiresAt: at };
  }

  /** Others started its server. */
  adopt(): void {
    this.#status = { ...this.#status, adopted: true };
  }

  /** How many members the first start waits for; null: for a person. */
  set size(size: number | null) {
    this.#status = { ...this.#status, size };
  }

  /** Where decisions and events go, for whoever looks later. */
  keepNotesIn(keep: (noted: Noted) => void): void {
    this.#keep = keep;
  }

  /** Notes an event that belongs to the story of this member, in one sentence. */
  note(event: string): void {
    this.#keep({ at: this.#now(), kind: "event", rule: null, reason: event, person: null });
  }

  /** Goes on to a stage; says so in the log where it is news. */
  enter(stage: Stage, doing: string): void {
    if (this.#status.stage === stage && this.#status.doing === doing) return;
    if (this.#status.stage !== stage && ENDINGS.has(stage)) this.note(doing);
    this.#status = { ...this.#status, stage, doing, since: this.#now() };
    log.info("{doing}", { stage, doing });
    this.tell({ kind: "stage", stage });
  }

  /** Notes a decision; the same one again is not said again. */
  decide(decision: Decision): void {
    const before = this.#status.decision;
    const same = before?.kind === decision.kind && before.reason === decision.reason;
    this.#status = { ...this.#status, decision };
    this.tell({ kind: "decision", decision });
    if (same) return;
    const { kind, rule, reason } = decision;
    const told = decision.kind === "wait" ? decision.person : null;
    this.#keep({ at: this.#now(), kind, rule, reason, person: told });
    const person = decision.kind === "wait" && decision.person !== null
      ? ` A person is needed: ${decision.person}`
      : "";
    log.info("Decision: {kind}. {reason}.{person}", { ...decision, person });
  }

  /** Notes which datadir this is, and the number it replicates under. */
  identify(identity: { readonly datadirId: string; readonly serverId?: number }): void {
    const { datadirId, serverId = this.#status.serverId } = identity;
    this.#status = { ...this.#status, datadirId, serverId };
  }

  /** Notes what an inspection found. */
  inspected(
    found: { readonly datadirId: string; readonly held: Held; readonly attempt: string | null },
  ): void {
    const { datadirId, held, attempt } = found;
    if (this.#status.held === null) this.note(`Started: the datadir ${describeHeld(held)}`);
    this.#status = { ...this.#status, datadirId, held: say(held), attempt };
  }

  /** Notes how far the state transfer is that goes on. */
  transferring(transfer: Transfer): void {
    this.#status = { ...this.#status, transfer };
  }

  /** Notes that the state transfer has ended. */
  transferred(lastTransfer: Transfer): void {
    this.#status = { ...this.#status, transfer: null, lastTransfer };
    this.note(describeTransfer(lastTransfer));
  }

  /** Notes what the server says; null when it does not answer or is gone. */
  observe(status: WsrepStatus | null): void {
    this.#status = {
      ...this.#status,
      uuid: status === null || !/[1-9a-f]/.test(status.clusterUuid) ? null : status.clusterUuid,
      primary: status?.primary ?? false,
      synced: status?.synced ?? false,
      seqno: status === null ? null : `${status.lastCommitted}`,
      clusterSize: status?.clusterSize ?? null,
      ...(status === null ? SILENT : {
        answers: true,
        localState: status.localState,
        letsClientsIn: status.ready && status.letsClientsIn,
        readOnly: status.readOnly,
        flowControlPaused: status.flowControlPaused,
      }),
    };
    this.tell({ kind: "observed", status });
    if (this.#status.stage !== "registered") return;
    this.enter("registered", this.#said(whatItServes(status, this.#status.transfer)));
    if (status === null || status.primary === this.#wasPrimary) return;
    this.#wasPrimary = status.primary;
    this.note(status.primary ? "It is Primary again" : "It has lost the primary component");
  }

  /** The server refuses our question: it is there, and nobody knows how it is. */
  refused(error: unknown): null {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#refusal) log.warn("{problem}", { problem });
    this.#refusal = problem;
    this.tell({ kind: "refused" });
    return null;
  }

  /** It serves: registered, or without Galera. */
  ready(stage: "registered" | "plain" = "registered"): void {
    this.enter(stage, stage === "plain" ? "Serving, without Galera" : this.#said(SERVING));
    this.#wasPrimary = true;
    const { seqno } = this.#status;
    this.note(`Registered, Primary and Synced${seqno === null ? "" : `, at seqno ${seqno}`}`);
    this.#status = { ...this.#status, readyAt: this.#now() };
    this.tell({ kind: "ready" });
  }

  /** What it does, and that its server is not ours, where that is so. */
  #said(doing: string): string {
    return this.#status.adopted ? `${doing}; adopted, as others started mariadbd` : doing;
  }

  /** Whether clients may be served by it: it is registered and in a primary component. */
  get serves(): boolean {
    return this.#status.stage === "registered" && this.#status.primary;
  }

  /** It is to stop and serves on for a while, not ready. */
  drain(doing: string): void {
    this.unready();
    this.enter("draining", doing);
  }

  /** It serves no more. */
  unready(): void {
    this.#status = { ...this.#status, readyAt: null };
    this.tell({ kind: "unready" });
  }
}

/** What is known of a server that does not answer. */
const SILENT = {
  answers: false,
  localState: 0,
  letsClientsIn: false,
  readOnly: false,
  flowControlPaused: null,
} as const;
/** Stages that begin an end: why is worth a note. */
const ENDINGS: ReadonlySet<Stage> = new Set<Stage>(["draining", "stopping"]);

const SERVING = "Serving, registered and Synced";

/** `wsrep_local_state` of a donor, and of who was told not to keep up (Galera's Donor/Desynced). */
const DONOR = 2;

/** What a registered member does, in a sentence: a member that lost the others serves nobody. */
function whatItServes(status: WsrepStatus | null, transfer: Transfer | null): string {
  if (status === null) return "Registered, and mariadbd does not answer";
  if (!status.primary) return "Registered and serving nobody, as it is in no primary component";
  if (!status.letsClientsIn) return "Registered, and letting no clients in by wsrep_reject_queries";
  if (status.synced) return SERVING;
  if (status.localState !== DONOR) return "Registered, and catching up with the others";
  return transfer?.role === "donor"
    ? `Serving as the donor of ${transfer.peer ?? "another member"}, by ${transfer.kind}`
    : "Serving, while desynced from the others";
}

/** What a datadir holds, in words that go behind "it" or "the datadir". */
export function describeHeld(held: Held): string {
  switch (held.kind) {
    case "empty":
      return "is empty";
    case "fresh":
      return "holds no data yet";
    case "standalone":
      return "holds data that never was in a cluster";
    case "torn":
      return "is torn: an SST into it did not finish";
    case "at":
      return `holds ${formatPosition(held.position)}` +
        (held.safeToBootstrap ? ", safe to bootstrap" : "");
  }
}

function say(held: Held): SaidHeld {
  if (held.kind !== "at") return held;
  return { ...held, position: formatPosition(held.position) };
}
