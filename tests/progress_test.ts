import assert from "node:assert/strict";
import type { WsrepStatus } from "../lib/mariadb/database.ts";
import { Progress } from "../lib/progress.ts";

const PRIMARY: WsrepStatus = {
  primary: true,
  ready: true,
  connected: true,
  synced: true,
  localState: 4,
  localStateComment: "Synced",
  clusterUuid: "6b1c1f36-5d2c-11ef-9d3a-0242ac120002",
  lastCommitted: 7n,
  clusterSize: 3,
};

Deno.test("Progress says of a registered member that it serves only while it does", () => {
  const progress = new Progress("alice", "192.0.2.1", () => "2026-01-02T03:04:05Z");
  progress.observe({ ...PRIMARY, primary: false });
  assert.equal(progress.status.doing, "Starting");
  progress.ready();
  assert.equal(progress.status.doing, "Serving, registered and Synced");
  progress.observe({ ...PRIMARY, primary: false });
  assert.equal(
    progress.status.doing,
    "Registered and serving nobody, as it is in no primary component",
  );
  progress.observe(null);
  assert.equal(progress.status.doing, "Registered, and mariadbd does not answer");
  progress.observe(PRIMARY);
  assert.equal(progress.status.doing, "Serving, registered and Synced");
  assert.equal(progress.status.seqno, "7");
});
