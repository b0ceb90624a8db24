/** A state transfer between two members: how far it is, and how that is said to people. Pure. */

/** The copy of all data (SST) or of what a member missed (IST), as one of its two ends sees it. */
export interface Transfer {
  readonly kind: "SST" | "IST";
  readonly role: "joiner" | "donor";
  /** The other member's name, else its address; null where not known. */
  readonly peer: string | null;
  /** SST: bytes; IST: seqnos. */
  readonly done: number;
  /** What `done` comes to at the end, as far as that can be known before; null where not known. */
  readonly total: number | null;
  /** Per second, over the last seconds, or over all once it has ended; null where not known yet. */
  readonly rate: number | null;
  /** Seconds; null where not known. */
  readonly remainingSeconds: number | null;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; null while it goes on. */
  readonly endedAt: string | null;
  /** What it does besides copying, in a word: `preparing`; absent while it copies. */
  readonly phase?: string;
  /** Why it failed, in one sentence; absent where it did not. */
  readonly failure?: string;
}

/**
 * How far a transfer is, 0 to 100; 100 only once it has ended well.
 *
 * @returns null where it is not known.
 */
export function percentOf(transfer: Transfer): number | null {
  const { done, total, endedAt, failure } = transfer;
  if (endedAt !== null && failure === undefined) return 100;
  if (isSentUnseen(transfer)) return null;
  if (total === null || total <= 0) return null;
  // What is to come is an estimate: what a donor writes meanwhile comes, too.
  return Math.min(99, Math.max(0, Math.floor(done / total * 100)));
}

/** The donor of an IST knows what it sends, and not how far it is. */
function isSentUnseen({ kind, role }: Transfer): boolean {
  return kind === "IST" && role === "donor";
}

/** What it is, to people: `SST from galera-2`. */
export function nameOfTransfer({ kind, role, peer }: Transfer): string {
  if (peer === null) return role === "donor" ? `${kind} to another member` : kind;
  return `${kind} ${role === "donor" ? "to" : "from"} ${peer}`;
}

/** Says it to people: `SST from galera-2: 43 %, 1.2 of 2.8 GB, 110 MB/s, 14 s left`. */
export function describeTransfer(transfer: Transfer): string {
  const { kind, done, rate, startedAt, endedAt, failure, phase } = transfer;
  const what = nameOfTransfer(transfer);
  const speed = rate === null || rate <= 0 ? [] : [`${amountOf(kind, rate)}/s`];
  if (endedAt !== null) {
    const seconds = Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
    const moved = `${amountOf(kind, done)} in ${durationOf(seconds)}`;
    return failure === undefined
      ? `${what} done: ${[moved, ...speed].join(", ")}`
      : `${what} failed after ${moved}: ${failure}`;
  }
  if (phase !== undefined) {
    return `${what}: ${done > 0 ? `${amountOf(kind, done)} copied, ` : ""}${phase}`;
  }
  const percent = percentOf(transfer);
  const { remainingSeconds: left } = transfer;
  return `${what}: ` + [
    ...(percent === null ? [] : [`${percent} %`]),
    partOf(transfer),
    ...speed,
    ...(left === null ? [] : [`${durationOf(left)} left`]),
  ].join(", ");
}

/** `1.2 of 2.8 GB`, `43 MB of 2.8 GB`; without a total that is more, `1.2 GB`. */
function partOf(transfer: Transfer): string {
  const { kind, done, total } = transfer;
  if (isSentUnseen(transfer)) return amountOf(kind, total ?? done);
  const part = amountOf(kind, done);
  if (total === null || total <= done) return part;
  const whole = amountOf(kind, total);
  const [number, unit] = split(part);
  return `${kind === "IST" || unit === split(whole)[1] ? number : part} of ${whole}`;
}

function split(amount: string): readonly [number: string, unit: string] {
  const at = amount.indexOf(" ");
  return [amount.slice(0, at), amount.slice(at + 1)];
}

/** Bytes for an SST; for an IST a number of transactions, as each has one seqno. */
function amountOf(kind: Transfer["kind"], amount: number): string {
  if (kind === "SST") return formatBytes(amount);
  const whole = Math.round(amount);
  return `${whole} transaction${whole === 1 ? "" : "s"}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** Bytes in decimal units, two digits or more: `43 MB`, `2.8 GB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.6 would be written as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A duration for people: `14 s`, `2 min 5 s`, `3 h 20 min`; below ten seconds with tenths. */
export function durationOf(seconds: number): string {
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${part(whole % 60, "s")}`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h${part(minutes % 60, "min")}`;
}

function part(value: number, unit: string): string {
  return value === 0 ? "" : ` ${value} ${unit}`;
}

/** @param instant ISO 8601. @returns That long before it, in milliseconds; ISO 8601. */
export function instantBefore(instant: string, durationMs: number): string {
  return new Date(Date.parse(instant) - durationMs).toISOString();
}
