// needs: zookeeper
/** npm:zookeeper's own examples and tests, run unchanged on our class in the addon's place. */

import "../../lib/zookeeper/client.ts";
import assert from "node:assert/strict";
import Module from "node:module";
import { fileURLToPath } from "node:url";
import { startServers } from "./server.ts";

const client = fileURLToPath(new URL("../../lib/zookeeper/client.ts", import.meta.url));
const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
const runner = fileURLToPath(new URL("./package_runner.ts", import.meta.url));

/** The package's folder. */
function packageFolder(): string {
  const cache = (Module as unknown as { _cache: Record<string, unknown> })._cache;
  const main = Object.keys(cache).find((path) => path.endsWith("/lib/zk_promise.js"));
  assert.ok(main !== undefined);
  return main.slice(0, -"/lib/zk_promise.js".length);
}

function deno(...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", config, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs an example until it has written all of the lines expected, in whatever order. */
async function runExample(name: string, host: string, expected: readonly RegExp[]): Promise<void> {
  const child = deno("--preload", client, `${packageFolder()}/examples/${name}`, host);
  const stderr = new Response(child.stderr).text();
  const missing = [...expected];
  const unexpected: string[] = [];
  try {
    let rest = "";
    reading: for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const at = missing.findIndex((pattern) => pattern.test(line));
        if (at === -1) unexpected.push(line);
        else missing.splice(at, 1);
      }
      if (missing.length === 0) break reading;
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  assert.deepEqual({ missing, unexpected }, { missing: [], unexpected: [] }, await stderr);
}

Deno.test("npm:zookeeper's example acl.js works unchanged", async () => {
  await using servers = await startServers({ network: "127.10" });
  await runExample("acl.js", servers.hosts, [
    /^creating a client\.$/,
    /^connect session connect, id=[0-9a-f]+$/,
    /^before: \[ \{ perms: 31, scheme: .world., auth: .anyone. \} \]$/,
    /^after: \[ \{ perms: 1, scheme: .world., auth: .anyone. \} \]$/,
  ]);
});

Deno.test("npm:zookeeper's example index.js works unchanged: leader, workers, tasks", async () => {
  await using servers = await startServers({ network: "127.10" });
  const listed = (path: string) => new RegExp(`^client id: "[0-9a-f]+" path: "${path}"$`);
  await runExample("index.js", servers.hosts, [
    /^creating a client\.$/,
    /^connect session connect, id=[0-9a-f]+$/,
    ...["workers", "assign", "tasks", "status", "myttl"]
      .map((name) => new RegExp(`^createNode \\(created: /${name}\\)$`)),
    /^Elect leader: \(\/master\) [0-9a-f]+$/,
    /^Does the \/status node exist\? true$/,
    listed("/workers"),
    listed("/assign"),
    /^Does \/my-temporary-node-\d+ exist\? false$/,
    /^createNode \(created: \/my-temporary-node-to-verify-async-call-\d+\)$/,
    /^The client\.set result: \{"czxid":\d+,.*"version":1,.*"createdInThisSession":true\}$/,
    /^The error is: Error: fn: "a_set" args: .* result: "ZBADARGUMENTS -8"$/,
    /^\(\/workers\/worker-0000000000\) client id: [0-9a-f]+$/,
    /^addTask \(created: \/tasks\/task-0000000000\)$/,
    listed("/workers"),
    /^child id: worker-0000000000$/,
    listed("/tasks"),
    /^child id: task-0000000000$/,
    /^Node created with data: 1$/,
    /^createNode \(created: \/my-temporary-node-\d+\)$/,
    /^Does \/my-temporary-node-\d+ exist now\? true$/,
  ]);
});

Deno.test("npm:zookeeper's own tests pass unchanged", async () => {
  const files = [
    ...["apitest", "configtest", "encodingtest", "loggertest"].map((name) =>
      `unit/index/${name}.js`
    ),
    ...["exportedconstantstest", "nativeobjecttest", "proxypropertiestest"]
      .map((name) => `unit/zookeeper/${name}.js`),
    ...[
      "getAndSetAcltest",
      "getAndSettest",
      "getChildrentest",
      "makeAndDeleteDirtest",
      "sessiontest",
    ].map((name) => `integration/${name}.js`),
  ];
  await using servers = await startServers({ network: "127.10" });
  const { code, stdout, stderr } = await deno(runner, servers.hosts, ...files).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const failed = lines.filter((line) => !line.startsWith("ok "));
  assert.deepEqual(failed, [], new TextDecoder().decode(stderr));
  assert.equal(code, 0);
  for (const file of files) assert.ok(lines.some((line) => line.includes(file)), file);
});
