/** Runs every mutant until the seeds find it. */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Mutant, MUTANTS } from "./mutants.ts";

// deno-lint-ignore no-console -- a command's output
const print = (text: string) => console.log(text);

const TOP = new URL("../../", import.meta.url).pathname;

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The source with one place changed. @throws Where that place is not there, or not once. */
export async function makeMutant({ name, file, from, to }: Mutant, folder: string): Promise<void> {
  for (const part of ["lib", "tests/simulation"]) await copy(TOP + part, `${folder}/${part}`);
  for (const part of ["deno.json", "deno.lock"]) {
    await Deno.copyFile(TOP + part, `${folder}/${part}`);
  }
  const source = await Deno.readTextFile(`${folder}/${file}`);
  const places = source.split(from).length - 1;
  if (places !== 1) throw new Error(`The mutant ${name} fits ${places} places in ${file}, not one`);
  await Deno.writeTextFile(`${folder}/${file}`, source.replace(from, () => to));
}

/** @returns Whether the seeds found it. */
async function hunt(mutant: Mutant, seeds: string): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "mutant-" });
  try {
    await makeMutant(mutant, folder);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tests/simulation/main.ts", "--seeds", seeds, "--stop"],
      cwd: folder,
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stdout).split("\n")[0] + decoder.decode(stderr).slice(0, 300);
    const found = code === 1 && said.startsWith("seed ");
    print(`${found ? "found" : "NOT FOUND"} ${mutant.name}: ${found ? said : mutant.breaks}`);
    if (!found && code !== 0) print(said);
    return found;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seeds: { type: "string", default: "2000" }, only: { type: "string" } },
  });
  const rest = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
  const all = rest.length;
  let found = 0;
  await Promise.all(
    cpus().map(async () => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
        if (await hunt(next, values.seeds)) found++;
      }
    }),
  );
  print(`${found} of ${all} mutants found`);
  if (found < all) Deno.exit(1);
}
