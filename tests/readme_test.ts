import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { COMMANDS } from "../lib/commands/all.ts";
import { EXIT } from "../lib/errors.ts";
import { RUN_OPTIONS } from "../lib/settings/options.ts";

const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));

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

Deno.test("the README's commands are tasks", () => {
  const tasks = README.matchAll(/deno(?:@[\d.]+)? task ([\w:-]+)/g);
  for (const [, name = ""] of tasks) assert.ok(name in manifest.tasks, name);
});
