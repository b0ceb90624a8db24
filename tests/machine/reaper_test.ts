// needs: galera
// from source only
/** As process 1, in a PID namespace, with real processes; and the rules by themselves. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { reapAll } from "../../lib/machine/reaper.ts";
import {
  AS_PROCESS_ONE,
  canBeProcessOne,
  processOneOf,
  untilNoZombies,
  zombiesOf,
} from "../integration/process_one.ts";

const COUNT = 300;

/** Starts the process of this test; its first line has the statuses of its own. */
async function start(...args: string[]) {
  const [program = "", ...before] = AS_PROCESS_ONE;
  const file = fileURLToPath(new URL("./reaper_process.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const child = new Deno.Command(program, {
    args: [
      ...before,
      ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--permission-set"],
      ...["--config", config, file, ...args],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.endsWith("\n")) {
    const { value, done } = await reader.read();
    assert.ok(!done, "It ended before it said anything");
    text += value;
  }
  return {
    statuses: JSON.parse(text) as number[],
    pid: await processOneOf(child.pid),
    async end() {
      await child.stdin.close();
      await child.status;
      await reader.cancel();
    },
  };
}

const options = { ignore: !canBeProcessOne() };

Deno.test(
  "process 1 takes the status of every orphan and of none of its own",
  options,
  async () => {
    const process = await start(`${COUNT}`, "reap");
    try {
      assert.deepEqual(process.statuses, Array.from({ length: COUNT }, (_, index) => index % 250));
      await untilNoZombies(process.pid);
    } finally {
      await process.end();
    }
  },
);

Deno.test(
  "without that, orphans of process 1 stay zombies: the test sees them",
  options,
  async () => {
    const process = await start("20", "leave");
    try {
      assert.equal((await zombiesOf(process.pid)).length >= 20, true);
    } finally {
      await process.end();
    }
  },
);

Deno.test("reapAll() stops at a child of our own, and where nothing or nobody is left", () => {
  const zombies = [11, 12, 13, 14];
  const waitId = (idType: number, id: number, info: Uint8Array, flags: number) => {
    if (zombies.length === 0) return -1;
    const pid = idType === 0 ? zombies[0]! : id;
    const isLook = (flags & 0x0100_0000) !== 0;
    assert.equal(isLook, idType === 0);
    new DataView(info.buffer).setInt32(16, pid, true);
    if (!isLook) zombies.splice(zombies.indexOf(id), 1);
    return 0;
  };
  assert.equal(reapAll(waitId, (pid) => pid === 13), 2);
  assert.deepEqual(zombies, [13, 14]);
  assert.equal(reapAll(waitId, () => false), 2);
  assert.deepEqual(zombies, []);
  assert.equal(reapAll(() => 0, () => false), 0);
});
