/** Follows a server's state transfers: how fast they go, what is left, who sends; tells people. */
import { getLogger } from "@logtape/logtape";
import type { Running, TransferSeen } from "./mariadb/database.ts";
import type { Progress } from "./progress.ts";
import type { NodeChild } from "./snapshot.ts";
import { describeTransfer, instantBefore, nameOfTransfer, type Transfer } from "./transfer.ts";
import type { World } from "./world.ts";

const log = getLogger(["galera-keeper", "transfer"]);

/** How long a rate looks back, in milliseconds. */
const RATE_MS = 10_000;
/** … and how far it has to. */
const SHORTEST_RATE_MS = 1000;
/** A second: what an SST's scripts say to each other when the copying is over, or stands still. */
const STILL_BYTES = 1000;
/** The log has a line so often at first, in milliseconds, then ever less often. */
const SAY_EVERY_MS = 5000;
const SAY_SHARE = 0.1;
/** Between two questions to a donor that does not know yet how much it sends. */
const ASK_EVERY_MS = 1000;

/** What is kept of the transfer that goes on. */
interface Followed {
  readonly running: Running;
  readonly number: number;
  readonly startedAt: string;
  readonly samples: { readonly atMs: number; readonly done: number }[];
  /** What the donor says that it sends. */
  total: number | null;
  askAtMs: number;
  isAsking: boolean;
  saidAtMs: number;
  saidPhase: string | null;
  said: string;
  hasEnded: boolean;
}

/** Follows the state transfers of one member. */
export class TransferWatch {
  readonly #progress: Progress;
  readonly #world: Pick<World, "clock" | "ask">;
  #followed: Followed | null = null;
  /** Who may be a donor, as registered when this member was started. */
  donors: readonly NodeChild[] = [];

  constructor(progress: Progress, world: Pick<World, "clock" | "ask">) {
    this.#progress = progress;
    this.#world = world;
  }

  /** Looks at a server's transfer: often enough where a second is. Never rejects. */
  async look(running: Running): Promise<void> {
    const seen = await running.transfer().catch(() => null);
    if (seen === null) return;
    const before = this.#followed;
    const followed = before?.running === running && before.number === seen.number
      ? before
      : this.#begin(running, seen);
    if (followed.hasEnded) return;
    if (seen.hasEnded) this.#end(followed, seen);
    else this.#goOn(followed, seen);
  }

  /** How many bytes an SST into a server has brought; null where there was none. */
  copiedBytes(running: Running): number | null {
    const last = this.#followed?.running === running ? this.#progress.status.lastTransfer : null;
    return last?.kind === "SST" && last.role === "joiner" && last.failure === undefined
      ? last.done
      : null;
  }

  #begin(running: Running, seen: TransferSeen): Followed {
    const { clock } = this.#world;
    const followed: Followed = {
      running,
      number: seen.number,
      startedAt: instantBefore(clock.now(), seen.elapsedMs),
      samples: [],
      total: null,
      askAtMs: -Infinity,
      isAsking: false,
      saidAtMs: clock.nowMs(),
      saidPhase: null,
      said: "",
      hasEnded: false,
    };
    this.#followed = followed;
    if (!seen.hasEnded) {
      const what = nameOfTransfer(this.#transferOf(followed, seen));
      log.info("{what} begins", { what });
      // What it was in the midst of has failed with it.
      running.exited.then(() => this.look(running));
    }
    return followed;
  }

  #goOn(followed: Followed, seen: TransferSeen): void {
    const nowMs = this.#world.clock.nowMs();
    this.#askDonor(followed, seen);
    const { samples } = followed;
    if (nowMs - (samples.at(-1)?.atMs ?? -Infinity) >= SHORTEST_RATE_MS / 2) {
      samples.push({ atMs: nowMs, done: seen.done });
      // A donor may take its time before it sends anything.
      while (samples[1]?.done === 0 || nowMs - (samples[1]?.atMs ?? nowMs) >= RATE_MS) {
        samples.shift();
      }
    }
    const transfer = this.#transferOf(followed, seen);
    this.#progress.transferring(transfer);
    const isDue = nowMs - followed.saidAtMs >= Math.max(SAY_EVERY_MS, seen.elapsedMs * SAY_SHARE);
    if (!isDue && seen.phase === followed.saidPhase) return;
    followed.saidAtMs = nowMs;
    followed.saidPhase = seen.phase;
    const text = describeTransfer(transfer);
    if (text !== followed.said) log.info("{text}", { text });
    followed.said = text;
  }

  #end(followed: Followed, seen: TransferSeen): void {
    followed.hasEnded = true;
    const endedAt = this.#world.clock.now();
    const seconds = seen.elapsedMs / 1000;
    const transfer: Transfer = {
      ...this.#transferOf(followed, seen),
      rate: seconds > 0 ? seen.done / seconds : null,
      remainingSeconds: null,
      startedAt: instantBefore(endedAt, seen.elapsedMs),
      endedAt,
      ...(seen.failure === null ? {} : { failure: seen.failure }),
    };
    this.#progress.transferred(transfer);
    const text = describeTransfer(transfer);
    log[seen.failure === null ? "info" : "warn"]("{text}", { text });
  }

  #transferOf({ samples, startedAt, total: told }: Followed, seen: TransferSeen): Transfer {
    const { kind, role, peer, done, phase } = seen;
    const total = seen.total ?? told;
    const [first, last] = [samples[0], samples.at(-1)];
    const overMs = first === undefined || last === undefined ? 0 : last.atMs - first.atMs;
    const measured = phase === null && overMs >= SHORTEST_RATE_MS
      ? (last!.done - first!.done) / overMs * 1000
      : null;
    const isStill = kind === "SST" && measured !== null && measured < STILL_BYTES;
    const rate = isStill ? 0 : measured;
    const left = total === null || done >= total ? null : total - done;
    return {
      kind,
      role,
      peer,
      done,
      total,
      rate,
      remainingSeconds: left === null || rate === null || rate <= 0 ? null : left / rate,
      startedAt,
      endedAt: null,
      ...(phase === null ? {} : { phase }),
    };
  }

  /**
   * The donor knows how much it sends: its registration is of the time when it joined. In the
   * background; where it does not answer, its registration has to do.
   */
  #askDonor(followed: Followed, { kind, role, peer, total }: TransferSeen): void {
    const nowMs = this.#world.clock.nowMs();
    if (kind !== "SST" || role !== "joiner" || total !== null || followed.total !== null) return;
    if (followed.isAsking || nowMs < followed.askAtMs) return;
    const node = this.donors.find(({ node }) => node?.member === peer)?.node ?? null;
    if (node === null) return;
    const registered = node.dataBytes > 0 ? node.dataBytes : null;
    if (node.http === null) {
      followed.total = registered;
      return;
    }
    followed.isAsking = true;
    followed.askAtMs = nowMs + ASK_EVERY_MS;
    this.#world.ask(node.http, new AbortController().signal).then(
      ({ transfer }) => {
        if (transfer?.kind === "SST" && transfer.role === "donor") followed.total = transfer.total;
        // An older keeper says nothing of transfers.
        else if (transfer === undefined) followed.total = registered;
      },
      () => followed.total = registered,
    ).finally(() => followed.isAsking = false);
  }
}
