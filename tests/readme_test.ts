import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import manifest from "../deno.json" with { type: "json" };
import { runCommandLine, variableOf } from "../lib/cli.ts";
import { COMMANDS } from "../lib/commands/all.ts";
import { RUN } from "../lib/commands/run.ts";
import { EXIT } from "../lib/errors.ts";
import { Progress } from "../lib/progress.ts";
import { RUN_OPTIONS } from "../lib/settings/options.ts";
import { buildRunConfig, THIS_MACHINE } from "../lib/config.ts";
import type { RunOptions } from "../lib/settings/options.ts";
import { blocksOf, otherOptionRows, README, sectionOf, tableOf } from "./readme.ts";

Deno.test("the README's table has every option of run, with its default", () => {
  for (const option of RUN_OPTIONS) {
    const row = README.split("\n").find((line) => line.startsWith(`| \`${option.flags}\` |`));
    assert.ok(row !== undefined, `no row for ${option.flags}`);
    const shown = row.split("|")[2]?.replaceAll("`", "").trim();
    const wanted = option.defaultText ?? (option.default === undefined ? "" : `${option.default}`);
    assert.equal(shown, wanted, option.flags);
  }
  const rows = README.match(/^\| `(-\w, )?--[^`]+` \|/gm) ?? [];
  assert.equal(rows.length, RUN_OPTIONS.length, "an option in the table that there is not");
});

Deno.test("the README names every command, exit status, dependency and permission", () => {
  for (const { name, isHidden } of COMMANDS) {
    assert.equal(README.includes(`\`galera-keeper ${name}`), !isHidden, name);
  }
  for (const status of Object.values(EXIT)) {
    assert.match(README, new RegExp(`^\\| ${status} \\|`, "m"));
  }
  for (const name of Object.keys(manifest.imports)) {
    assert.ok(README.includes(`[${name}](`), `${name} has no row with its reason`);
  }
  for (const name of Object.keys(manifest.permissions.default)) {
    assert.match(README, new RegExp(`^\\|[^|]*\`${name}\``, "m"));
  }
});

Deno.test("the README's table has every field of /status, and no others", () => {
  const [, table = ""] = /^A member's `\/status`[^]*?^\|---\|---\|\n([^]*?)\n\n/m.exec(README) ??
    [];
  const fields = table.split("\n").flatMap((row) => row.split("|")[1]?.match(/\w+/g) ?? []);
  const { v: _, ...status } = new Progress("galera-1", "192.0.2.1", () => "").status;
  assert.deepEqual(fields.toSorted(), Object.keys(status).toSorted());
});

Deno.test("the README's commands are tasks", () => {
  const tasks = README.matchAll(/deno(?:@[\d.]+)? task ([\w:-]+)/g);
  for (const [, name = ""] of tasks) assert.ok(name in manifest.tasks, name);
});

/** Nothing is run: each command's action is replaced, its options are the real ones. */
const IDLE_COMMANDS = COMMANDS.map((definition) => ({
  ...definition,
  action: () => Promise.resolve(0),
}));

Deno.test("the README's command lines are right", async () => {
  const blocks = [...README.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, text = ""]) => text);
  const lines = blocks.flatMap((text) => text.split("\n")).filter((line) =>
    line.startsWith("galera-keeper ")
  );
  assert.ok(lines.length >= 8, lines.join("\n"));
  for (const line of lines) {
    const words = line.split(/\s+#/)[0]!.split(" ").slice(1);
    const options = { commands: IDLE_COMMANDS, version: "0", env: {}, print: () => {} };
    assert.equal(await runCommandLine(words, options), 0, line);
  }
});

Deno.test("the README's unit names what there is", async () => {
  const section = sectionOf("### Plain machines");
  const [unit = ""] = blocksOf(section, "ini");
  const setting = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? "";
  assert.equal(setting("RestartPreventExitStatus"), `${EXIT.usage} ${EXIT.config}`);
  assert.equal(setting("Environment"), `TMPDIR=%C/${setting("CacheDirectory")}`);
  const [, settings = ""] = new RegExp(`${setting("EnvironmentFile")} <<'END'\n([^]*?)^END$`, "m")
    .exec(section) ?? [];
  const env = Object.fromEntries(settings.trim().split("\n").map((line) => line.split("=")));
  const known = RUN_OPTIONS.map(variableOf);
  assert.deepEqual(Object.keys(env).filter((name) => !known.includes(name)), []);
  assert.equal(env["GALERA_KEEPER_SIZE"], "3");
  const [, ...words] = setting("ExecStart").split(" ");
  const options = { commands: IDLE_COMMANDS, version: "0", env, print: () => {} };
  assert.equal(await runCommandLine(words, options), 0);
});

/** The files of each pain, by rows that begin with its number. */
function painsIn(table: string): Record<string, string[]> {
  const rows = table.matchAll(/^\| (\d+)\. .*\| (.*) \|$/gm);
  return Object.fromEntries(
    [...rows].map(([, pain = "", files = ""]) => [pain, files.replaceAll("`", "").split(", ")]),
  );
}

