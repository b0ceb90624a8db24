// needs: kubectl
// from source only
/** The overlays as kubectl renders them: each is a whole cluster that holds what the two files hold. */
import assert from "node:assert/strict";
import { GALERA_CHECKS } from "./galera_checks.ts";
import { findKubectl } from "./kubectl.ts";
import { type Manifest, named, parseManifests, readManifests } from "./manifests.ts";
import { podsOf } from "./pods.ts";
import { inRepository } from "./promtool.ts";
import { problemsOf } from "./schema.ts";
import { ZOOKEEPER_CHECKS } from "./zookeeper_checks.ts";
import { run } from "../integration/place.ts";

const KUBECTL = await findKubectl();
const ignore = "problem" in KUBECTL;

/** What kubectl makes of a folder of a repository. */
async function render(folder: string): Promise<readonly Manifest[]> {
  assert.ok("path" in KUBECTL);
  return parseManifests(await run(KUBECTL.path, "kustomize", folder));
}

function byName(one: Manifest, other: Manifest): number {
  const [name, otherName] = [one, other].map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
  return name! < otherName! ? -1 : 1;
}

Deno.test({
  name: "the base is the two files",
  ignore,
  async fn() {
    const files = ["k8s/zookeeper.yaml", "k8s/galera.yaml"];
    const manifests = (await Promise.all(files.map(readManifests))).flat();
    const rendered = await render(inRepository("k8s/base"));
    assert.deepEqual(rendered.toSorted(byName), manifests.toSorted(byName));
  },
});

for (const overlay of ["lab", "production"]) {
  Deno.test({
    name: `the overlay ${overlay} is a whole cluster, by the schemas and by what it means`,
    ignore,
    async fn(test) {
      const manifests = await render(inRepository(`k8s/overlays/${overlay}`));
      assert.deepEqual(manifests.flatMap(problemsOf), []);
      for (const [what, check] of Object.entries({ ...GALERA_CHECKS, ...ZOOKEEPER_CHECKS })) {
        await test.step(what, () => check(manifests));
      }
    },
  });
}

Deno.test("a patch is in a file of its own, as Kustomize wanted it for long", async () => {
  for (const overlay of ["lab", "production"]) {
    const folder = inRepository(`k8s/overlays/${overlay}`);
    const named = (await Deno.readTextFile(`${folder}/kustomization.yaml`)).matchAll(/path: (.*)/g);
    const paths = [...named].map(([, path = ""]) => path);
    for (const path of paths) {
      assert.equal(parseManifests(await Deno.readTextFile(`${folder}/${path}`)).length, 1, path);
    }
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(files.toSorted(), ["kustomization.yaml", ...paths].toSorted());
  }
});

Deno.test({
  name: "the lab keeps nothing, and has one ZooKeeper server",
  ignore,
  async fn() {
    const manifests = await render(inRepository("k8s/overlays/lab"));
    const [zookeeper, galera] = ["zookeeper", "galera"].map((name) => podsOf(manifests, name));
    assert.equal(zookeeper?.replicas, 1);
    assert.equal(galera?.replicas, 3);
    assert.equal(galera.env["GALERA_KEEPER_STORAGE"], "ephemeral");
    for (const { set } of [zookeeper, galera]) {
      assert.equal(set.volumeClaimTemplates, undefined);
      assert.equal(set.persistentVolumeClaimRetentionPolicy, undefined);
    }
  },
});

Deno.test({
  name: "production keeps servers apart, and says how many members there are in one place",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await run("cp", "--recursive", inRepository("k8s"), folder);
      const path = `${folder}/k8s/overlays/production/kustomization.yaml`;
      const text = await Deno.readTextFile(path);
      assert.ok(text.includes("count: 3"));
      await Deno.writeTextFile(path, text.replace("count: 3", "count: 5"));
      const manifests = await render(`${folder}/k8s/overlays/production`);
      for (const name of ["zookeeper", "galera"]) {
        const { podAntiAffinity } = podsOf(manifests, name).spec.affinity ?? {};
        const required = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
        assert.deepEqual(required?.map(({ topologyKey }) => topologyKey), [
          "kubernetes.io/hostname",
        ]);
      }
      assert.equal(named(manifests, "StatefulSet", "galera").spec?.replicas, 5);
      assert.equal(podsOf(manifests, "galera").env["GALERA_KEEPER_SIZE"], "5");
      assert.deepEqual(manifests.flatMap(problemsOf), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
