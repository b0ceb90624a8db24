// from source only
/**
 * The README's plain machines: each of its commands as written, on three machines with systemd as process 1,
 * and what its unit says of kills, wrong settings, stops and a shutdown of all.
 */
import assert from "node:assert/strict";
import { blocksOf, sectionOf } from "../readme.ts";
import type { Container } from "./container.ts";
import { machineImage, requireBinary } from "./images.ts";
import { podman, until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const SECTION = sectionOf("### Plain machines");
const [UNIT = ""] = blocksOf(SECTION, "ini");
const LINES = blocksOf(SECTION, "sh").flatMap((block) => block.trimEnd().split("\n"));
/** What installs Debian's packages: run as the machine's image is made, which is kept. */
const isInstall = (line: string) => line.startsWith("apt-get ");
/** What looks at the cluster, on one machine. */
const isLook = (line: string) => line.startsWith("galera-keeper ");

const NAMES = ["db-1", "db-2", "db-3"];
const UNIT_FILE = "/etc/systemd/system/galera-keeper.service";
const SETTINGS_FILE = "/etc/default/galera-keeper";

/** A machine that has just been installed. */
async function machine(stage: Stage, name: string): Promise<Container> {
  const image = await machineImage(LINES.filter(isInstall).join(" && "));
  const one = await stage.run(name, { image, options: ["--privileged", "--systemd=always"] });
  await untilBooted(one);
  return one;
}

async function untilBooted(one: Container): Promise<void> {
  await until(`${one.name} has booted`, async () => {
    const { stdout } = await one.tryExec("systemctl", "is-system-running");
    return /^(?:running|degraded)$/m.test(stdout);
  });
}

/** Does what the README says on a machine. */
async function setUp(one: Container): Promise<void> {
  await podman("cp", await requireBinary(), `${one.id}:/usr/local/bin/galera-keeper`);
  await one.exec("bash", "-euc", 'printf %s "$1" > "$0"', UNIT_FILE, UNIT);
  const script = LINES.filter((line) => !isInstall(line) && !isLook(line)).join("\n");
  await one.exec("bash", "-euo", "pipefail", "-c", script);
}

/** Waits until what the README looks with says that all is well. */
async function untilWell(one: Container): Promise<void> {
  const [look = ""] = LINES.filter(isLook);
  let said = "";
  await until("all is well", async () => {
    const { status, stdout } = await one.tryExec(...look.split(" "));
    said = stdout;
    return status === 0;
  }).catch((cause) => {
    throw new Error(`Not all is well: ${said}`, { cause });
  });
  assert.match(said, /^All well: 3 of 3 Synced/);
}

function sh(one: Container, script: string): Promise<string> {
  return one.exec("bash", "-euo", "pipefail", "-c", script);
}

/** What systemd says of our unit. */
async function property(one: Container, name: string): Promise<string> {
  return await one.exec("systemctl", "show", "--property", name, "--value", "galera-keeper");
}

/** Waits until systemd has restarted our unit once more. */
async function untilRestarted(one: Container, before: number): Promise<void> {
  await until(
    `systemd on ${one.name} has restarted it`,
    async () => Number(await property(one, "NRestarts")) > before,
  );
}

Deno.test(
  "the README's plain machines form a cluster that systemd keeps",
  await inContainers(),
  async (t) => {
    await using stage = await Stage.make();
    const machines = await Promise.all(NAMES.map((name) => machine(stage, name)));
    const [first, second, third] = machines as [Container, Container, Container];
    for (const one of machines) await setUp(one);
    await untilWell(first);

    await t.step("rows written on one are read on another, over the network", async () => {
      await sh(
        first,
        `mariadb -e "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1);
        CREATE USER app@'%' IDENTIFIED BY 'app'; GRANT ALL ON app.* TO app@'%'"`,
      );
      const query = "SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM app.t";
      const client = ["mariadb", "-hdb-3", "-uapp", "-papp", "-N", "-e", query];
      assert.equal(await second.exec(...client), "1");
    });

    await t.step("only root reads the settings", async () => {
      assert.equal(await second.exec("stat", "-c", "%a %U", SETTINGS_FILE), "600 root");
      assert.equal(await property(second, "User"), "mysql");
    });

    await t.step("a mariadbd that is killed comes back", async () => {
      const before = Number(await property(first, "NRestarts"));
      await sh(first, "kill -9 $(pgrep -x mariadbd)");
      await untilRestarted(first, before);
      await untilWell(first);
    });

    await t.step("a keeper that is killed comes back", async () => {
      const before = Number(await property(second, "NRestarts"));
      await sh(second, "kill -9 $(systemctl show --property MainPID --value galera-keeper)");
      await untilRestarted(second, before);
      await untilWell(second);
    });

    await t.step("the server of a keeper that is killed stops in order", async () => {
      const kill = "kill -9 $(systemctl show --property MainPID --value galera-keeper)";
      await sh(third, `${kill}; systemctl stop galera-keeper`);
      await until(
        "mariadbd has ended",
        async () => (await third.tryExec("pgrep", "-x", "mariadbd")).status === 1,
      );
      assert.match(await third.exec("cat", "/var/lib/mysql/grastate.dat"), /^seqno:\s+\d+$/m);
      await third.exec("systemctl", "start", "galera-keeper");
      await untilWell(third);
    });

    await t.step("a setting that is wrong is left to a person", async () => {
      await third.exec("systemctl", "stop", "galera-keeper");
      assert.equal(await property(third, "Result"), "success");
      assert.equal((await third.tryExec("pgrep", "-x", "mariadbd")).status, 1);
      await sh(
        third,
        `sed -i s/SIZE=3/SIZE=three/ ${SETTINGS_FILE}; systemctl start galera-keeper || true`,
      );
      await until("it has failed", async () => await property(third, "ActiveState") === "failed");
      assert.equal(await property(third, "ExecMainStatus"), "78");
      await sh(
        third,
        `sed -i s/SIZE=three/SIZE=3/ ${SETTINGS_FILE}; systemctl start galera-keeper`,
      );
      await untilWell(third);
    });

    await t.step("machines that are all shut down and started again are as they were", async () => {
      await Promise.all(machines.map((one) => one.stop(200)));
      await Promise.all(machines.map((one) => one.start()));
      await Promise.all(machines.map(untilBooted));
      await untilWell(first);
      assert.equal(await first.exec("mariadb", "-N", "-e", "SELECT COUNT(*) FROM app.t"), "1");
    });
  },
);
