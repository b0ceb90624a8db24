/** Serves HTTP for a test that limits what a process may open; says its port. */
import { liveness } from "../lib/health.ts";
import { serveHttp } from "../lib/http.ts";
import { stopSignals } from "../lib/machine/signals.ts";

const [host = ""] = Deno.args;
// First of all, as the keeper does: with no file left to open Deno breaks there.
stopSignals(() => Deno.exit(), () => {});
const live = () => liveness("Serving a test", null);
const server = serveHttp({ host, port: 0 }, { status: () => ({}), live, ready: live });
// deno-lint-ignore no-console -- the test reads it
console.log(server.port);
