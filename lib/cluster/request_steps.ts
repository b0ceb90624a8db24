/** How far a request has come, in lines for people. Pure. */
import { nextOf, type Request } from "./requests.ts";

/** What has happened between two looks at one request, a line each. */
export function describeSteps(before: Request, now: Request): readonly string[] {
  const lines: string[] = [];
  for (const name of now.members.filter((one) => !before.members.includes(one))) {
    lines.push(`${name} runs too, and is asked to stop`);
  }
  for (const name of now.done.slice(before.done.length)) {
    const what = now.kind === "restart" ? "is restarted, registered and Synced" : "has stopped";
    lines.push(`${name} ${what} (${now.done.indexOf(name) + 1} of ${now.members.length})`);
  }
  const { current } = now;
  const isNews = current?.member !== before.current?.member ||
    current?.state !== before.current?.state;
  if (current !== null && isNews) {
    lines.push(
      current.state === "stopping"
        ? `${current.member} holds the start-up lock and stops`
        : `${current.member} has stopped and starts again`,
    );
  }
  const next = nextOf(now);
  if (current === null && next !== null && lines.length === 0) {
    lines.push(`Waiting for ${next} to take its turn`);
  }
  return lines;
}
