// needs: galera
import assert from "node:assert/strict";
import { findHolders } from "../../lib/mariadb/processes.ts";
import { findAccount } from "../../lib/mariadb/programs.ts";
import { USER } from "./machine.ts";
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

// A container's root may not look at the processes of another account: a joiner whose SST takes long
// would be taken for one that stands still, and a server that still holds a datadir for none.
Deno.test("processes of another account are seen without CAP_SYS_PTRACE", async () => {
  const account = await findAccount(USER);
  const program = new URL("./other_process.ts", import.meta.url).pathname;
  const datadir = await Deno.makeTempDir({ prefix: "gk-test-" });
  try {
    await Deno.chmod(datadir, 0o755);
    const { stdout, stderr } = await new Deno.Command("setpriv", {
      args: [
        "--bounding-set=-sys_ptrace",
        "--inh-caps=-sys_ptrace",
        Deno.execPath(),
        "run",
        "--quiet",
        "--allow-all",
        program,
        JSON.stringify(account),
        datadir,
      ],
      stdin: "null",
    }).output();
    assert.deepEqual(
      JSON.parse(new TextDecoder().decode(stdout) || "{}"),
      {
        asItself: { written: 5000, servers: 1 },
        // So there is something to see.
        asRoot: { written: null, servers: 0 },
      },
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(datadir, { recursive: true });
  }
});
