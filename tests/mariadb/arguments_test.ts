import assert from "node:assert/strict";
import fc from "fast-check";
import { formatOption, type Option, readArguments } from "../../lib/mariadb/arguments.ts";
import { ConfigError, UsageError } from "../../lib/errors.ts";

Deno.test("readArguments() takes options as mariadbd does", () => {
  const table: [readonly string[], readonly Option[]][] = [
    [[], []],
    [["--max-connections=500"], [["max-connections", "500"]]],
    [["mariadbd", "--skip-name-resolve"], [["skip-name-resolve", null]]],
    [["mysqld", "--a=1", "--b="], [["a", "1"], ["b", ""]]],
    [["--loose-my_plugin.x=a=b"], [["loose-my_plugin.x", "a=b"]]],
    [["--init-connect=SET @a = '#1'\nSELECT 1"], [["init-connect", "SET @a = '#1'\nSELECT 1"]]],
    // Begins like one of ours, or like several, and is none.
    [["--port-open-timeout=3", "--log-bin=x", "--user-statistics"], [
      ["port-open-timeout", "3"],
      ["log-bin", "x"],
      ["user-statistics", null],
    ]],
  ];
  for (const [args, expected] of table) assert.deepEqual(readArguments(args), expected);
});

Deno.test("readArguments() refuses what is no option", () => {
  for (const arg of ["", "-", "--", "x", "-e", "--=1", "500", "--max connections=1", "mysqld"]) {
    assert.throws(() => readArguments(["--ok", arg]), UsageError, arg);
  }
});

Deno.test("readArguments() refuses what is ours, however it is written", () => {
  const table: [string, RegExp][] = [
    ["--datadir=/x", /use --datadir/],
    ["--DataDir=/x", /use --datadir/],
    ["--bind_address=0.0.0.0", /use --bind/],
    ["--bind=0.0.0.0", /use --bind/],
    ["--loose-bind-address=0.0.0.0", /use --bind/],
    ["--skip-log-error", /galera-keeper's log/],
    ["--wsrep_new_cluster", /decided through ZooKeeper/],
    ["--wsrep-new-clu", /decided through ZooKeeper/],
    ["--loose-skip-wsrep_new_cluster", /decided through ZooKeeper/],
    ["--wsrep_cluster_address=gcomm://", /comes from ZooKeeper/],
    ["--wsrep-provider-options=pc.bootstrap=1", /--provider-options/],
    ["--wsrep-sst-auth=root:secret", /no place for a password/],
    ["--server-id=1", /given its own/],
    ["--defaults-file=/x", /\/etc\/mysql/],
  ];
  for (const [arg, reason] of table) {
    assert.throws(
      () => readArguments([arg]),
      (error) => error instanceof ConfigError && reason.test(error.message),
      arg,
    );
  }
});

Deno.test("readArguments() refuses a line that an option file would cut", () => {
  assert.throws(() => readArguments([`--init-connect=${"x".repeat(4000)}`]), ConfigError);
  // Escaped it is longer.
  assert.throws(() => readArguments([`--init-connect=${"\\".repeat(2000)}`]), ConfigError);
  assert.equal(readArguments([`--init-connect=${"x".repeat(3900)}`]).length, 1);
});

Deno.test("formatOption() is read back by MariaDB's own parser", async () => {
  const file = await Deno.makeTempFile();
  try {
    const text = fc.string({ unit: "binary-ascii", maxLength: 40 }).filter((value) =>
      !value.includes("\0")
    );
    const nasty = fc.constantFrom(
      '"',
      "'",
      "\\",
      "\\s",
      "# x",
      " x ",
      "a\nb",
      "[x]",
      "\t",
      "é",
      "",
    );
    const values = fc.array(fc.oneof(text, nasty), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(values, async (all) => {
        const options: Option[] = all.map((value, index) => [`option-${index}`, value]);
        await Deno.writeTextFile(file, `[x]\n${options.map(formatOption).join("\n")}\n`);
        const { stdout } = await new Deno.Command("my_print_defaults", {
          args: [`--defaults-file=${file}`, "x"],
        }).output();
        const expected = options.map(([name, value]) => `--${name}=${value}\n`).join("");
        assert.equal(new TextDecoder().decode(stdout), expected);
      }),
      { numRuns: 50 },
    );
  } finally {
    await Deno.remove(file);
  }
});
