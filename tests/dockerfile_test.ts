/** The Dockerfile names what there is: paths, ports, commands, programs, versions. */
import assert from "node:assert/strict";
import denoJson from "../deno.json" with { type: "json" };
import { ROOT } from "../.ci/root.ts";
import { COMMANDS } from "../lib/commands/all.ts";
import { requireSstPrograms } from "../lib/mariadb/programs.ts";
import { DEFAULT_HTTP_PORT, RUN_OPTIONS } from "../lib/settings/options.ts";

const read = (path: string) => Deno.readTextFileSync(`${ROOT}/${path}`);

/** Its instructions in order, with lines that go on put together, by name. */
function instructions(): readonly (readonly [name: string, rest: string])[] {
  return read("Dockerfile").replaceAll(/^\s*#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").split("\n")
    .map((line) => /^([A-Z]+) +(.*)$/.exec(line))
    .flatMap((found) => found === null ? [] : [[found[1]!, found[2]!]] as const);
}

function all(name: string): readonly string[] {
  return instructions().filter(([one]) => one === name).map(([, rest]) => rest);
}

Deno.test("the Dockerfile's entrypoint and health check are commands that there are", () => {
  const names = COMMANDS.map(({ name }) => name);
  const [entrypoint] = all("ENTRYPOINT");
  assert.deepEqual(JSON.parse(entrypoint!), ["galera-keeper", "run", "--"]);
  const [, probe] = /CMD (\[.*\])$/.exec(all("HEALTHCHECK")[0]!)!;
  const [program, command] = JSON.parse(probe!);
  assert.equal(program, "galera-keeper");
  assert(names.includes("run") && names.includes(command));
});

Deno.test("the Dockerfile's binary is where the build stage makes it, and in PATH", () => {
  const [, made] = /const BINARY = `\$\{ROOT\}\/(.+)`/.exec(read(".ci/build.ts"))!;
  const folder = all("WORKDIR")[0];
  assert(all("COPY").includes(`--from=build ${folder}/${made} /usr/local/bin/galera-keeper`));
  assert(all("RUN").some((command) => command.startsWith("deno task build ")));
});

Deno.test("the build stage gets all that the binary is made of, and nothing else", () => {
  const stage = instructions().slice(0, instructions().findLastIndex(([name]) => name === "FROM"));
  const copied = stage.filter(([name]) => name === "COPY")
    .flatMap(([, rest]) => rest.split(" ").slice(0, -1)).sort();
  const allowed = read(".dockerignore").split("\n").filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1)).sort();
  assert.deepEqual(copied, allowed);
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
  }).outputSync();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const files = modules.map(({ specifier }: { readonly specifier: string }) => specifier)
    .filter((specifier: string) => specifier.startsWith("file:"))
    .map((specifier: string) => specifier.slice(`file://${ROOT}/`.length));
  assert(files.length > 100);
  for (const file of files) {
    assert(copied.some((path) => file === path || file.startsWith(`${path}/`)), file);
  }
});

Deno.test("the Dockerfile's versions are the project's", () => {
  assert(all("ARG").includes(`VERSION=${denoJson.version}`));
  const [, tested] = /^TESTED=(.+)$/m.exec(read(".ci/run"))!;
  assert(all("FROM").some((from) => from.includes(`denoland/deno:${tested} AS build`)));
});

Deno.test("the Dockerfile exposes the ports that a member listens on", () => {
  const port = RUN_OPTIONS.find(({ flags }) => flags.startsWith("--port "))?.default;
  const galera = [...read("lib/mariadb/option_file.ts").matchAll(/const \w+_PORT = (\d+);/g)]
    .map(([, number]) => number);
  assert.equal(galera.length, 3);
  // Galera's own discovery may use UDP.
  const expected = [port, DEFAULT_HTTP_PORT, ...galera, "4567/udp"].map(String);
  assert.deepEqual(all("EXPOSE")[0]!.split(" ").sort(), expected.sort());
});

Deno.test("the Dockerfile sees to every program that a state transfer needs", () => {
  const body = requireSstPrograms.toString();
  const needed = [...body.matchAll(/findProgram\(\[([^\]]+)\]/g)]
    .map(([, names]) => names!.split(",").map((name) => name.trim().replaceAll('"', "")));
  assert(needed.length >= 9);
  const seenTo = [...all("RUN").join(";").matchAll(/need (\S+) (\S+);/g)].map(([, name]) => name);
  // In every Debian, or in the server's own packages.
  const there = ["grep", "mbstream"];
  for (const names of needed) {
    assert(names.some((name) => [...seenTo, ...there].includes(name)), names.join(" or "));
  }
});
