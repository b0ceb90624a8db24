/** Says what another account's process has written, as seen as oneself and as that account. */
import { writtenBytes } from "../../lib/mariadb/processes.ts";
import { type Account, identityArguments } from "../../lib/mariadb/programs.ts";

const account: Account = JSON.parse(Deno.args[0] ?? "");
const child = new Deno.Command("setpriv", {
  args: [
    ...identityArguments(account),
    "--",
    "sh",
    "-c",
    'printf "%5000s" "" > /dev/null; echo >&2; exec sleep 60',
  ],
  stdin: "null",
  stdout: "null",
  stderr: "piped",
}).spawn();
const reader = child.stderr.getReader();
await reader.read();
// The line that said so counts, too.
const seen = async (as: Account | null) => {
  const written = (await writtenBytes([child.pid], as)).get(child.pid);
  return written === undefined ? null : written.all - 1;
};
const said = JSON.stringify({ asRoot: await seen(null), asItself: await seen(account) });
child.kill("SIGKILL");
await reader.cancel();
await child.status;
await Deno.stdout.write(new TextEncoder().encode(said));
