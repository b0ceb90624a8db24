// needs: podman
// from source only
/** k8s/ as podman plays it, with a client that writes all the time: more members, fewer, another image. */
import assert from "node:assert/strict";
import type { KubeClient } from "./kube_client.ts";
import { clusterOf, KubePlace, NEXT_IMAGE, theTwoFiles } from "./kube_place.ts";
import { withField } from "./kube_pods.ts";
import { until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

Deno.test(
  "a StatefulSet is scaled and updated, and no row is lost",
  await inContainers(),
  async (test) => {
    await using stage = await Stage.make();
    const place = await KubePlace.make(stage, await theTwoFiles());
    const { galera } = place;
    await place.create();
    const uuid = await clusterOf(galera.pod(0));
    await using client = await place.client();

    await test.step("from three members to five", async () => {
      await galera.scale(5);
      await galera.untilReady();
      await untilItWrites(client);
      assert.equal(galera.pods.length, 5);
      await place.check(uuid, [...client.acknowledged]);
    });

    await test.step("from five to three, the highest first", async () => {
      await galera.scale(3);
      await untilItWrites(client);
    });

    await test.step("a full outage of the three does not wait for the two that left", async () => {
      await galera.kill();
      await galera.create();
      await galera.untilReady();
      await untilItWrites(client);
      const told = "Degraded: galera-3 stopped; galera-4 stopped (3 of 5 Synced)";
      await galera.pod(0).untilTold(told);
    });

    await test.step("five again, with the claims that they had", async () => {
      await galera.scale(5);
      await galera.untilReady();
      await untilItWrites(client);
      await place.check(uuid, [...client.acknowledged]);
    });

    await test.step("three for good: those that left are forgotten", async () => {
      await galera.scale(3);
      for (const name of ["galera-3", "galera-4"]) {
        // aardvark-dns 1.4.0 ends and starts for all networks where a container of any comes or goes: a
        // lookup lost then takes 5 s, and two of them all the time that a command has for ZooKeeper.
        await until(`${name} is forgotten`, async () => {
          const { status } = await galera.pod(0).tryExec("galera-keeper", "forget", name);
          assert.ok(status === 0 || status === 69, `${name}: ${status}`);
          return status === 0;
        });
      }
      await place.check(uuid, [...client.acknowledged]);
    });

    await test.step("another image, the highest first, one at a time", async () => {
      await galera.update((template) =>
        withField(
          withField(template, "spec.containers.*.image", () => NEXT_IMAGE),
          "metadata.annotations",
          (was) => ({ ...was as Record<string, string>, release: "next" }),
        )
      );
      await untilItWrites(client);
      const rows = await client.stop();
      for (const pod of galera.pods) {
        assert.match(
          JSON.stringify(await pod.inspect()),
          /"org.opencontainers.image.revision":"next"/,
        );
      }
      await place.check(uuid, rows);
    });
  },
);

/** Waits until another row of it is acknowledged. */
async function untilItWrites(client: KubeClient): Promise<void> {
  const before = client.acknowledged.length;
  await until("the client writes", () => Promise.resolve(client.acknowledged.length > before));
}
