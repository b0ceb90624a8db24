/**
 * Ends a server whose keeper was killed. The signal that the kernel sends then (`setpriv --pdeathsig`) is
 * lost on a server in the midst of an SST: it would join and serve with nobody to look after it.
 */
import { startProgram } from "../machine/children.ts";
import { type Account, identityArguments } from "./programs.ts";

/**
 * Waits for the end of its input, which we hold open as long as we live. Then, as long as there is anybody
 * in the session of the server `$0`: the programs of an SST are asked to end, after 4 s made to, and the
 * server is asked every 5 s; one that was in an SST is killed after 60 s, as it may hear nothing any more.
 * Another one has all the time that its shutdown takes.
 */
const SCRIPT = `
read -r _
transfer= tries=0
while members=$(ps -o stat=,pid= -s "$0" | grep -v '^Z'); do
  others=$(echo "$members" | while read -r _ pid; do [ "$pid" -eq "$0" ] || echo "$pid"; done)
  if [ -n "$others" ]; then
    transfer=yes
    if [ $tries -lt 20 ]; then kill -TERM $others; else kill -KILL $others; fi
  elif [ $((tries % 25)) -eq 0 ]; then
    kill -TERM "$0"
  fi
  if [ -n "$transfer" ] && [ $tries -ge 300 ]; then kill -KILL "$0"; fi
  tries=$((tries + 1))
  sleep 0.2
done 2>/dev/null
`;

/** Guards a server as long as we live, and ends it where we do not. */
export class Guard {
  readonly #child: Deno.ChildProcess;

  /**
   * @param server Its process, which leads its session.
   * @param account Who it runs as, and so may end it.
   * @param env What a program of ours gets.
   */
  constructor(server: number, account: Account, env: Record<string, string>) {
    const identity = account.isOther ? identityArguments(account) : [];
    this.#child = startProgram("setpriv", {
      args: [...identity, "--", "/bin/sh", "-c", SCRIPT, `${server}`],
      clearEnv: true,
      env,
      cwd: "/",
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      // A terminal's Ctrl-C is for us alone.
      detached: true,
    });
  }

  /** Its server has ended. */
  async end(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended, by itself or by somebody else.
    }
    await this.#child.status;
    await this.#child.stdin.abort().catch(() => {});
  }
}
