// from source only
/** The keeper as process 1 of a container: what it reaps, how it is stopped, what it does not show. */
import assert from "node:assert/strict";
import type { Container } from "./container.ts";
import { memberImage } from "./images.ts";
import { podman, until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const options = await inContainers();
const PASSWORD = "nobody is to see this, 1";

/** The processes of a container that have ended and whose status nobody took. */
async function zombiesIn(container: Container): Promise<readonly string[]> {
  const lines = (await container.exec("ps", "-e", "-o", "stat=,pid=,comm=")).split("\n");
  return lines.filter((line) => line.startsWith("Z"));
}

async function untilNoZombies(container: Container): Promise<void> {
  await until(
    `${container.name} has no zombies`,
    async () => (await zombiesIn(container)).length === 0,
    20_000,
  );
}

/** What anybody who may look at containers sees of one: not its files, but its processes, even those in passing. */
async function assertNothingShown(container: Container): Promise<void> {
  const shown = [
    JSON.stringify(await container.inspect()),
    await container.logs(),
    await container.exec("ps", "-e", "-o", "args="),
    await container.exec("sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null || true"),
  ];
  for (const text of shown) assert(!text.includes(PASSWORD), container.name);
}

/** Stops it as an orchestrator does. */
async function assertStops(container: Container): Promise<void> {
  await podman("stop", "--time", "60", container.id);
  const { ExitCode, OOMKilled } = await container.state();
  // 137 would be SIGKILL's.
  assert.deepEqual({ ExitCode, OOMKilled }, { ExitCode: 0, OOMKilled: false }, container.name);
}

Deno.test("process 1 of a container", options, async (t) => {
  await using stage = await Stage.make();
  await t.step("stops in order while it waits for ZooKeeper", async () => {
    const member = await stage.member("galera-0", {
      env: { GALERA_KEEPER_ZOOKEEPER: "zookeeper-1" },
    });
    await member.untilStatus("connecting", ({ stage }) => stage === "connecting");
    await assertStops(member);
  });

  await t.step("is needed: another process 1 leaves a zombie", async () => {
    const script = "sleep 0 & exec sleep 1000";
    const options = ["--entrypoint", "sh"];
    const other = await stage.run("other", {
      image: await memberImage(),
      args: ["-c", script],
      options,
    });
    await until("a zombie is there", async () => (await zombiesIn(other)).length === 1);
    await other.remove();
  });

  await stage.zookeepers(1);
  await t.step("stops in order while it waits for others", async () => {
    const env = { GALERA_KEEPER_ROOT: "/waiting" };
    const member = await stage.member("galera-0b", { env });
    await member.untilStatus("waiting", ({ stage }) => stage === "waiting");
    await assertStops(member);
  });

  const secret = await stage.secret("root", PASSWORD);
  const sealed = {
    size: 1,
    env: { MARIADB_ROOT_PASSWORD_FILE: "/run/secrets/root" },
    options: ["--secret", `${secret},target=root`],
  };
  const donor = await stage.member("galera-1", sealed);
  await donor.untilReady();

  await t.step("leaves no zombie after ten SSTs, and shows no secret", async () => {
    const volume = await stage.volume("galera-2");
    const data = await podman("volume", "inspect", "--format", "{{.Mountpoint}}", volume);
    const joiner = await stage.member("galera-2", { ...sealed, volume });
    for (let done = 1;; done++) {
      const { lastTransfer } = await joiner.untilReady();
      assert.equal(lastTransfer?.kind, "SST");
      await assertNothingShown(joiner);
      await untilNoZombies(joiner);
      if (done === 10) break;
      await assertStops(joiner);
      for await (const { name } of Deno.readDir(data)) {
        await Deno.remove(`${data}/${name}`, { recursive: true });
      }
      await joiner.start();
    }
    await untilNoZombies(donor);
    await assertNothingShown(donor);
    await assertStops(joiner);
  });

  await t.step("reaps what others leave in its container", async () => {
    const script = "for i in $(seq 100); do (sh -c 'exit 3' & sleep 0.01 &); done";
    await donor.exec("sh", "-c", script);
    await untilNoZombies(donor);
  });

  await t.step("stops in order while it serves", () => assertStops(donor));
});
