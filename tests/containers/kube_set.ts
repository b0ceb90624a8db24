/** A StatefulSet played by podman, with what its controller does with the pods. */
import { pause, podman, printed, tryPodman, until } from "./podman.ts";
import { KubePod } from "./kube_pod.ts";
import {
  configMapOf,
  type Manifest,
  type Play,
  podOf,
  secretOf,
  tree,
  type Value,
} from "./kube_pods.ts";
import type { Stage } from "./stage.ts";

/** A StatefulSet on a stage. Its pods go with the stage, its claims as well. */
export class KubeSet {
  readonly #stage: Stage;
  readonly #play: Play;
  readonly #configMaps: readonly Manifest[];
  #set: Manifest;
  #count = 0;

  /** @param manifests All that a file holds. @param images By their names there. */
  constructor(
    stage: Stage,
    manifests: readonly Manifest[],
    name: string,
    images: Readonly<Record<string, string>>,
  ) {
    const [label = "", value = ""] = stage.label.split("=");
    this.#stage = stage;
    this.#play = { prefix: stage.prefix, images, labels: { [label]: value } };
    this.#configMaps = manifests.filter(({ kind }) => kind === "ConfigMap")
      .map((each) => configMapOf(each, this.#play));
    const set = manifests.find(({ kind, metadata }) =>
      kind === "StatefulSet" && metadata.name === name
    );
    if (set === undefined) throw new Error(`No StatefulSet "${name}" in the manifests`);
    if (tree(set["spec"])["podManagementPolicy"] !== "Parallel") {
      throw new Error(`The StatefulSet "${name}" is not Parallel: its pods are not made so here`);
    }
    this.#set = set;
  }

  /** The pods that it has to have now. */
  get pods(): readonly KubePod[] {
    return Array.from({ length: this.#count }, (_, ordinal) => this.pod(ordinal));
  }

  /** Its pod of this ordinal, there or not. */
  pod(ordinal: number): KubePod {
    const pod = podOf(this.#set, ordinal, this.#play);
    return new KubePod(pod, this.#spec["template"]!, this.#configMaps, this.#stage.network);
  }

  /** Makes a Secret, for pods to come. */
  async secret(manifest: Manifest): Promise<void> {
    const { name, text } = secretOf(manifest, this.#play);
    const args = ["secret", "create", name, "-"];
    printed(args, await tryPodman(args, { input: text }));
  }

  /** As `kubectl create`: all pods at once. They have begun to start, no more. */
  async create(): Promise<void> {
    await this.scale(Number(this.#spec["replicas"]));
  }

  /** As `kubectl delete`: all pods at once, each with its grace. Claims stay. */
  async delete(): Promise<void> {
    await this.scale(0);
  }

  /** As all machines lost at one moment. Claims stay. */
  async kill(): Promise<void> {
    const { pods } = this;
    await podman("pod", "kill", ...pods.map(({ podName }) => podName));
    for (const pod of pods) await pod.remove();
    this.#count = 0;
  }

  /**
   * As `kubectl scale`, where pods are managed in parallel: what is missing is made at once; what is too
   * many goes the highest first, none waiting for another to be gone.
   */
  async scale(count: number): Promise<void> {
    const before = this.#count;
    this.#count = count;
    const more = Array.from({ length: Math.max(count - before, 0) }, (_, at) => before + at);
    await Promise.all(more.map((ordinal) => this.pod(ordinal).create()));
    const less = Array.from({ length: Math.max(before - count, 0) }, (_, at) => before - 1 - at);
    await Promise.all(less.map((ordinal) => this.pod(ordinal).delete()));
  }

  /**
   * As a change of the template is rolled out: the highest first, the next one when this one has been
   * ready for minReadySeconds.
   */
  async update(change: (template: Value) => Value): Promise<void> {
    const template = change(this.#spec["template"]!);
    this.#set = { ...this.#set, spec: { ...this.#spec, template } };
    const minReadyMs = Number(this.#spec["minReadySeconds"] ?? 0) * 1000;
    for (const [ordinal, pod] of [...this.pods.entries()].toReversed()) {
      await pod.delete();
      await pod.create();
      await pod.untilProbedReady();
      if (ordinal > 0) await untilAvailable(pod, minReadyMs);
    }
  }

  async untilReady(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.untilProbedReady()));
  }

  get #spec() {
    return tree(this.#set["spec"]);
  }
}

/** Waits until it has been ready for so long. */
async function untilAvailable(pod: KubePod, minReadyMs: number): Promise<void> {
  let sinceMs = performance.now();
  await until(`${pod.name} stays ready`, async () => {
    if (!(await pod.probe("readinessProbe")).isWell) sinceMs = performance.now();
    await pause(500);
    return performance.now() - sinceMs >= minReadyMs;
  });
}
