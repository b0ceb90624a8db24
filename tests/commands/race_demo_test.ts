// needs: zookeeper
// alone
import assert from "node:assert/strict";
import type { RaceResult } from "../../lib/race/result.ts";
import { keeper, startKeeper } from "../keeper.ts";
import { anyServer } from "../zookeeper/server.ts";

interface Printed {
  readonly v: 1;
  readonly runs: readonly RaceResult[];
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function race(cwd: string, ...args: readonly string[]): Promise<readonly RaceResult[]> {
  const { status, stdout, stderr } = await keeper(["race-demo", "--json", ...args], { cwd });
  assert.equal(status, 0, stderr);
  const printed: Printed = JSON.parse(stdout);
  assert.equal(printed.v, 1);
  return printed.runs;
}

Deno.test("race-demo loses updates without the lock and none with it", () =>
  inFolder(async (folder) => {
    const [unlocked, locked] = await race(folder, "--processes", "3", "--increments", "300");
    assert.equal(unlocked?.mode, "unlocked");
    assert.equal(unlocked.expected, 900);
    assert.ok(unlocked.found < 900, "no update was lost in 900 unlocked ones");
    assert.equal(unlocked.lost, 900 - unlocked.found);
    // Who is last to write had read a number that another has written over meanwhile.
    const steps = unlocked.firstLost?.steps ?? [];
    const last = steps.at(-1);
    const read = steps.find(({ process, does }) => process === last?.process && does === "reads");
    assert.equal(last?.does, "writes");
    assert.equal(last.value, (read?.value ?? NaN) + 1);
    assert.ok(steps.some(({ process, does }) => process !== last.process && does === "writes"));

    assert.equal(locked?.mode, "locked");
    assert.equal(locked.found, 900);
    assert.equal(locked.firstLost, null);
    assert.ok((locked.lockWaitMs?.max ?? 0) > 0);
    assert.equal(await Deno.readTextFile(`${folder}/database.txt`), "900");
  }));

Deno.test("race-demo --keep adds to what the file holds, run after run", () =>
  inFolder(async (folder) => {
    await using place = await anyServer({ network: "127.13" });
    const zookeeper = ["--zookeeper", `${place.hosts}${place.root}/some/chroot`];
    for (const expected of [100, 200, 300]) {
      const args = ["--mode", "locked", "--keep", "--increments", "50", "--file", "n.txt"];
      const [result] = await race(folder, ...args, ...zookeeper);
      assert.equal(result?.found, expected);
    }
    assert.equal(await Deno.readTextFile(`${folder}/n.txt`), "300");
  }));

Deno.test("race-demo tells the story in text", () =>
  inFolder(async (cwd) => {
    const args = ["race-demo", "--increments", "400", "--file", "n.txt"];
    const { status, stdout } = await keeper(args, { cwd });
    assert.equal(status, 0);
    assert.match(stdout, /Without a lock: 2 processes, .* n\.txt 400 times, from 0\n/);
    assert.match(stdout, /expected 800, found \d+: \d+ updates? (was|were) lost\n/);
    assert.match(stdout, /process \d reads +\d+\n/);
    assert.match(stdout, /With the ZooKeeper lock:.*\n {2}expected 800, found 800: exact/);
  }));

Deno.test("race-demo refuses a file that holds no integer, and leaves it alone", () =>
  inFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/notes.txt`, "buy milk\n");
    const { status, stdout, stderr } = await keeper(["race-demo", "--file", "notes.txt"], { cwd });
    assert.deepEqual([status, stdout], [78, ""]);
    assert.match(stderr, /^galera-keeper: The file ".*notes\.txt" holds no integer, .*--file\n$/);
    assert.equal(await Deno.readTextFile(`${cwd}/notes.txt`), "buy milk\n");
  }));

Deno.test("race-demo refuses numbers out of range", async () => {
  for (const option of ["--processes", "--increments"]) {
    const { status, stderr } = await keeper(["race-demo", option, "0"]);
    assert.equal(status, 64);
    assert.match(stderr, /is "0": expected a number of .* from 1 to \d+\n$/);
  }
});

Deno.test("race-demo ends with 130 on Ctrl-C, its processes too", () =>
  inFolder(async (cwd) => {
    await using place = await anyServer({ network: "127.13" });
    const marker = `${cwd}/n.txt`;
    const args = ["race-demo", "--mode", "locked", "--increments", "1000000", "--file", marker];
    const child = startKeeper([...args, "--zookeeper", `${place.hosts}${place.root}`], { cwd });
    const output = child.output();
    const counted = async () => Number(await Deno.readTextFile(marker).catch(() => "0"));
    while (await counted() < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    const { code, stderr } = await output;
    assert.equal(code, 130);
    assert.equal(new TextDecoder().decode(stderr), "galera-keeper: Stopped by SIGINT\n");
    const left = await new Deno.Command("pgrep", { args: ["-f", marker] }).output();
    assert.equal(new TextDecoder().decode(left.stdout), "");
  }));
