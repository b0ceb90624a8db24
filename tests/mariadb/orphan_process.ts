/** A keeper for a test that is killed in the instant in which it has started a program. */
import { getLogger } from "@logtape/logtape";
import { startChild } from "../../lib/mariadb/child.ts";
import { findAccount } from "../../lib/mariadb/programs.ts";

const [seconds = "", file = ""] = Deno.args;
await Deno.writeTextFile(file, `${Deno.pid}`);
const account = await findAccount("nobody");
startChild({ program: "/bin/sleep", args: [seconds], account, log: getLogger("test") });
Deno.kill(Deno.pid, "SIGKILL");
