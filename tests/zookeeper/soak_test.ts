/** Many sessions, many operations: what they took is given back. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { serverForAll } from "./opened.ts";
import type { Held } from "./soak_process.ts";

const hosts = serverForAll();

/** Runs it in a process of its own: the test runner keeps what it sees of each operation. */
async function soak(what: "sessions" | "operations", count: number): Promise<Held[]> {
  const script = fileURLToPath(new URL("./soak_process.ts", import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", script, what, String(count), hosts()],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Compares the two quarters of the second half by the most that they held. */
function assertFlat(samples: readonly Held[]): void {
  const most = (begin: number, end: number): Held => {
    const part = samples.slice(begin, end);
    return {
      resident: Math.max(...part.map(({ resident }) => resident)),
      live: Math.max(...part.map(({ live }) => live)),
      files: Math.max(...part.map(({ files }) => files)),
    };
  };
  assert.equal(samples.length, 20);
  const [third, fourth] = [most(10, 15), most(15, 20)];
  const text = JSON.stringify({ third, fourth });
  assert.equal(fourth.files, third.files, text);
  assert.ok(fourth.live < third.live + 0.5, text);
  // V8 takes memory for its heap, and gives it back, in steps of some 30 MiB.
  assert.ok(fourth.resident < third.resident + 40, text);
}

Deno.test("ZooKeeper opens and closes 1,000 sessions and leaves nothing", async () => {
  assertFlat(await soak("sessions", 1000));
});

Deno.test("ZooKeeper does 200,000 operations with memory that stays flat over the second half", async () => {
  assertFlat(await soak("operations", 200_000));
});
