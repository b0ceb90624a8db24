import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import { parseNumber, prepareFile, readResult } from "../../lib/race/file.ts";

Deno.test("parseNumber() takes a file that holds one integer", () => {
  const table: [string, number | null][] = [
    ["0", 0],
    ["41\n", 41],
    [" 7 ", 7],
    ["-3", -3],
    ["+3", 3],
    ["", null],
    ["\n", null],
    ["4 1", null],
    ["1e3", null],
    ["1.0", null],
    ["0x10", null],
    ["root:x:0:0", null],
    ["9007199254740993", null],
    ["99999999999999999999", null],
  ];
  for (const [text, value] of table) assert.equal(parseNumber(text), value, JSON.stringify(text));
});

Deno.test("prepareFile() begins with 0 or keeps what is there, and leaves other files alone", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/database.txt`;
    assert.equal(prepareFile(file, true), 0);
    assert.equal(Deno.readTextFileSync(file), "0");
    Deno.writeTextFileSync(file, "1000\n");
    assert.equal(prepareFile(file, true), 1000);
    assert.equal(prepareFile(file, false), 0);
    assert.equal(readResult(file), 0);
    for (const text of ["", "hello", "1\n2"]) {
      Deno.writeTextFileSync(file, text);
      for (const keep of [true, false]) {
        assert.throws(() => prepareFile(file, keep), (error: unknown) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, /holds no integer, so it is left alone/);
          return true;
        });
      }
      assert.equal(Deno.readTextFileSync(file), text);
    }
    assert.throws(() => prepareFile(folder, true), ConfigError);
    assert.throws(() => prepareFile(`${folder}/no/file`, true), ConfigError);
    assert.throws(() => readResult(`${folder}/nothing`), ConfigError);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
