// needs: podman
// from source only
/**
 * Members with no right but to their volumes, as in k8s/: no capability, no root, nothing else to write to,
 * and a volume that is root's, which their group alone may write to (`fsGroup`). podman kube play gives a
 * volume to the user, so this is seen nowhere else.
 */
import assert from "node:assert/strict";
import { readManifests } from "../k8s/manifests.ts";
import { podsOf } from "../k8s/pods.ts";
import { run } from "../integration/place.ts";
import type { Container } from "./container.ts";
import { until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

/** A volume's folder as a new disk is, by its group. */
class GroupVolume implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(group: number): Promise<GroupVolume> {
    const path = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "gk-volume-" });
    await Deno.mkdir(`${path}/lost+found`, { mode: 0o700 });
    await run("chown", "--recursive", `root:${group}`, path);
    // As a kubelet does it, whatever is in it.
    await run("chmod", "2770", path, `${path}/lost+found`);
    return new GroupVolume(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

Deno.test(
  "members that may write to nothing but their group's volumes form a cluster, and come back",
  await inContainers(),
  async () => {
    const { securityContext } = podsOf(await readManifests("k8s/galera.yaml"), "galera").spec;
    const { runAsUser = 0, runAsGroup = 0, fsGroup = 0 } = securityContext ?? {};
    await using one = await GroupVolume.make(fsGroup);
    await using two = await GroupVolume.make(fsGroup);
    await using stage = await Stage.make();
    await stage.zookeepers(1);
    const member = (name: string, { path }: GroupVolume) =>
      stage.member(name, {
        user: `${runAsUser}:${runAsGroup}`,
        readOnly: true,
        size: 2,
        env: { GALERA_KEEPER_SST_METHOD: "mariabackup", MARIADB_ROOT_HOST: "localhost" },
        options: [
          ...["--cap-drop=all", "--security-opt=no-new-privileges"],
          ...[`--group-add=${fsGroup}`, "--volume", `${path}:/var/lib/mysql`],
        ],
      });
    const members = await Promise.all([member("galera-0", one), member("galera-1", two)]);
    for (const each of members) {
      await each.untilReady();
      const status = await each.exec("cat", "/proc/1/status");
      assert.match(status, /^CapBnd:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
    }
    await members[1]!.untilTold("All well: 2 of 2 Synced");
    // How much an SST has moved is asked of its processes, which without CAP_SYS_PTRACE its user alone may.
    for (const each of members) {
      await until(
        "how much the SST moved is in the log",
        async () => /SST (?:from|to) galera-\d done: [1-9][\d.]* MB/.test(await each.logs()),
      );
    }
    await restart(members[0]!);
    await members[1]!.untilTold("All well: 2 of 2 Synced");
  },
);

/** In order, so that it joins with what it has. */
async function restart(member: Container): Promise<void> {
  await member.stop();
  assert.equal(await member.untilExited(), 0);
  await member.start();
  await member.untilReady();
}
