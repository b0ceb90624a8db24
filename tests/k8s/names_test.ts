/** The dashboard and the alert rules know only metrics that there are. */
import assert from "node:assert/strict";
import { MemberMetrics } from "../../lib/metrics/member.ts";
import { Progress, STAGES } from "../../lib/progress.ts";
import { inRepository } from "./promtool.ts";

/** Every name that a query may have. */
async function exportedNames(): Promise<Set<string>> {
  const progress = new Progress("galera-1", "192.0.2.1", () => "2026-01-01T00:00:00Z");
  const { status } = progress;
  const metrics = new MemberMetrics({
    version: "1",
    cluster: "c",
    status: () => status,
    nowMs: () => 1,
  });
  const names = new Set<string>();
  for (const [, name, type] of (await metrics.page.text()).matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    for (const suffix of suffixes) names.add(`${name}${suffix}`);
  }
  return names;
}

function expressionsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    (key === "expr" || key === "definition") && typeof inner === "string"
      ? [inner]
      : expressionsIn(inner)
  );
}

const METRIC = /\b(?:galera_keeper|process)_\w+/g;

Deno.test("the dashboard and the alert rules ask only for metrics and stages that there are", async () => {
  const dashboard: unknown = JSON.parse(
    await Deno.readTextFile(inRepository("k8s/grafana-dashboard.json")),
  );
  const asked = expressionsIn(dashboard);
  assert.ok(asked.length > 20, `${asked.length}`);
  const rules = await Deno.readTextFile(inRepository("k8s/alerts.yaml"));
  const names = await exportedNames();
  const used = [...asked, rules].flatMap((text) => text.match(METRIC) ?? []);
  assert.deepEqual(used.filter((name) => !names.has(name)), []);
  const stages = [...asked, rules].flatMap((text) => [...text.matchAll(/\bstage="(\w+)"/g)]);
  for (const [, stage] of stages) assert.ok(STAGES.some((one) => one === stage), stage);
});

Deno.test("the dashboard shows every metric but those that say the same in another way", async () => {
  const dashboard = await Deno.readTextFile(inRepository("k8s/grafana-dashboard.json"));
  const shown = new Set(dashboard.match(METRIC));
  const hidden = [...await exportedNames()].filter((name) => !shown.has(name));
  assert.deepEqual(hidden.map((name) => name.replace("galera_keeper_", "")).toSorted(), [
    "donor",
    "flow_control_paused_ratio",
    "flow_control_received_total",
    "lock_hold_seconds_bucket",
    "lock_wait_seconds_bucket",
    "mariadbd_up",
    "process_start_time_seconds",
    "read_only",
    "synced",
  ]);
});