Deno.test("the README's ten pains are held by the tests that it names, and by no others", async () => {
  const held: Record<string, string[]> = {};
  const tests = readdirSync(new URL(".", import.meta.url), { recursive: true }).map(String);
  for (const path of tests.filter((name) => name.endsWith("_test.ts")).toSorted()) {
    const text = await Deno.readTextFile(new URL(path, import.meta.url));
    for (const [, pain = ""] of text.matchAll(/(?:"|; )pain (\d+): /g)) {
      const files = held[pain] ??= [];
      if (!files.includes(`tests/${path}`)) files.push(`tests/${path}`);
    }
  }
  assert.deepEqual(Object.keys(held), Array.from({ length: 10 }, (_, index) => `${index + 1}`));
  assert.deepEqual(painsIn(README), held);
  const pains = await Deno.readTextFile(new URL("integration/pains_test.ts", import.meta.url));
  const shortened = Object.entries(held).map(([pain, files]) => [
    pain,
    files.map((path) => path.replace(/.*\//, "").replace("pains_test.ts", "here")),
  ]);
  assert.deepEqual(painsIn(pains.replaceAll(/^ \* /gm, "")), Object.fromEntries(shortened));
});

Deno.test("the README's table has every option of the other commands, and no others", () => {
  const head = "| command | option | default | |";
  const rows = tableOf(README, head).map((cells) => cells.join(" | "));
  const wanted = otherOptionRows();
  const cells = wanted.map((row) => row.slice(2, -2).replaceAll("| |", "|  |"));
  assert.deepEqual(rows, cells, `The rows below "${head}" are to be:\n${wanted.join("\n")}`);
});

/** The names of the variables that `run` asks for. */
async function variablesOfRun(): Promise<readonly string[]> {
  const names = new Set<string>();
  const env = new Proxy({}, {
    get(_, name) {
      names.add(String(name));
    },
  });
  const address = { name: "eth0", address: "192.0.2.1" };
  const machine = { ...THIS_MACHINE, interfaces: () => [address], hostname: () => "galera-1" };
  const run = {
    ...RUN,
    action(options: RunOptions) {
      buildRunConfig(options, null, env, machine);
      return Promise.resolve(0);
    },
  };
  await runCommandLine(["run"], { commands: [run], version: "0", env, print: () => {} });
  return [...names];
}

/** Uses of the environment that name no variable themselves. */
const COMPUTED = [
  // The whole of it: for the command line, and for the official image's script.
  "main.ts: Deno.env.toObject",
  "lib/mariadb/initialise.ts: Deno.env.toObject",
  // What is handed to mariadbd: the names stand beside it.
  "lib/mariadb/child.ts: Deno.env.get(name",
  // What variablesOfRun() notes.
  "lib/cli.ts: env[variable",
  "lib/config.ts: env[DIGEST_VARIABLE",
  "lib/settings/variables.ts: env[name",
  "lib/settings/variables.ts: env[`${name}_FILE`",
];

/** The variables that the program's sources name where they use the environment, and its other uses. */
async function usesOfEnvironment(): Promise<
  { names: readonly string[]; others: readonly string[] }
> {
  const root = new URL("../", import.meta.url);
  const lib = readdirSync(new URL("lib", root), { recursive: true }).map((name) => `lib/${name}`);
  const names: string[] = [];
  const others: string[] = [];
  for (const path of ["main.ts", ...lib].filter((name) => name.endsWith(".ts"))) {
    const text = await Deno.readTextFile(new URL(path, root));
    const uses = text.matchAll(
      /(?:\b(?:Deno|process)\.env(?:\.get\(|\.\w+|\b)|\benv(?:\[|\.(?=[A-Z])))("?)([\w`${}]*)/g,
    );
    for (const [use, quote = "", name = ""] of uses) {
      if (quote !== "" || /^env\.[A-Z]/.test(use)) names.push(name);
      else others.push(`${path}: ${use}`);
    }
    const [, handed = ""] = /const passedOn = \[([^\]]*)\]/.exec(text) ?? [];
    names.push(...handed.match(/\w+/g) ?? []);
  }
  return { names, others };
}

Deno.test("the README's table has every variable that is read, and no others", async () => {
  const { names, others } = await usesOfEnvironment();
  assert.deepEqual([...new Set(others)].toSorted(), COMPUTED.toSorted());
  const without = COMMANDS.flatMap(({ name, options }) =>
    options.filter((option) => option.hasVariable === false).map(({ flags }) => `${name} ${flags}`)
  );
  assert.deepEqual(without, ["log --member <name>"]);
  const ofOptions = new Set(COMMANDS.flatMap(({ options }) => options.map(variableOf)));
  const read = [...names, ...await variablesOfRun()].filter((name) => !ofOptions.has(name))
    .map((name) => name.replace(/^MYSQL_/, "MARIADB_").replace(/_FILE$/, ""));
  const rows = tableOf(sectionOf("### Variables"), "| variable | |");
  const shown = rows.flatMap(([cell = ""]) => cell.match(/(?<=`)[A-Z_]+(?=`)/g) ?? []);
  assert.deepEqual(shown.toSorted(), [...new Set(read)].toSorted());
});
