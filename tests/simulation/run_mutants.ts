/** Runs every mutant until what is recorded, or a seed, finds it. The last line is `N passed, N failed`. */
import { parseArgs } from "node:util";
import type { Finding } from "./find.ts";
import { MUTANTS } from "./mutants.ts";
import type { Mutant } from "./mutants/mutant.ts";

// deno-lint-ignore no-console -- a command's output
const print = (text: string) => console.log(text);

const TOP = new URL("../..", import.meta.url).pathname;
const MINUTE_MS = 60_000;

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** A copy of the source, of which one mutant after the other is made: what stays is compiled once. */
async function makeCopy(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "mutants-" });
  for (const part of ["lib", "tests/simulation"]) await copy(TOP + part, `${folder}/${part}`);
  for (const part of ["deno.json", "deno.lock"]) {
    await Deno.copyFile(TOP + part, `${folder}/${part}`);
  }
  return folder;
}

/** Changes a place or two. @throws Where such a place is not there, or not once. */
async function change({ name, changes }: Mutant, folder: string): Promise<void> {
  for (const { file, from, to } of changes) {
    const source = await Deno.readTextFile(`${folder}/${file}`);
    const places = source.split(from).length - 1;
    if (places !== 1) throw new Error(`The mutant ${name} fits ${places} places in ${file}`);
    await Deno.writeTextFile(`${folder}/${file}`, source.replace(from, () => to));
  }
}

async function changeBack({ changes }: Mutant, folder: string): Promise<void> {
  for (const { file } of changes) await Deno.copyFile(TOP + file, `${folder}/${file}`);
}

/** What to look with: what is recorded first, or only the seeds. */
function lookWith({ seed, history }: Mutant, { hunt, from, seeds }: Options): string[] {
  const recorded = [
    ...seed === undefined ? [] : ["--seed", `${seed}`],
    ...history === undefined ? [] : ["--history", history],
  ];
  return [...hunt ? [] : recorded, "--from", from, "--seeds", seeds];
}

interface Options {
  readonly hunt: boolean;
  readonly from: string;
  readonly seeds: string;
}

/** @returns Whether it was found; says by what. */
async function look(
  mutant: Mutant,
  folder: string,
  options: Options,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await change(mutant, folder);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tests/simulation/find.ts", ...lookWith(mutant, options)],
      cwd: folder,
      stdout: "piped",
      stderr: "piped",
      signal,
    }).output();
    const decoder = new TextDecoder();
    if (signal.aborted) {
      print(`NOT FOUND in time ${mutant.name}: ${mutant.breaks}`);
      return false;
    }
    if (!success) {
      print(`NOT RUN ${mutant.name}: ${decoder.decode(stderr).slice(0, 2000)}`);
      return false;
    }
    const said = decoder.decode(stdout).trim().split("\n").at(-1) ?? "null";
    const finding: Finding | null = JSON.parse(said);
    print(finding === null ? `NOT FOUND ${mutant.name}: ${mutant.breaks}` : tell(mutant, finding));
    return finding !== null;
  } finally {
    await changeBack(mutant, folder);
  }
}

function tell(mutant: Mutant, { seed, history, what }: Finding): string {
  const by = history === null ? `seed ${seed}` : `the history "${history}"`;
  const isNew = history === null && mutant.seed !== seed ? ", to be recorded" : "";
  return `found ${mutant.name} by ${by}${isNew}: ${what}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      hunt: { type: "boolean", default: false },
      from: { type: "string", default: "1" },
      seeds: { type: "string", default: "2000" },
      minutes: { type: "string", default: "10" },
      only: { type: "string", multiple: true },
    },
  });
  const rest = MUTANTS.filter(({ name }) => values.only?.includes(name) ?? true);
  const all = rest.length;
  const signal = AbortSignal.timeout(Number(values.minutes) * MINUTE_MS);
  let found = 0;
  await Promise.all(
    Array.from({ length: navigator.hardwareConcurrency }, async () => {
      const folder = await makeCopy();
      try {
        for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
          if (await look(next, folder, values, signal)) found++;
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
  );
  print(`${found} passed, ${all - found} failed`);
  if (all === 0 || found < all) Deno.exit(1);
}
