// needs: zookeeper
import assert from "node:assert/strict";
import { Session } from "../../lib/zookeeper/session.ts";
import { keeper, startKeeper } from "../keeper.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  // Others must get there: mariadbd does not run as root.
  await Deno.chmod(folder, 0o755);
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads standard output until a line matches; the text so far. */
async function readUntil(
  reader: ReadableStreamDefaultReader<string>,
  pattern: RegExp,
): Promise<string> {
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    assert.ok(!done, `it ended before ${pattern}: ${text}`);
    text += value;
  }
  return text;
}

Deno.test("up --nodes 0 is a ZooKeeper alone, until Ctrl-C; a second up on its data refuses", () =>
  inFolder(async (folder) => {
    const args = ["up", "--nodes", "0", "--data", folder, "--base-address", "127.13.3.1"];
    const child = startKeeper(args);
    const stderr = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const said = await readUntil(reader, /Ctrl-C stops all in order/);
    const hosts = /ZooKeeper is at (127\.13\.3\.1:\d+)/.exec(said)?.[1];
    assert.ok(hosts !== undefined, said);
    const session = await Session.connect({ hosts, sessionTimeoutMs: 5000 });
    await session.create("/kept", "value");
    await session.close();

    const second = await keeper(args);
    assert.equal(second.status, 69);
    assert.equal(
      second.stderr,
      `galera-keeper: Another galera-keeper up (process ${child.pid}) uses "${folder}": stop it, ` +
        "or give another --data\n",
    );

    child.kill("SIGINT");
    while (!(await reader.read()).done);
    assert.equal((await child.status).code, 0);
    assert.equal(await stderr, "");
    await assert.rejects(
      Deno.connect({ hostname: "127.13.3.1", port: Number(hosts.split(":")[1]) }),
    );

    // Run again it goes on from what is there.
    const again = startKeeper(args);
    const output = again.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await readUntil(output, /Ctrl-C stops all in order/);
    const next = await Session.connect({ hosts, sessionTimeoutMs: 5000 });
    assert.equal(new TextDecoder().decode((await next.get("/kept")).data), "value");
    await next.close();
    again.kill("SIGTERM");
    while (!(await output.read()).done);
    await again.stderr.cancel();
    assert.equal((await again.status).code, 0);
  }));

Deno.test("up refuses what cannot be, in one line", () =>
  inFolder(async (folder) => {
    const table: [string[], number, RegExp][] = [
      [["--nodes", "99"], 64, /--nodes is "99": expected a number of nodes from 0 to 20/],
      [["--base-address", "192.0.2.1"], 78, /--base-address 192\.0\.2\.1 is no loopback address/],
      [["--base-address", "127.255.255.254"], 78, /leaves too few addresses/],
      [["--data", `${folder}/${"x".repeat(90)}`], 78, /longer than 107 bytes/],
      [["--", "--datadir=/x"], 78, /--datadir=\/x cannot go after --/],
      [["three"], 64, /Unexpected argument "three" for up/],
    ];
    for (const [args, status, message] of table) {
      const ended = await keeper(["up", "--data", folder, ...args]);
      assert.equal(ended.status, status, args.join(" "));
      assert.match(ended.stderr, message);
      assert.match(ended.stderr, /^galera-keeper: .*\n$/);
      assert.equal(ended.stdout, "");
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));
