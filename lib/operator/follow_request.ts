/** Follows what was asked of all members to its end, a line for each step. */
import { describeSteps } from "../cluster/request_steps.ts";
import { isDone, nextOf, type Request } from "../cluster/requests.ts";
import { FailedError, UnavailableError } from "../errors.ts";
import type { Output } from "../machine/terminal.ts";
import { untilConnected } from "../settle.ts";
import { ConnectionLossError, SessionExpiredError } from "../zookeeper/errors.ts";
import type { Ground } from "./operation.ts";
import { RequestDesk } from "./requests.ts";

/**
 * Watches a request until it is done, whatever becomes of the connection meanwhile.
 *
 * @throws {FailedError} A member failed, or it was taken back.
 * @throws {UnavailableError} ZooKeeper does not answer any more: the request goes on.
 * @throws The signal's reason, having said that the request goes on.
 */
export async function followRequest(ground: Ground, asked: Request, out: Output): Promise<void> {
  const back = asked.kind === "restart" ? "restart --cancel" : "resume";
  const hint = `galera-keeper status shows it, galera-keeper ${back} takes it back`;
  let before: Request = { ...asked, current: null };
  let said = "", last = "";
  for (;;) {
    try {
      const looked = await look(ground, asked.id, (now, isPresent) => {
        for (const line of describeSteps(before, now)) {
          if (line !== last) out.write(`${line}\n`);
          last = line;
        }
        before = now;
        const next = nextOf(now);
        const gone = next !== null && !isPresent ? absent(next) : "";
        if (gone !== said && gone !== "") out.write(`${gone}\n`);
        said = gone;
      });
      if (looked === "over") return;
    } catch (error) {
      if (ground.signal.aborted) {
        out.write(`What was asked goes on without this command: ${hint}\n`);
        throw ground.signal.reason;
      }
      if (error instanceof SessionExpiredError) {
        throw new UnavailableError(
          `ZooKeeper does not answer any more, and what was asked goes on: ${hint}`,
          { cause: error },
        );
      }
      if (!(error instanceof ConnectionLossError)) throw error;
      // Suspended or lost: what comes of it is told by the next look.
      await untilConnected(ground.ensemble, ground.signal).catch(() => {});
    }
  }
}

function absent(name: string): string {
  return `Waiting for ${name}: its keeper is not there, it goes on once that is started again`;
}

/** One look, and the wait for the next news. @returns "over" where there is nothing left to wait for. */
async function look(
  { ensemble, root, signal }: Ground,
  id: string,
  show: (now: Request, isPresent: boolean) => void,
): Promise<"over" | "news"> {
  signal.throwIfAborted();
  const watches = new AbortController();
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { signal: watches.signal });
  });
  ended.catch(() => {});
  try {
    const { requests } = new RequestDesk(ensemble, root);
    const news = [(await requests.watch(watches.signal)).changed];
    const now = (await requests.read())?.request ?? null;
    if (now === null || now.id !== id) {
      throw new FailedError("What was asked is not on record any more: somebody asked for another");
    }
    const next = nextOf(now);
    let isPresent = true;
    if (next !== null) {
      const owner = await ensemble.existsAndWatch(`${root}/members/${next}/owner`, watches.signal);
      const isEphemeral = await ensemble.exists(`${root}/members/${next}`)
        .then((stat) => stat !== null && stat.ephemeralOwner !== 0n);
      isPresent = owner.stat !== null || isEphemeral;
      news.push(owner.changed);
    }
    show(now, isPresent);
    if (now.canceled !== null) throw new FailedError(`Taken back ${now.canceled}`);
    if (isDone(now)) return "over";
    if (now.failed !== null) {
      const { member, why } = now.failed;
      throw new FailedError(
        `${member} failed, and nobody after it is touched: ${why}; mend it, then ` +
          "galera-keeper restart --resume, or galera-keeper restart --cancel",
      );
    }
    await Promise.race([...news, ended]);
    return "news";
  } finally {
    watches.abort();
  }
}
