/** npm:zookeeper's client, opened and closed with a test, and one server for a file of tests. */

import { fileURLToPath } from "node:url";
import type { InitOptions } from "../../lib/zookeeper/addon_values.ts";
import { ZooKeeperClient } from "../../lib/zookeeper/client.ts";

/** An event as the package emits it: the name, and what its listeners get after the client. */
export type Emitted = readonly [name: string, ...values: unknown[]];

const EVENTS = [
  "connect",
  "connecting",
  "close",
  "created",
  "deleted",
  "changed",
  "child",
  "trouble",
] as const;

/** A client that is connected, with all its events written down. */
export class Opened implements AsyncDisposable {
  readonly zk: ZooKeeperClient;
  /** Every event so far; of trouble the message. */
  readonly events: Emitted[] = [];
  #isOpen = false;

  constructor(config: InitOptions) {
    this.zk = new ZooKeeperClient(config);
    for (const name of EVENTS) {
      this.zk.on(name, (_client: unknown, value: unknown) => {
        this.events.push([name, value instanceof Error ? value.message : value]);
      });
    }
    this.zk.on("close", () => this.#isOpen = false);
  }

  /** Begins to connect and does not wait. */
  init(): this {
    this.#isOpen = true;
    this.zk.init({});
    return this;
  }

  /** Connects. */
  static async open(connect: string, config: Partial<InitOptions> = {}): Promise<Opened> {
    const opened = new Opened({ connect, timeout: 6000, ...config });
    const connected = opened.next("connect");
    opened.init();
    await connected;
    return opened;
  }

  /** Waits for the next event of a name; gives its value. */
  next(name: string): Promise<unknown> {
    return new Promise((resolve) =>
      this.zk.once(name, (_client: unknown, value: unknown) => resolve(value))
    );
  }

  /** How often an event came. */
  count(name: string): number {
    return this.events.filter(([event]) => event === name).length;
  }

  /** Closes the session and waits until it is closed; gives the value of "close". */
  async close(): Promise<unknown> {
    if (!this.#isOpen) return undefined;
    const closed = this.next("close");
    this.zk.close();
    return await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Waits until something is so; a test that waits in vain fails by its own time limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/**
 * One server for all tests of a file, or that which ZOOKEEPER_HOSTS names. Registers the hooks that
 * start and stop it; gives the function that says where it is.
 */
export function serverForAll(): () => string {
  const given = Deno.env.get("ZOOKEEPER_HOSTS");
  if (given !== undefined) return () => given;
  let hosts = "";
  let child: Deno.ChildProcess | undefined;
  Deno.test.beforeAll(async () => {
    child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", fileURLToPath(new URL("./server_process.ts", import.meta.url))],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    hosts = new TextDecoder().decode(value).trim();
    if (hosts === "") throw new Error("the ZooKeeper server for these tests did not start");
  });
  Deno.test.afterAll(async () => {
    await child?.stdin.close();
    await child?.stdout.cancel();
    await child?.status;
  });
  return () => hosts;
}

let made = 0;

/** A path below which nobody else works. */
export function freshPath(): string {
  return `/wire-${Date.now().toString(36)}-${Math.floor(Math.random() * 2 ** 32)}-${made++}`;
}
