/** What nobody would see in a manifest, is seen: each mistake by the check that is there for it. */
import assert from "node:assert/strict";
import { GALERA_CHECKS } from "./galera_checks.ts";
import { parseManifests } from "./manifests.ts";
import { inRepository } from "./promtool.ts";
import { ZOOKEEPER_CHECKS } from "./zookeeper_checks.ts";

const TEXT = await Promise.all(
  ["k8s/zookeeper.yaml", "k8s/galera.yaml"].map((path) => Deno.readTextFile(inRepository(path))),
).then((texts) => texts.join("---\n"));

/** The first that stands in the text becomes another; some check says a word of it. */
const MISTAKES: readonly (readonly [was: string, is: string, check: RegExp])[] = [
  ["GALERA_KEEPER_STOP_TIMEOUT, value", "GALERA_KEEPER_STOP_TIME, value", /variable/],
  ["MARIADB_USER,", "MARIADB_USERNAME,", /variable/],
  ["args:\n            - --", "args:\n            - run\n            - --", /variable/],
  ['SIZE, value: "3"', 'SIZE, value: "5"', /as many others/],
  ["zookeeper-2.zookeeper:2181", "zookeeper-3.zookeeper:2181", /ZooKeeper servers/],
  ["containerPort: 4568", "containerPort: 4569", /the ports are those/],
  ["port: 4444, targetPort: sst", "port: 4445, targetPort: sst", /Services/],
  ["targetPort: ist", "targetPort: isd", /Services/],
  ["mountPath: /run/mysqld", "mountPath: /run/mysql", /mounts are the folders/],
  ["mountPath: /var/lib/mysql", "mountPath: /var/lib/mariadb", /mounts are the folders/],
  ["secrets/root-password", "secrets/rootpassword", /README/],
  ['"/readyz?donor=ok"', "/ready", /probes/],
  ['"/readyz?donor=ok"', "/readyz", /probes/],
  ['prometheus.io/port: "8008"', 'prometheus.io/port: "8080"', /Prometheus/],
  ["Seconds: 600", "Seconds: 60", /grace/],
  ["{ protocol: TCP, port: 4568 }", "{ protocol: TCP, port: 4569 }", /listens on/],
  ["{ protocol: TCP, port: 3306 }", "{ protocol: UDP, port: 3306 }", /listens on/],
  ["--innodb-buffer-pool-size=1G", "--innodb-buffer-pool-size=2G", /buffer pool/],
  ["runAsNonRoot: true\n        runAsUser: 999", "runAsUser: 999", /restricted/],
  ["drop: [ALL]", "drop: [NET_RAW]", /restricted/],
  ["enableServiceLinks: false", "enableServiceLinks: true", /restricted/],
  ["whenScaled: Retain", "whenScaled: Delete", /claims stay/],
  ["podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady", /start at once/],
  ["maxUnavailable: 1", "maxUnavailable: 2", /selects/],
  ["name: galera\n  template:", "name: mariadb\n  template:", /selects/],
  ["publishNotReadyAddresses: true", "publishNotReadyAddresses: false", /Services/],
  ["server.3=zookeeper-2", "server.3=zookeeper-3", /by its pod's name/],
  ["dataDir=/data", "dataDir=/tmp", /data are on the volume/],
  ["ruok,srvr,mntr", "ruok,mntr", /words of the probes/],
  ["HOSTNAME##*-}+1", "HOSTNAME##*-}+2", /number of its pod/],
  ["divisor: 1Mi", "divisor: 1", /number of its pod/],
  ["{ protocol: TCP, port: 3888 }", "{ protocol: TCP, port: 3889 }", /to each other/],
];

async function failing(text: string): Promise<readonly string[]> {
  const manifests = parseManifests(text);
  const failed: string[] = [];
  for (const [what, check] of Object.entries({ ...GALERA_CHECKS, ...ZOOKEEPER_CHECKS })) {
    try {
      await check(manifests);
    } catch {
      failed.push(what);
    }
  }
  return failed;
}

Deno.test("each mistake in a manifest is seen by the check that is there for it", async (test) => {
  assert.deepEqual(await failing(TEXT), []);
  for (const [was, is, check] of MISTAKES) {
    await test.step(is.replaceAll("\n", " "), async () => {
      assert.ok(TEXT.includes(was), was);
      const failed = await failing(TEXT.replace(was, is));
      assert.ok(failed.some((what) => check.test(what)), `${check}: ${failed.join("; ")}`);
    });
  }
});
