// from source only
/** The README's way from Bitnami's chart: its claims, as they are, under our members. */
import assert from "node:assert/strict";
import {
  BITNAMI_DATADIR,
  BITNAMI_USER,
  BITNAMI_VOLUME,
  bitnamiSql,
  startBitnami,
} from "./bitnami.ts";
import type { Container } from "./container.ts";
import { mariadbImage } from "./images.ts";
import { podman, until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const CONTAINERS = await inContainers();

/** A member of ours on one of its claims. */
function memberOn(stage: Stage, claims: readonly string[], number: number): Promise<Container> {
  return stage.member(`galera-${number}`, {
    user: BITNAMI_USER,
    options: ["--volume", `${claims[number]}:${BITNAMI_VOLUME}`],
    env: { GALERA_KEEPER_DATADIR: BITNAMI_DATADIR, GALERA_KEEPER_SST_METHOD: "mariabackup" },
    args: ["--log-bin=mysql-bin"],
  });
}

/** Members of ours on all of them. */
async function takeOver(stage: Stage, claims: readonly string[]): Promise<readonly Container[]> {
  await stage.zookeepers(1);
  const members = await Promise.all(claims.map((_, number) => memberOn(stage, claims, number)));
  for (const member of members) await member.untilReady();
  return members;
}

async function uuidOf(pod: Container): Promise<string> {
  return (await bitnamiSql(pod, "SHOW STATUS LIKE 'wsrep_cluster_state_uuid'")).split("\t")[1] ??
    "";
}

const COUNT = "SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM my_database.t";

Deno.test("Bitnami's claims are taken over after a scale-down to 0", CONTAINERS, async () => {
  await using stage = await Stage.make();
  const { pods, claims } = await startBitnami(stage);
  await bitnamiSql(pods[0]!, "CREATE TABLE my_database.t (id INT PRIMARY KEY)");
  for (const [number, pod] of pods.entries()) {
    await bitnamiSql(pod, `INSERT INTO my_database.t VALUES (${number})`);
  }
  const uuid = await uuidOf(pods[0]!);
  for (const pod of pods.toReversed()) await pod.stop();

  const members = await takeOver(stage, claims);
  const statuses = await Promise.all(members.map((member) => member.untilReady()));
  assert.deepEqual(statuses.map((status) => status.uuid), [uuid, uuid, uuid]);
  const kinds = statuses.map(({ decision }) => decision?.kind);
  assert.deepEqual(kinds, ["bootstrap", "join", "join"]);
  for (const member of members) assert.equal(await member.sql(COUNT), "3");

  // Its account for copies is needed no more.
  await members[0]!.sql("DROP USER mariabackup@localhost; INSERT INTO my_database.t VALUES (3)");
  await members[2]!.stop();
  await members[2]!.remove();
  const volume = ["--volume", `${claims[2]}:${BITNAMI_VOLUME}`, "--entrypoint", "sh"];
  const empty = `rm -rf ${BITNAMI_DATADIR}/* ${BITNAMI_DATADIR}/.[!.]*`;
  await podman("run", "--rm", ...volume, await mariadbImage(), "-c", empty);
  const third = await memberOn(stage, claims, 2);
  assert.equal((await third.untilReady()).lastTransfer?.kind, "SST");
  assert.equal(await third.sql(COUNT), "4");
});

Deno.test("Bitnami's claims are taken over after a power cut", CONTAINERS, async () => {
  await using stage = await Stage.make();
  const { pods, claims } = await startBitnami(stage);
  const [first, second] = pods;
  await bitnamiSql(first!, "CREATE TABLE my_database.t (id INT AUTO_INCREMENT PRIMARY KEY)");
  const uuid = await uuidOf(first!);
  let acknowledged = 0;
  const writes = (async () => {
    for (;;) {
      await bitnamiSql(second!, "INSERT INTO my_database.t VALUES ()");
      acknowledged++;
    }
  })().catch(() => {});
  await until("rows are acknowledged", () => Promise.resolve(acknowledged >= 20));
  await Promise.all(pods.map((pod) => pod.kill()));
  await writes;

  const members = await takeOver(stage, claims);
  const statuses = await Promise.all(members.map((member) => member.untilReady()));
  assert.deepEqual(statuses.map((status) => status.uuid), [uuid, uuid, uuid]);
  const counts = await Promise.all(members.map((member) => member.sql(COUNT)));
  assert.ok(Number(counts[0]) >= acknowledged, `${counts}, ${acknowledged} acknowledged`);
  assert.equal(new Set(counts).size, 1);
});
