// needs: podman kubectl
// from source only
/** k8s/ as podman plays it: created, deleted, killed, created again, without cleaning ZooKeeper. */
import assert from "node:assert/strict";
import { findKubectl } from "../k8s/kubectl.ts";
import { clusterOf, KubePlace, overlay, rowsOf, theTwoFiles } from "./kube_place.ts";
import type { KubePod } from "./kube_pod.ts";
import { until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const HERE = await inContainers();
const KUBECTL = HERE.ignore ? { problem: "" } : await findKubectl();

Deno.test("the two files make a cluster that comes back with its data", HERE, async (test) => {
  await using stage = await Stage.make();
  const place = await KubePlace.make(stage, await theTwoFiles());
  const { zookeeper, galera } = place;
  let uuid = "";

  await test.step("a member that joins lives, and is not ready", async () => {
    await zookeeper.create();
    await galera.create();
    await until("a member joins", async () => {
      const joining = await Promise.all(galera.pods.map(isSeenJoining));
      return joining.includes(true);
    });
    await zookeeper.untilReady();
    await galera.untilReady();
  });

  await test.step("what is written on one is read on the others", async () => {
    await galera.pod(0).sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY)");
    for (const [index, pod] of galera.pods.entries()) {
      await pod.sql(`INSERT INTO app.t VALUES (${index})`);
      for (const other of galera.pods) assert.ok((await rowsOf(other)).includes(index));
    }
    uuid = await clusterOf(galera.pod(0));
    await place.check(uuid, [0, 1, 2]);
  });

  await test.step("its own command says what the probes say", async () => {
    for (const pod of galera.pods) {
      for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
        assert.equal((await pod.probe(probe)).status, 200);
      }
      await pod.exec("galera-keeper", "health");
      await pod.exec("galera-keeper", "health", "--ready", "--donor-ok");
    }
  });

  await test.step("deleted with ZooKeeper, and created again, it has all that it had", async () => {
    await place.delete();
    await place.create();
    await place.check(uuid, [0, 1, 2]);
  });

  await test.step("with all members killed at once, and created again, too", async () => {
    await galera.pod(1).sql("INSERT INTO app.t VALUES (3)");
    await galera.kill();
    await galera.create();
    await galera.untilReady();
    await place.check(uuid, [0, 1, 2, 3]);
  });
});

Deno.test({
  name: "the lab's overlay keeps nothing, and starts again without cleaning ZooKeeper",
  ignore: "problem" in KUBECTL,
  async fn(test) {
    assert.ok("path" in KUBECTL);
    await using stage = await Stage.make();
    const place = await KubePlace.make(stage, await overlay(KUBECTL.path, "lab"));
    const { galera } = place;
    await place.create();
    const first = await clusterOf(galera.pod(0));

    await test.step("deleted and created again, the members begin a new cluster", async () => {
      await galera.pod(0).sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY)");
      await galera.delete();
      await galera.create();
      await galera.untilReady();
      const second = await clusterOf(galera.pod(0));
      assert.notEqual(second, first);
      await galera.pod(0).sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY)");
      await galera.pod(0).sql("INSERT INTO app.t VALUES (1)");
      await place.check(second, [1]);
    });

    await test.step("one member deleted and created again joins with all rows", async () => {
      const uuid = await clusterOf(galera.pod(0));
      const pod = galera.pod(1);
      await pod.delete();
      await galera.pod(0).sql("INSERT INTO app.t VALUES (2)");
      await pod.create();
      await galera.untilReady();
      await place.check(uuid, [1, 2]);
    });
  },
});

/** Whether it joined while both probes were asked. It must never be told to be dead. */
async function isSeenJoining(pod: KubePod): Promise<boolean> {
  const before = await pod.status();
  const { status: live } = await pod.probe("livenessProbe");
  const { status: ready } = await pod.probe("readinessProbe");
  const after = await pod.status();
  assert.ok(live === 200 || before === null, `/livez of ${pod.name} says ${live}`);
  const isJoining = before?.stage === "joining" && after?.stage === "joining";
  if (isJoining) assert.deepEqual([live, ready], [200, 503], pod.name);
  return isJoining;
}
