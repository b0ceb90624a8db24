/** Which server of the ensemble to try next, after which pause. */

import { formatHost, type HostAddress, type HostList, shuffled } from "./hosts.ts";
import { dial, Lookups, type Socket, type TlsOptions } from "./transport.ts";

const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;

/**
 * How long to wait before the next attempt, in milliseconds: longer after each round of all servers,
 * up to a second, and never the same, so that clients that lost one server do not come all at once.
 *
 * @param failures How many attempts have failed in a row.
 * @param hosts How many servers there are.
 * @param random A number from 0 up to 1.
 */
export function pauseMs(failures: number, hosts: number, random: number): number {
  const rounds = Math.min(Math.floor(failures / hosts), 10);
  return Math.min(MIN_PAUSE_MS * 2 ** rounds, MAX_PAUSE_MS) * (0.5 + random / 2);
}

/** Goes round the servers for ever. */
export class Dialer {
  readonly #keepOrder: boolean;
  readonly #tls: TlsOptions | null;
  readonly #random: () => number;
  readonly #lookups = new Lookups();
  #hosts: readonly HostAddress[];
  #next = 0;
  #abort = new AbortController();
  #endPause: () => void = () => {};

  /**
   * @param keepOrder Tries them in the order given instead of a random one.
   * @param tls null for a connection without.
   * @param random A number from 0 up to 1.
   */
  constructor(
    servers: HostList,
    { keepOrder, tls, random }: {
      readonly keepOrder: boolean;
      readonly tls: TlsOptions | null;
      readonly random: () => number;
    },
  ) {
    this.#keepOrder = keepOrder;
    this.#tls = tls;
    this.#random = random;
    this.#hosts = this.#inOrder(servers);
  }

  #inOrder({ hosts }: HostList): readonly HostAddress[] {
    return this.#keepOrder ? hosts : shuffled(hosts, this.#random);
  }

  /** How many servers there are. */
  get count(): number {
    return this.#hosts.length;
  }

  /** Goes round other servers from now on. */
  replace(servers: HostList): void {
    this.#hosts = this.#inOrder(servers);
    this.#next = 0;
  }

  /** Says whether a server is among those it goes round. */
  has(host: HostAddress): boolean {
    return this.#hosts.some((other) => formatHost(other) === formatHost(host));
  }

  /** The server to try next. */
  next(): HostAddress {
    return this.#hosts[this.#next++ % this.#hosts.length] as HostAddress;
  }

  /**
   * Connects to a server.
   *
   * @param timeoutMs How long that may take, in milliseconds.
   * @throws the system's error, or what `abort` was given.
   */
  async dial(host: HostAddress, timeoutMs: number): Promise<Socket> {
    const abort = this.#abort = new AbortController();
    const timer = setTimeout(
      () => abort.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    );
    try {
      return await dial(host, this.#tls, abort.signal, this.#random, this.#lookups);
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends a `dial` that is under way. */
  abort(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** Waits before the next attempt, as `pauseMs` says. */
  async pause(failures: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, pauseMs(failures, this.#hosts.length, this.#random()));
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** Ends a `pause` that is under way. */
  endPause(): void {
    this.#endPause();
  }
}
