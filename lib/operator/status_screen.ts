/** How `status` looks. */

import { describeRequest, type Request } from "../cluster/requests.ts";
import type { Output } from "../machine/terminal.ts";
import type { Arbitrator } from "../znodes.ts";
import { describeTransfer } from "../transfer.ts";
import { withoutFraction } from "./decisions.ts";
import { plain, shorten, wrap } from "./layout.ts";
import type { MemberReport, StatusReport } from "./status.ts";

/** Where it is shown. */
export interface Canvas {
  /** How wide a line may be, in characters; null: as wide as it is long. */
  readonly columns: number | null;
  readonly isColoured: boolean;
}

/** Colours by how well something is; all words say the same without them. */
const COLOURS = {
  well: "\x1b[32m",
  busy: "\x1b[33m",
  bad: "\x1b[31m",
  degraded: "\x1b[33m",
  "no-primary": "\x1b[31m",
  unknown: "\x1b[31m",
} as const;

/** Writes a report in lines. */
export function renderReport(report: StatusReport, canvas: Canvas): readonly string[] {
  const { columns, isColoured } = canvas;
  const paint = (text: string, colour: keyof typeof COLOURS) =>
    isColoured ? `${COLOURS[colour]}${text}\x1b[0m` : text;
  const say = (text: string) => wrap(plain(text), columns, 2);
  const { members, health } = report;
  return [
    ...say(report.summary).map((line) => paint(line, health)),
    ...describePause(report.paused).flatMap(say),
    ...describeAsked(report.request).flatMap(say),
    ...describeFacts(report).flatMap(say),
    ...members.length === 0 ? [] : ["", ...table(members, columns, paint), ""],
    ...members.flatMap((member) => detailsOf(member, report)).flatMap(say),
    ...report.arbitrators.map(describeArbitrator).flatMap(say),
    ...report.advice.flatMap(({ needed, says }) =>
      say(needed ? `A person is needed: ${says}` : says)
        .map((line) => needed ? paint(line, "bad") : line)
    ),
  ].filter((line, at, all) => line !== "" || at < all.length - 1);
}

function describeFacts({ zookeeper, cluster, lock: { holder, waiting } }: StatusReport): string[] {
  if (!zookeeper.answers) return [`ZooKeeper does not answer: ${zookeeper.problem ?? ""}`];
  const lock = holder === null ? "free" : `held by ${holder}`;
  const queue = waiting.length === 0 ? "" : `; waiting: ${waiting.join(", ")}`;
  return [`Cluster: ${describeCluster(cluster)}`, `Start-up lock: ${lock}${queue}`];
}

/** The line about a pause; none where there is none. */
export function describePause(paused: string | null): readonly string[] {
  return paused === null ? [] : [
    `Paused ${paused}: keepers start, stop and elect nothing, what runs serves on; ` +
    "`galera-keeper resume` lets all go on",
  ];
}

/** The line about what was asked of all members; none where nothing is under way. */
export function describeAsked(request: Request | null): readonly string[] {
  return request === null ? [] : [describeRequest(request)];
}

function describeArbitrator({ name, address, primary, members, since }: Arbitrator): string {
  const state = primary
    ? `votes since ${withoutFraction(since)}, with ${members.join(", ")}`
    : "does not vote now";
  return `Arbitrator: ${name}, ${address}, ${state}`;
}

/** The cluster on record, in a few words. */
export function describeCluster(cluster: StatusReport["cluster"]): string {
  switch (cluster.kind) {
    case "none":
      return "none yet";
    case "unknown":
      return "not known";
    case "unreadable":
      return `not readable, a person is needed: ${cluster.problem}`;
    case "known":
      return cluster.phase === "running"
        ? `${cluster.uuid}, running, bootstrapped by ${cluster.by}`
        : `${cluster.uuid ?? "a new one"}, being bootstrapped by ${cluster.by}`;
  }
}

const HEAD = ["MEMBER", "ADDRESS", "STATE", "SEQNO", "SINCE"] as const;
const STATE = HEAD.indexOf("STATE");
const SEQNO = HEAD.indexOf("SEQNO");
/** Which columns are cut where there is no room, one after the other, and what is left of each. */
const CUT = [[STATE, 12], [HEAD.indexOf("MEMBER"), 10], [HEAD.indexOf("ADDRESS"), 7]] as const;
/** Between two columns. */
const GAP = "  ";

