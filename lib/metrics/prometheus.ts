/**
 * The parts of npm:prom-client that a page of metrics needs, by their files: its index also loads what
 * measures Node's runtime, pushes to gateways and joins cluster workers, eight times the code.
 */
import type * as client from "prom-client";
import CounterClass from "prom-client/lib/counter.js";
import GaugeClass from "prom-client/lib/gauge.js";
import HistogramClass from "prom-client/lib/histogram.js";
import RegistryClass from "prom-client/lib/registry.js";

export type Counter<T extends string = string> = client.Counter<T>;
export type Gauge<T extends string = string> = client.Gauge<T>;
export type Histogram<T extends string = string> = client.Histogram<T>;
export type Registry = client.Registry;

export const Counter: typeof client.Counter = CounterClass;
export const Gauge: typeof client.Gauge = GaugeClass;
export const Histogram: typeof client.Histogram = HistogramClass;
export const Registry: typeof client.Registry = RegistryClass;
