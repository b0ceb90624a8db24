// needs: prometheus
/** The alert rules by Prometheus' own checker: their form, and over series of each trouble. */
import assert from "node:assert/strict";
import { arbitratorPage } from "../../lib/metrics/arbitrator.ts";
import { MemberMetrics } from "../../lib/metrics/member.ts";
import { Progress } from "../../lib/progress.ts";
import { SYNCED } from "../simulation/wsrep_status.ts";
import { inRepository, promtool } from "./promtool.ts";

const FIXTURE = "tests/k8s/alerts.test.yaml";

Deno.test("promtool finds nothing to say of the alert rules, and each fires where it is to", async () => {
  await promtool(["check", "rules", inRepository("k8s/alerts.yaml")]);
  await promtool(["test", "rules", inRepository(FIXTURE)]);
});

Deno.test("promtool takes the README's ways to scrape members, each by the job that the alerts want", async () => {
  const readme = await Deno.readTextFile(inRepository("README.md"));
  const rules = await Deno.readTextFile(inRepository("k8s/alerts.yaml"));
  const jobs = new Set([...rules.matchAll(/\bjob="([^"]+)"/g)].map(([, job]) => job));
  const configurations = [...readme.matchAll(/^```yaml\n(scrape_configs:\n[^]*?)^```/gm)];
  assert.equal(configurations.length, 2);
  for (const [, text = ""] of configurations) {
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(file, text);
      await promtool(["check", "config", file]);
    } finally {
      await Deno.remove(file);
    }
    assert.deepEqual(new Set([...text.matchAll(/job_name: (.*)/g)].map(([, job]) => job)), jobs);
  }
});

Deno.test("every alert is seen to fire and not to fire", async () => {
  const rules = await Deno.readTextFile(inRepository("k8s/alerts.yaml"));
  const fixture = await Deno.readTextFile(inRepository(FIXTURE));
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
  assert.ok(alerts.length >= 9);
  const [well = "", ...troubles] = fixture.split("  - name: ").slice(1);
  for (const name of alerts) {
    assert.match(well, new RegExp(`alertname: ${name} }`), `${name} where all is well`);
    const fires = new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- exp_labels`);
    assert.ok(troubles.some((trouble) => fires.test(trouble)), `${name} in trouble`);
  }
});

Deno.test("promtool finds nothing to say of the metrics, of a member with all there can be", async () => {
  const progress = new Progress("galera-1", "192.0.2.1", () => "2026-01-01T00:00:00Z");
  const transfer = {
    role: "joiner",
    peer: null,
    done: 1,
    total: 2,
    rate: null,
    remainingSeconds: null,
    startedAt: "2026-01-01T00:00:00Z",
    endedAt: null,
  } as const;
  for (const kind of ["SST", "IST"] as const) {
    const metrics = new MemberMetrics({
      version: "1",
      cluster: "galera",
      status: () => ({
        ...progress.status,
        certificateExpiresAt: "2026-01-01T00:00:00Z",
        transfer: { ...transfer, kind },
        lastTransfer: { ...transfer, kind, endedAt: "2026-01-01T00:00:00Z" },
      }),
      nowMs: () => 1,
    });
    const decision = { kind: "wait", rule: 7, reason: "", waitsFor: [], person: null } as const;
    metrics.note({ kind: "decision", decision });
    metrics.note({ kind: "observed", status: SYNCED });
    metrics.note({ kind: "lock-taken", waitedMs: 1 });
    metrics.note({ kind: "spawned", how: "join" });
    metrics.note({ kind: "exited", status: { code: 0, signal: null, lastErrors: [] } });
    metrics.note({ kind: "ready" });
    await promtool(["check", "metrics"], await metrics.page.text());
  }
  const status = {
    v: 1,
    arbitrator: "arb",
    address: "192.0.2.7",
    votes: true,
    members: [],
    uuid: null,
    since: "2026-01-01T00:00:00Z",
    session: "connected",
    doing: "",
  } as const;
  const page = arbitratorPage({ version: "1", cluster: "galera", status: () => status });
  await promtool(["check", "metrics"], await page.text());
  assert.match(await page.text(), /^galera_keeper_ready 1$/m);
});
