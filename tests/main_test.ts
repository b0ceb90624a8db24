import { SqlError } from "mariadb";
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { isConnectorsOwn, isRuntimesOwn } from "../main.ts";
import { keeper } from "./keeper.ts";

Deno.test("the program says its version and its help", async () => {
  const version = await keeper(["--version"]);
  assert.deepEqual([version.status, version.stdout], [0, `${manifest.version}\n`]);
  const help = await keeper(["--help"]);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^Usage: galera-keeper /);
  assert.equal(help.stderr, "");
});

Deno.test("the program ends with 64 for wrong usage and 78 for wrong configuration", async () => {
  const usage = await keeper(["run", "--prot", "5"]);
  assert.deepEqual([usage.status, usage.stdout], [64, ""]);
  assert.equal(
    usage.stderr,
    "galera-keeper: Unknown option '--prot' (did you mean --port?): see galera-keeper run --help\n",
  );
  const config = await keeper(["--address", "203.0.113.9"]);
  assert.equal(config.status, 78);
  assert.match(config.stderr, /^galera-keeper: --address 203\.0\.113\.9 is not an address .*\n$/);
  const variable = await keeper([], { env: { GALERA_KEEPER_SIZE: "0" } });
  assert.equal(variable.status, 78);
  assert.match(variable.stderr, /^galera-keeper: GALERA_KEEPER_SIZE is "0": expected .*\n$/);
});

Deno.test("the program shows where an error came from only with --verbose", async () => {
  const { stderr } = await keeper(["--address", "203.0.113.9", "--verbose"]);
  assert.ok(stderr.split("\n").length > 3);
  assert.match(stderr, /ConfigError/);
});

Deno.test("the program shows a wrong value in one line that no terminal obeys", async () => {
  const evil = "x\x1b[2J\r\ny\u202ez";
  for (
    const args of [[`--size=${evil}`], ["run", evil], [`--${evil}`], ["--", evil], [
      `--zookeeper-digest-file=/${evil}`,
    ]]
  ) {
    const { status, stderr } = await keeper(args);
    assert([64, 78].includes(status), stderr);
    // deno-lint-ignore no-control-regex
    assert.match(stderr, /^galera-keeper: [^\x00-\x1f\x7f-\x9f\u202e]+\n$/, JSON.stringify(args));
  }
});

Deno.test("isRuntimesOwn() knows the one rejection that is not ours, as Deno 2.6 words it", () => {
  const words = "Cannot read properties of undefined (reading 'Symbol(Deno.internal.rid)')";
  assert.equal(isRuntimesOwn(new TypeError(words)), true);
  assert.equal(isRuntimesOwn(new TypeError("Cannot read properties of undefined")), false);
  assert.equal(isRuntimesOwn(new Error(words)), false);
  assert.equal(isRuntimesOwn(words), false);
});

Deno.test("isConnectorsOwn() knows the refused KILL of a connection that was ended", () => {
  const refused = (sql: string) =>
    new SqlError(
      "WSREP has not yet prepared node for application use",
      sql,
      false,
      undefined,
      "08S01",
      1047,
    );
  assert.equal(isConnectorsOwn(refused("KILL 8 - parameters:[]")), true);
  assert.equal(isConnectorsOwn(refused("KILL 8")), true);
  assert.equal(isConnectorsOwn(refused("SHOW GLOBAL STATUS")), false);
  assert.equal(isConnectorsOwn(new Error("KILL 8")), false);
  assert.equal(isConnectorsOwn("KILL 8"), false);
});
