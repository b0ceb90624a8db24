/** The beginning of many tests. */
import type { Running } from "../../lib/mariadb/database.ts";
import { NEVER, type TestDatabase, until } from "./machine.ts";

/** A new cluster of one member, that clients may write to. */
export async function bootstrap(database: TestDatabase): Promise<Running> {
  await database.inspect(NEVER);
  await database.initialise(NEVER);
  const running = await database.spawn({ kind: "bootstrap", startPosition: null, serverId: 1 });
  await until(running, ({ primary, synced }) => primary && synced);
  await running.makeWritable();
  return running;
}
