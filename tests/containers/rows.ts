/** Rows that clients were told are safe, and the proof that they are. */
import assert from "node:assert/strict";
import { type Container, ROOT_PASSWORD } from "./container.ts";
import { tryPodman, until } from "./podman.ts";

/** A table of numbers, and which of them were acknowledged. */
export class Rows {
  readonly acknowledged = new Set<number>();
  #next = 1;

  /** Makes the table. */
  static async make(member: Container): Promise<Rows> {
    await member.sql("CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY)");
    return new Rows();
  }

  /** Writes one row through a member. @returns Its number. @throws It was not taken. */
  async write(member: Container): Promise<number> {
    const id = this.#next++;
    await member.sql(`INSERT INTO app.t VALUES (${id})`);
    this.acknowledged.add(id);
    return id;
  }

  /** A client that writes through a member, one row after the other, until it is cut off. */
  writeUntilCut(member: Container): Writing {
    const first = this.#next;
    this.#next += 1_000_000;
    const insert = 'mariadb --user=root --execute "INSERT INTO app.t VALUES ($i)"';
    const script = `i=${first}; while ${insert} 2>&-; do echo $i; i=$((i+1)); done`;
    const args = ["exec", "--env", "MYSQL_PWD", member.id, "sh", "-c", script];
    const ended = tryPodman(args, { env: { MYSQL_PWD: ROOT_PASSWORD } }).then(({ stdout }) => {
      // The last line may have been cut off, too.
      const ids = stdout.split("\n").slice(0, -1).map(Number);
      for (const id of ids) this.acknowledged.add(id);
      return ids.length;
    });
    return { first, ended };
  }

  /** Waits until a client has written so many rows. */
  async untilWritten(writing: Writing, count: number, seenBy: Container): Promise<void> {
    const there = `SELECT COUNT(*) FROM app.t WHERE id >= ${writing.first}`;
    await until(`${count} rows are written`, async () => Number(await seenBy.sql(there)) >= count);
  }

  /** Every member has every row that was acknowledged. */
  async assertNothingLost(members: readonly Container[]): Promise<void> {
    for (const member of members) {
      const rows = await member.sql("SET wsrep_sync_wait = 1; SELECT id FROM app.t");
      const there = new Set(rows.split("\n").map(Number));
      const lost = [...this.acknowledged].filter((id) => !there.has(id));
      assert.deepEqual(lost, [], `${member.name} lacks what was acknowledged`);
    }
  }
}

/** A client that writes. */
export interface Writing {
  /** The number of its first row. */
  readonly first: number;
  /** How many rows were acknowledged until it was cut off. */
  readonly ended: Promise<number>;
}
