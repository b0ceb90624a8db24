// needs: zookeeper
import assert from "node:assert/strict";
import { Progress } from "../../lib/progress.ts";
import type { StatusReport } from "../../lib/operator/status.ts";
import { formatArbitrator, formatCluster, formatNode, formatRecord } from "../../lib/znodes.ts";
import { Lock } from "../../lib/zookeeper/lock.ts";
import { keeper } from "../keeper.ts";
import { anyServer } from "../zookeeper/server.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";

Deno.test("status shows cluster, lock and members, in text and in JSON", async () => {
  await using place = await anyServer({ network: "127.13" });
  const session = await place.connect();
  const at = ["--zookeeper", `${place.hosts}${place.root}`, "--root", "/db"];
  const none = await keeper(["status", ...at]);
  assert.deepEqual([none.status, none.stderr], [0, ""]);
  assert.match(
    none.stdout,
    /^Cluster: none yet\nStart-up lock: free\nNo member has reported yet\n$/,
  );

  const progress = new Progress("g-1", "127.13.4.1", () => "2026-01-01T00:00:00Z");
  progress.identify({ datadirId: "d", serverId: 1 });
  await using http = Deno.serve(
    { hostname: "127.13.4.1", port: 0, onListen: () => {} },
    () => Response.json({ ...progress.status, doing: "Serving", seqno: "77", uuid: UUID }),
  );
  const [address, other] = ["127.13.4.1", "127.13.4.2"];
  const data = { kind: "running", uuid: UUID, starting: false, floor: null } as const;
  const bare = { instead: null, insteadCopy: null, lineage: [], http: null };
  const own = { name: "g-1", serverId: 1, address, datadirId: "d", data, ...bare };
  const node = { member: "g-1", datadirId: "d", uuid: UUID, primary: true, dataBytes: 1 };
  const since = "2026-01-02T03:04:05Z";
  const registered = { ...node, http: `${address}:${http.addr.port}`, since };
  const attempts = [{ attempt: "a", by: "g-1", uuid: UUID, seqno: 0n, from: null }];
  const begun = { by: "g-1", attempt: "a", attempts, forced: false };
  const cluster = { phase: "running", uuid: UUID, ...begun } as const;
  await session.create("/db/cluster", formatCluster(cluster), { makePath: true });
  await session.create("/db/members/g-1", formatRecord(own), { makePath: true });
  await session.create(`/db/nodes/${address}`, formatNode(registered), { makePath: true });
  await session.create(`/db/nodes/${other}`, "", { makePath: true });
  const arbitrator = { name: "arb", address: "127.13.4.3", uuid: UUID, attempt: "a" };
  await session.create(
    "/db/arbitrators/arb",
    formatArbitrator({ ...arbitrator, primary: true, members: ["g-1"], since }),
    { makePath: true },
  );
  await session.create("/db/arbitrators/strange", "junk");
  const lock = new Lock(session, "/db/bootstrap", { name: "g-2" });
  await using _held = await lock.acquire();

  const { status, stdout } = await keeper(["status", "--json", ...at]);
  assert.equal(status, 0);
  const report: StatusReport = JSON.parse(stdout);
  assert.deepEqual(report.cluster, { kind: "known", phase: "running", uuid: UUID, by: "g-1" });
  assert.deepEqual(report.lock, { holder: "g-2", waiting: [] });
  assert.deepEqual(
    report.members.map((
      { name, address, serverId, position, registeredSince },
    ) => [name, address, serverId, position, registeredSince]),
    [
      ["g-1", address, 1, `${UUID}:77`, since],
      [null, other, null, "not known", null],
    ],
  );
  assert.deepEqual(report.arbitrators, [{ ...arbitrator, primary: true, members: ["g-1"], since }]);
  const text = await keeper(["status", ...at]);
  assert.match(text.stdout, new RegExp(`^Cluster: ${UUID}, running, bootstrapped by g-1\n`));
  assert.match(text.stdout, /\ng-1 +127\.13\.4\.1 +1 +2026-01-02T03:04:05Z +\S+:77 +Serving\n/);
  assert.match(
    text.stdout,
    /\nArbitrator: arb, 127\.13\.4\.3, votes since .*, with g-1\n/,
  );
});