/** A line a member. Where it is too wide, the times are left out, and then columns are cut. */
function table(
  members: readonly MemberReport[],
  columns: number | null,
  paint: (text: string, colour: keyof typeof COLOURS) => string,
): readonly string[] {
  const all = [HEAD, ...members.map(cellsOf)];
  const widthsOf = (rows: readonly (readonly string[])[]) =>
    rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  const overOf = (widths: readonly number[]) =>
    columns === null ? 0 : sum(widths) + GAP.length * (widths.length - 1) - columns;
  const rows = overOf(widthsOf(all)) > 0 ? all.map((row) => row.slice(0, -1)) : all;
  const widths = widthsOf(rows);
  for (const [at, least] of CUT) {
    widths[at] = Math.max(Math.min(least, widths[at]!), widths[at]! - Math.max(0, overOf(widths)));
  }
  return rows.map((row, index) => {
    const member = members[index - 1];
    const line = row.map((cell, at) => {
      const width = widths[at]!;
      const text = shorten(cell, width);
      const padded = at === SEQNO ? text.padStart(width) : text.padEnd(width);
      return at === STATE && member !== undefined ? paint(padded, member.health) : padded;
    }).join(GAP);
    return line.trimEnd();
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function cellsOf({ name, address, state, seqno, behind, since }: MemberReport): readonly string[] {
  const lag = behind === null ? "" : ` (-${behind})`;
  return [
    name ?? "(not known)",
    address,
    state,
    seqno === null ? "-" : `${seqno}${lag}`,
    since === null ? "-" : withoutFraction(since),
  ].map(plain);
}

/** What has no room in the table: what a member is about, and what is wrong with it. */
function detailsOf(member: MemberReport, { advice }: StatusReport): readonly string[] {
  const { name, address, status, health, problem } = member;
  const about = health === "well" ? null : aboutOf(status);
  // What a person is to do has the reason in it.
  const isSaid = about !== null && advice.some(({ says }) => says.includes(about));
  return [about !== null && !isSaid ? about : null, problem]
    .filter((one) => one !== null)
    .map((one) => `${name ?? address}: ${one}`);
}

function aboutOf(status: MemberReport["status"]): string | null {
  if (status === null) return null;
  const { transfer, decision, stage, doing } = status;
  if (transfer !== null && transfer.endedAt === null) return describeTransfer(transfer);
  return stage === "waiting" && decision?.kind === "wait" ? decision.reason : doing;
}

/** Shows reports, each in place of the one before; without a terminal one below the other. */
export class WatchScreen {
  readonly #output: Output;
  readonly #canvas: () => Canvas;
  #shown = "";

  /** @param canvas Asked each time: a terminal's width changes. */
  constructor(output: Output, canvas: () => Canvas) {
    this.#output = output;
    this.#canvas = canvas;
  }

  /** Shows a report where it is another than before. @returns false where the reader has gone. */
  show(report: StatusReport, json: boolean): boolean {
    const text = json ? `${JSON.stringify(report)}\n` : this.#screen(report);
    if (text !== this.#shown) {
      // Drawn over the one before, from the top; at first on an empty screen.
      const home = json || !this.#output.isTerminal() ? "" : "\x1b[H";
      this.#output.write(home && this.#shown === "" ? `\x1b[2J${home}${text}` : home + text);
    }
    this.#shown = text;
    return !(this.#output.isGone?.() ?? false);
  }

  #screen(report: StatusReport): string {
    const lines = renderReport(report, this.#canvas());
    if (!this.#output.isTerminal()) return lines.map((line) => `${line}\n`).join("") + "\n";
    // What is lower than the terminal would scroll the rest away; the cursor needs a line, too.
    const { rows } = this.#output.size();
    const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), "…"];
    // What was there before goes: the rest of each line, and all below.
    return shown.map((line) => `${line}\x1b[K\n`).join("") + "\x1b[J";
  }
}
