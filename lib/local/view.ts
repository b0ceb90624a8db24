/** What `up` shows of its members. Pure. */

import type { MemberStatus } from "../progress.ts";
import { describeTransfer, percentOf, type Transfer } from "../transfer.ts";

/** What is known of a member's process. */
export type ProcessState =
  /** It runs; `status` is null until its HTTP answers. */
  | { readonly kind: "running"; readonly status: MemberStatus | null }
  /** It ended by itself and will be started again. */
  | { readonly kind: "ended"; readonly how: string; readonly againInMs: number }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped"; readonly how: string };

/** A member as it is shown. */
export interface MemberView {
  readonly name: string;
  readonly address: string;
  readonly state: ProcessState;
  /** Since its process was started, or until it was ready, in milliseconds. */
  readonly takenMs: number;
}

/** How well it is. */
export type Health = "well" | "busy" | "bad";

/** Says whether a member serves: registered, Primary and Synced. */
export function isServing({ state }: MemberView): boolean {
  return state.kind === "running" && state.status !== null &&
    state.status.stage === "registered" && state.status.primary && state.status.synced;
}

/** How well a member is, for its colour. */
export function healthOf(view: MemberView): Health {
  if (view.state.kind === "ended") return "bad";
  return isServing(view) ? "well" : "busy";
}

/** Stages that the last decision led to; in others it is an old one. */
const DECIDED: ReadonlySet<string> = new Set(
  ["waiting", "bootstrapping", "joining", "registering"] satisfies MemberStatus["stage"][],
);

/** What a member does now and why, in one line. */
export function describeState({ state }: MemberView): string {
  switch (state.kind) {
    case "stopping":
      return "stopping";
    case "stopped":
      return `stopped (${state.how})`;
    case "ended":
      return `ended with ${state.how}; starts again in ${(state.againInMs / 1000).toFixed(0)} s`;
    case "running": {
      const { status } = state;
      if (status === null) return "starting";
      const { decision, doing, stage } = status;
      const isDecided = decision !== null && DECIDED.has(stage);
      const why = isDecided && !doing.includes(decision.reason) ? ` (${decision.reason})` : "";
      const person = isDecided && decision.kind === "wait" && decision.person !== null
        ? `; a person is needed: ${decision.person}`
        : "";
      return `${doing}${why}${person}`;
    }
  }
}

function transferOf({ state }: MemberView): Transfer | null {
  return state.kind === "running" ? state.status?.transfer ?? null : null;
}

/** What a member does now, in one line: the state transfer that it takes part in, else as above. */
export function describeNow(view: MemberView): string {
  const transfer = transferOf(view);
  return transfer === null ? describeState(view) : describeTransfer(transfer);
}

/** What is news of a member where it changes: of a state transfer each tenth of it, and its phases. */
export function stepOf(view: MemberView): string {
  const transfer = transferOf(view);
  if (transfer === null) return describeState(view);
  const { startedAt, phase = "", role } = transfer;
  return [startedAt, role, phase, Math.floor((percentOf(transfer) ?? 0) / 10)].join(" ");
}

/** The last state transfer of a member, once it is over: how long it took, or why it failed. */
export function describeLastTransfer({ state }: MemberView): string | null {
  const last = state.kind === "running" ? state.status?.lastTransfer ?? null : null;
  return last === null ? null : describeTransfer(last);
}

/** The seqno, where the member says one. */
export function seqnoOf({ state }: MemberView): string {
  return state.kind === "running" ? state.status?.seqno ?? "" : "";
}

const HEAD = ["MEMBER", "ADDRESS", "SEQNO", "TIME", "WHAT IT DOES NOW, AND WHY"] as const;
const COLOURS: Readonly<Record<Health, string>> = {
  well: "\x1b[32m",
  busy: "\x1b[33m",
  bad: "\x1b[31m",
};

/**
 * The table, a line a member, none wider than the terminal.
 *
 * @param columns The terminal's width in characters.
 */
export function renderTable(views: readonly MemberView[], columns: number): readonly string[] {
  const rows = views.map((view) => [
    view.name,
    view.address,
    seqnoOf(view),
    `${(view.takenMs / 1000).toFixed(1)} s`,
    describeNow(view),
  ]);
  const widths = HEAD.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => {
      if (at === HEAD.length - 1) return cell;
      const isNumber = at === 2 || at === 3;
      return isNumber ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!);
    }).join("  ");
  const shorten = (text: string) =>
    text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
  return [
    `\x1b[1m${shorten(line(HEAD))}\x1b[0m`,
    ...rows.map((row, at) => `${COLOURS[healthOf(views[at]!)]}${shorten(line(row))}\x1b[0m`),
  ];
}

/**
 * In which order members are stopped: those that do not serve first, then by their seqno, so that
 * the most advanced is the last and, as it knows, safe to bootstrap from.
 */
export function stopOrder(views: readonly MemberView[]): readonly number[] {
  const seqno = (view: MemberView) => BigInt(seqnoOf(view) || -1);
  return views.map((view, index) => ({ view, index }))
    .sort((one, other) => {
      const serving = Number(isServing(one.view)) - Number(isServing(other.view));
      if (serving !== 0) return serving;
      const [a, b] = [seqno(one.view), seqno(other.view)];
      return a < b ? -1 : a > b ? 1 : other.index - one.index;
    })
    .map(({ index }) => index);
}

/** How long to wait before the next start, by how many starts have failed in a row. */
export function backoffMs(failures: number): number {
  return Math.min(1000 * 2 ** Math.max(0, failures - 1), 30_000);
}
