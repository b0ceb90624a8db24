/** A keeper in a process of its own, for tests that kill it: spawns as told, says its server's pid. */
import { getLogger } from "@logtape/logtape";
import { createDatabase } from "../../lib/mariadb/create.ts";

const [settings = "", plan = ""] = Deno.args;
const database = createDatabase(JSON.parse(settings), getLogger(["galera-keeper", "test"]));
await database.inspect(new AbortController().signal);
const running = await database.spawn(JSON.parse(plan));
await Deno.stdout.write(new TextEncoder().encode(`${running.pid}\n`));
await running.exited;
