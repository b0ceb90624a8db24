// needs: zookeeper
/** The probes of the ZooKeeper servers, on real ones: whoever has no majority lives, and is not ready. */
import assert from "node:assert/strict";
import { startServers } from "../zookeeper/server.ts";
import { readManifests } from "./manifests.ts";
import { podsOf } from "./pods.ts";
import { probeScriptOf } from "./zookeeper_checks.ts";

const PODS = podsOf(await readManifests("k8s/zookeeper.yaml"), "zookeeper");

/** The probe's status at a server that is elsewhere than in a pod. */
async function probe(
  name: Parameters<typeof probeScriptOf>[1],
  { address, port }: { readonly address: string; readonly port: number },
): Promise<boolean> {
  const here = `/dev/tcp/127.0.0.1/${PODS.ports.get("client")} `;
  const script = probeScriptOf(PODS, name).replace(here, `/dev/tcp/${address}/${port} `);
  assert.ok(!script.includes(here));
  const { success } = await new Deno.Command("bash", { args: ["-c", script], stderr: "null" })
    .output();
  return success;
}

Deno.test("ZooKeeper's probes: one in a majority is ready, one without lives on, one that is gone does not", async () => {
  await using ensemble = await startServers({ count: 3 });
  const [one, two, three] = ensemble.servers.map(({ options }) => options);
  for (const server of [one!, two!, three!]) {
    assert.equal(await probe("livenessProbe", server), true);
    assert.equal(await probe("readinessProbe", server), true);
  }
  await ensemble.servers[1]!.kill();
  await ensemble.servers[2]!.kill();
  const deadline = performance.now() + 120_000;
  while (await probe("readinessProbe", one!) && performance.now() < deadline);
  assert.equal(await probe("readinessProbe", one!), false);
  assert.equal(await probe("startupProbe", one!), true);
  assert.equal(await probe("livenessProbe", one!), true);
  assert.equal(await probe("livenessProbe", two!), false);
  assert.equal(await probe("readinessProbe", two!), false);
});

Deno.test("ZooKeeper's probes: a single server, as in the lab, is ready", async () => {
  await using ensemble = await startServers();
  const { options } = ensemble.servers[0]!;
  assert.equal(await probe("livenessProbe", options), true);
  assert.equal(await probe("readinessProbe", options), true);
});
