/** An arbitrator's metrics for Prometheus: as far as they mean the same, by the names of a member's. */
import type { ArbitratorStatus } from "../arbitrator/arbitrator.ts";
import { bit, Page } from "./page.ts";

/**
 * The page of an arbitrator.
 *
 * @param cluster Galera's name for the cluster.
 * @param status What it says of itself now.
 */
export function arbitratorPage(
  { version, cluster, status }: {
    readonly version: string;
    readonly cluster: string;
    status(): ArbitratorStatus;
  },
): Page {
  const page = new Page();
  page.gauge("info", "Which galera-keeper this is, and whose.", [
    "version",
    "arbitrator",
    "cluster",
  ], () => [[1, { version, arbitrator: status().arbitrator, cluster }]]);
  page.gauge("ready", "Whether it votes in the primary component.", [], () => [
    [bit(status().votes)],
  ]);
  page.session(() => status().session);
  page.process();
  return page;
}
