/**
 * Reads through our own client, when told to.
 *
 *   our_reads.ts session|package HOSTS PATH
 */

import { ZooKeeper } from "../../lib/zookeeper/client.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { serveReads } from "./read_loop.mjs";

const [how = "", hosts = "", path = ""] = Deno.args;

if (how === "session") {
  await using session = await Session.connect({ hosts, sessionTimeoutMs: 30_000 });
  await serveReads(() => session.get(path));
} else {
  const client = new ZooKeeper({ connect: hosts, timeout: 30_000 });
  await new Promise<void>((resolve) => {
    client.on("connect", () => resolve());
    client.init({});
  });
  await serveReads(() => client.get(path, false));
  client.close();
}
