// from source only
/** The stage itself: what other tests in containers rest on. */
import assert from "node:assert/strict";
import { inContainers, Stage } from "./stage.ts";
import { podman } from "./podman.ts";

Deno.test(
  "a stage's containers know each other, and go with it",
  await inContainers(),
  async () => {
    let prefix = "";
    {
      await using stage = await Stage.make();
      prefix = stage.prefix;
      await stage.zookeepers(1);
      const [member] = await stage.members(["galera-1"]);
      assert.equal(await member!.sql("SELECT 1 + 1"), "2");
      assert.match(await member!.exec("galera-keeper", "status"), /^All well: 1 of 1 Synced/);
    }
    for (const what of ["ps --all", "volume ls", "network ls", "secret ls"]) {
      assert.doesNotMatch(await podman(...what.split(" ")), new RegExp(prefix), what);
    }
  },
);
