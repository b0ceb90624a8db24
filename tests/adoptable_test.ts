import assert from "node:assert/strict";
import { requireAdoptable } from "../lib/adoptable.ts";
import { KeeperError } from "../lib/errors.ts";
import type { ServerFacts } from "../lib/mariadb/database.ts";
import { SYNCED } from "./simulation/wsrep_status.ts";

const WANTED = { member: "galera-1", clusterName: "shop", address: "192.0.2.1" };

const seen = (name: string, address: string) => ({ name, address, gcommUuid: name });

const FACTS: ServerFacts = {
  isWsrepOn: true,
  nodeName: "galera-1",
  clusterName: "shop",
  listenAddress: "tcp://0.0.0.0:4567",
  gcacheSize: "128M",
  status: SYNCED,
  inView: [seen("galera-1", "192.0.2.1"), seen("galera-2", "192.0.2.2"), seen("arb", "")],
};

Deno.test("requireAdoptable() takes a Synced server that is what run would be", () => {
  for (const listenAddress of ["tcp://0.0.0.0:4567", "tcp://192.0.2.1:4567", "ssl://[::]:4567"]) {
    requireAdoptable({ ...FACTS, listenAddress }, WANTED);
  }
});

Deno.test("requireAdoptable() refuses in one line what it is not", () => {
  const view = (...names: string[]) => ({
    inView: names.map((name, at) => seen(name, `192.0.2.${at + 1}`)),
  });
  const table: [Partial<ServerFacts>, number, RegExp][] = [
    [{ isWsrepOn: false }, 69, /is in no cluster: Galera is off/],
    [{ status: null }, 69, /does not say how it is/],
    [{ status: { ...SYNCED, primary: false } }, 69, /is not Primary/],
    [
      { status: { ...SYNCED, synced: false, localStateComment: "Donor/Desynced" } },
      69,
      /is not Synced but Donor\/Desynced/,
    ],
    [{ status: { ...SYNCED, ready: false } }, 69, /lets no clients in/],
    [{ status: { ...SYNCED, letsClientsIn: false } }, 69, /lets no clients in/],
    [{ status: { ...SYNCED, readOnly: true } }, 69, /is read_only/],
    [
      { nodeName: "db1" },
      78,
      /calls itself "db1" .*give --member db1, here and to galera-keeper run/,
    ],
    [{ clusterName: "my" }, 78, /calls it "my" .*give --cluster-name my, here and/],
    [{ listenAddress: "tcp://192.0.2.9:4567" }, 78, /listens on "tcp:\/\/192\.0\.2\.9:4567"/],
    [{ listenAddress: "tcp://0.0.0.0:5567" }, 78, /look for Galera at 192\.0\.2\.1, port 4567/],
    [{ listenAddress: "" }, 78, /gmcast\.listen_addr/],
    [{ inView: [] }, 69, /does not say who is in its Galera view/],
    [{ inView: [seen("galera-1", ""), seen("galera-2", "192.0.2.2")] }, 69, /has no address/],
    [{ inView: [seen("", "192.0.2.1")] }, 69, /mysql\.wsrep_cluster_members/],
    [view("galera-1", "db/2"), 78, /is called "db\/2", which no member can be/],
    [view("galera-1", "galera-2", "galera-2"), 78, /Two members .* are called "galera-2"/],
  ];
  for (const [facts, status, line] of table) {
    assert.throws(() => requireAdoptable({ ...FACTS, ...facts }, WANTED), (error) => {
      assert.ok(error instanceof KeeperError);
      assert.equal(error.exitStatus, status, error.message);
      assert.match(error.message, line);
      return !error.message.includes("\n");
    });
  }
});
