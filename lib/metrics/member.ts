/** A member's metrics for Prometheus. */
import type { MemberEvent } from "../events.ts";
import { isReady } from "../health.ts";
import type { WsrepStatus } from "../mariadb/database.ts";
import { type MemberStatus, STAGES } from "../progress.ts";
import type { Transfer } from "../transfer.ts";
import { bit, one, Page, type Series } from "./page.ts";
import type { Counter, Histogram } from "./prometheus.ts";

/** Whose metrics they are. */
export interface MetricsSource {
  readonly version: string;
  readonly cluster: string;
  /** What the member says now. */
  status(): MemberStatus;
  /** A clock that only goes forward, in milliseconds. */
  nowMs(): number;
}

/** Seconds: a lock is had at once, after a member's join by IST, by a small SST, by a large one. */
const LOCK_BUCKETS = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200];

/** Gauges that are read off what a member says of itself; without a value there is no series. */
const OF_STATUS: readonly (
  readonly [name: string, help: string, labels: readonly string[], (of: MemberStatus) => Series]
)[] = [
  [
    "stage",
    "How far the member is: 1 for the stage that it is in.",
    ["stage"],
    ({ stage }) => STAGES.map((each) => [bit(each === stage), { stage: each }]),
  ],
  ["mariadbd_up", "Whether mariadbd answered when last asked.", [], ({ answers }) => [[
    bit(answers),
  ]]],
  ["primary", "Whether it is in the primary component.", [], ({ primary }) => [[bit(primary)]]],
  ["synced", "Whether it is Synced.", [], ({ synced }) => [[bit(synced)]]],
  [
    "donor",
    "Whether it donates, or is desynced otherwise.",
    [],
    ({ localState }) => [[bit(localState === 2)]],
  ],
  ["ready", "Whether /readyz says that it is ready.", [], (status) => [[bit(isReady(status))]]],
  ["read_only", "Whether read_only is on.", [], ({ readOnly }) => [[bit(readOnly)]]],
  [
    "person_needed",
    "Whether it waits for a person, who is told by galera-keeper status what to do.",
    [],
    ({ stage, decision }) => [[
      bit(stage === "waiting" && decision?.kind === "wait" && decision.person !== null),
    ]],
  ],
  [
    "cluster_size",
    "Members of its component, arbitrators included.",
    [],
    ({ clusterSize }) => one(clusterSize),
  ],
  [
    "last_committed_seqno",
    "The last seqno that it committed.",
    [],
    ({ seqno }) => one(seqno === null || seqno === "-1" ? null : Number(seqno)),
  ],
  [
    "certificate_expiry_timestamp_seconds",
    "When the first of the certificates of --tls-dir ends, as Unix time.",
    [],
    ({ certificateExpiresAt: at }) => one(at === null ? null : Date.parse(at) / 1000),
  ],
  ...transferGauges("SST", "bytes"),
  ...transferGauges("IST", "seqnos"),
];

function transferGauges(kind: Transfer["kind"], unit: string): typeof OF_STATUS {
  const prefix = kind.toLowerCase();
  const read = (of: (transfer: Transfer) => number | null) => ({ transfer }: MemberStatus) => {
    const value = transfer?.kind === kind ? of(transfer) : null;
    return value === null ? [] : [[value, { role: transfer!.role }]] as const;
  };
  return [
    [
      `${prefix}_done_${unit}`,
      `What the ${kind} that goes on has moved, by our role in it.`,
      ["role"],
      read(({ done }) => done),
    ],
    [
      `${prefix}_size_${unit}`,
      `What the ${kind} that goes on comes to at its end, as far as is known.`,
      ["role"],
      read(({ total }) => total),
    ],
  ];
}

/** What the server counts since its start; without an answer there is no series. */
const OF_SERVER: readonly (
  readonly [
    type: "gauge" | "counter",
    name: string,
    help: string,
    read: (status: WsrepStatus) => number,
  ]
)[] = [
  [
    "gauge",
    "flow_control_paused_ratio",
    "The part of its time since the last FLUSH STATUS that flow control had it paused.",
    ({ flowControlPaused }) => flowControlPaused,
  ],
  [
    "counter",
    "flow_control_paused_seconds_total",
    "For how long flow control had it paused.",
    ({ flowControlPausedSeconds }) => flowControlPausedSeconds,
  ],
  [
    "counter",
    "flow_control_sent_total",
    "How often it had the others pause.",
    ({ flowControlSent }) => flowControlSent,
  ],
  [
    "counter",
    "flow_control_received_total",
    "How often any member had all pause.",
    ({ flowControlReceived }) => flowControlReceived,
  ],
  [
    "gauge",
    "receive_queue_length",
    "Write sets that wait to be applied.",
    ({ receiveQueue }) => receiveQueue,
  ],
  [
    "gauge",
    "send_queue_length",
    "Write sets that wait to be sent.",
    ({ sendQueue }) => sendQueue,
  ],
  [
    "counter",
    "certification_failures_total",
    "Transactions of this member that failed certification.",
    ({ certificationFailures }) => certificationFailures,
  ],
  [
    "counter",
    "aborted_transactions_total",
    "Transactions of this member that gave way to replicated ones.",
    ({ aborts }) => aborts,
  ],
];

