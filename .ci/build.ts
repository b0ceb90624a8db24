/**
 * Makes dist/galera-keeper: bundles the program into one file, so that only what is used goes in,
 * and compiles that.
 *
 * `deno compile` downloads the runtime that it puts the program on. Where that host cannot be
 * reached, the variable DENORT_BIN names the file, of the same line as the Deno that runs this.
 */

import { STDOUT } from "../lib/machine/terminal.ts";
import { ROOT } from "./root.ts";

const BUNDLE = `${ROOT}/dist/bundle/galera-keeper.js`;
const BINARY = `${ROOT}/dist/galera-keeper`;

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

async function build(): Promise<void> {
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
    "--output",
    BINARY,
    BUNDLE,
  ];
  await run(Deno.execPath(), compile);
  // npm's wrapper of Deno 2.6 ends with 0 also when Deno was ended by a signal: look what is there.
  const version = (await run(BINARY, ["--version"])).trim();
  const mebibytes = ((await Deno.stat(BINARY)).size / 2 ** 20).toFixed(0);
  const kibibytes = ((await Deno.stat(BUNDLE)).size / 2 ** 10).toFixed(0);
  STDOUT.write(
    `dist/galera-keeper ${version}: ${mebibytes} MiB, of which the program ${kibibytes} KiB\n`,
  );
}

await build();
