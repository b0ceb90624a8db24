/** A program for a test: sends itself a signal at a stage of its life, and exits with 7 where that is not its end. */
import { guardSignals, interruptible, stopSignals } from "../../lib/machine/signals.ts";

const [stage = "", signal] = Deno.args as [string, Deno.Signal];
guardSignals();

/** Sends a signal; resolves once it was heard, and by all listeners that were there before. */
async function sendAndHear(name: Deno.Signal, ...before: Deno.Signal[]): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const listener = () => heard.resolve();
  Deno.addSignalListener(name, listener);
  for (const each of [...before, name]) Deno.kill(Deno.pid, each);
  await heard.promise;
  Deno.removeSignalListener(name, listener);
}

/**
 * Sends it: once to all listeners that are there, once more with no listener of this program's; a
 * default action is taken before a signal of a higher number is heard.
 */
async function send(): Promise<void> {
  await sendAndHear(signal);
  await sendAndHear("SIGWINCH", signal);
}

const STAGES: Record<string, () => Promise<void>> = {
  "before it listens": send,
  "after it listened": async () => {
    await interruptible(() => Promise.resolve());
    await send();
  },
  "while it runs for good": async () => {
    let hangUps = 0;
    using stop = stopSignals(() => {}, () => hangUps++);
    await send();
    const isStop = ["SIGTERM", "SIGINT", "SIGQUIT"].includes(signal);
    if (stop.signal.aborted !== isStop || (hangUps > 0) !== (signal === "SIGHUP")) Deno.exit(8);
  },
  "after it ran for good": async () => {
    stopSignals(() => {}, () => {})[Symbol.dispose]();
    await send();
  },
};

await STAGES[stage]!();
Deno.exit(7);
