// needs: galera
import assert from "node:assert/strict";
import { findHolders } from "../../lib/mariadb/processes.ts";
import { freePort } from "../../lib/zookeeper/server.ts";

/** An rsync that serves a module, as the script of an SST starts it. */
async function daemon(configuration: string): Promise<Deno.ChildProcess> {
  await Deno.writeTextFile(configuration, "use chroot = no\n[rsync_sst]\n  path = /nonexistent\n");
  const address = "127.12.84.1";
  return new Deno.Command("rsync", {
    args: [
      "--daemon",
      "--no-detach",
      "--port",
      `${freePort(address)}`,
      "--config",
      configuration,
      "--address",
      address,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

Deno.test("findHolders() finds what listens for an SST whose server and script are gone", async () => {
  const datadir = await Deno.makeTempDir({ prefix: "gk-test-" });
  const children: Deno.ChildProcess[] = [];
  try {
    const stray = await daemon(`${datadir}/rsync_sst.conf`);
    children.push(stray);
    // Somebody's own, which is none of ours, whatever it copies.
    children.push(await daemon(`${datadir}/own.conf`));
    const { servers, strays } = await findHolders(datadir);
    assert.deepEqual(servers, []);
    assert.deepEqual(strays.map(({ pid }) => pid), [stray.pid]);
    assert.deepEqual((await findHolders(`${datadir}/other`)).strays, []);
  } finally {
    for (const child of children) {
      child.kill("SIGTERM");
      await child.status;
    }
    await Deno.remove(datadir, { recursive: true });
  }
});
