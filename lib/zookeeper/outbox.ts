/** Requests on their way to the server: all of one turn of the event loop go out in one write. */

import { JuteWriter } from "./jute.ts";
import { type Socket, writeAll } from "./transport.ts";

const CAPACITY_BYTES = 1024;
/** A buffer that a burst made larger than this is given back. */
const KEEP_BYTES = 1 << 20;

/** What is queued while there is no connection is written when there is one. */
export class Outbox {
  readonly #onWrite: () => void;
  readonly #onFailure: (socket: Socket, error: unknown) => void;
  #socket: Socket | null = null;
  /** What is queued. While it is written the other buffer takes its place. */
  #queued = new JuteWriter(CAPACITY_BYTES);
  #other = new JuteWriter(CAPACITY_BYTES);
  #frame = 0;
  #flushSoon = false;
  #writing: Promise<void> | null = null;

  /**
   * @param onWrite Called when bytes are given to a socket.
   * @param onFailure Called when a socket does not take them.
   */
  constructor(onWrite: () => void, onFailure: (socket: Socket, error: unknown) => void) {
    this.#onWrite = onWrite;
    this.#onFailure = onFailure;
  }

  /** Begins a frame with the header of a request; the caller writes the rest, then calls `end`. */
  begin(xid: number, type: number): JuteWriter {
    const out = this.#queued;
    this.#frame = out.length;
    out.int(0);
    out.int(xid);
    out.int(type);
    return out;
  }

  /**
   * Ends the frame and queues it.
   *
   * @returns false when it is longer than `maxBytes`: it is then taken back.
   */
  end(maxBytes = Infinity): boolean {
    const out = this.#queued;
    const length = out.length - this.#frame - 4;
    if (length > maxBytes) {
      out.length = this.#frame;
      return false;
    }
    out.patchInt(this.#frame, length);
    if (!this.#flushSoon && this.#socket !== null) {
      this.#flushSoon = true;
      queueMicrotask(this.#flush);
    }
    return true;
  }

  /** Begins to write to a socket: first the frames that `first` queues, then what was queued. */
  open(socket: Socket, first: () => void): void {
    const queued = this.#queued;
    this.#queued = new JuteWriter(queued.capacity);
    first();
    this.#queued.raw(queued.bytes);
    this.#socket = socket;
    this.#flush();
  }

  /** Leaves the socket and forgets what is queued. */
  reset(): void {
    this.#socket = null;
    this.#queued.length = 0;
  }

  /** Resolves when no write is under way; never rejects. */
  get idle(): Promise<void> {
    return this.#writing ?? Promise.resolve();
  }

  readonly #flush = (): void => {
    this.#flushSoon = false;
    const socket = this.#socket;
    const batch = this.#queued;
    if (socket === null || this.#writing !== null || batch.length === 0) return;
    this.#queued = this.#other;
    this.#onWrite();
    this.#writing = this.#write(socket, batch);
  };

  async #write(socket: Socket, batch: JuteWriter): Promise<void> {
    try {
      await writeAll(socket, batch.bytes);
    } catch (error) {
      this.#onFailure(socket, error);
    }
    batch.length = 0;
    this.#other = batch.capacity > KEEP_BYTES ? new JuteWriter(CAPACITY_BYTES) : batch;
    this.#writing = null;
    this.#flush();
  }
}
