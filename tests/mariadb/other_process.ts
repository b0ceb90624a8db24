/** Says what is to be seen of another account's process, as seen as oneself and as that account. */
import { findHolders, writtenBytes } from "../../lib/mariadb/processes.ts";
import { type Account, identityArguments } from "../../lib/mariadb/programs.ts";

const account: Account = JSON.parse(Deno.args[0] ?? "");
const datadir = Deno.args[1] ?? "";
const child = new Deno.Command("setpriv", {
  args: [
    ...identityArguments(account),
    "--",
    "bash",
    "-c",
    'printf "%5000s" "" > /dev/null; echo >&2; exec -a mariadbd sleep 60',
  ],
  cwd: datadir,
  stdin: "null",
  stdout: "null",
  stderr: "piped",
}).spawn();
const reader = child.stderr.getReader();
await reader.read();
const seen = async (as: Account | null) => {
  const written = (await writtenBytes([child.pid], as)).get(child.pid);
  // It is a mariadbd a moment after it has said so.
  let servers: number | null = null;
  for (let tries = 0; tries < 100 && servers !== 1; tries++) {
    servers = (await findHolders(datadir, as)).servers.length;
    if (as === null) break;
  }
  // The line that said so counts, too.
  return { written: written === undefined ? null : written.all - 1, servers };
};
const asItself = await seen(account);
const said = JSON.stringify({ asItself, asRoot: await seen(null) });
child.kill("SIGKILL");
await reader.cancel();
await child.status;
await Deno.stdout.write(new TextEncoder().encode(said));
