// needs: zookeeper
import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import {
  findInstallation,
  freePort,
  missingPackages,
  ZooKeeperServer,
} from "../../lib/zookeeper/server.ts";
import { startServers, until } from "./server.ts";

const isAlive = (pid: number) => {
  try {
    // A zombie has no command line: it is only waiting for its parent to look.
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`) !== "";
  } catch {
    return false;
  }
};

Deno.test("ZooKeeperServer.start() serves, stop() ends it, and the same place can be taken again", async () => {
  await using own = await startServers();
  const [server] = own.servers;
  assert.ok(isAlive(server!.pid));
  assert.equal(own.hosts, server!.hosts);
  await server!.stop();
  assert.ok(!isAlive(server!.pid));
  assert.equal(freePort(server!.options.address, server!.options.port), server!.options.port);
  await own.restart();
  assert.equal(own.servers[0]!.hosts, server!.hosts);
  await own.servers[0]!.kill();
  assert.equal((await own.servers[0]!.ended).signal, "SIGKILL");
});

Deno.test("ZooKeeperServer.start() gives the server nothing of our environment", async () => {
  Deno.env.set("MARIADB_ROOT_PASSWORD", "secret");
  try {
    await using own = await startServers();
    const environment = await Deno.readTextFile(`/proc/${own.servers[0]!.pid}/environ`);
    assert.ok(environment.includes("PATH="));
    assert.ok(!environment.includes("secret"));
  } finally {
    Deno.env.delete("MARIADB_ROOT_PASSWORD");
  }
});

Deno.test("ZooKeeperServer.start() makes an ensemble of three", async () => {
  await using own = await startServers({ count: 3 });
  assert.equal(own.servers.length, 3);
  assert.equal(own.hosts.split(",").length, 3);
});

Deno.test("ZooKeeperServer.start() refuses with status 69, one line, and why", async () => {
  const dataDir = await Deno.makeTempDir();
  using busy = Deno.listen({ hostname: "127.11.0.1", port: 0 });
  const { port } = busy.addr;
  const cases: readonly (readonly [Parameters<typeof ZooKeeperServer.start>[0], RegExp])[] = [
    [
      { dataDir, address: "127.11.0.1", port },
      new RegExp(`127\\.11\\.0\\.1:${port}: the port is taken`),
    ],
    [{ dataDir, address: "203.0.113.7" }, /203\.0\.113\.7:0: this machine cannot listen there/],
    [
      { dataDir, address: "127.11.0.2", heapMiB: 0.5 },
      /it ended with status 1 .*Invalid maximum heap/,
    ],
    [{ dataDir, address: "127.11.0.2", tickTimeMs: Number.NaN }, /it ended with .*said: .*NaN/],
    [
      // Nobody else of this ensemble is there, so it never has a quorum.
      {
        dataDir,
        address: "127.11.0.2",
        ensemble: { id: 1, servers: new Map([[1, "127.11.0.2:1:2"], [2, "127.11.0.3:1:2"]]) },
        startTimeoutMs: 600,
      },
      /it did not serve in 600 ms/,
    ],
  ];
  try {
    for (const [options, message] of cases) {
      await assert.rejects(ZooKeeperServer.start(options), (error) => {
        assert.ok(error instanceof UnavailableError);
        assert.equal(error.exitStatus, 69);
        assert.match(error.message, message);
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("ZooKeeperServer.start() stops what it started when it is aborted", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const aborting = new AbortController();
    const starting = ZooKeeperServer.start(
      { dataDir, address: "127.11.0.4" },
      aborting.signal,
    );
    aborting.abort(new Error("enough"));
    await assert.rejects(starting, /enough/);
    await assert.rejects(ZooKeeperServer.start({ dataDir }, aborting.signal), /enough/);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("ZooKeeperServer ends when the process that started it is killed", async () => {
  const dataDir = await Deno.makeTempDir();
  const module = new URL("../../lib/zookeeper/server.ts", import.meta.url);
  const code = `
    import { ZooKeeperServer } from ${JSON.stringify(module.href)};
    const server = await ZooKeeperServer.start(${
    JSON.stringify({ dataDir, address: "127.11.0.5" })
  });
    console.log(server.pid);
    await server.ended;`;
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", code],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    assert.ok(isAlive(pid));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await until(() => !isAlive(pid));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("missingPackages() names the Debian packages, findInstallation() the command", () => {
  const jar = "/usr/share/java/zookeeper.jar";
  const table: readonly (readonly [(path: string) => boolean, readonly string[]])[] = [
    [() => true, []],
    [(path) => path !== jar, ["libzookeeper-java"]],
    [(path) => path === jar, ["default-jre-headless"]],
    [() => false, ["libzookeeper-java", "default-jre-headless"]],
  ];
  for (const [exists, packages] of table) {
    assert.deepEqual(missingPackages(exists), packages);
    if (packages.length === 0) continue;
    assert.throws(() => findInstallation(exists), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.ok(
        error.message.endsWith(`apt-get install --no-install-recommends ${packages.join(" ")}`),
      );
      return true;
    });
  }
});
