/** Our lock and kazoo's on one path, each in processes of its own. */

import assert from "node:assert/strict";
import { Lock } from "../../lib/zookeeper/lock.ts";
import { anyServer, type TestRoot } from "./server.ts";

const PYTHON = "/usr/bin/python3";
const here = (name: string) => new URL(name, import.meta.url).pathname;
const config = new URL("../../deno.json", import.meta.url).pathname;

/** Starts a process that increments, and waits until it is connected. */
async function start(command: string, args: readonly string[]) {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const out = child.stdout.getReader();
  const first = await out.read();
  assert.equal(new TextDecoder().decode(first.value).trim(), "ready");
  return {
    async go() {
      const stdin = child.stdin.getWriter();
      await stdin.write(new TextEncoder().encode("\n"));
      await stdin.close();
      // To its end, so that no part of it is left open.
      while (!(await out.read()).done);
      assert.equal((await child.status).code, 0);
    },
  };
}

async function incrementTogether(
  server: TestRoot,
  lockPath: string,
  folder: string,
  count: number,
): Promise<void> {
  const [numberFile, logFile] = [`${folder}/number`, `${folder}/log`];
  await Deno.writeTextFile(numberFile, "0");
  const args = (name: string) => [
    server.hosts,
    lockPath,
    numberFile,
    logFile,
    name,
    String(count),
  ];
  const kazoo = here("kazoo_increment.py");
  const ours = ["run", "-A", "--quiet", "--config", config, here("lock_increment.ts")];
  const processes = await Promise.all([
    start(PYTHON, [kazoo, ...args("kazoo-1")]),
    start(PYTHON, [kazoo, ...args("kazoo-2")]),
    start(Deno.execPath(), [...ours, ...args("ours-1")]),
    start(Deno.execPath(), [...ours, ...args("ours-2")]),
  ]);
  await Promise.all(processes.map((process) => process.go()));
}

Deno.test("Lock and kazoo's exclude each other, and nobody overtakes", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const folder = await Deno.makeTempDir();
  const count = 150;
  try {
    await incrementTogether(server, `${server.root}/lock`, folder, count);
    assert.equal(await Deno.readTextFile(`${folder}/number`), String(4 * count));
    const held = (await Deno.readTextFile(`${folder}/log`)).trim().split("\n");
    assert.equal(held.length, 4 * count);
    let last = -1;
    const counts = new Map<string, number>();
    for (const line of held) {
      const [, name = "", sequence] = /^(\S+) [0-9a-f]{32}__lock__(\d{10})$/.exec(line) ?? [];
      assert.ok(Number(sequence) > last, `${line} held the lock after number ${last}`);
      last = Number(sequence);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts].sort(),
      ["kazoo-1", "kazoo-2", "ours-1", "ours-2"].map((name) => [name, count]),
    );
    assert.deepEqual((await session.children("/lock")).children, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Lock.contenders() names kazoo's contenders, and kazoo's names ours", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const lock = new Lock(session, "/lock", { name: "ours" });
  await using _held = await lock.acquire();
  const script = [
    "import sys, threading, time",
    "from kazoo.client import KazooClient",
    "client = KazooClient(hosts=sys.argv[1]); client.start()",
    "lock = client.Lock(sys.argv[2], 'kazoo')",
    "threading.Thread(target=lock.acquire, daemon=True).start()",
    "while lock.contenders() != ['ours', 'kazoo']: time.sleep(0.01)",
    "print('ready', flush=True)",
    "sys.stdin.readline()",
    "client.stop()",
  ].join("\n");
  const kazoo = await start(PYTHON, ["-c", script, server.hosts, `${server.root}/lock`]);
  assert.deepEqual(await lock.contenders(), ["ours", "kazoo"]);
  await kazoo.go();
  assert.deepEqual(await lock.contenders(), ["ours"]);
});
