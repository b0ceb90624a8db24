/**
 * Runs the tests: first the fast ones, side by side, then those on real servers, three files at a time, each
 * in a process of its own, as they wait most of their time.
 *
 *   deno task test [--fast | --binary FILE] [FILES…]
 *
 * A test file that needs more than Deno says so in a line of its own, `// needs: zookeeper galera`,
 * or shows it by what it imports; what is missing is installed where we are root. With `--binary` only those run that start the
 * program as a process (by tests/keeper.ts, a place or the harness), on that compiled binary.
 *
 * A file with a line `// from source only` is left out there: what it shows, others show of a compiled
 * program.
 *
 * A file with a line `// alone` runs with nothing beside it, at the end: it looks at all that runs on
 * this machine, say.
 *
 * What takes longer than any test may is ended, and counts as failed.
 *
 * The last line is `N passed, N failed`, with `, N skipped` where some were; the exit status is 0 only where
 * tests ran and none failed.
 */

import { parseArgs } from "node:util";
import { ensureInstalled, type Need } from "../lib/machine/prerequisites.ts";
import { KeeperError } from "../lib/errors.ts";
import { STDERR, STDOUT } from "../lib/machine/terminal.ts";
import { ROOT } from "./root.ts";

interface TestFile {
  readonly path: string;
  readonly needs: readonly Need[];
  readonly startsProgram: boolean;
  readonly isAlone: boolean;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const NONE: Counts = { passed: 0, failed: 0, skipped: 0 };
const NEEDS: readonly string[] = [
  "zookeeper",
  "galera",
  "mariabackup",
  "arbitrator",
  "tls",
  "kazoo",
  "faketime",
  "prometheus",
  "kubectl",
  "systemd",
  "podman",
] satisfies Need[];

/** Imports that show what a test file needs, whether it says so or not. */
const SIGNS: readonly (readonly [RegExp, Need])[] = [
  [/from "(?:\.\/|(?:\.\.\/)*zookeeper\/)server\.ts"/, "zookeeper"],
  [/from "(?:\.\/|(?:\.\.\/)*mariadb\/)machine\.ts"/, "galera"],
  [/from "\.\/harness\.ts"/, "galera"],
  [/kazoo_increment\.py/, "kazoo"],
  [/from "\.\/stage\.ts"/, "podman"],
];

function isNeed(word: string): word is Need {
  return NEEDS.includes(word);
}

function* testFiles(folder: string): Generator<TestFile> {
  const entries = [...Deno.readDirSync(`${ROOT}/${folder}`)]
    .sort((one, other) => one.name < other.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield readTestFile(path);
  }
}

function readTestFile(path: string): TestFile {
  const text = Deno.readTextFileSync(`${ROOT}/${path}`);
  const words = /^\/\/ needs: (.+)$/m.exec(text)?.[1]?.split(" ") ?? [];
  const unknown = words.find((word) => !isNeed(word));
  if (unknown !== undefined) throw new Error(`${path} needs "${unknown}", which is unknown`);
  const shown = SIGNS.filter(([sign]) => sign.test(text)).map(([, need]) => need);
  return {
    path,
    needs: [...new Set([...words.filter(isNeed), ...shown])],
    startsProgram: /\/(?:keeper|harness|place)\.ts"/.test(text) &&
      !/^\/\/ from source only$/m.test(text),
    isAlone: /^\/\/ alone$/m.test(text),
  };
}

/** Deno 2.7 and later look for what a test leaves behind only when they are asked to. */
function leakFlags(): readonly string[] {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  const asks = major > 2 || minor >= 7;
  return ["--trace-leaks", ...(asks ? ["--sanitize-ops", "--sanitize-resources"] : [])];
}

/** How many files on real servers run at a time: they wait most of it, but a cluster of three is some work. */
const AT_A_TIME = 3;

/** How long a file on real servers, or all fast ones together, may take: what takes longer hangs. */
const PATIENCE_MS = 30 * 60_000;
/** How long what it printed may take to come then: a process that it left running may hold that open. */
const OUTPUT_MS = 5000;

/** Runs files a few at a time, each in a process of its own: a test may change its environment. */
async function runSideBySide(
  files: readonly TestFile[],
  env: Record<string, string>,
): Promise<Counts> {
  const left = files.values();
  const counts = Array.from({ length: AT_A_TIME }, async () => {
    let all = NONE;
    for (const file of left) all = sum(all, await runTests([file], [], env, "whole"));
    return all;
  });
  return (await Promise.all(counts)).reduce(sum);
}

/** @param output `whole`: what it prints is shown once it has ended, as others print, too. */
async function runTests(
  files: readonly TestFile[],
  flags: readonly string[],
  env: Record<string, string>,
  output: "at once" | "whole" = "at once",
): Promise<Counts> {
  if (files.length === 0) return NONE;
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const hang = Promise.withResolvers<null>();
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    // Not --quiet, which hides what is said as a file is loaded: why its tests are left out.
    const args = ["test", "--allow-all", ...leakFlags(), ...flags];
    const std = output === "whole" ? "piped" : "inherit";
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args, `--junit-path=${report}`, ...files.map(({ path }) => path)],
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: std,
      stderr: std,
    }).spawn();
    timer = setTimeout(() => {
      isLate = true;
      const what = files.length === 1 ? files[0]?.path : `${files.length} files`;
      STDERR.write(`Ended after ${PATIENCE_MS / 60_000} min: ${what}\n`);
      // Tests listen for other signals.
      killIfThere(child);
      timer = setTimeout(() => hang.resolve(null), OUTPUT_MS);
    }, PATIENCE_MS);
    if (output === "whole") {
      const printed = await Promise.race([child.output(), hang.promise]);
      for (const bytes of printed === null ? [] : [printed.stdout, printed.stderr]) {
        STDOUT.write(new TextDecoder().decode(bytes));
      }
    }
    const { code } = await child.status;
    return countsOf(await Deno.readTextFile(report), isLate ? 1 : code);
  } finally {
    clearTimeout(timer);
    await Deno.remove(report);
  }
}

