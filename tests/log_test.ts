import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import type { LogConfig } from "../lib/config.ts";
import { logger, startLog, stopLog } from "../lib/log.ts";
import type { Output } from "../lib/machine/terminal.ts";

const CONFIG: LogConfig = { format: null, level: "info", isVerbose: false, secrets: [] };

/** Logs with a configuration and gives what came out, a line an element. */
function lines(config: Partial<LogConfig>, isTerminal: boolean, log: () => void): string[] {
  let text = "";
  const output: Output = {
    isTerminal: () => isTerminal,
    size: () => ({ columns: 80, rows: 24 }),
    write: (part) => text += part,
    writeBytes: () => assert.fail(),
  };
  startLog({ ...CONFIG, ...config }, output);
  try {
    log();
  } finally {
    stopLog();
  }
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1);
}

Deno.test("startLog() writes text on a terminal, coloured, else JSON lines", () => {
  const log = () =>
    logger("mariadbd").warn("Disk {disk} is full{why}", { disk: "sda", why: "", free: 0n });
  const [text = ""] = lines({}, true, log);
  assert.notEqual(text, stripVTControlCharacters(text));
  assert.match(
    stripVTControlCharacters(text),
    /^\S+ warning mariadbd: Disk sda is full$/,
  );
  const [json = ""] = lines({}, false, log);
  const record = JSON.parse(json);
  assert.equal(record.level, "WARN");
  assert.equal(record.logger, "galera-keeper.mariadbd");
  assert.match(record.message, /^Disk sda is full$/);
  assert.equal(record.free, "0");
  assert.ok(!Number.isNaN(Date.parse(record["@timestamp"])));
});

Deno.test("startLog() writes the format that is asked for", () => {
  const log = () => logger().info("Ready");
  assert.doesNotThrow(() => JSON.parse(lines({ format: "json" }, true, log)[0] ?? ""));
  assert.match(lines({ format: "text" }, false, log)[0] ?? "", /^\d{4}-\S+Z info Ready$/);
});

Deno.test("startLog() leaves out what is below the level", () => {
  const all = () => {
    logger().trace("trace");
    logger().debug("debug");
    logger().info("info");
    logger().warn("warning");
    logger().error("error");
    logger().fatal("fatal");
  };
  const table = [["trace", 6], ["debug", 5], ["info", 4], ["warning", 3], ["error", 2]] as const;
  for (const [level, count] of table) assert.equal(lines({ level }, false, all).length, count);
});

Deno.test("startLog() replaces passwords that it knows, in text and in JSON", () => {
  const secrets = ['pass"word', "hunter2", "hunter2-longer", "ab"];
  const log = () =>
    logger("mariadbd").info('About pass"word, hunter2-longer and {value}', {
      value: "hunter2",
      more: ["hunter2"],
    });
  for (const format of ["text", "json"] as const) {
    const [line = ""] = lines({ format, secrets }, false, log);
    assert.ok(!line.includes("hunter2") && !line.includes("word"), line);
    assert.ok(!line.includes("-longer"), line);
    assert.match(line, /About \*\*\*, \*\*\* and/);
  }
});

Deno.test("startLog() keeps a message of several lines or control characters on one line of JSON", () => {
  const out = lines({ format: "json" }, false, () => logger().info("one\ntwo\u001b[2J"));
  assert.equal(out.length, 1);
});

Deno.test("startLog() writes strings in a message bare, and other values so that they are told apart", () => {
  const log = () =>
    logger().info("{name}: {count} of {all}, {list}", {
      name: "a b",
      count: 1,
      all: 3n,
      list: ["x"],
    });
  assert.match(lines({ format: "text" }, false, log)[0] ?? "", / a b: 1 of 3n, \[ ["']x["'] \]$/);
  const { message } = JSON.parse(lines({ format: "json" }, false, log)[0] ?? "");
  assert.match(message, /^a b: 1 of \S+, .*x/);
});

Deno.test("stopLog() ends the log", () => {
  lines({}, false, () => logger().info("seen"));
  assert.doesNotThrow(() => logger().info("not seen"));
});

Deno.test("startLog() shows what others wrote to a terminal, which does not obey it", () => {
  const evil = "a\x1b]0;title\x07b\x9b2Jc\u202ed\te";
  const log = () => {
    logger("mariadbd").warn(`Access denied for ${evil}`);
    logger().warn("The member {name} says so", { name: evil });
  };
  const shown = "a\\u001b]0;title\\u0007b\\u009b2Jc\\u202ed\te";
  for (const isTerminal of [true, false]) {
    const [own = "", other = ""] = lines({ format: "text" }, isTerminal, log)
      // deno-lint-ignore no-control-regex
      .map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, ""));
    assert(own.endsWith(`Access denied for ${shown}`), JSON.stringify(own));
    assert(other.endsWith(`The member ${shown} says so`), JSON.stringify(other));
  }
  for (const line of lines({ format: "json" }, true, log)) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202e]/);
    assert(JSON.parse(line).message.includes(evil), "JSON keeps it as it was");
  }
});
