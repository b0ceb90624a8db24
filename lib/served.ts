/** What a member, or an arbitrator, serves over HTTP. */
import type { ArbitratorStatus } from "./arbitrator/arbitrator.ts";
import { Liveness, liveness, readiness } from "./health.ts";
import { type HttpServer, serveHttp } from "./http.ts";
import { arbitratorPage } from "./metrics/arbitrator.ts";
import { MemberMetrics } from "./metrics/member.ts";
import type { Progress } from "./progress.ts";
import { VERSION } from "./version.ts";

/** Where it listens; null: nowhere. */
type Listen = { readonly host: string; readonly port: number } | null;

/**
 * Serves a member's probes, status and metrics; listens to it from now on.
 *
 * @param cluster Galera's name for the cluster.
 * @param nowMs A clock that only goes forward.
 * @throws {import("./errors.ts").UnavailableError} It cannot listen there.
 */
export function serveMember(
  listen: Listen,
  progress: Progress,
  { cluster, nowMs }: { readonly cluster: string; nowMs(): number },
): HttpServer | null {
  if (listen === null) return null;
  const status = () => progress.status;
  const life = new Liveness(nowMs);
  const metrics = new MemberMetrics({ version: VERSION, cluster, status, nowMs });
  progress.listen((event) => {
    life.note(event);
    metrics.note(event);
  });
  return serveHttp(listen, {
    status,
    live: () => liveness(status().doing, life.problem),
    ready: (asked) => readiness(status(), asked),
    metrics: metrics.page,
  });
}

/** Serves an arbitrator's. @throws {import("./errors.ts").UnavailableError} It cannot listen there. */
export function serveArbitrator(
  listen: Listen,
  status: () => ArbitratorStatus,
  cluster: string,
): HttpServer | null {
  if (listen === null) return null;
  return serveHttp(listen, {
    status,
    // It has no server to be silent: whatever garbd does, it is started again.
    live: () => liveness(status().doing, null),
    ready: () => {
      const { votes, doing } = status();
      const text = votes ? "The arbitrator votes." : `The arbitrator does not vote.\r\n${doing}`;
      return { isOk: votes, text };
    },
    metrics: arbitratorPage({ version: VERSION, cluster, status }),
  });
}
