/** The ZooKeeper of a cluster on this machine: started again when it ends by itself. */

import { UnavailableError } from "../errors.ts";
import { ZooKeeperServer } from "../zookeeper/server.ts";
import type { Screen } from "./screen.ts";
import { backoffMs } from "./view.ts";

const USUAL_PORT = 2181;

/** A ZooKeeper that is kept running. */
export class LocalZooKeeper implements AsyncDisposable {
  readonly hosts: string;
  #server: ZooKeeperServer;
  #isStopping = false;
  readonly #kept: Promise<void>;

  private constructor(server: ZooKeeperServer, screen: Screen) {
    this.#server = server;
    this.hosts = server.hosts;
    this.#kept = this.#keep(screen);
  }

  /**
   * Starts it, on the usual port where that is free.
   *
   * @throws {UnavailableError} It does not start.
   */
  static async start(
    options: { readonly dataDir: string; readonly address: string },
    screen: Screen,
    signal: AbortSignal,
  ): Promise<LocalZooKeeper> {
    const port = isFree(options.address, USUAL_PORT) ? USUAL_PORT : 0;
    return new LocalZooKeeper(await ZooKeeperServer.start({ ...options, port }, signal), screen);
  }

  async #keep(screen: Screen): Promise<void> {
    for (let failures = 1;; failures++) {
      const { code, signal } = await this.#server.ended;
      if (this.#isStopping) return;
      const againInMs = backoffMs(failures);
      screen.say(
        `ZooKeeper ended with ${signal ?? `status ${code}`}; starts again in ${againInMs / 1000} s`,
      );
      await new Promise((resolve) => setTimeout(resolve, againInMs));
      if (this.#isStopping) return;
      try {
        this.#server = await ZooKeeperServer.start(this.#server.options);
        screen.say("ZooKeeper serves again");
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        screen.say(error.message);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#server.stop();
    await this.#kept;
  }
}

function isFree(address: string, port: number): boolean {
  try {
    Deno.listen({ hostname: address, port }).close();
    return true;
  } catch {
    return false;
  }
}
