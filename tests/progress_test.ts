import assert from "node:assert/strict";
import { Progress } from "../lib/progress.ts";
import { SYNCED as PRIMARY } from "./wsrep_status.ts";

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
