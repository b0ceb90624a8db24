/**
 * A member's last decisions and what became of them, in `decisions/<name>`: written in the background
 * by the member itself. Nothing waits for it and nothing fails by it, but for a stop, which gives it a
 * moment.
 */
import { getLogger } from "@logtape/logtape";
import { untilConnected } from "./settle.ts";
import type { Clock } from "./world.ts";
import type { Ensemble } from "./zookeeper/ensemble.ts";
import {
  BadVersionError,
  ConnectionLossError,
  NodeExistsError,
  NoNodeError,
} from "./zookeeper/errors.ts";
import { formatDecisions, type Noted, parseDecisions, ZnodeError } from "./znodes.ts";

const log = getLogger(["galera-keeper", "decisions"]);

/** How many entries are kept. */
export const MOST_ENTRIES = 50;
/** How much the znode may hold, in bytes. */
export const MOST_BYTES = 32 * 1024;
/** How long a text may be, in characters; the rest is left out. */
const MOST_TEXT = 2000;
/** How often a write is tried anew in a row where somebody else writes, too. */
const TRIES = 5;

/** Whose list it is. */
export interface DecisionLogOptions {
  /** Empty for `/`. */
  readonly root: string;
  readonly member: string;
  /** `ephemeral`: the list goes with its session, as there is a new name with each new member. */
  readonly storage: "persistent" | "ephemeral";
  readonly clock: Pick<Clock, "sleep">;
}

/** What was last read or written: the entries, and the version for a compare-and-set. */
interface OnRecord {
  readonly entries: readonly Noted[];
  /** Null where there is no znode. */
  readonly version: number | null;
}

/** A member's list, and what is not in it yet. */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #path: string;
  #ensemble: Ensemble | null = null;
  /** Null where it is to be read first. */
  #onRecord: OnRecord | null = null;
  /** What was on record when it was last known: put back where the ensemble has lost it. */
  #last: readonly Noted[] = [];
  #unwritten: readonly Noted[] = [];
  #writing: Promise<void> | null = null;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
    this.#path = `${options.root}/decisions/${options.member}`;
  }

  /** Adds an entry; it is written as soon as that can be. */
  note(noted: Noted): void {
    const reason = shorten(noted.reason);
    const person = noted.person === null ? null : shorten(noted.person);
    this.#unwritten = [...this.#unwritten, { ...noted, reason, person }].slice(-MOST_ENTRIES);
    this.#wake();
  }

  /** Writes through this session from now on; what is on record is read first. */
  use(ensemble: Ensemble): void {
    if (this.#ensemble === ensemble) return;
    this.#ensemble = ensemble;
    this.#onRecord = null;
    this.#wake();
  }

  /** Resolves once all is written, or cannot be, or that many milliseconds are over. */
  async flush(boundMs: number): Promise<void> {
    if (this.#ensemble?.state !== "connected") return;
    this.#wake(); // What was refused may not be any more.
    const written = new AbortController();
    const bound = this.#options.clock.sleep(boundMs, written.signal).catch(() => {});
    await Promise.race([this.#untilWritten(), bound]);
    written.abort();
  }

  async #untilWritten(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** One write at a time: what is noted meanwhile goes into the next one. */
  #wake(): void {
    const ensemble = this.#ensemble;
    if (ensemble === null || this.#writing !== null || this.#unwritten.length === 0) return;
    this.#writing = this.#writeAll(ensemble).then((isDone) => {
      this.#writing = null;
      // What was noted since the last look is nobody else's.
      if (isDone || this.#ensemble !== ensemble) this.#wake();
    });
  }

  /** Never rejects. @returns Whether all is on record; else the next note tries again. */
  async #writeAll(ensemble: Ensemble): Promise<boolean> {
    for (let tries = 0; tries < TRIES && this.#unwritten.length > 0;) {
      try {
        await this.#write(ensemble);
        tries = 0;
      } catch (error) {
        this.#onRecord = null;
        try {
          await this.#waitOut(error, ensemble);
          tries++;
        } catch (problem) {
          log.debug("The decisions are not on record: {problem}", { problem });
          return false;
        }
      }
    }
    return this.#unwritten.length === 0;
  }

  /** Waits until another try makes sense. @throws What none would mend. */
  async #waitOut(error: unknown, ensemble: Ensemble): Promise<void> {
    if (error instanceof ConnectionLossError) return await untilConnected(ensemble);
    const isRace = error instanceof BadVersionError || error instanceof NoNodeError ||
      error instanceof NodeExistsError;
    if (!isRace) throw error;
  }

  async #write(ensemble: Ensemble): Promise<void> {
    const { entries, version } = this.#onRecord ?? await this.#read(ensemble);
    const writing = this.#unwritten;
    // A write whose answer was lost may have taken effect.
    const { entries: next, data } = bounded(
      [...entries, ...writing.filter((one) => !entries.some(isSame(one)))],
    );
    const { storage } = this.#options;
    if (version === null) {
      const mode = storage === "ephemeral" ? "ephemeral" : "persistent";
      await ensemble.create(this.#path, data, { mode, makePath: true });
      this.#onRecord = { entries: next, version: 0 };
    } else {
      const stat = await ensemble.set(this.#path, data, version);
      this.#onRecord = { entries: next, version: stat.version };
    }
    this.#last = next;
    this.#unwritten = this.#unwritten.filter((one) => !writing.includes(one));
  }

  async #read(ensemble: Ensemble): Promise<OnRecord> {
    try {
      const { data, stat } = await ensemble.get(this.#path);
      const entries = this.#parse(data);
      const isOfAnotherLife = stat.ephemeralOwner !== 0n &&
        stat.ephemeralOwner !== ensemble.sessionId;
      if (!isOfAnotherLife) return { entries, version: stat.version };
      // It would go with that session.
      await ensemble.delete(this.#path, stat.version);
      return { entries, version: null };
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      return { entries: this.#last, version: null };
    }
  }

  #parse(data: Uint8Array): readonly Noted[] {
    try {
      return parseDecisions(data);
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      const { message: problem } = error;
      log.warn("{path} is begun anew: {problem}", { path: this.#path, problem });
      return [];
    }
  }
}

function isSame(one: Noted): (other: Noted) => boolean {
  return ({ at, kind, reason }) => at === one.at && kind === one.kind && reason === one.reason;
}

function shorten(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 1)}…`;
}

/** The newest of them, as many as there is room for, and how they are written. */
function bounded(
  entries: readonly Noted[],
): { readonly entries: readonly Noted[]; readonly data: Uint8Array } {
  const encoder = new TextEncoder();
  for (let kept = entries.slice(-MOST_ENTRIES);; kept = kept.slice(1)) {
    const data = encoder.encode(formatDecisions(kept));
    if (data.length <= MOST_BYTES || kept.length <= 1) return { entries: kept, data };
  }
}
