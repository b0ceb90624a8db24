import assert from "node:assert/strict";
import type { Rows } from "../../lib/mariadb/connection.ts";
import { ensureSstAccount, sstAccount } from "../../lib/mariadb/sst_account.ts";

/** A server that answers as told, and what it was asked. */
function server(answers: (Rows | null)[]) {
  const asked: string[] = [];
  return {
    asked,
    query: (sql: string) => {
      asked.push(sql);
      return Promise.resolve(answers.shift() ?? null);
    },
  };
}

Deno.test("ensureSstAccount() creates what is not there, and leaves alone what is", async () => {
  const table: [answers: (Rows | null)[], created: boolean | null, asked: number][] = [
    [[[[1]]], false, 1],
    [[[["0"]], []], true, 2],
    [[[[0]], null], null, 2],
    [[null], null, 1],
  ];
  for (const [answers, created, asked] of table) {
    const one = server([...answers]);
    assert.equal(await ensureSstAccount(one, "my'sql"), created);
    assert.equal(one.asked.length, asked);
  }
  const { asked, query } = server([[[0]], []]);
  await ensureSstAccount({ query }, "mysql");
  assert.equal(
    asked[1],
    "GRANT RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT ON *.* TO `mysql`@localhost " +
      "IDENTIFIED VIA unix_socket",
  );
});

Deno.test("sstAccount() is none where the system's user has no name", () => {
  assert.equal(sstAccount({ name: "mysql" }), "mysql");
  assert.equal(sstAccount({ name: "999" }), null);
});
