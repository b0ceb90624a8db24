// from source only
/**
 * The README's Docker: each of its commands as written, but that podman does what docker is asked for, the images
 * are those that tests make, and all names begin with the stage's prefix. The image itself is built
 * by images.ts, as its build stage's image is in a registry.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { blocksOf, sectionOf } from "../readme.ts";
import { Container, ROOT_PASSWORD } from "./container.ts";
import { memberImage, zookeeperImage } from "./images.ts";
import { podmanEnv } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const SECTION = sectionOf("### Docker");
const [BUILD = "", ONE = "", THREE = "", OTHER_USER = ""] = blocksOf(SECTION, "sh");
const [COMPOSE = ""] = blocksOf(SECTION, "yaml");
const options = await inContainers();

/** What compose.yaml gives a member to stop in. */
function graceSeconds(): number {
  const [, minutes] = /stop_grace_period: (\d+)m$/m.exec(COMPOSE) ?? [];
  return Number(minutes) * 60;
}

/** A stage with a folder, in which the README's commands are run. */
class Shell implements AsyncDisposable {
  readonly stage: Stage;
  readonly folder: string;
  readonly #member: string;
  readonly #zookeeper: string;

  private constructor(stage: Stage, folder: string, member: string, zookeeper: string) {
    this.stage = stage;
    this.folder = folder;
    this.#member = member;
    this.#zookeeper = zookeeper;
  }

  static async make(): Promise<Shell> {
    const images = [await memberImage(), await zookeeperImage()] as const;
    const folder = await Deno.makeTempDir({ prefix: "gk-readme-" });
    await Deno.chmod(folder, 0o755);
    return new Shell(await Stage.make(), folder, ...images);
  }

  /** What the README says, for this stage. */
  adapt(text: string): string {
    const { prefix, label } = this.stage;
    const compose = `podman-compose --project-name ${prefix}`;
    return text
      .replaceAll("galera-keeper:11.8", this.#member)
      .replaceAll("zookeeper:3.9", this.#zookeeper)
      // Podman's own memory would lie over the image's folders.
      .replaceAll("--read-only ", "--read-only --read-only-tmpfs=false ")
      // It does not read `stop_grace_period`, and kills after 10 s.
      .replaceAll("docker compose stop", `${compose} stop --timeout ${graceSeconds()}`)
      // It asks for a terminal where it is not told.
      .replaceAll("docker compose exec", `${compose} exec -T`)
      .replaceAll("docker compose", compose)
      .replaceAll(/docker (network create|run)/g, `podman $1 --label ${label}`)
      .replaceAll("docker exec ", `podman exec ${prefix}-`)
      .replaceAll(/--name (\S+)/g, `--name ${prefix}-$1 --network-alias $1`)
      .replaceAll(/ shop\b/g, ` ${prefix}-shop`)
      .replaceAll(/--volume (?=\w)/g, `--volume ${prefix}-`)
      .replaceAll("/srv/", `${this.folder}/`);
  }

  /** Runs the README's commands. @returns What they printed. */
  async run(commands: string): Promise<string> {
    const script = this.adapt(commands);
    const { success, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", script],
      cwd: this.folder,
      env: podmanEnv(),
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assert(success, `${script}\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** A container that the commands made, by what stands behind the prefix. */
  container(suffix: string): Container {
    return new Container(`${this.stage.prefix}${suffix}`, suffix);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Commands up to the one that looks, and that one. */
function atTheLook(commands: string): readonly [before: string, look: string, after: string] {
  const [, ...parts] = /^([^]*?)(^docker.* galera-keeper status\n)([^]*)$/m.exec(commands) ?? [];
  assert.equal(parts.length, 3, commands);
  return parts as [string, string, string];
}

Deno.test("the README's one member, and another one without root", options, async () => {
  assert.match(BUILD, /^docker build --tag galera-keeper:11\.8 \.\n$/);
  await using shell = await Shell.make();
  const [before, look, after] = atTheLook(ONE);
  await shell.run(before);
  const first = shell.container("-galera-1");
  await first.untilReady();
  assert.match(await shell.run(look), /^All well: 1 of 1 Synced/);
  assert.equal(after, "");
  assert.equal(await first.sql("SELECT @@max_connections", "change-me"), "500");

  await shell.run(OTHER_USER);
  const second = shell.container("-galera-2");
  await second.untilReady();
  await second.untilTold("All well");
  assert.match(await shell.run(look), /^All well: 2 of 2 Synced/);
  assert.equal(await second.exec("id", "-u"), "4711");
  for (const one of [second, first]) {
    await one.stop();
    assert.equal((await one.state()).ExitCode, 0);
  }
});

Deno.test("the README's compose.yaml", options, async () => {
  await using shell = await Shell.make();
  await Deno.writeTextFile(join(shell.folder, "compose.yaml"), shell.adapt(COMPOSE));
  const [before, look, after] = atTheLook(THREE);
  await shell.run(before);
  const password = (await Deno.readTextFile(join(shell.folder, "root-password.txt"))).trim();
  assert.notEqual(password, ROOT_PASSWORD);
  const members = [1, 2, 3].map((index) => shell.container(`_galera-${index}_1`));
  for (const one of members) await one.untilReady();
  await members[0]!.untilTold("All well");
  assert.match(await shell.run(look), /^All well: 3 of 3 Synced$/m);
  await members[0]!.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)", password);
  await members[1]!.sql("INSERT INTO shop.t VALUES (1)", password);

  const [stop = "", ...again] = after.split(/(?<=\n)/);
  await shell.run(stop);
  for (const one of members) {
    const { Running, ExitCode } = await one.state();
    assert.deepEqual([Running, ExitCode], [false, 0], one.name);
  }
  await shell.run(again.join(""));
  for (const one of members) {
    await one.untilReady();
    assert.equal(await one.sql("SELECT id FROM shop.t", password), "1");
  }
});
