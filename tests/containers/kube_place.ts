/** What k8s/ says, on a stage: the ensemble and the members, created as in Kubernetes. */
import assert from "node:assert/strict";
import { parseManifests, readManifests } from "../k8s/manifests.ts";
import { inRepository } from "../k8s/promtool.ts";
import { run } from "../integration/place.ts";
import { ROOT_PASSWORD } from "./container.ts";
import { memberImage, zookeeperImage } from "./images.ts";
import { KubeClient } from "./kube_client.ts";
import type { KubePod } from "./kube_pod.ts";
import type { Manifest } from "./kube_pods.ts";
import { KubeSet } from "./kube_set.ts";
import type { Stage } from "./stage.ts";

const PASSWORD = "The application's own, 1";

/** Our image's name in the manifests, and another one of the next release. */
export const IMAGE = "galera-keeper:11.8";
export const NEXT_IMAGE = "galera-keeper:next";

/** The two files that everybody creates first. */
export async function theTwoFiles(): Promise<readonly Manifest[]> {
  const files = ["k8s/zookeeper.yaml", "k8s/galera.yaml"];
  return (await Promise.all(files.map(readManifests))).flat() as unknown as readonly Manifest[];
}

/** What kubectl makes of an overlay. */
export async function overlay(kubectl: string, name: string): Promise<readonly Manifest[]> {
  const text = await run(kubectl, "kustomize", inRepository(`k8s/overlays/${name}`));
  return parseManifests(text) as unknown as readonly Manifest[];
}

/** The two StatefulSets of k8s/. */
export class KubePlace {
  readonly zookeeper: KubeSet;
  readonly galera: KubeSet;

  private constructor(zookeeper: KubeSet, galera: KubeSet) {
    this.zookeeper = zookeeper;
    this.galera = galera;
  }

  /** With the Secret, which the manifests take for granted; no pod yet. */
  static async make(stage: Stage, manifests: readonly Manifest[]): Promise<KubePlace> {
    const images = {
      [IMAGE]: await memberImage(),
      [NEXT_IMAGE]: await memberImage("next"),
      "zookeeper:3.9": await zookeeperImage(),
    };
    const galera = new KubeSet(stage, manifests, "galera", images);
    await galera.secret({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "galera" },
      stringData: { "root-password": ROOT_PASSWORD, password: PASSWORD },
    });
    return new KubePlace(new KubeSet(stage, manifests, "zookeeper", images), galera);
  }

  /** As `kubectl create` of both: all pods at once. @returns When all are ready. */
  async create(): Promise<void> {
    await this.zookeeper.create();
    await this.galera.create();
    await this.zookeeper.untilReady();
    await this.galera.untilReady();
  }

  /** As `kubectl delete` of both. */
  async delete(): Promise<void> {
    await this.galera.delete();
    await this.zookeeper.delete();
  }

  /** A client that writes all the time, once the table is there. */
  async client(): Promise<KubeClient> {
    await this.galera.pod(0).sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY)");
    const account = { user: "app", password: PASSWORD, database: "app" };
    return new KubeClient(() => this.galera.pods, account);
  }

  /** Waits until all is well. Fails where a pod is of another cluster than this, or lacks one of these rows. */
  async check(uuid: string, rows: readonly number[]): Promise<void> {
    const { pods } = this.galera;
    // A pod is ready, too, while its member has been a donor and catches up.
    await pods[0]!.untilTold(`All well: ${pods.length} of ${pods.length} Synced`);
    for (const pod of pods) {
      assert.equal(await clusterOf(pod), uuid, pod.name);
      const there = new Set(await rowsOf(pod));
      assert.deepEqual(rows.filter((row) => !there.has(row)), [], `rows that ${pod.name} lacks`);
    }
  }
}

/** The UUID of the cluster that a pod is in, as its server says. */
export async function clusterOf(pod: KubePod): Promise<string> {
  const [, uuid = ""] = (await pod.sql("SHOW STATUS LIKE 'wsrep_cluster_state_uuid'")).split("\t");
  return uuid;
}

/** The rows that a pod has, all that the others had when it was asked among them. */
export async function rowsOf(pod: KubePod): Promise<readonly number[]> {
  const lines = await pod.sql("SET SESSION wsrep_sync_wait = 1; SELECT id FROM app.t ORDER BY id");
  return lines.split("\n").filter(Boolean).map(Number);
}
