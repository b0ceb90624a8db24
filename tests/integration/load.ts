/** Clients of a cluster whose members come and go, and an eye on who is Primary. */
import assert from "node:assert/strict";
import { findHolders } from "../../lib/mariadb/processes.ts";
import type { TestMember } from "./harness.ts";

/** Inserts rows through members, one after the other, until it is stopped; refusals do not end it. */
export class Load implements AsyncDisposable {
  readonly #acknowledged: number[] = [];
  readonly #writers: readonly Promise<void>[];
  #isOver = false;

  /** @param firstId Of the rows; what several loads write must not meet. */
  constructor(members: readonly TestMember[], firstId = 1) {
    this.#writers = members.map((member, index) =>
      this.#write(member, firstId + index * 1_000_000)
    );
  }

  /** How many rows were acknowledged so far. */
  get count(): number {
    return this.#acknowledged.length;
  }

  /** Ends it. @returns The rows that were acknowledged. */
  async stop(): Promise<readonly number[]> {
    this.#isOver = true;
    await Promise.all(this.#writers);
    return this.#acknowledged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(member: TestMember, firstId: number): Promise<void> {
    for (let id = firstId; !this.#isOver; id++) {
      try {
        await member.query(`INSERT INTO app.t VALUES (${id})`);
        this.#acknowledged.push(id);
        await pause(20);
      } catch {
        // Refused, or cut off in the middle: nobody was told that the row is there.
        await pause(250);
      }
    }
  }
}

/** Looks all the time who of some members says that it is Primary. */
export class PrimaryWatch implements AsyncDisposable {
  readonly #members: readonly TestMember[];
  readonly #looking: Promise<void>;
  readonly #looks: (readonly string[])[] = [];
  #isOver = false;

  constructor(members: readonly TestMember[]) {
    this.#members = members;
    this.#looking = this.#look();
  }

  /** Who was Primary, look after look, since the last time this was asked. */
  take(): readonly (readonly string[])[] {
    return this.#looks.splice(0);
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      const primary = await Promise.all(this.#members.map(isPrimary));
      this.#looks.push(this.#members.filter((_, at) => primary[at]).map(({ name }) => name));
      await pause(200);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }
}

/** Asks its server, whatever its keeper says. */
async function isPrimary(member: TestMember): Promise<boolean> {
  try {
    const [row] = await member.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
    return row?.["Value"] === "Primary";
  } catch {
    return false;
  }
}

/** Whether a member's server answers queries. */
export async function isServing(member: TestMember): Promise<boolean> {
  return await member.query("SELECT 1 FROM app.t LIMIT 1").then(() => true, () => false);
}

/** The process of a member's server; undefined while there is none. */
export async function serverOf({ datadir }: TestMember): Promise<number | undefined> {
  return (await findHolders(datadir)).servers[0]?.pid;
}

/**
 * Fails where members were in two primary components at one point of their common history: Galera
 * logs each view with its position and who is in it.
 */
export function assertOneHistory(members: readonly TestMember[]): void {
  const views = new Map<string, string>();
  for (const { log } of members) {
    for (const { id, inIt } of primaryViews(log)) {
      assert.equal(inIt, views.get(id) ?? inIt, `two primary components at ${id}`);
      views.set(id, inIt);
    }
  }
  assert.ok(views.size >= members.length, "no views were found in the logs");
}

function primaryViews(log: string): readonly { readonly id: string; readonly inIt: string }[] {
  return log.split("mariadbd: View:\n").slice(1).flatMap((text) => {
    const [view = ""] = text.split("=====", 1);
    const [, id] = /mariadbd: +id: (\S+)\n.*mariadbd: +status: primary\n/.exec(view) ?? [];
    const inIt = [...view.matchAll(/mariadbd: \t\d+: (\S+), (\S+)/g)]
      .map(([, instance, name]) => `${name} ${instance}`).sort().join();
    return id === undefined ? [] : [{ id, inIt }];
  });
}

/** Waits until something holds, with the patience of a busy machine. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  everyMs = 200,
): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!await holds()) {
    if (Date.now() > deadline) throw new Error(`It did not come to that: ${what}`);
    await pause(everyMs);
  }
}

/** Lets time pass. */
export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
