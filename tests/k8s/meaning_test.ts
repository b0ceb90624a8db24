/** The two files alone are a whole cluster, and say what the program, the image and the README say. */
import assert from "node:assert/strict";
import { GALERA_CHECKS } from "./galera_checks.ts";
import { readManifests } from "./manifests.ts";
import { ZOOKEEPER_CHECKS } from "./zookeeper_checks.ts";

const MANIFESTS = [
  ...await readManifests("k8s/zookeeper.yaml"),
  ...await readManifests("k8s/galera.yaml"),
];

for (const [what, check] of Object.entries({ ...GALERA_CHECKS, ...ZOOKEEPER_CHECKS })) {
  Deno.test(`k8s: ${what}`, () => check(MANIFESTS));
}

Deno.test("k8s: three members and three ZooKeeper servers", () => {
  const replicas = MANIFESTS.flatMap((one) =>
    one.kind === "StatefulSet" ? [one.spec?.replicas] : []
  );
  assert.deepEqual(replicas, [3, 3]);
});
