/** What podman is given in place of a StatefulSet: all that it says, but for what is in the list of changes. */
import assert from "node:assert/strict";
import { parseManifests } from "../k8s/manifests.ts";
import {
  CHANGES,
  configMapOf,
  list,
  type Manifest,
  type Play,
  podOf,
  secretOf,
  tree,
  type Value,
  withField,
} from "./kube_pods.ts";
import { theTwoFiles } from "./kube_place.ts";

const PLAY: Play = {
  prefix: "gk-1",
  images: { "galera-keeper:11.8": "localhost/member:1", "zookeeper:3.9": "localhost/zookeeper:1" },
  labels: { "a-label": "gk-1" },
};

const MANIFESTS = await theTwoFiles();

function setOf(name: string): Manifest {
  return MANIFESTS.find(({ kind, metadata }) => kind === "StatefulSet" && metadata.name === name)!;
}

/** Where two trees differ; within lists by `*`, as {@link CHANGES} has it. */
function differences(one: Value | undefined, other: Value | undefined, at: string): string[] {
  if (JSON.stringify(one) === JSON.stringify(other)) return [];
  const fields = (value: Value | undefined) =>
    typeof value === "object" && value !== null ? Object.keys(value) : null;
  const [ours, theirs] = [fields(one), fields(other)];
  if (ours === null || theirs === null || Array.isArray(one) !== Array.isArray(other)) return [at];
  // A list with something more in it is another list, however much of it is the same.
  const longer = Array.isArray(one) && ours.length !== theirs.length ? [at] : [];
  const common = Array.isArray(one) ? ours.filter((field) => theirs.includes(field)) : [
    ...new Set([...ours, ...theirs]),
  ];
  return [
    ...longer,
    ...common.flatMap((field) => {
      const [left, right] = [one, other].map((value) =>
        (value as Record<string, Value | undefined>)[field]
      );
      const path = Array.isArray(one) ? `${at}.*` : at === "" ? field : `${at}.${field}`;
      return differences(left, right, path);
    }),
  ];
}

for (const name of ["galera", "zookeeper"]) {
  Deno.test(`a pod of ${name} differs from its template where the list says so, and nowhere else`, () => {
    const set = setOf(name);
    const { manifest: { apiVersion, kind, ...pod } } = podOf(set, 1, PLAY);
    assert.deepEqual([apiVersion, kind], ["v1", "Pod"]);
    const template = tree(tree(set["spec"])["template"]);
    const found = new Set(
      differences(template, pod as Value, "").map((at) =>
        at.replace(/^(metadata\.labels)\..*/, "$1")
      ),
    );
    const listed = new Set(CHANGES.map(({ at }) => at));
    assert.deepEqual([...found].filter((at) => !listed.has(at)), []);
    const labels = tree(tree(pod["metadata"])["labels"]);
    assert.deepEqual({ ...labels, ...tree(tree(template["metadata"])["labels"]) }, labels);
    const unused = [...listed].filter((at) => !found.has(at));
    const other = name === "galera"
      ? ["spec.volumes.*.configMap.name"]
      : ["spec.volumes.*.secret.secretName", "spec.volumes.*.secret.optional"];
    assert.deepEqual(unused, other);
  });
}

Deno.test("each change says why", () => {
  for (const { at, why } of CHANGES) assert.ok(why.length > 10, at);
  assert.equal(new Set(CHANGES.map(({ at }) => at)).size, CHANGES.length);
});

Deno.test("podOf() gives pods their own names, claims and empty folders", () => {
  const [first, second] = [0, 1].map((ordinal) => podOf(setOf("galera"), ordinal, PLAY));
  assert.deepEqual(second!.names, ["galera", "galera-1", "galera-1.galera"]);
  assert.equal(second!.manifest.metadata.name, "gk-1-galera-1");
  assert.deepEqual(second!.claims.map(({ metadata }) => metadata.name), ["gk-1-data-galera-1"]);
  assert.deepEqual(
    second!.claims[0]!["spec"],
    tree(list(tree(setOf("galera")["spec"])["volumeClaimTemplates"])[0])["spec"],
  );
  const volumes = (pod: Manifest) => list(tree(pod["spec"])["volumes"]).map(tree);
  assert.deepEqual(volumes(second!.manifest), [
    { name: "gk-1-galera-1-run", emptyDir: {} },
    { name: "gk-1-galera-1-tmp", emptyDir: {} },
    { name: "secrets", secret: { secretName: "gk-1-galera", defaultMode: 288, optional: false } },
    { name: "data", persistentVolumeClaim: { claimName: "gk-1-data-galera-1" } },
  ]);
  assert.deepEqual(
    volumes(first!.manifest).map(({ name }) => name).filter((name) => name === "gk-1-galera-1-run"),
    [],
  );
  const [container] = list(tree(second!.manifest["spec"])["containers"]);
  const mounts = list(tree(container)["volumeMounts"]).map((mount) => tree(mount)["name"]);
  const known = volumes(second!.manifest).map(({ name }) => name);
  assert.deepEqual(mounts.toSorted(), known.toSorted());
});

Deno.test("withField() makes no field around the one that it is asked for", () => {
  const value = { a: [{ b: { c: 1 } }, {}] };
  assert.deepEqual(withField(value, "a.*.b.c", () => 2), { a: [{ b: { c: 2 } }, {}] });
  assert.deepEqual(withField(value, "a.*.b.c", () => undefined), { a: [{ b: {} }, {}] });
});

Deno.test("configMapOf() and secretOf() keep what is in them", () => {
  const [configMap] = parseManifests("kind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\n");
  assert.deepEqual(configMapOf(configMap as unknown as Manifest, PLAY), {
    kind: "ConfigMap",
    metadata: { name: "gk-1-a", labels: { "a-label": "gk-1" } },
    data: { b: "c" },
  });
  const secret = { kind: "Secret", metadata: { name: "a" }, stringData: { b: "c" } };
  const { name, text } = secretOf(secret, PLAY);
  assert.equal(name, "gk-1-a");
  assert.deepEqual(JSON.parse(text), { kind: "Secret", metadata: { name: "a" }, data: { b: "c" } });
  assert.throws(() => secretOf({ ...secret, data: { d: "ZQ==" } }, PLAY), /plain text/);
});
