import assert from "node:assert/strict";
import { identifier, initialSql, literal } from "../../lib/mariadb/initial_sql.ts";
import { NO_INITIALISATION } from "./machine.ts";

Deno.test("literal() and identifier() leave nothing to break out of", () => {
  assert.equal(literal("a'b"), "'a\\'b'");
  assert.equal(literal("a\\"), "'a\\\\'");
  assert.equal(literal("a\n\0"), "'a\\n\\0'");
  assert.equal(identifier("a`b"), "`a``b`");
});

Deno.test("initialSql() does what was asked for and no more", () => {
  const sql = (more: Partial<typeof NO_INITIALISATION>, rootPassword: string | null = null) =>
    initialSql({ ...NO_INITIALISATION, ...more }, rootPassword);
  assert.doesNotMatch(sql({}), /USER|DATABASE|GRANT/);
  assert.match(sql({}, "p"), /ALTER USER root@localhost .*PASSWORD\('p'\)/);
  assert.match(sql({}, "p"), /CREATE USER root@'%'/);
  assert.match(sql({ rootHost: "10.%" }, "p"), /CREATE USER root@'10.%'/);
  assert.doesNotMatch(sql({ rootHost: "localhost" }, "p"), /CREATE USER/);
  assert.match(sql({ database: "a_b" }), /CREATE DATABASE IF NOT EXISTS `a_b`;/);
  const all = sql({ database: "a_b", user: "u", password: "p" });
  assert.match(all, /CREATE USER 'u'@'%' IDENTIFIED BY 'p'/);
  assert.match(all, /GRANT ALL PRIVILEGES ON `a\\_b`\.\* TO 'u'@'%'/);
});
