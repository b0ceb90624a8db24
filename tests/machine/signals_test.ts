import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** What each signal comes to at each stage of a program's life: its exit status; 7: it went on. */
const TABLE: readonly (readonly [stage: string, Readonly<Record<string, number>>])[] = [
  ["before it listens", { SIGTERM: 143, SIGINT: 130, SIGQUIT: 131, SIGUSR1: 7, SIGUSR2: 7 }],
  ["while it runs for good", { SIGTERM: 7, SIGINT: 7, SIGQUIT: 7, SIGHUP: 7, SIGUSR2: 7 }],
  ["after it listened", { SIGTERM: 7, SIGINT: 7, SIGQUIT: 7, SIGUSR2: 7 }],
  ["after it ran for good", { SIGTERM: 7, SIGINT: 7, SIGQUIT: 7, SIGHUP: 7, SIGUSR2: 7 }],
];

const FILE = fileURLToPath(new URL("./signals_process.ts", import.meta.url));

for (const [stage, row] of TABLE) {
  Deno.test(`a signal that comes ${stage}`, async () => {
    const ended = Object.keys(row).map(async (signal) => {
      const { code, signal: by, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", FILE, stage, signal],
      }).output();
      assert.equal(by, null, new TextDecoder().decode(stderr));
      return [signal, code] as const;
    });
    assert.deepEqual(Object.fromEntries(await Promise.all(ended)), row);
  });
}
