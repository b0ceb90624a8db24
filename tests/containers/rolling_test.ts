// from source only
/** A new release: the image of one member after the other is changed, with a client that writes all the time. */
import assert from "node:assert/strict";
import { memberImage } from "./images.ts";
import { LoyalClient } from "./loyal_client.ts";
import { until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const options = await inContainers();
const NAMES = ["galera-1", "galera-2", "galera-3"];

Deno.test(
  "a rolling change of the image costs a client a retry for each member",
  options,
  async (t) => {
    await using stage = await Stage.make();
    await stage.zookeepers(3);
    const env = { GALERA_KEEPER_DRAIN: "2s" };
    const members = [...await stage.members(NAMES, { env })];
    await members[0]!.sql("CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY)");
    const release = await memberImage("next");
    await using client = new LoyalClient(() => members);

    /** Waits until the client gets on, as it does in quiet times. */
    const untilGoesOn = async () => {
      const count = client.acknowledged.size;
      await until(
        "the client writes",
        () => Promise.resolve(client.acknowledged.size > count + 20),
      );
    };

    for (const [index, member] of NAMES.entries()) {
      await t.step(`${member} is changed`, async () => {
        await untilGoesOn();
        const before = client.retries.length;
        const old = members[index]!;
        await old.stop();
        assert.equal((await old.state()).ExitCode, 0);
        await old.remove();
        const volume = `${stage.prefix}-${member}`;
        const changed = await stage.member(member, { env, volume, image: release });
        members[index] = changed;
        const { lastTransfer } = await changed.untilReady();
        assert.equal(
          lastTransfer?.kind,
          "IST",
          "its data is what it was, and it gets what it missed",
        );
        const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
        assert.equal(await changed.inspected(label), "next");
        await untilGoesOn();
        const { retries } = client;
        assert(retries.length <= before + 1, retries.slice(before).join("\n"));
      });
    }

    await t.step("every row that was acknowledged is on every member", async () => {
      await client.stop();
      // It was with each of them when that went.
      assert.equal(client.retries.length, NAMES.length, client.retries.join("\n"));
      for (const member of members) {
        const rows = await member.sql("SET wsrep_sync_wait = 1; SELECT id FROM app.t");
        const there = new Set(rows.split("\n").map(Number));
        assert.deepEqual([...client.acknowledged].filter((id) => !there.has(id)), [], member.name);
        assert.equal(there.size, client.acknowledged.size);
      }
    });
  },
);
