// needs: zookeeper galera
// from source only
/** A copy that another one is ahead of, and what stands in its own files to say otherwise. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ZERO_UUID } from "../../lib/cluster/position.ts";
import { anyServer } from "../zookeeper/server.ts";
import { grastate, Place } from "./place.ts";
import { noting, takeStarts, wrap } from "./wrapper.ts";

const OTHER = "7d932fdd-3cfa-11f0-8e36-8b4c6f203d4e";

Deno.test("run leaves the bootstrap to the copy that is ahead, whatever its own files add", async (t) => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const first = place.start(place.args());
  await place.untilStage(first, "registered");
  first.kill("SIGTERM");
  assert.equal((await first.finished).status, 0);
  const file = join(place.datadir, "grastate.dat");
  const before = await Deno.readTextFile(file);
  // As alice's own, but further on.
  const { znodes: known } = await place.look();
  const cluster = known[`${place.root}/cluster`]!;
  const record = JSON.parse(known[`${place.root}/members/alice`]!);
  record.data.copy.position.seqno = `${2n ** 62n}`;
  Object.assign(record.data, { safeToBootstrap: false });
  const bob = JSON.stringify({ ...record, serverId: 2, address: "10.0.0.2", datadirId: "bob's" });
  const PATH = await wrap(place.folder, "mariadbd", noting());
  const table: readonly (readonly [string, string, RegExp])[] = [
    ["safe to bootstrap", before, /^Waiting: bob has not come back: its copy at /],
    [
      "Windows line ends and unknown lines",
      `by: hand\n${before}seqno_max: 9\n`.replaceAll("\n", "\r\n"),
      /^Waiting: bob has not come back: its copy at /,
    ],
    ["zeros, safe", grastate(ZERO_UUID, "-1"), /^Waiting: bob has not come back: its copy at /],
    [
      "zeros with a seqno above all",
      grastate(ZERO_UUID, "9223372036854775807"),
      /^Waiting: bob has not come back: its copy at /,
    ],
    [
      "another cluster's with a seqno above all",
      grastate(OTHER, "9223372036854775807"),
      /^Waiting: This datadir belongs to another cluster: /,
    ],
  ];
  for (const [name, text, waits] of table) {
    await t.step(name, async () => {
      assert.match(before, /^safe_to_bootstrap: 1$/m);
      await place.forget();
      await place.put("/cluster", cluster);
      await place.put("/members/bob", bob);
      await Deno.writeTextFile(file, text);
      const process = place.start(place.args(), { PATH });
      const { doing } = await place.untilStage(process, "waiting");
      assert.match(String(doing), waits);
      process.kill("SIGTERM");
      assert.equal((await process.finished).status, 0);
      assert.deepEqual(await takeStarts(place.folder), []);
      const { znodes } = await place.look();
      assert.equal(znodes[`${place.root}/cluster`], cluster);
      assert.equal(znodes[`${place.root}/members/bob`], bob);
    });
  }
});
