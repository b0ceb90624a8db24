import assert from "node:assert/strict";
import { whereToAsk } from "../../lib/commands/health.ts";
import { ConfigError } from "../../lib/errors.ts";
import { liveness, readiness } from "../../lib/health.ts";
import { serveHttp } from "../../lib/http.ts";
import { Progress } from "../../lib/progress.ts";
import { keeper } from "../keeper.ts";
import { SYNCED } from "../simulation/wsrep_status.ts";

const HOST = "127.14.0.2";

/** A keeper in all that `health` sees of it. */
function member() {
  const progress = new Progress("galera-1", HOST, () => "2026-01-01T00:00:00Z");
  let problem: string | null = null;
  const server = serveHttp({ host: HOST, port: 0 }, {
    status: () => progress.status,
    live: () => liveness(progress.status.doing, problem),
    ready: (asked) => readiness(progress.status, asked),
  });
  const health = async (...options: string[]) => {
    const env = { GALERA_KEEPER_BIND: HOST, GALERA_KEEPER_HTTP: `${server.port}` };
    const { status, stdout, stderr } = await keeper(["health", ...options], { env });
    assert.equal(stderr, "");
    return [status, stdout];
  };
  return { progress, server, health, break: (why: string) => problem = why };
}

Deno.test("health tells by its exit status whether the keeper lives and is ready", async () => {
  const { progress, server, health, break: breakIt } = member();
  await using _server = server;
  const notReady = (doing: string) => [1, `MariaDB Cluster Node is not synced.\n${doing}\n`];
  assert.deepEqual(await health(), [0, "Live: Starting\n"]);
  assert.deepEqual(await health("--ready"), notReady("Starting"));
  progress.ready();
  progress.observe(SYNCED);
  assert.deepEqual(await health("--ready"), [0, "MariaDB Cluster Node is synced.\n"]);
  progress.observe({ ...SYNCED, synced: false, localState: 2 });
  assert.deepEqual(await health("--ready"), notReady("Serving, while desynced from the others"));
  assert.deepEqual(await health("--donor-ok"), [0, "MariaDB Cluster Node is synced.\n"]);
  breakIt("It broke");
  assert.deepEqual(await health(), [1, "Not live: It broke\n"]);
});

Deno.test("health says when nobody answers", async () => {
  const { server, health } = member();
  const { port } = server;
  await server[Symbol.asyncDispose]();
  assert.deepEqual(await health(), [
    1,
    `Cannot ask the keeper at ${HOST}:${port}: the connection is refused\n`,
  ]);
});

Deno.test("whereToAsk() finds where run listens", () => {
  const addresses = [["eth0", "192.0.2.2"], ["eth1", "fd00::2"]] as const;
  const machine = {
    interfaces: () =>
      addresses.map(([name, address]) => ({
        name,
        address,
        family: address.includes(":") ? "IPv6" as const : "IPv4" as const,
        netmask: "",
        scopeid: null,
        cidr: `${address}/${address.includes(":") ? 64 : 24}`,
        mac: "",
      })),
  };
  const table: [Parameters<typeof whereToAsk>[0], string][] = [
    [{}, "127.0.0.1:8008"],
    [{ http: { host: "", port: 9000 } }, "127.0.0.1:9000"],
    [{ bind: "192.0.2.2" }, "192.0.2.2:8008"],
    [{ http: { host: "192.0.2.2", port: 9000 } }, "192.0.2.2:9000"],
    [{ address: "fd00::2" }, "[::1]:8008"],
    [{ interface: "eth1", http: { host: "fd00::2", port: 9000 } }, "[fd00::2]:9000"],
  ];
  for (const [options, expected] of table) assert.equal(whereToAsk(options, machine), expected);
  assert.throws(() => whereToAsk({ http: "off" }, machine), ConfigError);
});
