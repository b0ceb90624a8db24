/** Frames over one TCP or TLS connection. */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { CODE } from "./constants.ts";
import { ZooKeeperError } from "./errors.ts";
import { type HostAddress, shuffled } from "./hosts.ts";

/** A connection to a server of the ensemble over TLS. All are PEM. */
export interface TlsOptions {
  /** Certificates to trust besides the system's. */
  readonly caCerts?: readonly string[];
  /** Our own certificate chain, where the server asks for one. */
  readonly cert?: string;
  /** The key of `cert`. */
  readonly key?: string;
}

/** The server sent what is not ZooKeeper's protocol. */
export class ProtocolError extends ZooKeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super(CODE.ZRUNTIMEINCONSISTENCY, message, "", options);
  }
}

/** What a connection must be able to do. */
export interface Socket {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/**
 * Connects. The addresses of a name are tried one after the other, in random order: one that never
 * answers must not hide the others each time.
 *
 * @throws the system's error of the last address, or the signal's reason.
 */
export async function dial(
  { hostname, port }: HostAddress,
  tls: TlsOptions | null,
  signal: AbortSignal,
  random: () => number,
  lookups = new Lookups(),
): Promise<Socket> {
  if (tls !== null) return await dialTls({ hostname, port }, tls, signal);
  const addresses = isIP(hostname) !== 0
    ? [hostname]
    : shuffled(await lookups.resolve(hostname, signal), random);
  let failure: unknown;
  for (const address of addresses) {
    signal.throwIfAborted();
    try {
      const socket = await Deno.connect({ hostname: address, port, signal });
      // Requests are few and small: none may wait for the acknowledgement of the one before.
      socket.setNoDelay(true);
      return socket;
    } catch (error) {
      failure = error;
    }
  }
  throw failure ?? new Error("its name has no address");
}

/** How long what a lookup found is good for an attempt that comes later, in milliseconds. */
const FRESH_MS = 10_000;

interface Lookup {
  readonly addresses: Promise<string[]>;
  endedAtMs: number | null;
}

/**
 * Finds the addresses of names. A lookup takes as long as the system's resolver does, 5 s and more where the
 * first name server is down, and an attempt to connect has less: one that was left is not begun again, what
 * it finds is for the next attempt.
 */
export class Lookups {
  readonly #find: (hostname: string) => Promise<string[]>;
  readonly #nowMs: () => number;
  readonly #left = new Map<string, Lookup>();

  constructor(find = findAddresses, nowMs = () => performance.now()) {
    this.#find = find;
    this.#nowMs = nowMs;
  }

  /** @throws the system's error, or the signal's reason. */
  async resolve(hostname: string, signal: AbortSignal): Promise<string[]> {
    const lookup = this.#goOn(hostname) ?? this.#begin(hostname);
    this.#left.set(hostname, lookup);
    let isLeft = false;
    try {
      return await orAborted(lookup.addresses, signal);
    } catch (error) {
      isLeft = signal.aborted;
      throw error;
    } finally {
      if (!isLeft) this.#left.delete(hostname);
    }
  }

  #goOn(hostname: string): Lookup | null {
    const lookup = this.#left.get(hostname);
    if (lookup === undefined) return null;
    const { endedAtMs } = lookup;
    return endedAtMs === null || this.#nowMs() - endedAtMs < FRESH_MS ? lookup : null;
  }

  #begin(hostname: string): Lookup {
    const lookup: Lookup = { addresses: this.#find(hostname), endedAtMs: null };
    const ended = () => {
      lookup.endedAtMs = this.#nowMs();
    };
    lookup.addresses.then(ended, ended);
    return lookup;
  }
}

async function findAddresses(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

async function dialTls(
  { hostname, port }: HostAddress,
  tls: TlsOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const base = { hostname, port, caCerts: [...(tls.caCerts ?? [])] };
  const dialled = tls.cert !== undefined && tls.key !== undefined
    ? Deno.connectTls({ ...base, cert: tls.cert, key: tls.key })
    : Deno.connectTls(base);
  const socket = await orAborted(dialled, signal, (late) => late.close());
  try {
    await orAborted(socket.handshake(), signal);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Waits for what cannot be aborted itself, and hands what comes too late to `late`. */
async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    if (signal.aborted) promise.then(late, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Writes all of `bytes`. @throws the system's error. */
export async function writeAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  let done = await socket.write(bytes);
  while (done < bytes.length) done += await socket.write(bytes.subarray(done));
}

/** The read buffer begins small: most sessions say little. */
const FIRST_BUFFER_BYTES = 4 * 1024;
/** It grows to this where reads fill it, and beyond for the time of a frame that is longer. */
const READ_BUFFER_BYTES = 64 * 1024;

/**
 * Reads frames (a length of 4 bytes, then as many bytes) until the connection ends or `onFrame`
 * says no.
 *
 * @param maxBytes A frame that says it is longer ends the connection.
 * @param onFrame Gets each frame as a part of the read buffer, which the next read overwrites;
 * gives false to stop.
 * @throws ProtocolError when a length is out of bounds, the system's error when reading fails.
 */
export async function readFrames(
  socket: Socket,
  maxBytes: number,
  onFrame: (bytes: Uint8Array, begin: number, end: number) => boolean,
): Promise<void> {
  let bytes = new Uint8Array(FIRST_BUFFER_BYTES);
  let view = new DataView(bytes.buffer);
  let filled = 0;
  let usual = FIRST_BUFFER_BYTES;
  for (;;) {
    const count = await socket.read(filled === 0 ? bytes : bytes.subarray(filled));
    if (count === null) return;
    filled += count;
    if (filled === bytes.length && usual < READ_BUFFER_BYTES) usual *= 2;
    let at = 0;
    let needed = 4;
    while (filled - at >= 4) {
      const length = view.getInt32(at);
      if (length < 0 || length > maxBytes) {
        throw new ProtocolError(
          `a frame of ${length} bytes, at most ${maxBytes} are taken (jute.maxbuffer)`,
        );
      }
      const end = at + 4 + length;
      if (end > filled) {
        needed = 4 + length;
        break;
      }
      if (!onFrame(bytes, at + 4, end)) return;
      at = end;
    }
    const rest = filled - at;
    const wanted = Math.max(needed, usual);
    if (wanted > bytes.length || (rest === 0 && wanted < bytes.length)) {
      const other = new Uint8Array(wanted);
      other.set(bytes.subarray(at, filled));
      bytes = other;
      view = new DataView(bytes.buffer);
    } else if (at > 0 && rest > 0) bytes.copyWithin(0, at, filled);
    filled = rest;
  }
}

/** Closes a socket that may be closed already: the read under way then says why. */
export function closeQuietly(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It is closed already.
  }
}
