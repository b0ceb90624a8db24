/** One process of `race-demo`; hidden: `race-demo` starts it. */

import type { CommandDefinition } from "../command.ts";
import { buildZooKeeperConfig } from "../config.ts";
import { EXIT } from "../errors.ts";
import { ZOOKEEPER_OPTIONS, type ZooKeeperOptions } from "../settings/options.ts";
import { WORKER_COMMAND } from "../race/processes.ts";
import type { RaceMode } from "../race/result.ts";
import { runWorker, type WorkerPipes } from "../race/worker.ts";
import { STDOUT } from "../machine/terminal.ts";
import { parseChoice, parseInteger } from "../settings/values.ts";
import { FILE_OPTION, INCREMENTS_OPTION } from "./race_demo.ts";

interface WorkerOptions extends ZooKeeperOptions {
  readonly file: string;
  readonly increments: number;
  readonly process: number;
  readonly mode: RaceMode;
}

/** `galera-keeper race-demo-worker` */
export const RACE_DEMO_WORKER: CommandDefinition = {
  name: WORKER_COMMAND,
  summary: "one process of race-demo",
  group: "ZooKeeper:",
  isHidden: true,
  options: [
    FILE_OPTION,
    INCREMENTS_OPTION,
    {
      flags: "--process <number>",
      description: "which one it is",
      parse: (text) => parseInteger(text, 1, 100, "a number"),
      default: 1,
    },
    {
      flags: "--mode <mode>",
      description: "with the lock or without",
      parse: (text) => parseChoice(text, ["unlocked", "locked"]),
      default: "locked",
    },
    ...ZOOKEEPER_OPTIONS,
  ],
  async action(options: WorkerOptions, { env }) {
    const { file, increments, process } = options;
    const zookeeper = options.mode === "locked" ? buildZooKeeperConfig(options, env) : null;
    await runWorker({ file, increments, process, zookeeper }, pipes());
    return EXIT.ok;
  },
};

/** Standard input says when to begin; when it ends, whoever started us is gone. */
function pipes(): WorkerPipes {
  const reader = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  return {
    async begin() {
      const { value, done } = await reader.read();
      if (done) return null;
      reader.read().then(() => Deno.exit(EXIT.ok), () => {});
      return Number(value);
    },
    say: (word) => STDOUT.write(`${word}\n`),
    finish(trace) {
      STDOUT.write(`trace ${trace.length}\n`);
      STDOUT.writeBytes(trace);
    },
  };
}
