/**
 * Looks for a violation, in the copy of the source that it is a part of:
 *
 *     find.ts [--seed SEED] [--history NAME] [--from SEED] [--seeds N]
 *
 * First what is named, then N seeds. The last line is what was found as JSON, or `null`.
 */
import { parseArgs } from "node:util";
import { HISTORIES, HISTORY_SEEDS } from "./histories/all.ts";
import { playHistory } from "./histories/script.ts";
import { runSeed } from "./seed.ts";

/** What found a mutant. */
export interface Finding {
  readonly seed: number;
  /** Null where it was a seed's random faults. */
  readonly history: string | null;
  readonly what: string;
}

let unawaited: string | null = null;

function takeUnawaited(): string | null {
  const what = unawaited;
  unawaited = null;
  return what === null ? null : `nobody waits for a promise: ${what}`;
}

async function trySeed(seed: number): Promise<Finding | null> {
  const { violations: [first] } = await runSeed(seed);
  const what = first === undefined
    ? takeUnawaited()
    : `guarantee ${first.guarantee}: ${first.what.split("\n")[0]}`;
  return what === null ? null : { seed, history: null, what };
}

async function tryHistory(name: string): Promise<Finding | null> {
  const history = HISTORIES.find((one) => one.name === name);
  if (history === undefined) throw new Error(`There is no history "${name}"`);
  for (const seed of HISTORY_SEEDS) {
    const failed = await playHistory(history, seed).then(takeUnawaited, (error) => error.message);
    if (failed !== null) return { seed, history: name, what: failed.split("\n")[0] };
  }
  return null;
}

async function find(): Promise<Finding | null> {
  const { values } = parseArgs({
    options: {
      history: { type: "string" },
      seed: { type: "string" },
      from: { type: "string", default: "1" },
      seeds: { type: "string", default: "0" },
    },
  });
  const { seed, history } = values;
  const known = (seed === undefined ? null : await trySeed(Number(seed))) ??
    (history === undefined ? null : await tryHistory(history));
  if (known !== null) return known;
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const found = await trySeed(seed);
    if (found !== null) return found;
  }
  return null;
}

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    unawaited ??= String(event.reason?.stack ?? event.reason);
  });
  // deno-lint-ignore no-console -- a command's output
  console.log(JSON.stringify(await find()));
}
