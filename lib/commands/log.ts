/** `galera-keeper log`: what members decided, why, and what became of it. */

import type { CommandDefinition, Environment } from "../command.ts";
import { buildLogConfig, buildZooKeeperConfig } from "../config.ts";
import { EXIT } from "../errors.ts";
import { logger, startLog } from "../log.ts";
import { InterruptedError, interruptible } from "../machine/signals.ts";
import { STDOUT } from "../machine/terminal.ts";
import { readStory, renderStory, type Story, type Told } from "../operator/decisions.ts";
import { follow } from "../operator/follow.ts";
import { refusalOf, requireKnown, withSession } from "../operator/operation.ts";
import {
  JSON_OPTION,
  LOG_OPTIONS,
  type LogOptions,
  ZOOKEEPER_OPTIONS,
  type ZooKeeperOptions,
} from "../settings/options.ts";
import { parseInteger, parseMemberName } from "../settings/values.ts";

const log = logger("log");

interface StoryOptions extends ZooKeeperOptions, LogOptions {
  readonly member?: string;
  readonly lines: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `galera-keeper log` */
export const LOG: CommandDefinition = {
  name: "log",
  summary: "show what the members decided, why, and what became of it",
  group: "Members:",
  description:
    "Shows the last decisions of all members with their reasons, and what happened to each: " +
    "its starts, registrations, exits and stops, by their time, the newest last. Each member " +
    "keeps its last 50 in ZooKeeper.",
  options: [
    {
      flags: "--member <name>",
      description: "of this one alone (no variable: in a container that says whose it is)",
      parse: parseMemberName,
      hasVariable: false,
    },
    {
      flags: "-n, --lines <number>",
      description: "how many of the last",
      parse: (text) => parseInteger(text, 0, 1_000_000, "a number of lines"),
      default: 50,
    },
    { flags: "-f, --follow", description: "go on with what happens, until Ctrl-C" },
    {
      ...JSON_OPTION,
      description:
        "print one JSON document instead of text; with --follow one a line, an entry each",
    },
    ...ZOOKEEPER_OPTIONS,
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper log", "how the last outage went"],
    ["galera-keeper log --member galera-3 -n 10", "what one member did last"],
    ["galera-keeper log --follow", "what happens from now on, too"],
  ],
  action(options: StoryOptions, { env }) {
    return interruptible((signal) =>
      options.follow
        ? followStory(options, env, signal)
        : withSession(options, env, signal, async ({ ensemble, root }) => {
          const watches = new AbortController();
          try {
            const { value } = await readStory(ensemble, root, watches.signal);
            return showStory(value, options);
          } finally {
            watches.abort();
          }
        })
    );
  },
};

function showStory(story: Story, options: StoryOptions): number {
  const { json = false, member, lines } = options;
  warnOf(story.problems);
  if (member !== undefined && story.members.length > 0) requireKnown(member, story.members);
  const entries = last(select(story, options), lines);
  if (json) {
    print(JSON.stringify({ v: 1, entries }));
  } else if (entries.length === 0) {
    print("No member has decided anything yet");
  } else {
    show(entries);
  }
  return EXIT.ok;
}

/** Shows the last ones, and each that comes. Ctrl-C is how it ends. */
async function followStory(
  options: StoryOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  startLog(buildLogConfig(options));
  const config = buildZooKeeperConfig(options, env);
  const { json = false, lines } = options;
  const gone = new AbortController();
  const shown = new Set<string>();
  let isFirst = true;
  const following = follow<Story>({
    config,
    read: (ensemble, watches) => readStory(ensemble, config.root, watches),
    tell(followed) {
      if (followed.kind === "away") {
        return log.warn("ZooKeeper does not answer: {problem}", { problem: followed.problem });
      }
      warnOf(followed.value.problems);
      const news = select(followed.value, options).filter((one) => !shown.has(keyOf(one)));
      for (const one of news) shown.add(keyOf(one));
      const entries = isFirst ? last(news, lines) : news;
      isFirst = false;
      if (json) { for (const one of entries) print(JSON.stringify({ v: 1, ...one })); }
      else show(entries);
      if (STDOUT.isGone?.()) gone.abort();
    },
  }, AbortSignal.any([signal, gone.signal]));
  try {
    return await following;
  } catch (error) {
    if (error instanceof InterruptedError || gone.signal.aborted) return EXIT.ok;
    throw refusalOf(error);
  }
}

function select({ entries }: Story, { member }: StoryOptions): readonly Told[] {
  return entries.filter((entry) => member === undefined || entry.member === member);
}

function last(entries: readonly Told[], count: number): readonly Told[] {
  return entries.slice(Math.max(0, entries.length - count));
}

function keyOf({ member, at, kind, reason }: Told): string {
  return [member, at, kind, reason].join("\n");
}

function show(entries: readonly Told[]): void {
  const columns = STDOUT.isTerminal() ? STDOUT.size().columns : null;
  for (const line of renderStory(entries, columns)) print(line);
}

function print(line: string): void {
  STDOUT.write(`${line}\n`);
}

function warnOf(problems: readonly string[]): void {
  for (const problem of problems) log.warn("{problem}", { problem });
}
