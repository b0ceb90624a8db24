/** One pod of a StatefulSet, played by podman, and what a kubelet does with it: probes, grace. */
import { Container } from "./container.ts";
import { list, type Manifest, type Pod, tree, type Value } from "./kube_pods.ts";
import { podman, printed, tryPodman, until } from "./podman.ts";

/** Which of a container's probes. */
export type Probe = "startupProbe" | "livenessProbe" | "readinessProbe";

/** What came of a probe. */
export interface Probed {
  readonly isWell: boolean;
  /** The status of an answer by HTTP, of a program's end; 0: no answer. */
  readonly status: number;
}

/** A pod that has one container. It is there from {@link create} to {@link remove}. */
export class KubePod extends Container {
  readonly #pod: Pod;
  readonly #configMaps: readonly Manifest[];
  readonly #network: string;
  /** Its container as the template has it, with the ports. */
  readonly #container: { readonly [field: string]: Value };

  /** @param template The pod of its StatefulSet. @param configMaps All that its volumes may name. */
  constructor(pod: Pod, template: Value, configMaps: readonly Manifest[], network: string) {
    const [container] = list(tree(tree(template)["spec"])["containers"]);
    super(`${pod.manifest.metadata.name}-${tree(container)["name"]}`, pod.name);
    this.#pod = pod;
    this.#configMaps = configMaps;
    this.#network = network;
    this.#container = tree(container);
  }

  /** Makes the claims that are not there, and starts it. */
  async create(): Promise<void> {
    for (const claim of this.#pod.claims) {
      const { status } = await tryPodman(["volume", "exists", claim.metadata.name]);
      // podman ends with an error where one is there.
      if (status !== 0) await play([claim]);
    }
    const aliases = this.#pod.names.map((name) => `alias=${name}`);
    const network = `${this.#network}:${aliases.join()}`;
    // podman finds a ConfigMap in what it plays at that moment, or not at all.
    await play([...this.#configMaps, this.#pod.manifest], "--network", network);
  }

  /** Stops it with the grace of its manifest, and takes it away, its emptyDirs with it. */
  async delete(): Promise<void> {
    // `pod stop` would take the pod's network away at once: no SQL, no ZooKeeper for a member that drains.
    await this.stop(Number(tree(this.#pod.manifest["spec"])["terminationGracePeriodSeconds"]));
    await this.remove();
  }

  /** Takes it away, however it is, as after the loss of its machine. */
  override async remove(): Promise<void> {
    // First the container: a pod leaves the volumes that have no name.
    await super.remove();
    await podman("pod", "rm", "--force", "--time", "0", this.podName);
  }

  /** As podman knows the pod. */
  get podName(): string {
    return this.#pod.manifest.metadata.name;
  }

  /** Asks as its manifest says. */
  async probe(probe: Probe): Promise<Probed> {
    const { httpGet, exec, timeoutSeconds = 1 } = tree(this.#container[probe]);
    if (exec !== undefined) {
      const { status } = await this.tryExec(...list(tree(exec)["command"]).map(String));
      return { isWell: status === 0, status };
    }
    const { path = "/", port } = tree(httpGet);
    const url = `http://${await this.address().catch(() => "")}:${this.#port(port)}${path}`;
    try {
      const { status, body } = await fetch(url, {
        headers: { connection: "close" },
        signal: AbortSignal.timeout(Number(timeoutSeconds) * 1000),
      });
      await body?.cancel();
      return { isWell: status >= 200 && status < 400, status };
    } catch {
      return { isWell: false, status: 0 };
    }
  }

  /** Waits until its readiness probe says so. */
  async untilProbedReady(): Promise<void> {
    try {
      await until(`${this.name} is ready`, async () => (await this.probe("readinessProbe")).isWell);
    } catch (cause) {
      const lines = (await this.logs()).split("\n").slice(-30).join("\n");
      throw new Error(`${this.name} did not come to be ready; its log ends:\n${lines}`, { cause });
    }
  }

  #port(nameOrNumber: Value | undefined): number {
    const named = list(this.#container["ports"]).map(tree)
      .find(({ name }) => name === nameOrNumber);
    return Number(named?.["containerPort"] ?? nameOrNumber);
  }
}

/** Has podman play objects. JSON is YAML. */
export async function play(
  manifests: readonly Manifest[],
  ...options: readonly string[]
): Promise<void> {
  const args = ["kube", "play", ...options, "-"];
  const input = manifests.map((manifest) => JSON.stringify(manifest)).join("\n---\n");
  printed(args, await tryPodman(args, { input }));
}
