/**
 * Increments the number in a file under our Lock, and logs each contender that held it: what
 * kazoo_increment.py does with kazoo's.
 *
 * usage: lock_increment.ts HOSTS LOCK_PATH NUMBER_FILE LOG_FILE NAME COUNT
 * Writes "ready" when connected, begins when a line comes in.
 */

import { Lock } from "../../lib/zookeeper/lock.ts";
import { Session } from "../../lib/zookeeper/session.ts";

const [hosts = "", lockPath = "", numberFile = "", logFile = "", name = "", count] = Deno.args;
await using session = await Session.connect({ hosts, sessionTimeoutMs: 10_000 });
const lock = new Lock(session, lockPath, { name, listsAgain: name === "ours-1" });
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
await Deno.stdin.read(new Uint8Array(1));
for (let i = 0; i < Number(count); i++) {
  const held = await lock.acquire();
  const number = Number(Deno.readTextFileSync(numberFile));
  Deno.writeTextFileSync(numberFile, String(number + 1));
  const node = held.path.slice(lockPath.length + 1);
  Deno.writeTextFileSync(logFile, `${name} ${node}\n`, { append: true });
  // Not awaited: the next contender of this session comes after it all the same.
  held.release();
}
