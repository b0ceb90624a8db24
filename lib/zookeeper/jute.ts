/**
 * Jute, ZooKeeper's serialization: big-endian integers, and strings, buffers and vectors led by
 * their length, where -1 stands for null. Written after org.apache.jute's BinaryOutputArchive and
 * BinaryInputArchive.
 */

import { ZooKeeperError } from "./errors.ts";

/** KeeperException's code for bytes that are no record. */
const MARSHALLING_ERROR = -5;

/** Bytes that are no record: a length out of bounds, or a record longer than its frame. */
export class JuteError extends ZooKeeperError {
  constructor(message: string) {
    super(MARSHALLING_ERROR, message);
  }
}

const encoder = new TextEncoder();
// Without ignoreBOM a name that begins with U+FEFF would be read back without it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Strings up to this many bytes are decoded here: a call to TextDecoder costs more than the loop. */
const SHORT_STRING = 48;

/** Writes records one after the other into a buffer that grows. */
export class JuteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  /** How many bytes are written; set it back to take the last ones back. */
  length = 0;

  /** @param capacity The first size of the buffer in bytes. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The size of the buffer in bytes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What is written, as a view that the next write may change. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  /** Makes room for `count` more bytes and gives the place where they begin. */
  #reserve(count: number): number {
    const at = this.length;
    const end = at + count;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length = end;
    return at;
  }

  /** Writes a byte that is 0 or 1. */
  bool(value: boolean): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value ? 1 : 0;
  }

  /** Writes 4 bytes; numbers beyond 32 bits wrap, as in Java. */
  int(value: number): void {
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
  }

  /** Writes 8 bytes; numbers beyond 64 bits wrap, as in Java. */
  long(value: bigint): void {
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, value);
  }

  /** Overwrites the 4 bytes at `at`, which must be written already. */
  patchInt(at: number, value: number): void {
    this.#view.setInt32(at, value);
  }

  /** Writes bytes led by their count. */
  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    const at = this.#reserve(4 + value.length);
    this.#view.setInt32(at, value.length);
    this.#bytes.set(value, at + 4);
  }

  /** Writes a string as UTF-8, led by its count of bytes. A lone surrogate becomes U+FFFD. */
  string(value: string | null): void {
    if (value === null) return this.int(-1);
    const units = value.length;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    const at = this.#reserve(4 + units * 3);
    const bytes = this.#bytes;
    const begin = at + 4;
    let done = 0;
    if (units <= SHORT_STRING) {
      for (; done < units; done++) {
        const unit = value.charCodeAt(done);
        if (unit > 0x7f) break;
        bytes[begin + done] = unit;
      }
    }
    let written = done;
    if (done < units) {
      const rest = done === 0 ? value : value.slice(done);
      written += encoder.encodeInto(rest, bytes.subarray(begin + done)).written;
    }
    this.#view.setInt32(at, written);
    this.length = begin + written;
  }

  /** Writes strings led by their count. */
  strings(values: readonly string[] | null): void {
    if (values === null) return this.int(-1);
    this.int(values.length);
    for (const value of values) this.string(value);
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }
}

/** Reads records one after the other from part of a buffer. */
export class JuteReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #at = 0;
  #end = 0;

  /** @param bytes What to read; without it the reader is empty until `reset`. */
  constructor(bytes?: Uint8Array) {
    if (bytes !== undefined) this.reset(bytes, 0, bytes.length);
  }

  /** Turns to another part of the same or another buffer. */
  reset(bytes: Uint8Array, begin: number, end: number): void {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#at = begin;
    this.#end = end;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) {
      throw new JuteError(
        `Record ends early: ${count} bytes are needed, ${this.#end - at} are left`,
      );
    }
    this.#at = at + count;
    return at;
  }

  /** The count that leads a buffer, string or vector whose parts take `least` bytes each, or null. */
  #count(least: number): number | null {
    const count = this.int();
    if (count === -1) return null;
    if (count < 0 || count * least > this.remaining) {
      throw new JuteError(`Length out of bounds: ${count}, ${this.remaining} bytes are left`);
    }
    return count;
  }

  /** @throws JuteError as every method here, when the bytes are no such value. */
  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  /** Reads 4 bytes. */
  int(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** Reads 8 bytes. */
  long(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  /** Reads bytes led by their count, into a buffer of their own. */
  buffer(): Uint8Array<ArrayBuffer> | null {
    const count = this.#count(1);
    if (count === null) return null;
    const at = this.#take(count);
    return new Uint8Array(this.#bytes.subarray(at, at + count));
  }

  /** Reads a string; bytes that are no UTF-8 become U+FFFD. */
  stringOrNull(): string | null {
    const count = this.#count(1);
    if (count === null) return null;
    const at = this.#take(count);
    const bytes = this.#bytes;
    if (count <= SHORT_STRING) {
      let text = "";
      let i = at;
      for (; i < at + count; i++) {
        const byte = bytes[i] as number;
        if (byte > 0x7f) break;
        text += String.fromCharCode(byte);
      }
      if (i === at + count) return text;
    }
    return decoder.decode(bytes.subarray(at, at + count));
  }

  /** Reads a string where null means the empty one. */
  string(): string {
    return this.stringOrNull() ?? "";
  }

  /** Reads strings led by their count; null means none. */
  strings(): string[] {
    return this.vector(4, (reader) => reader.string());
  }

  /**
   * Reads a vector; null means an empty one.
   *
   * @param least How many bytes an element takes at least: a count beyond what is left is refused
   * before anything is allocated for it.
   */
  vector<T>(least: number, read: (reader: JuteReader) => T): T[] {
    const count = this.#count(least) ?? 0;
    const values: T[] = [];
    for (let i = 0; i < count; i++) values.push(read(this));
    return values;
  }
}
