/** How `up` shows what goes on: a live table on a terminal, else a line for each change. */

import type { Output } from "../machine/terminal.ts";
import {
  describeLastTransfer,
  describeNow,
  isServing,
  type MemberView,
  renderTable,
  seqnoOf,
  stepOf,
} from "./view.ts";

/** Where `up` shows what goes on. */
export interface Screen {
  /** Shows the members as they are now. */
  show(views: readonly MemberView[]): void;
  /** Says something that stays to be read. */
  say(line: string): void;
}

/** Chooses how to show it. */
export function openScreen(output: Output, json: boolean): Screen {
  if (json) return new JsonScreen(output);
  return output.isTerminal() ? new LiveScreen(output) : new LineScreen(output);
}

/** How the state transfers of members ended, each told once: of both its ends, as each saw it. */
class Transfers {
  readonly #told = new Map<string, string>();

  news(views: readonly MemberView[]): readonly string[] {
    return views.flatMap((view) => {
      const transfer = describeLastTransfer(view);
      if (transfer === null || this.#told.get(view.name) === transfer) return [];
      this.#told.set(view.name, transfer);
      return [`${view.name} ${view.address}: ${transfer}`];
    });
  }
}

/** A table that is drawn over again in place. */
export class LiveScreen implements Screen {
  readonly #output: Output;
  readonly #transfers = new Transfers();
  #drawn: readonly string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  show(views: readonly MemberView[]): void {
    for (const line of this.#transfers.news(views)) this.say(line);
    const lines = views.length === 0 ? [] : renderTable(views, this.#output.size().columns);
    if (lines.join("\n") === this.#drawn.join("\n")) return;
    this.#output.write(this.#erase() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines;
  }

  say(line: string): void {
    const table = this.#drawn.map((drawn) => `${drawn}\n`).join("");
    this.#output.write(`${this.#erase()}${line}\n${table}`);
  }

  /** From the line's beginning: what a person types is echoed where the cursor stands. */
  #erase(): string {
    return this.#drawn.length === 0 ? "" : `\r\x1b[${this.#drawn.length}A\x1b[J`;
  }
}

/** A line for each change, with the seconds since the start. */
export class LineScreen implements Screen {
  readonly #output: Output;
  readonly #startedMs = performance.now();
  readonly #last = new Map<string, string>();
  readonly #transfers = new Transfers();

  constructor(output: Output) {
    this.#output = output;
  }

  show(views: readonly MemberView[]): void {
    for (const line of this.#transfers.news(views)) this.say(line);
    for (const view of views) {
      const step = stepOf(view);
      if (this.#last.get(view.name) === step) continue;
      this.#last.set(view.name, step);
      const text = describeNow(view);
      const taken = isServing(view)
        ? `, after ${(view.takenMs / 1000).toFixed(1)} s, at seqno ${seqnoOf(view)}`
        : "";
      this.say(`${view.name} ${view.address}: ${text}${taken}`);
    }
  }

  say(line: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(6);
    this.#output.write(`[${seconds} s] ${line}\n`);
  }
}

/** One JSON document for each change. */
export class JsonScreen implements Screen {
  readonly #output: Output;
  readonly #last = new Map<string, string>();

  constructor(output: Output) {
    this.#output = output;
  }

  show(views: readonly MemberView[]): void {
    for (const view of views) {
      const { name, address, state, takenMs } = view;
      const { status, ...process } = state.kind === "running" ? state : { ...state, status: null };
      const step = `${state.kind} ${stepOf(view)}`;
      if (this.#last.get(name) === step) continue;
      this.#last.set(name, step);
      this.#write({
        event: "member",
        member: name,
        address,
        process,
        serving: isServing(view),
        takenMs: Math.round(takenMs),
        doing: describeNow(view),
        status,
      });
    }
  }

  say(line: string): void {
    this.#write({ event: "message", text: line });
  }

  #write(event: object): void {
    this.#output.write(`${JSON.stringify({ v: 1, at: new Date().toISOString(), ...event })}\n`);
  }
}
