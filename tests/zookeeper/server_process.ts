/**
 * A server for all tests of a file, in a process of its own: what it writes while a test runs would
 * else be taken for an operation that the test left behind. Says where it is, and ends with its
 * standard input.
 */

import { startServers } from "./server.ts";

await using servers = await startServers({ network: "127.10" });
await Deno.stdout.write(new TextEncoder().encode(`${servers.hosts}\n`));
await new Response(Deno.stdin.readable).text();
