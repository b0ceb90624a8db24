import assert from "node:assert/strict";
import { lastComplaint, withReason } from "../../lib/mariadb/complaint.ts";

const LOG = `[00] 2026-11-22 23:40:01 Connecting to MariaDB server host: localhost, user: mysql
[00] FATAL ERROR: 2026-11-22 23:40:01 Failed to connect to MariaDB server: Access denied for user 'x'
`;

Deno.test("withReason() says what the log says that a script points at", async () => {
  const path = await Deno.makeTempFile({ prefix: "gk-test-" });
  const failure = `mariadb-backup finished with error: 1. Check syslog or '${path}' for details`;
  try {
    assert.equal(await withReason(failure), failure);
    // Only its end is read.
    await Deno.writeTextFile(path, `error of old\n${"x".repeat(100_000)}\n${LOG}`);
    assert.equal(
      await withReason(failure),
      "mariadb-backup finished with error: 1: Failed to connect to MariaDB server: " +
        "Access denied for user 'x'",
    );
  } finally {
    await Deno.remove(path);
  }
  assert.equal(await withReason(failure), failure, "it is gone");
  assert.equal(await withReason("Broken pipe"), "Broken pipe");
});

Deno.test("lastComplaint() is none of a log without one", () => {
  assert.equal(lastComplaint("[00] 2026-11-22 23:40:01 completed OK!\n"), null);
  assert.equal(lastComplaint(""), null);
});