/** One member's metrics: it hears what happens, the rest is read when somebody asks. */
export class MemberMetrics {
  readonly page = new Page();
  readonly #source: MetricsSource;
  readonly #decisions: Counter;
  readonly #starts: Counter;
  readonly #exits: Counter;
  readonly #transfers: Counter;
  readonly #lockWait: Histogram;
  readonly #lockHold: Histogram;
  #server: WsrepStatus | null = null;
  #lastTransfer: Transfer | null = null;
  /** Since when it starts; null once it is up. */
  #startingSinceMs: number | null;
  #startTookMs: number | null = null;

  constructor(source: MetricsSource) {
    const { page } = this;
    this.#source = source;
    this.#startingSinceMs = source.nowMs();
    this.#decisions = page.counter("decisions_total", "Decisions, by kind and rule.", [
      "kind",
      "rule",
    ]);
    this.#starts = page.counter("mariadbd_starts_total", "mariadbd was started, and how.", ["how"]);
    this.#exits = page.counter(
      "mariadbd_exits_total",
      "mariadbd has exited, told to or not, by its status or signal.",
      ["status"],
    );
    this.#transfers = page.counter(
      "transfers_total",
      "State transfers that ended, by kind, our role and whether they failed.",
      ["kind", "role", "outcome"],
    );
    this.#lockWait = page.histogram(
      "lock_wait_seconds",
      "How long it waited for the start-up lock.",
      LOCK_BUCKETS,
    );
    this.#lockHold = page.histogram(
      "lock_hold_seconds",
      "How long it held the start-up lock.",
      LOCK_BUCKETS,
    );
    this.#addRead();
  }

  /** Hears what happens to the member. */
  note(event: MemberEvent): void {
    this.#noteTransfer(this.#source.status().lastTransfer);
    switch (event.kind) {
      case "decision":
        this.#decisions.inc({ kind: event.decision.kind, rule: `${event.decision.rule}` });
        break;
      case "observed":
        this.#server = event.status;
        break;
      case "lock-taken":
        this.#lockWait.observe(event.waitedMs / 1000);
        break;
      case "lock-released":
        this.#lockHold.observe(event.heldMs / 1000);
        break;
      case "spawned":
        this.#starts.inc({ how: event.how });
        break;
      case "exited":
        this.#exits.inc({ status: `${event.status.code ?? event.status.signal}` });
        break;
      case "ready":
        if (this.#startingSinceMs === null) break;
        this.#startTookMs = this.#source.nowMs() - this.#startingSinceMs;
        this.#startingSinceMs = null;
        break;
      case "stage":
        // Deciding afresh it starts again.
        if (event.stage === "inspecting") this.#startingSinceMs ??= this.#source.nowMs();
    }
  }

  #noteTransfer(last: Transfer | null): void {
    if (last !== null && last.endedAt !== this.#lastTransfer?.endedAt) {
      const outcome = last.failure === undefined ? "done" : "failed";
      this.#transfers.inc({ kind: last.kind, role: last.role, outcome });
    }
    this.#lastTransfer = last;
  }

  #addRead(): void {
    const { page } = this;
    const { version, cluster, status } = this.#source;
    page.gauge("info", "Which galera-keeper this is, and whose.", [
      "version",
      "member",
      "cluster",
    ], () => [[1, { version, member: status().member, cluster }]]);
    page.session(() => status().session);
    for (const [name, help, labels, read] of OF_STATUS) {
      page.gauge(name, help, labels, () => read(status()));
    }
    for (const [type, name, help, read] of OF_SERVER) {
      const value = () => one(this.#server === null ? null : read(this.#server));
      if (type === "gauge") page.gauge(name, help, [], value);
      else page.foreignCounter(name, help, value);
    }
    page.gauge(
      "start_duration_seconds",
      "How long the last start took until it was registered and Synced, waits included.",
      [],
      () => one(this.#startTookMs === null ? null : this.#startTookMs / 1000),
    );
    page.process();
  }
}
