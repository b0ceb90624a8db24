// needs: kubectl
/** What the README has for who comes from Bitnami's chart is what tests/containers/from_bitnami_test.ts runs. */
import assert from "node:assert/strict";
import { ROOT } from "../../.ci/root.ts";
import {
  BITNAMI_DATADIR,
  BITNAMI_NAME,
  BITNAMI_USER,
  BITNAMI_VOLUME,
} from "../containers/bitnami.ts";
import { run } from "../integration/place.ts";
import { blocksOf, sectionOf } from "../readme.ts";
import { findKubectl, withoutServer } from "./kubectl.ts";
import { named, parseManifests } from "./manifests.ts";
import { problemsOf } from "./schema.ts";

const KUBECTL = await findKubectl();
const SECTION = sectionOf("#### Bitnami's chart");

Deno.test({
  name: "the README's overlay has our members on the chart's claims",
  ignore: "problem" in KUBECTL,
  async fn() {
    assert.ok("path" in KUBECTL);
    const [overlay = ""] = blocksOf(SECTION, "yaml");
    const [, file = ""] = /^# (.+)$/m.exec(overlay) ?? [];
    const folder = await Deno.makeTempDir();
    try {
      await run("cp", "--recursive", `${ROOT}/k8s`, folder);
      const place = `${folder}/${file}`.replace(/\/[^/]*$/, "");
      await Deno.mkdir(place);
      await Deno.writeTextFile(`${folder}/${file}`, overlay);
      const manifests = parseManifests(await run(KUBECTL.path, "kustomize", place));
      assert.deepEqual(manifests.flatMap(problemsOf), []);
      const { spec } = named(manifests, "StatefulSet", BITNAMI_NAME);
      assert.deepEqual(spec?.volumeClaimTemplates?.map(({ metadata }) => metadata?.name), ["data"]);
      const pod = spec?.template.spec;
      const { runAsUser, runAsGroup, fsGroup } = pod?.securityContext ?? {};
      assert.deepEqual([`${runAsUser}:${runAsGroup}`, fsGroup], [BITNAMI_USER, runAsGroup]);
      const [container] = pod?.containers ?? [];
      const mount = container?.volumeMounts?.find(({ name }) => name === "data");
      assert.equal(mount?.mountPath, BITNAMI_VOLUME);
      const datadir = container?.env?.find(({ name }) => name === "GALERA_KEEPER_DATADIR");
      assert.equal(datadir?.value, BITNAMI_DATADIR);
      assert.ok(container?.args?.includes("--log-bin=mysql-bin"));

      await withoutServer(KUBECTL.path, folder, async (shell) => {
        const text = blocksOf(SECTION, "sh").join("").replaceAll("\\\n", "");
        for (const line of text.trim().split("\n")) {
          const { success, problem } = await shell(line);
          assert.equal(success, false, line);
          assert.match(problem, /127\.0\.0\.1:1( was refused|: connect: connection refused)/, line);
        }
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
