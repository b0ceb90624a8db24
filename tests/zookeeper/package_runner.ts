/**
 * Runs files of npm:zookeeper's own tests, as they are, with a stand-in for ava.
 * Usage: deno run -A package_runner.ts HOST:PORT FILE… (files relative to the package's tests folder).
 * Writes a line for each test; the exit status is 1 when one fails.
 */

import "../../lib/zookeeper/client.ts";
import assert from "node:assert/strict";
import Module, { createRequire } from "node:module";

type Test = (t: Record<string, unknown>) => unknown;

const queued: (readonly [string, Test])[] = [];

/** What the package's tests use of ava. */
const ava = { default: (name: string, test: Test) => queued.push([name, test]) };

/** One test's assertions: each adds to what failed, as in ava, instead of ending the test. */
function assertions(failures: string[]): Record<string, unknown> {
  const check = (run: () => void) => {
    try {
      run();
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  return {
    is: (actual: unknown, expected: unknown) => check(() => assert.equal(actual, expected)),
    not: (actual: unknown, expected: unknown) => check(() => assert.notEqual(actual, expected)),
    deepEqual: (actual: unknown, expected: unknown) =>
      check(() => assert.deepEqual(actual, expected)),
    true: (actual: unknown) => check(() => assert.equal(actual, true)),
    false: (actual: unknown) => check(() => assert.equal(actual, false)),
    throws: (run: () => unknown) => check(() => assert.throws(run)),
    notThrows: (run: () => unknown) => check(() => assert.doesNotThrow(run)),
    pass: () => {},
    fail: (message: string) => failures.push(message),
  };
}

const loader = Module as unknown as {
  _load: (request: string, ...rest: unknown[]) => unknown;
  _cache: Record<string, unknown>;
};
const load = loader._load;
loader._load = function (request, ...rest) {
  return request === "ava" ? ava : load.call(this, request, ...rest);
};

const main = Object.keys(loader._cache).find((path) => path.endsWith("/lib/zk_promise.js"));
if (main === undefined) throw new Error("npm:zookeeper is not where it was looked for");
const require = createRequire(main);
let failed = 0;
const write = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
for (const file of Deno.args.slice(1)) {
  require(`../tests/${file}`);
  for (const [name, test] of queued.splice(0)) {
    const failures: string[] = [];
    try {
      await test(assertions(failures));
    } catch (error) {
      failures.push(String(error));
    }
    failed += failures.length === 0 ? 0 : 1;
    write(`${failures.length === 0 ? "ok" : "failed"} ${file} ${name} ${failures.join(" | ")}`);
  }
}
Deno.exit(failed === 0 ? 0 : 1);
