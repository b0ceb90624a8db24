/** What a member serves over HTTP: it is listened to from its start. */
import { Liveness } from "./health.ts";
import { type HttpServer, serveHttp } from "./http.ts";
import { Metrics } from "./metrics.ts";
import type { Progress } from "./progress.ts";
import { VERSION } from "./version.ts";

/**
 * Serves a member's probes, status and metrics.
 *
 * @param http Where; null: nowhere.
 * @param cluster Galera's name for the cluster.
 * @param nowMs A clock that only goes forward.
 * @throws {import("./errors.ts").UnavailableError} It cannot listen there.
 */
export function serveMember(
  http: { readonly host: string; readonly port: number } | null,
  progress: Progress,
  { cluster, nowMs }: { readonly cluster: string; nowMs(): number },
): HttpServer | null {
  if (http === null) return null;
  const status = () => progress.status;
  const liveness = new Liveness(nowMs);
  const metrics = new Metrics({ version: VERSION, cluster, status, nowMs });
  progress.listen((event) => {
    liveness.note(event);
    metrics.note(event);
  });
  return serveHttp(http, { status, problem: () => liveness.problem, metrics });
}
