/**
 * A page of metrics for Prometheus. Names and units follow its conventions
 * (https://prometheus.io/docs/practices/naming/); `promtool check metrics` finds nothing to say.
 */
import type { SessionState } from "../zookeeper/ensemble.ts";
import { Counter, Gauge, Histogram, Registry } from "./prometheus.ts";

type Labels = Readonly<Record<string, string>>;

/** Values, each with its labels. */
export type Series = readonly (readonly [value: number, labels?: Labels])[];

/** A yes as 1. */
export const bit = (is: boolean) => is ? 1 : 0;

/** One value without labels; null: no series. */
export const one = (value: number | null): Series => value === null ? [] : [[value]];

/** Every metric's name begins so, but for those that all programs have. */
const PREFIX = "galera_keeper_";

/** Metrics of one program: some are counted as things happen, the rest is read when somebody asks. */
export class Page {
  readonly #registry = new Registry();

  /** What HTTP calls it. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** A gauge that is read when somebody asks. */
  gauge(name: string, help: string, labelNames: readonly string[], read: () => Series): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        if (labelNames.length === 0) this.remove();
        for (const [value, labels = {}] of read()) this.set(labels, value);
      },
    });
  }

  /** A counter of somebody else's that is read when somebody asks, and begins anew when that does. */
  foreignCounter(name: string, help: string, read: () => Series): void {
    new Counter({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.remove();
        for (const [value] of read()) this.inc(value);
      },
    });
  }

  /** A counter of our own. */
  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    const registers = [this.#registry];
    return new Counter({ name: PREFIX + name, help, labelNames, registers });
  }

  /** A histogram. @param buckets Their upper bounds. */
  histogram(name: string, help: string, buckets: number[]): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name: PREFIX + name, help, buckets, registers });
  }

  /** The state of the session with ZooKeeper. */
  session(read: () => SessionState | "none"): void {
    const states = ["connected", "suspended", "lost", "none"] as const;
    this.gauge(
      "zookeeper_session",
      "The state of the session with ZooKeeper: 1 for the one that it is in.",
      ["state"],
      () => {
        const now = read();
        return states.map((state) => [bit(state === now), { state }]);
      },
    );
  }

  /** Since when this process runs and how much it holds, by the names that all programs use. */
  process(): void {
    const registers = [this.#registry];
    new Gauge({
      name: "process_start_time_seconds",
      help: "When galera-keeper started, as Unix time.",
      registers,
    }).set(performance.timeOrigin / 1000);
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory of galera-keeper, without mariadbd's.",
      registers,
      collect() {
        this.set(Deno.memoryUsage().rss);
      },
    });
  }
}
