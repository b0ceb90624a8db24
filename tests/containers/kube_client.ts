/** A client of the Service for clients: it is sent to pods that are ready, and writes all the time. */
import * as mariadb from "mariadb";
import type { KubePod } from "./kube_pod.ts";
import { pause } from "./podman.ts";

/** Whom it writes as, and into which database. */
export interface Account {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Inserts row after row into `t`, and keeps which were acknowledged; ends with the scope. */
export class KubeClient implements AsyncDisposable {
  readonly #pods: () => readonly KubePod[];
  readonly #account: Account;
  readonly #acknowledged: number[] = [];
  readonly #writing: Promise<void>;
  #connection: mariadb.Connection | null = null;
  #isOver = false;

  /** @param pods Those that the Service has at that moment. */
  constructor(pods: () => readonly KubePod[], account: Account) {
    this.#pods = pods;
    this.#account = account;
    this.#writing = this.#write();
  }

  /** The rows that it was told are there. */
  get acknowledged(): readonly number[] {
    return this.#acknowledged;
  }

  /** Ends it. @returns The rows that it was told are there. */
  async stop(): Promise<readonly number[]> {
    this.#isOver = true;
    await this.#writing;
    return this.#acknowledged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(): Promise<void> {
    for (let id = 1; !this.#isOver; id++) {
      try {
        this.#connection ??= await this.#connect();
        await this.#connection.query("INSERT INTO t VALUES (?)", [id]);
        this.#acknowledged.push(id);
        await pause(20);
      } catch {
        // Nobody is ready, or it was cut off in the midst: nobody was told that the row is there.
        this.#connection?.destroy();
        this.#connection = null;
        await pause(200);
      }
    }
    await this.#connection?.end();
  }

  /** To any pod that is ready, as a Service does it. */
  async #connect(): Promise<mariadb.Connection> {
    const pods = this.#pods();
    const ready = await Promise.all(pods.map((pod) => pod.probe("readinessProbe")));
    const able = pods.filter((_, at) => ready[at]!.isWell);
    const pod = able[Math.floor(Math.random() * able.length)];
    if (pod === undefined) throw new Error("Nobody is ready");
    const host = await pod.address();
    return await mariadb.createConnection({
      ...this.#account,
      host,
      connectTimeout: 5000,
      socketTimeout: 20_000,
    });
  }
}
