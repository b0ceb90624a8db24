import assert from "node:assert/strict";
import { COMMANDS } from "../../lib/commands/all.ts";
import { keeper } from "../keeper.ts";

async function complete(...words: readonly string[]): Promise<string[]> {
  const { status, stdout } = await keeper(["complete", "--", ...words]);
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.match(lines.at(-1) ?? "", /^:\d+$/);
  return lines.slice(0, -1).map((line) => line.split("\t")[0] ?? "");
}

Deno.test("complete gives commands, options and their words", async () => {
  const visible = COMMANDS.filter(({ isHidden }) => !isHidden).map(({ name }) => name);
  assert.deepEqual(await complete(""), visible);
  assert.deepEqual(await complete("ru"), ["run"]);
  assert.deepEqual(await complete("run", "--stor"), ["--storage"]);
  assert.deepEqual(await complete("--stor"), ["--storage"]);
  assert.deepEqual(await complete("run", "--storage", ""), ["persistent", "ephemeral"]);
  assert.deepEqual(await complete("run", "--sst-method", "m"), ["mariabackup"]);
  assert.deepEqual(await complete("completion", "f"), ["fish"]);
  assert.deepEqual(await complete("run", "--nothing-like-it"), []);
});

Deno.test("complete leaves names of files to the shell", async () => {
  const { stdout } = await keeper(["complete", "--", "run", "--zookeeper-digest-file", "/e"]);
  assert.equal(stdout, ":0\n");
});

Deno.test("completion prints a script that bash reads", async () => {
  const { status, stdout } = await keeper(["completion", "bash"]);
  assert.equal(status, 0);
  const bash = new Deno.Command("bash", { args: ["-n"], stdin: "piped" }).spawn();
  const writer = bash.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdout));
  await writer.close();
  assert.equal((await bash.status).code, 0);
});

Deno.test("completion knows zsh and fish, and no other shell", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { status, stdout } = await keeper(["completion", shell]);
    assert.equal(status, 0);
    assert.match(stdout, /galera-keeper complete --/);
  }
  const { status, stderr } = await keeper(["completion", "csh"]);
  assert.equal(status, 64);
  assert.equal(stderr, 'galera-keeper: Cannot complete for "csh": expected bash, zsh, fish\n');
});
