// from source only
/** What members in containers do without ZooKeeper: killed, taken away, emptied. */
import assert from "node:assert/strict";
import { Cluster } from "./cluster.ts";
import type { Container } from "./container.ts";
import { zookeeperImage } from "./images.ts";
import { podman, until } from "./podman.ts";
import { Rows } from "./rows.ts";
import { inContainers, Stage, untilTakesPart } from "./stage.ts";

/** The statuses that a member's probes get. */
async function probes(member: Container): Promise<readonly number[]> {
  const address = await member.address();
  return await Promise.all(["livez", "readyz"].map(async (path) => {
    const response = await fetch(`http://${address}:8008/${path}`, {
      headers: { connection: "close" },
    });
    await response.body?.cancel();
    return response.status;
  }));
}

/** Waits until no member has a session. */
async function untilAlone(members: readonly Container[]): Promise<void> {
  for (const member of members) {
    await member.untilStatus("ZooKeeper is out of reach", ({ session }) => session === "suspended");
  }
}

/** What must stay the same where nothing is restarted: the servers' own ids of this life. */
function lives(members: readonly Container[]): Promise<readonly string[]> {
  return Promise.all(members.map(async (member) => {
    const life = "SHOW STATUS LIKE 'wsrep_gcomm_uuid'";
    return `${(await member.state()).Pid} ${await member.sql(life)}`;
  }));
}

Deno.test(
  "containers serve on without ZooKeeper, and are on record again once it is back",
  await inContainers(),
  async (t) => {
    await using stage = await Stage.make();
    const cluster = await Cluster.make(stage);
    const rows = await Rows.make(cluster.get("galera-1"));
    const servers = cluster.zookeepers.map(({ id }) => id);
    const [first, second] = cluster.zookeepers as [Container, Container];
    const one = cluster.get("galera-1");
    const others = [one, cluster.get("galera-2")];

    await t.step(
      "a majority is killed: who runs serves on, who starts waits alive and not ready",
      async () => {
        const before = await lives(others);
        const address = await first.address();
        await podman("kill", first.id, second.id);
        await untilAlone(cluster.all);
        await rows.write(one);
        const late = cluster.get("galera-3");
        await late.kill();
        await cluster.untilSize(one, 2);
        await late.start();
        await late.untilStatus("waits", ({ stage }) => stage === "connecting");
        await rows.write(cluster.get("galera-2"));
        for (const member of others) assert.deepEqual(await probes(member), [200, 200]);
        assert.deepEqual(await probes(late), [200, 503]);
        assert.equal((await late.status())?.primary, false);
        // One comes back as it was, one in a new container; a stranger has that one's address.
        await first.remove();
        const options = [`--ip=${address}`, "--entrypoint=sleep"];
        await stage.run("stranger", { image: await zookeeperImage(), options, args: ["600"] });
        await stage.zookeeper(1, 3);
        await second.start();
        await cluster.assertIsAsItWas(rows);
        assert.deepEqual(await lives(others), before, "who ran was restarted");
      },
    );

    await t.step("all three are killed, and come back with their volumes", async () => {
      const before = await lives(cluster.all);
      await podman("kill", ...servers);
      await untilAlone(cluster.all);
      await rows.write(one);
      await podman("start", ...servers.toReversed());
      await cluster.assertIsAsItWas(rows);
      assert.deepEqual(await lives(cluster.all), before);
    });

    await t.step(
      "all three are taken away with all they held: who runs puts it on record again",
      async () => {
        const before = await lives(cluster.all);
        await podman("rm", "--force", "--time", "0", "--volumes", ...servers);
        await untilAlone(cluster.all);
        const volumes = servers.flatMap((name) => [`${name}-data`, `${name}-datalog`]);
        await podman("volume", "rm", ...volumes);
        await rows.write(one);
        const empty = await Promise.all([1, 2, 3].map((number) => stage.zookeeper(number, 3)));
        for (const server of empty) await untilTakesPart(server);
        await until("the members are registered again", async () => {
          const { stdout } = await one.tryExec("galera-keeper", "status");
          return stdout.includes(`Cluster: ${cluster.uuid}, running`);
        });
        await cluster.assertIsAsItWas(rows);
        assert.deepEqual(await lives(cluster.all), before);
      },
    );

    await t.step(
      "the power fails for all, servers and members, and comes back for all",
      async () => {
        await podman("kill", ...cluster.all.map(({ id }) => id));
        await podman("kill", ...servers);
        await podman("start", ...servers, ...cluster.all.map(({ id }) => id));
        await cluster.assertIsAsItWas(rows);
      },
    );
  },
);
