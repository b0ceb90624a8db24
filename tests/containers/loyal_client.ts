/** A client that stays with a member for as long as that serves, and counts how often it had to begin again. */
import * as mariadb from "mariadb";
import { type Container, ROOT_PASSWORD } from "./container.ts";
import { PATIENCE_MS, pause } from "./podman.ts";

/** Inserts row after row into `app.t`, through one member; where that refuses, the same row through another. */
export class LoyalClient implements AsyncDisposable {
  /** The rows that it was told are there. */
  readonly acknowledged = new Set<number>();
  /** Why it had to write a row once more, each time. */
  readonly retries: string[] = [];
  readonly #members: () => readonly Container[];
  readonly #writing: Promise<void>;
  #isOver = false;

  /** @param members Those that there are at that moment. */
  constructor(members: () => readonly Container[]) {
    this.#members = members;
    this.#writing = this.#write();
  }

  /** Ends it. @throws A row could be written through nobody. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#writing.catch(() => {});
  }

  async #write(): Promise<void> {
    let [member, connection] = await this.#connect(null);
    try {
      for (let id = 1; !this.#isOver; id++) {
        // Where the answer to the first attempt was lost, the row is there.
        for (let statement = "INSERT";; statement = "INSERT IGNORE") {
          try {
            await connection.query(`${statement} INTO app.t VALUES (?)`, [id]);
            break;
          } catch (error) {
            this.retries.push(`${member.name}, row ${id}: ${error}`);
            connection.destroy();
            [member, connection] = await this.#connect(member);
          }
        }
        this.acknowledged.add(id);
        await pause(10);
      }
    } finally {
      connection.destroy();
    }
  }

  /** To the next member that is ready, as a balancer does it. @param last Whom it was with. */
  async #connect(last: Container | null): Promise<readonly [Container, mariadb.Connection]> {
    const endMs = performance.now() + PATIENCE_MS;
    while (performance.now() < endMs) {
      // The next one in the row, so that each has it in turn.
      const members = this.#members();
      const at = members.findIndex(({ name }) => name === last?.name);
      for (const member of [...members.slice(at + 1), ...members.slice(0, Math.max(at, 0))]) {
        if (!await isReady(member)) continue;
        const host = await member.address();
        const login = { host, user: "root", password: ROOT_PASSWORD, connectTimeout: 5000 };
        return [member, await mariadb.createConnection(login)];
      }
      await pause(50);
    }
    throw new Error("Nobody is ready for the client");
  }
}

async function isReady(member: Container): Promise<boolean> {
  try {
    const { ok, body } = await fetch(`http://${await member.address()}:8008/readyz`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(5000),
    });
    await body?.cancel();
    return ok;
  } catch {
    return false;
  }
}
