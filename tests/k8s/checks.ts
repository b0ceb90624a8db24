/** What holds of every StatefulSet here, and of what belongs to it. */
import assert from "node:assert/strict";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { type Manifest, named, ofKind } from "./manifests.ts";
import { type Labels, type Pods, podsOf } from "./pods.ts";

/** Throws where manifests are not as they are to be. */
export type Check = (manifests: readonly Manifest[]) => void | Promise<void>;

/** Checks by what they make sure of. */
export type Checks = Readonly<Record<string, Check>>;

/** Whatever selects by labels, selects the pods. */
function checkSelectors(pods: Pods, manifests: readonly Manifest[]): void {
  const { name, set, labels, spec } = pods;
  assert.ok(selects(set.selector.matchLabels, labels));
  const own = [
    ...(spec.topologySpreadConstraints ?? []).map((one) => one.labelSelector),
    ...(spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
      .map((one) => one.labelSelector),
    ...(spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .map((one) => one.podAffinityTerm.labelSelector),
  ];
  assert.equal(own.length, 2, "kept apart by machine and by zone");
  for (const selector of own) assert.ok(selects(selector?.matchLabels, labels));
  const budget = named(manifests, "PodDisruptionBudget", name).spec;
  assert.ok(selects(budget?.selector?.matchLabels, labels));
  assert.equal(budget?.maxUnavailable, 1);
  const policy = named(manifests, "NetworkPolicy", name).spec;
  assert.ok(selects(policy?.podSelector?.matchLabels, labels));
  assert.deepEqual(policy?.policyTypes, ["Ingress", "Egress"]);
}

/** Whether a selector that names something selects what has these labels. */
function selects(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

/** The pods' Services have ports of the container's alone; one without an address gives them names. */
function checkServices(pods: Pods, manifests: readonly Manifest[]): void {
  const services = ofKind(manifests, "Service").filter(({ spec }) =>
    selects(spec?.selector, pods.labels)
  );
  for (const { spec } of services) {
    for (const { name = "", port, targetPort } of spec?.ports ?? []) {
      assert.equal(targetPort, name);
      assert.equal(pods.ports.get(name), port, name);
    }
  }
  const naming = named(services, "Service", pods.set.serviceName ?? "").spec;
  assert.equal(naming?.clusterIP, "None");
  assert.equal(naming?.publishNotReadyAddresses, true);
  assert.deepEqual(naming?.ports?.map((one) => one.port), [...pods.ports.values()]);
}

/** All mounts have their volume, all volumes their mount; claims go when somebody deletes them. */
function checkVolumes({ set, spec, mounts }: Pods): void {
  const claims = (set.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name);
  const volumes = (spec.volumes ?? []).map(({ name }) => name);
  assert.deepEqual([...mounts.keys()].toSorted(), [...claims, ...volumes].toSorted());
  if (claims.length === 0) return;
  const policy = set.persistentVolumeClaimRetentionPolicy;
  assert.deepEqual(policy, { whenDeleted: "Retain", whenScaled: "Retain" });
}

/** Volumes that the restricted profile lets in, of the kinds that are used here. */
const VOLUMES = ["name", "configMap", "emptyDir", "secret"];

/** The restricted profile of Kubernetes' Pod Security Standards, and what goes beyond it. */
function checkRestricted({ spec, container }: Pods): void {
  for (const name of ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] as const) {
    assert.equal(spec[name], undefined, name);
  }
  const pod = spec.securityContext;
  assert.equal(pod?.runAsNonRoot, true);
  assert.ok((pod?.runAsUser ?? 0) > 0);
  assert.equal(pod?.fsGroup, pod?.runAsGroup, "who may write to the volumes");
  assert.deepEqual(pod?.seccompProfile, { type: "RuntimeDefault" });
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  const kinds = (spec.volumes ?? []).flatMap((volume) => Object.keys(volume));
  assert.deepEqual(kinds.filter((kind) => !VOLUMES.includes(kind)), []);
  assert.ok((container.ports ?? []).every(({ hostPort }) => hostPort === undefined));
  assert.equal(spec.automountServiceAccountToken, false);
  assert.equal(spec.enableServiceLinks, false);
}

/** How they start, change and are placed. */
function checkRuns({ set, container }: Pods): void {
  assert.equal(set.podManagementPolicy, "Parallel");
  assert.deepEqual(set.updateStrategy, { type: "RollingUpdate" });
  const { requests, limits } = container.resources ?? {};
  assert.ok(requests?.["cpu"] !== undefined);
  // What is not requested may be gone when it is needed; without a limit of the CPU nothing is slowed.
  assert.equal(requests["memory"], limits?.["memory"]);
  assert.deepEqual(Object.keys(limits ?? {}), ["memory"]);
}

const SHARED: Readonly<Record<string, (pods: Pods, manifests: readonly Manifest[]) => void>> = {
  "what selects the pods, selects them": checkSelectors,
  "its Services have the container's ports": checkServices,
  "volumes and mounts belong together, and claims stay": checkVolumes,
  "it may do what the restricted profile allows, and less": checkRestricted,
  "all pods start at once, change in turn, and have their memory": checkRuns,
};

/** What holds of the StatefulSet of that name as of any other. */
export function sharedChecks(name: string): Checks {
  return Object.fromEntries(
    Object.entries(SHARED).map(([what, check]) => [
      `${name}: ${what}`,
      (manifests: readonly Manifest[]) => check(podsOf(manifests, name), manifests),
    ]),
  );
}

type Rule = {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly protocol?: string; readonly port?: number | string }[];
};
type Peer = {
  readonly podSelector?: { readonly matchLabels?: Labels };
  readonly namespaceSelector?: object;
};

/**
 * What a policy lets through, `who: ports`, sorted; `anybody` where a rule says nobody in particular.
 *
 * @param direction Who comes in, or where it goes.
 */
export function passages(
  { spec }: INetworkPolicy,
  direction: "ingress" | "egress",
): Readonly<Record<string, readonly string[]>> {
  const rules: readonly Rule[] = spec?.[direction] ?? [];
  const passed = rules.flatMap(({ from, to, ports = [] }) => {
    const peers = from ?? to ?? [{}];
    const through = ports.map(({ protocol, port }) => `${protocol} ${port}`).toSorted();
    return peers.map((peer) => [nameOfPeer(peer), through] as const);
  });
  assert.equal(new Set(passed.map(([who]) => who)).size, passed.length, "a rule for each of them");
  return Object.fromEntries(passed);
}

function nameOfPeer({ podSelector, namespaceSelector }: Peer): string {
  const name = nameOf(podSelector?.matchLabels);
  if (namespaceSelector === undefined) return name;
  assert.deepEqual(namespaceSelector, {});
  return `anywhere ${name}`;
}

function nameOf(labels: Labels | undefined): string {
  return Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`).join() ||
    "anybody";
}

/** Pods as {@link passages} calls them. */
export function asPeer({ labels }: Pods): string {
  return nameOf(labels);
}

/** TCP's ports as {@link passages} has them. */
export function tcp(ports: readonly number[]): readonly string[] {
  return ports.map((port) => `TCP ${port}`).toSorted();
}

/** Where names are resolved. */
export const DNS = { anybody: ["TCP 53", "UDP 53"] };
