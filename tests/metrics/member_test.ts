import assert from "node:assert/strict";
import type { MemberEvent } from "../../lib/events.ts";
import { MemberMetrics } from "../../lib/metrics/member.ts";
import { Progress } from "../../lib/progress.ts";
import type { Transfer } from "../../lib/transfer.ts";
import { SYNCED } from "../simulation/wsrep_status.ts";

const NOW = "2026-01-01T00:00:00Z";

/** The page's series by name and labels, as `name{labels}`. */
async function seriesOf(metrics: MemberMetrics): Promise<Record<string, number>> {
  const lines = (await metrics.page.text()).split("\n").filter((line) => /^\w/.test(line));
  return Object.fromEntries(lines.map((line) => {
    const [, name = "", value] = /^(.*) (\S+)$/.exec(line) ?? [];
    return [name.replace("galera_keeper_", ""), Number(value)];
  }));
}

/** A member's metrics on a clock that stands still until it is moved. */
function stage() {
  const progress = new Progress("galera-1", "192.0.2.1", () => NOW);
  const clock = { nowMs: 5000 };
  let more = {};
  const metrics = new MemberMetrics({
    version: "1.2.3",
    cluster: "galera",
    status: () => ({ ...progress.status, ...more }),
    nowMs: () => clock.nowMs,
  });
  progress.listen((event) => metrics.note(event));
  return { progress, clock, metrics, say: (status: object) => more = status };
}

Deno.test("MemberMetrics shows where the member is, one of each kind", async () => {
  const { progress, metrics, say } = stage();
  progress.enter("locking", "Waiting for the lock");
  const series = await seriesOf(metrics);
  assert.equal(series['info{version="1.2.3",member="galera-1",cluster="galera"}'], 1);
  const ones = (name: string) =>
    Object.entries(series).filter(([key, value]) => key.startsWith(`${name}{`) && value === 1)
      .map(([key]) => key);
  assert.deepEqual(ones("stage"), ['stage{stage="locking"}']);
  assert.deepEqual(ones("zookeeper_session"), ['zookeeper_session{state="none"}']);
  assert.equal(series["ready"], 0);
  say({ session: "suspended" });
  assert.equal((await seriesOf(metrics))['zookeeper_session{state="suspended"}'], 1);
});

Deno.test("MemberMetrics has what the server says only while it answers", async () => {
  const { progress, metrics } = stage();
  const of = async () => {
    const { cluster_size, receive_queue_length, certification_failures_total, mariadbd_up } =
      await seriesOf(metrics);
    return [mariadbd_up, cluster_size, receive_queue_length, certification_failures_total];
  };
  assert.deepEqual(await of(), [0, undefined, undefined, undefined]);
  progress.observe({ ...SYNCED, receiveQueue: 4, certificationFailures: 9 });
  assert.deepEqual(await of(), [1, 3, 4, 9]);
  // A server that was started again counts from the beginning.
  progress.observe({ ...SYNCED, certificationFailures: 1 });
  assert.deepEqual(await of(), [1, 3, 0, 1]);
  progress.observe(null);
  assert.deepEqual(await of(), [0, undefined, undefined, undefined]);
});

Deno.test("MemberMetrics counts what happens", async () => {
  const { progress, clock, metrics } = stage();
  const status = { code: null, signal: "SIGKILL", lastErrors: [] };
  const events: MemberEvent[] = [
    { kind: "lock-taken", waitedMs: 200 },
    { kind: "lock-released", heldMs: 4000 },
    { kind: "lock-taken", waitedMs: 70_000 },
    { kind: "spawned", how: "join" },
    { kind: "exited", status },
    { kind: "exited", status: { ...status, code: 1, signal: null } },
  ];
  for (const event of events) progress.tell(event);
  for (let times = 0; times < 2; times++) {
    progress.decide({ kind: "wait", rule: 7, reason: "Why", waitsFor: ["a"], person: "Do" });
  }
  const series = await seriesOf(metrics);
  assert.equal(series['lock_wait_seconds_bucket{le="0.25"}'], 1);
  assert.equal(series["lock_wait_seconds_count"], 2);
  assert.equal(series["lock_hold_seconds_sum"], 4);
  assert.equal(series['mariadbd_starts_total{how="join"}'], 1);
  assert.equal(series['mariadbd_exits_total{status="SIGKILL"}'], 1);
  assert.equal(series['mariadbd_exits_total{status="1"}'], 1);
  assert.equal(series['decisions_total{kind="wait",rule="7"}'], 2);
  assert.equal(series["person_needed"], 0);
  progress.enter("waiting", "Waiting");
  assert.equal((await seriesOf(metrics))["person_needed"], 1);
  assert.equal("start_duration_seconds" in series, false);
  clock.nowMs += 3000;
  progress.ready();
  assert.equal((await seriesOf(metrics))["start_duration_seconds"], 3);
  // Deciding afresh it starts again.
  clock.nowMs += 60_000;
  progress.enter("inspecting", "Looking");
  clock.nowMs += 500;
  progress.ready();
  assert.equal((await seriesOf(metrics))["start_duration_seconds"], 0.5);
});

Deno.test("MemberMetrics follows a transfer and counts it when it has ended, once", async () => {
  const { progress, metrics, say } = stage();
  const transfer: Transfer = {
    kind: "SST",
    role: "joiner",
    peer: "galera-2",
    done: 40,
    total: null,
    rate: null,
    remainingSeconds: null,
    startedAt: NOW,
    endedAt: null,
  };
  say({ transfer });
  let series = await seriesOf(metrics);
  assert.equal(series['sst_done_bytes{role="joiner"}'], 40);
  assert.equal('sst_size_bytes{role="joiner"}' in series, false);
  say({ transfer: { ...transfer, kind: "IST", role: "donor", total: 100 } });
  series = await seriesOf(metrics);
  assert.equal(series['ist_size_seqnos{role="donor"}'], 100);
  assert.equal('sst_done_bytes{role="joiner"}' in series, false);
  say({ transfer: null, lastTransfer: { ...transfer, endedAt: "2026-01-01T00:01:00Z" } });
  progress.observe(null);
  progress.observe(null);
  const failed = { ...transfer, endedAt: "2026-01-01T00:02:00Z", failure: "It broke" };
  say({ transfer: null, lastTransfer: failed });
  progress.observe(null);
  series = await seriesOf(metrics);
  assert.equal(series['transfers_total{kind="SST",role="joiner",outcome="done"}'], 1);
  assert.equal(series['transfers_total{kind="SST",role="joiner",outcome="failed"}'], 1);
});

Deno.test("MemberMetrics shows when certificates end", async () => {
  const { metrics, say } = stage();
  assert.equal("certificate_expiry_timestamp_seconds" in await seriesOf(metrics), false);
  say({ certificateExpiresAt: "2026-01-01T00:00:00.000Z" });
  assert.equal((await seriesOf(metrics))["certificate_expiry_timestamp_seconds"], 1_767_225_600);
});
