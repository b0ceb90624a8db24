import assert from "node:assert/strict";
import { getLogger } from "@logtape/logtape";
import { type Line, Output, parseLine } from "../../lib/mariadb/output.ts";

Deno.test("parseLine() finds the level as the writer means it", () => {
  const table: [string, Line][] = [
    ["2026-11-22 16:49:29 0 [Note] WSREP: x {y}", { level: "info", text: "WSREP: x {y}" }],
    ["2026-11-22  6:49:29 12 [Warning] Aborted", { level: "warning", text: "Aborted" }],
    ["2026-11-22 16:49:29 0 [ERROR] Aborting", { level: "error", text: "Aborting" }],
    ["261122 16:49:29 [ERROR] mysqld got signal 6 ;", {
      level: "error",
      text: "mysqld got signal 6 ;",
    }],
    ["WSREP_SST: [INFO] rsync SST started (20261122 16:58:29.217)", {
      level: "info",
      text: "WSREP_SST: rsync SST started",
    }],
    ["WSREP_SST: [ERROR] failed: 3 (20261122 16:58:29.217)", {
      level: "error",
      text: "WSREP_SST: failed: 3",
    }],
    ["WSREP_SST: [WARNING] (a) b", { level: "warning", text: "WSREP_SST: (a) b" }],
    ["2026-11-22 19:41:29.644  INFO: CRC-32C: {x}", { level: "info", text: "CRC-32C: {x}" }],
    ["2026-11-22 19:41:29.644 FATAL: Exception", { level: "error", text: "Exception" }],
    ["\t0: 5a-node, n1", { level: null, text: "\t0: 5a-node, n1" }],
    ["setpriv: failed to execute x: No such file", {
      level: null,
      text: "setpriv: failed to execute x: No such file",
    }],
  ];
  for (const [line, expected] of table) assert.deepEqual(parseLine(line), expected, line);
});

async function outputOf(...chunks: string[]) {
  const lines: string[] = [], cut: string[] = [];
  const output = new Output(getLogger(["test"]), ({ text }, isWhole) => {
    lines.push(text);
    if (!isWhole) cut.push(text);
  });
  output.follow(ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk))));
  await output.end(1000);
  return { lines, cut, lastErrors: output.lastErrors };
}

Deno.test("Output keeps the last errors, or the last lines where there are none", async () => {
  const error = (n: number) => `2026-11-22 16:49:29 0 [ERROR] ${n}\n`;
  const note = "2026-11-22 16:49:29 0 [Note] n\n";
  const { lastErrors } = await outputOf(...[1, 2, 3, 4, 5, 6].map(error), note);
  assert.deepEqual(lastErrors, ["2", "3", "4", "5", "6"]);
  assert.deepEqual((await outputOf(note, "no library\n")).lastErrors, ["n", "no library"]);
  assert.deepEqual((await outputOf()).lastErrors, []);
});

Deno.test("Output puts lines together however they arrive", async () => {
  const { lines, cut } = await outputOf("on", "e\ntwo\n\nthr", "ee");
  assert.deepEqual(lines, ["one", "two", "three"]);
  assert.deepEqual(cut, ["three"]);
  assert.deepEqual((await outputOf("one\ntwo", "\n")).cut, []);
});

Deno.test("Output does not keep a line without an end in memory", async () => {
  const { lines } = await outputOf(...Array(20).fill("x".repeat(10_000)));
  assert.ok(lines.length > 5);
  assert.equal(lines.join("").length, 200_000);
});

Deno.test("Output.end() lets go of a stream that stays open", async () => {
  const output = new Output(getLogger(["test"]));
  let cancelled = false;
  output.follow(new ReadableStream({ cancel: () => void (cancelled = true) }));
  await output.end(10);
  assert.ok(cancelled);
});
