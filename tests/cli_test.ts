import assert from "node:assert/strict";
import { runCommandLine, variableOf } from "../lib/cli.ts";
import type { CommandContext, CommandDefinition } from "../lib/command.ts";
import { COMMANDS } from "../lib/commands/all.ts";
import { ConfigError, KeeperError, UsageError } from "../lib/errors.ts";
import { parsePort } from "../lib/settings/values.ts";

interface Call {
  readonly name: string;
  readonly options: object;
  readonly operands: readonly string[];
  readonly rest: readonly string[] | null;
}

/** Runs a command line on two small commands and gives what they were called with. */
async function call(
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<{ status: number; calls: Call[]; printed: string }> {
  const calls: Call[] = [];
  const act =
    (name: string, status: number) =>
    (options: object, { rest }: CommandContext, operands: readonly string[]) => {
      calls.push({ name, options: { ...options }, operands, rest });
      return Promise.resolve(status);
    };
  const commands: CommandDefinition[] = [
    {
      name: "run",
      summary: "run it",
      group: "A:",
      restSyntax: "more",
      options: [
        { flags: "--port <port>", description: "a port", parse: parsePort, default: 1 },
        { flags: "-v, --verbose", description: "more words" },
        {
          flags: "--add <words>",
          description: "some",
          parse: (text) => text.split(","),
          repeats: true,
        },
      ],
      action: act("run", 7),
    },
    {
      name: "status",
      summary: "show it",
      group: "B:",
      options: [{ flags: "--json", description: "as JSON" }],
      operands: [{ syntax: "[path]", description: "where" }],
      action: act("status", 0),
    },
  ];
  let printed = "";
  const print = (text: string) => void (printed += text);
  const status = await runCommandLine(words, { commands, version: "1.2.3", env, print });
  return { status, calls, printed };
}

Deno.test("runCommandLine() gives the status of the command", async () => {
  assert.equal((await call(["run"])).status, 7);
  assert.equal((await call(["status"])).status, 0);
});

Deno.test("runCommandLine() takes no command for run", async () => {
  for (const words of [[], ["--port", "5"], ["-v"], ["--", "x"]]) {
    assert.equal((await call(words)).calls[0]?.name, "run", words.join(" "));
  }
});

Deno.test("runCommandLine() puts together what stands several times", async () => {
  const { calls } = await call(["run", "--add", "1,2", "--add=3"], { GALERA_KEEPER_ADD: "4" });
  assert.deepEqual(calls[0]?.options, { port: 1, add: ["1", "2", "3"] });
  const alone = await call(["run"], { GALERA_KEEPER_ADD: "4,5" });
  assert.deepEqual(alone.calls[0]?.options, { port: 1, add: ["4", "5"] });
});

Deno.test("runCommandLine() keeps what stands after --", async () => {
  const { calls } = await call(["run", "--port", "5", "--", "--port=6", "--", "-x", ""]);
  assert.deepEqual(calls, [
    { name: "run", options: { port: 5 }, operands: [], rest: ["--port=6", "--", "-x", ""] },
  ]);
  assert.equal((await call(["run"])).calls[0]?.rest, null);
  assert.deepEqual((await call(["run", "--"])).calls[0]?.rest, []);
});

Deno.test("runCommandLine() hands operands over", async () => {
  assert.deepEqual((await call(["status", "/a", "--json"])).calls, [
    { name: "status", options: { json: true }, operands: ["/a"], rest: null },
  ]);
});

Deno.test("runCommandLine() reads flags from the environment as words", async () => {
  const table: [Record<string, string>, object][] = [
    [{ GALERA_KEEPER_JSON: "yes" }, { json: true }],
    [{ GALERA_KEEPER_JSON: "0" }, { json: false }],
    [{ GALERA_KEEPER_JSON: "" }, {}],
    [{}, {}],
  ];
  for (const [env, options] of table) {
    assert.deepEqual((await call(["status"], env)).calls[0]?.options, options);
  }
  await assert.rejects(call(["status"], { GALERA_KEEPER_JSON: "x" }), ConfigError);
});

Deno.test("runCommandLine() says in one line what is wrong", async () => {
  const table: [string[], RegExp][] = [
    [["statsu"], /^Unknown command 'statsu' \(did you mean status\?\): see galera-keeper --help$/],
    [
      ["status", "--jsn"],
      /^Unknown option '--jsn' \(did you mean --json\?\): see galera-keeper status --help$/,
    ],
    [
      ["--prot", "5"],
      /^Unknown option '--prot' \(did you mean --port\?\): see galera-keeper run --help$/,
    ],
    [["--port"], /argument missing/],
    [["--port", "5", "status"], /^Unexpected argument "status" for run \(more go after --\)/],
    [["status", "a", "b"], /^Unexpected argument "b" for status: see galera-keeper status --help$/],
    [["status", "--", "b"], /^status takes nothing after --/],
    [["run", "-x"], /^Unknown option '-x'/],
    [["help", "nothing"], /help/],
  ];
  for (const [words, message] of table) {
    await assert.rejects(call(words), (error: unknown) => {
      assert.ok(error instanceof UsageError, words.join(" "));
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      assert.equal(error.exitStatus, 64);
      return true;
    });
  }
});

Deno.test("runCommandLine() prints version and help, with groups and defaults", async () => {
  assert.equal((await call(["--version"])).printed, "1.2.3\n");
  const help = (await call(["--help"])).printed;
  assert.match(help, /A:\n +run .*run it\n\nB:\n +status/);
  const run = (await call(["run", "--help"])).printed;
  assert.match(run, /Usage: galera-keeper run \[options\] \[-- more\]/);
  assert.match(run, /--port <port> +a port \(default: 1\)/);
  assert.match(run, /--port is GALERA_KEEPER_PORT/);
});

Deno.test("every command has what the command line promises", () => {
  const names = (definition: CommandDefinition) =>
    definition.options.map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0]);
  for (const definition of COMMANDS) {
    const own = names(definition);
    assert.equal(new Set(own).size, own.length, `${definition.name} has an option twice`);
    if (own.includes("--zookeeper")) {
      for (const needed of ["--root", "--zookeeper-digest-file"]) {
        assert.ok(own.includes(needed), `${definition.name} lacks ${needed}`);
      }
    }
    for (const [line] of definition.examples ?? []) assert.match(line, /galera-keeper/);
  }
});

Deno.test("the examples in the help are right", async () => {
  for (const { examples = [] } of COMMANDS) {
    for (const [line] of examples) {
      const words = line.replace(/^.*?galera-keeper /, "").replace(/[)]$| >.*$/, "").split(" ");
      // Nothing is run: each command's action is replaced, its options are the real ones.
      const commands = COMMANDS.map((definition) => ({
        ...definition,
        action: () => Promise.resolve(0),
      }));
      const options = { commands, version: "0", env: {}, print: () => {} };
      assert.equal(await runCommandLine(words, options), 0, line);
    }
  }
});

Deno.test("variableOf() names the variable of an option", () => {
  const option = { flags: "-x, --zookeeper-digest-file <file>", description: "" };
  assert.equal(variableOf(option), "GALERA_KEEPER_ZOOKEEPER_DIGEST_FILE");
});

Deno.test("runCommandLine() passes on what a command throws", async () => {
  const command: CommandDefinition = {
    name: "run",
    summary: "",
    group: "A:",
    options: [],
    action: () => Promise.reject(new KeeperError("No", 69)),
  };
  const options = { commands: [command], version: "0", env: {}, print: () => {} };
  await assert.rejects(runCommandLine([], options), new KeeperError("No", 69));
});
