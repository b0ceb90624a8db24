/** What a StatefulSet's pods are, in the words of the tests. */
import assert from "node:assert/strict";
import type { IStatefulSet } from "kubernetes-models/apps/v1";
import type { IContainer, IPodSpec } from "kubernetes-models/v1";
import { type Manifest, named } from "./manifests.ts";

/** Labels, or what selects by them. */
export type Labels = Readonly<Record<string, string>>;

/** The pods of a StatefulSet, which have one container each. */
export interface Pods {
  readonly set: NonNullable<IStatefulSet["spec"]>;
  readonly name: string;
  readonly replicas: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: IPodSpec;
  readonly container: IContainer;
  /** The variables that stand in the manifest themselves. */
  readonly env: Readonly<Record<string, string>>;
  /** By name. */
  readonly ports: ReadonlyMap<string, number>;
  /** Where volumes are, by name; of claims, too. */
  readonly mounts: ReadonlyMap<string, string>;
}

/** The pods of the StatefulSet of that name. */
export function podsOf(manifests: readonly Manifest[], name: string): Pods {
  const { spec: set } = named(manifests, "StatefulSet", name);
  const { metadata, spec } = set?.template ?? {};
  assert.ok(set !== undefined && spec !== undefined);
  const [container, ...others] = spec.containers;
  assert.ok(container !== undefined && others.length === 0 && !spec.initContainers);
  const env = (container.env ?? []).flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value] as const]
  );
  return {
    set,
    name,
    replicas: set.replicas ?? 1,
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
    spec,
    container,
    env: Object.fromEntries(env),
    ports: new Map((container.ports ?? []).map((one) => [one.name ?? "", one.containerPort])),
    mounts: new Map((container.volumeMounts ?? []).map((one) => [one.name, one.mountPath])),
  };
}

/** The names that pods have in DNS, `POD.SERVICE`. */
export function hostnamesOf({ name, replicas, set }: Pods): readonly string[] {
  return Array.from({ length: replicas }, (_, ordinal) => `${name}-${ordinal}.${set.serviceName}`);
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  "M": 2 ** 20,
  "Mi": 2 ** 20,
  "G": 2 ** 30,
  "Gi": 2 ** 30,
};

/** Bytes, from a quantity of Kubernetes' (`2Gi`) or a size of MariaDB's (`2G`), which is the same here. */
export function bytesOf(text: string | number | undefined): number {
  const [, number, unit = ""] = /^(\d+)([A-Za-z]*)$/.exec(`${text}`) ?? [];
  const bytes = Number(number) * (UNITS[unit] ?? NaN);
  assert.ok(bytes > 0, `${text}`);
  return bytes;
}
