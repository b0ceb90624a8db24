/** A connection whose owner writes down what it is told, and waits for it. */

import { Connection, type ConnectionOptions } from "../../lib/zookeeper/connection.ts";
import type { ReplyHandler } from "../../lib/zookeeper/exchange.ts";
import { OP, STATE } from "../../lib/zookeeper/constants.ts";
import type { ZooKeeperError } from "../../lib/zookeeper/errors.ts";
import { parseHosts } from "../../lib/zookeeper/hosts.ts";
import type { Watcher } from "../../lib/zookeeper/watches.ts";

/** What came of a request: its code, and for code 0 what was read of its record. */
export interface Outcome<T> {
  readonly code: number;
  readonly value: T | undefined;
}

/** A connection that starts at once and is closed with the test. */
export class Recorder implements AsyncDisposable {
  readonly connection: Connection;
  /** The states it was told, in order. */
  readonly states: number[] = [];
  /** The troubles it was told, in order. */
  readonly troubles: ZooKeeperError[] = [];
  #waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  constructor(
    hosts: string,
    options: Partial<ConnectionOptions> = {},
    sharedWatcher: Watcher | null = null,
  ) {
    this.connection = new Connection(
      { servers: parseHosts(hosts), sessionTimeoutMs: 3000, keepOrder: true, ...options },
      {
        onState: (state) => {
          this.states.push(state);
          this.#look();
        },
        onTrouble: (error) => {
          this.troubles.push(error);
          this.#look();
        },
      },
      sharedWatcher,
    );
    this.connection.start();
  }

  #look(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (one.isDone()) one.resolve();
      else this.#waiting.push(one);
    }
  }

  /** Waits until something that it is told makes `isDone` true. */
  async until(isDone: () => boolean): Promise<void> {
    if (isDone()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ isDone, resolve }));
  }

  /** Waits until it was told `count` times that it is connected. */
  async connected(count = 1): Promise<void> {
    await this.until(() =>
      this.states.filter((state) => state === STATE.connected).length >= count
    );
  }

  /** Waits until it was told of `count` troubles; gives the last of them. */
  async trouble(count = 1): Promise<ZooKeeperError> {
    await this.until(() => this.troubles.length >= count);
    return this.troubles[count - 1] as ZooKeeperError;
  }

  /** Sends a request for a path; resolves with its outcome. */
  ask<T>(
    type: number,
    path: string,
    read: (...args: Parameters<ReplyHandler>) => T = () => undefined as T,
    watcher: Watcher | null = null,
  ): Promise<Outcome<T>> {
    return new Promise((resolve, reject) => {
      const out = this.connection.begin(type);
      if (out === null) return reject(new Error("the session is not open"));
      out.string(path);
      if (type !== OP.sync) out.bool(watcher !== null);
      const kind = type === OP.exists ? "exist" : type === OP.getData ? "data" : "child";
      this.connection.send((code, record) => {
        const value = record === null ? undefined : read(code, record);
        resolve({ code, value });
      }, watcher === null ? null : { kind, path, watcher });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}
