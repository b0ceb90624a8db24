/**
 * A process 1 for a test: starts so many programs of its own, with statuses that differ, while shells
 * leave so many orphans, and prints what statuses it got.
 */
import { getLogger } from "@logtape/logtape";
import { runProgram, startProgram } from "../../lib/machine/children.ts";
import { reapOrphans } from "../../lib/machine/reaper.ts";
import { STDOUT } from "../../lib/machine/terminal.ts";

const count = Number(Deno.args[0]);
using _reaper = Deno.args[1] === "reap" ? reapOrphans(getLogger("test")) : null;
const statuses: number[] = [];
for (let at = 0; at < count; at += 10) {
  const orphans = startProgram("sh", {
    args: ["-c", 'for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c "exit 7" & sleep 0.01 &); done'],
  });
  const own = Array.from(
    { length: 10 },
    (_, index) => runProgram("sh", { args: ["-c", `exit ${(at + index) % 250}`] }),
  );
  statuses.push(...(await Promise.all(own)).map(({ code }) => code));
  await orphans.status;
}
STDOUT.write(`${JSON.stringify(statuses)}\n`);
// Until the test has looked, and closes this.
await Deno.stdin.read(new Uint8Array(1));