function killIfThere(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Reads Deno's JUnit report. A file that fails as it is loaded is not in it, only in the status. */
function countsOf(report: string, code: number): Counts {
  const count = (pattern: RegExp) => report.match(pattern)?.length ?? 0;
  const all = count(/<testcase /g);
  const skipped = count(/<skipped\/>/g);
  const failed = count(/<(failure|error) /g);
  return {
    passed: all - skipped - failed,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped,
  };
}

function sum(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

function select(args: readonly string[]) {
  const options = parseArgs({
    args: [...args],
    options: { fast: { type: "boolean" }, binary: { type: "string" } },
    allowPositionals: true,
  });
  const { fast: onlyFast = false, binary } = options.values;
  const files = [...testFiles("tests")].filter(({ path, startsProgram }) =>
    (options.positionals.length === 0 || options.positionals.some((part) => path.includes(part))) &&
    (binary === undefined || startsProgram)
  );
  return {
    env: binary === undefined ? {} : { GALERA_KEEPER_BINARY: binary },
    fast: files.filter(({ needs }) => needs.length === 0),
    real: onlyFast ? [] : files.filter(({ needs, isAlone }) => needs.length > 0 && !isAlone),
    alone: onlyFast ? [] : files.filter(({ needs, isAlone }) => needs.length > 0 && isAlone),
  };
}

async function main(args: readonly string[]): Promise<number> {
  const { fast, real, alone, env } = select(args);
  await ensureInstalled([...new Set([...real, ...alone].flatMap(({ needs }) => needs))], {
    install: Deno.uid() === 0,
    confirm: () => true,
    say: (line) => STDERR.write(`${line}\n`),
  });
  const fastCounts = await runTests(fast, ["--parallel"], env);
  const realCounts = await runSideBySide(real, env);
  const aloneCounts = await runTests(alone, [], env);
  const { passed, failed, skipped } = [realCounts, aloneCounts].reduce(sum, fastCounts);
  const rest = skipped === 0 ? "" : `, ${skipped} skipped`;
  STDOUT.write(`${passed} passed, ${failed} failed${rest}\n`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

try {
  // Not only its status: the output of a test that was ended may still be open.
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof KeeperError)) throw error;
  STDERR.write(`${error.message}\n`);
  Deno.exitCode = error.exitStatus;
}
