// needs: galera
import assert from "node:assert/strict";
import { ADOPT } from "../../lib/commands/adopt.ts";
import { RUN_OPTIONS } from "../../lib/settings/options.ts";
import { keeper } from "../keeper.ts";

/** Where nobody listens. */
const NOWHERE = "127.0.0.1:1";

Deno.test("adopt has options of run alone, read as run reads them", () => {
  for (const { flags, parse } of ADOPT.options) {
    const same = RUN_OPTIONS.find((option) => option.flags === flags);
    assert.ok(same !== undefined && same.parse === parse, flags);
  }
});

Deno.test("adopt says in one line what it cannot begin with, and leaves the datadir as it was", async () => {
  const datadir = await Deno.makeTempDir({ prefix: "gk-adopt-" });
  const byte = () => 1 + Math.floor(Math.random() * 254);
  const address = `127.81.${byte()}.${byte()}`;
  const args = [
    "adopt",
    `--zookeeper=${NOWHERE}`,
    "--member=alice",
    `--address=${address}`,
    `--bind=${address}`,
    `--socket=${datadir}/mysqld.sock`,
    "--log-format=text",
  ];
  const table: [readonly string[], number, RegExp][] = [
    [[`--datadir=${datadir}`], 69, /No mariadbd runs on the datadir ".*": name another with/],
    [[`--datadir=${datadir}/none`], 69, /The datadir ".*" is missing/],
    [["--http=off"], 78, /Who joins asks an adopted member over HTTP: leave --http off out/],
    [["--storage=ephemeral"], 64, /--storage/],
    [["--", "--port=1"], 64, /adopt takes nothing after --/],
  ];
  try {
    for (const [more, status, line] of table) {
      const finished = await keeper([...args, ...more]);
      assert.equal(finished.status, status, finished.stderr);
      const said = finished.stderr.split("\n").filter((text) => text.startsWith("galera-keeper: "));
      assert.equal(said.length, 1, finished.stderr);
      assert.match(said[0]!, line);
    }
    assert.deepEqual([...Deno.readDirSync(datadir)], []);
  } finally {
    await Deno.remove(datadir, { recursive: true });
  }
});
