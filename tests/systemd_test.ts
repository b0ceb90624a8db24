// needs: systemd
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "./integration/place.ts";
import { blocksOf, sectionOf } from "./readme.ts";

const [UNIT = ""] = blocksOf(sectionOf("### Plain machines"), "ini");
const UNITS = "/lib/systemd/system";

/** What systemd has to say of a unit on a machine where all is in its place. */
async function verify(unit: string): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "gk-systemd-" });
  try {
    const own = join(root, "etc/systemd/system");
    await Deno.mkdir(own, { recursive: true });
    await Deno.writeTextFile(join(own, "galera-keeper.service"), unit);
    await Deno.mkdir(join(root, UNITS), { recursive: true });
    await run("cp", "--recursive", `${UNITS}/.`, join(root, UNITS));
    for (const [, program = ""] of unit.matchAll(/^Exec\w+=(\S+)/gm)) {
      await Deno.mkdir(join(root, program, ".."), { recursive: true });
      await Deno.writeTextFile(join(root, program), "", { mode: 0o755 });
    }
    const { stdout, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["verify", "--man=no", "--root", root, "galera-keeper.service"],
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    // It reads all units of the machine; the others are not ours.
    return said.split("\n").filter((line) => line.includes("galera-keeper.service")).join("\n");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("systemd finds nothing wrong with the README's unit", async () => {
  assert.equal(await verify(UNIT), "");
});

Deno.test("systemd finds what is wrong with a unit", async () => {
  assert.match(await verify(UNIT.replace("KillMode=", "KillMood=")), /Unknown key .*KillMood/);
  assert.match(await verify(UNIT.replace("=on-failure", "=on-faults")), /on-faults/);
});
