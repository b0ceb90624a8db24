/** The manifests by Kubernetes' own schemas, and what those would catch. */
import assert from "node:assert/strict";
import { parseManifests, readManifests } from "./manifests.ts";
import { inRepository } from "./promtool.ts";
import { problemsOf } from "./schema.ts";

const FILES = ["k8s/zookeeper.yaml", "k8s/galera.yaml"];

for (const file of FILES) {
  Deno.test(`${file} is what Kubernetes' schemas say, without a field that they do not know`, async () => {
    const manifests = await readManifests(file);
    assert.ok(manifests.length >= 5);
    assert.deepEqual(manifests.flatMap(problemsOf), []);
  });
}

Deno.test("problemsOf() catches fields that there are not, at any depth, and values that cannot be", async () => {
  const text = await Deno.readTextFile(inRepository("k8s/galera.yaml"));
  const container = "/spec/template/spec/containers/0";
  const mistakes: readonly (readonly [was: string, is: string, problem: string])[] = [
    ["  readinessProbe:", "  readinesProbe:", `${container}/readinesProbe: no such field`],
    ["{ path: /livez,", "{ pth: /livez,", `${container}/startupProbe/httpGet/pth: no such field`],
    ["  drop: [ALL]", "  dropped: [ALL]", "/capabilities/dropped: no such field"],
    ["spec:", "specs:", "/specs: no such field"],
    ["replicas: 3", 'replicas: "3"', "/spec/replicas: type"],
    ["type: RuntimeDefault", "type: [RuntimeDefault]", "seccompProfile/type: type"],
    ["  serviceName: galera", "  servicename: galera", "/spec/servicename: no such field"],
    ['    prometheus.io/port: "8008"', "    prometheus.io/port: 8008", "prometheus.io~1port: type"],
    ["  maxUnavailable: 1", "  maxUnavailble: 1", "/spec/maxUnavailble: no such field"],
    ["kind: NetworkPolicy", "kind: NetworkPolice", "no schema is known"],
  ];
  for (const [was, is, problem] of mistakes) {
    assert.ok(text.includes(was), was);
    const problems = parseManifests(text.replace(was, is)).flatMap(problemsOf);
    assert.ok(problems.some((one) => one.includes(problem)), `${is}: ${problems.join("\n")}`);
  }
  assert.throws(() => parseManifests(text.replace("replicas: 3", "replicas: 3\n  replicas: 3")));
});
