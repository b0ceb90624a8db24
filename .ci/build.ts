/**
 * Makes dist/galera-keeper: bundles the program into one file, so that only what is used goes in,
 * and compiles that.
 *
 *   deno task build [--arch amd64|arm64]
 *
 * `--arch`, in the words of container images, makes it for another machine than this one.
 *
 * `deno compile` downloads the runtime that it puts the program on. Where that host cannot be
 * reached, the variable DENORT_BIN names the file, of the same line as the Deno that runs this.
 */

import { parseArgs } from "node:util";
import { STDOUT } from "../lib/machine/terminal.ts";
import { ROOT } from "./root.ts";

const BUNDLE = `${ROOT}/dist/bundle/galera-keeper.js`;
const BINARY = `${ROOT}/dist/galera-keeper`;

/** What Deno calls the machines that images are for. */
const ARCHITECTURES = new Map<string, typeof Deno.build.arch>([
  ["amd64", "x86_64"],
  ["arm64", "aarch64"],
]);

/** How an ELF file names a machine, in the two bytes at 18. */
const MACHINES = { x86_64: 0x3e, aarch64: 0xb7 } as const;

/** Of the machine that the program is for; null: this one. */
function foreignArchitecture(args: readonly string[]): typeof Deno.build.arch | null {
  const { arch } = parseArgs({ args: [...args], options: { arch: { type: "string" } } }).values;
  // A builder that does not say what it builds for builds for itself.
  if (arch === undefined || arch === "") return null;
  const found = ARCHITECTURES.get(arch);
  if (found === undefined) {
    throw new Error(`--arch ${arch} is unknown: ${[...ARCHITECTURES.keys()].join(" or ")}`);
  }
  return found === Deno.build.arch ? null : found;
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
  }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  Deno.stderr.writeSync(stderr);
  throw new Error(`${program} ${args[0]} ended with ${signal ?? `status ${code}`}`);
}

/** @throws The runtime that DENORT_BIN names was another machine's. */
async function requireMachine(arch: typeof Deno.build.arch): Promise<void> {
  using file = await Deno.open(BINARY);
  const header = new Uint8Array(20);
  await file.read(header);
  const machine = new DataView(header.buffer).getUint16(18, true);
  if (machine === MACHINES[arch]) return;
  throw new Error(
    `dist/galera-keeper is not for ${arch}: its ELF header says 0x${machine.toString(16)}`,
  );
}

async function build(foreign: typeof Deno.build.arch | null): Promise<void> {
  await Deno.mkdir(`${ROOT}/dist/bundle`, { recursive: true });
  await Deno.remove(BINARY).catch(() => {});
  await run(Deno.execPath(), [
    ...["bundle", "--quiet", "--output", BUNDLE],
    // What npm:zookeeper asks for its addon: lib/zookeeper/install.ts answers in its place.
    ...["--external", "node-gyp-build"],
    "main.ts",
  ]);
  // npm:zookeeper is CommonJS and names the folder it is in, to look for its addon there.
  const bundle = await Deno.readTextFile(BUNDLE);
  await Deno.writeTextFile(BUNDLE, `globalThis.__dirname ??= import.meta.dirname;\n${bundle}`);
  const compile = [
    "compile",
    "--quiet",
    // The sources are checked, not what became of them.
    "--no-check",
    // The lockfile would put every package of it into the binary, the tests' too.
    "--no-lock",
    "--permission-set",
    ...(foreign === null ? [] : ["--target", `${foreign}-unknown-linux-gnu`]),
    "--output",
    BINARY,
    BUNDLE,
  ];
  await run(Deno.execPath(), compile);
  await requireMachine(foreign ?? Deno.build.arch);
  // npm's wrapper of Deno 2.6 ends with 0 also when Deno was ended by a signal: look what is there.
  const version = foreign === null
    ? (await run(BINARY, ["--version"])).trim()
    : `for ${foreign}, not run`;
  const mebibytes = ((await Deno.stat(BINARY)).size / 2 ** 20).toFixed(0);
  const kibibytes = ((await Deno.stat(BUNDLE)).size / 2 ** 10).toFixed(0);
  STDOUT.write(
    `dist/galera-keeper ${version}: ${mebibytes} MiB, of which the program ${kibibytes} KiB\n`,
  );
}

await build(foreignArchitecture(Deno.args));
