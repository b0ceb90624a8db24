// needs: galera
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listProcesses } from "../../lib/mariadb/processes.ts";
import { wrap } from "../integration/wrapper.ts";

const FILE = fileURLToPath(new URL("./orphan_process.ts", import.meta.url));

Deno.test("a program does not live on whose keeper was killed before the kernel was asked to tell it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "gk-test-" });
  try {
    const late =
      'while kill -0 $(cat "$HERE/keeper") 2>/dev/null; do sleep 0.01; done; exec "$REAL" "$@"';
    const PATH = await wrap(folder, "setpriv", late);
    // Nobody else sleeps for so long: that is its name.
    const seconds = `${600 + Math.random()}`;
    const { signal } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", FILE, seconds, `${folder}/wrapped/keeper`],
      env: { PATH },
      stdout: "piped",
      stderr: "piped",
    }).output();
    assert.equal(signal, "SIGKILL");
    const left = async () =>
      (await listProcesses()).filter(({ command }) => command.endsWith(seconds));
    while ((await left()).some(({ command }) => !command.startsWith("/bin/sleep"))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const alive = await left();
    alive.forEach(({ pid }) => Deno.kill(pid, "SIGKILL"));
    assert.deepEqual(alive, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
