// from source only
/** Three members and three ZooKeepers that know each other by name, and what containers go through. */
import assert from "node:assert/strict";
import type { Container } from "./container.ts";
import { Cluster, type Name } from "./cluster.ts";
import { podman, until } from "./podman.ts";
import { Rows } from "./rows.ts";
import { inContainers, Stage } from "./stage.ts";

/** How often a container's keeper decided so, or such a transfer brought its data. */
async function count(member: Container, what: RegExp): Promise<number> {
  return (await member.logs()).match(new RegExp(what, "g"))?.length ?? 0;
}

async function bootstraps(members: readonly Container[]): Promise<number> {
  const counts = await Promise.all(members.map((one) => count(one, /Decision: bootstrap\./)));
  return counts.reduce((sum, one) => sum + one, 0);
}

async function waitsFor(member: Container, name: Name): Promise<void> {
  await member.untilStatus(
    `waits for ${name}`,
    ({ stage, decision }) =>
      stage === "waiting" && decision?.kind === "wait" && decision.waitsFor.includes(name),
  );
}

Deno.test(
  "containers that know each other by name stay one cluster",
  await inContainers(),
  async (t) => {
    await using stage = await Stage.make();
    const cluster = await Cluster.make(stage);
    const rows = await Rows.make(cluster.get("galera-1"));

    await t.step("what is written on one is read on the others", async () => {
      for (const member of cluster.all) await rows.write(member);
      await cluster.assertIsAsItWas(rows);
      assert.equal(await bootstraps(cluster.all), 1);
    });

    await t.step("one is killed: the others serve, and it comes back by IST", async () => {
      const [one, two] = [cluster.get("galera-1"), cluster.get("galera-3")];
      const before = { ist: await count(two, /IST from /), sst: await count(two, /SST from /) };
      await two.kill();
      await cluster.untilSize(one, 2);
      await rows.write(one);
      await two.start();
      await cluster.assertIsAsItWas(rows);
      assert.ok(await count(two, /IST from /) > before.ist);
      assert.equal(await count(two, /SST from /), before.sst);
    });

    await t.step(
      "all are killed at once under a client, taken away, and run again with each other's addresses",
      async () => {
        const addresses = await Promise.all(cluster.all.map((member) => member.address()));
        const client = rows.writeUntilCut(cluster.get("galera-2"));
        await rows.untilWritten(client, 50, cluster.get("galera-1"));
        await podman("kill", ...cluster.all.map(({ id }) => id));
        assert.ok(await client.ended >= 50);
        for (const member of cluster.all) await member.remove();
        const [first, second, third] = addresses;
        await cluster.again("galera-3", `--ip=${first}`);
        await cluster.again("galera-1", `--ip=${second}`);
        await waitsFor(cluster.get("galera-1"), "galera-2");
        await waitsFor(cluster.get("galera-3"), "galera-2");
        await cluster.again("galera-2", `--ip=${third}`);
        await cluster.assertIsAsItWas(rows);
        assert.equal(await bootstraps(cluster.all), 1);
      },
    );

    await t.step(
      "stopped one after the other: the last one begins, whoever is started first",
      async () => {
        const before = await bootstraps([cluster.get("galera-1")]);
        await cluster.get("galera-2").stop();
        await rows.write(cluster.get("galera-3"));
        await cluster.get("galera-3").stop();
        await rows.write(cluster.get("galera-1"));
        await cluster.get("galera-1").stop();
        for (const { id, name } of cluster.all) {
          assert.equal(await podman("inspect", "--format", "{{.State.ExitCode}}", id), "0", name);
        }
        await cluster.get("galera-2").start();
        await waitsFor(cluster.get("galera-2"), "galera-1");
        await cluster.get("galera-3").start();
        await cluster.get("galera-1").start();
        await cluster.assertIsAsItWas(rows);
        assert.equal(await bootstraps([cluster.get("galera-1")]), before + 1);
      },
    );

    await t.step("stopped at the same time, started in another order", async () => {
      const before = await bootstraps(cluster.all);
      await podman("stop", "--time", "120", ...cluster.all.map(({ id }) => id));
      for (const name of ["galera-3", "galera-1", "galera-2"] as const) {
        await cluster.get(name).start();
      }
      await cluster.assertIsAsItWas(rows);
      assert.equal(await bootstraps(cluster.all), before + 1);
    });

    await t.step("frozen until all have given it up, and thawed: it heals by itself", async () => {
      const [one, frozen] = [cluster.get("galera-1"), cluster.get("galera-3")];
      await frozen.freeze();
      await cluster.untilGivenUp("galera-3", one);
      await rows.write(one);
      await frozen.thaw();
      await cluster.untilSize(one, 3);
      await cluster.assertIsAsItWas(rows);
    });

    await t.step(
      "its network taken away and given back with another address: the same",
      async () => {
        const [one, cut] = [cluster.get("galera-1"), cluster.get("galera-2")];
        const before = { address: await cut.address(), pid: (await cut.state()).Pid };
        await podman("network", "disconnect", stage.network, cut.id);
        await cluster.untilGivenUp("galera-2", one);
        await rows.write(one);
        await podman("network", "connect", "--alias", cut.name, stage.network, cut.id);
        const address = await cut.address();
        assert.notEqual(address, before.address);
        await cut.untilStatus("goes by its new address", (status) => status.address === address);
        await cluster.assertIsAsItWas(rows);
        assert.equal((await cut.state()).Pid, before.pid, "its container was not restarted");
      },
    );

    await t.step(
      "mariadbd is killed: the keeper ends with its status, podman starts it again",
      async () => {
        await cluster.get("galera-3").stop();
        await cluster.get("galera-3").remove();
        const member = await cluster.again("galera-3", "--restart=on-failure");
        await cluster.untilWhole();
        await member.exec("pkill", "-KILL", "mariadbd");
        await rows.write(cluster.get("galera-1"));
        await until("podman has started it again", async () => {
          return Number(await podman("inspect", "--format", "{{.RestartCount}}", member.id)) > 0;
        });
        await cluster.assertIsAsItWas(rows);
        assert.match(await member.logs(), /^galera-keeper: mariadbd has exited by SIGKILL/m);
      },
    );
  },
);
