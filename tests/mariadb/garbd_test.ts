import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import { ComponentReader, garbdOptions, type GarbdSettings } from "../../lib/mariadb/garbd.ts";
import { parseLine } from "../../lib/mariadb/output.ts";

const SETTINGS: GarbdSettings = {
  member: "arb-1",
  clusterName: "galera",
  address: "10.0.0.7",
  bind: null,
  user: "nobody",
  providerOptions: {},
};
const UUID = "a0c8edd6-e6ac-11f1-b8ab-26965251b297";

Deno.test("garbdOptions() writes all that garbd is told", () => {
  assert.equal(
    garbdOptions(SETTINGS, ["10.0.0.1", "10.0.0.2"], "/tmp/x"),
    "group=galera\nname=arb-1\naddress=gcomm://10.0.0.1,10.0.0.2\noptions=pc.recovery=no\n" +
      "workdir=/tmp/x\n",
  );
});

Deno.test("garbdOptions() listens as a member does", () => {
  const optionsOf = (more: Partial<GarbdSettings>, members = ["10.0.0.1"]) =>
    garbdOptions({ ...SETTINGS, ...more }, members, "/").split("\n");
  const bound = optionsOf({ bind: "10.0.0.7" });
  assert(bound.includes("options=pc.recovery=no;gmcast.listen_addr=tcp://10.0.0.7:4567"));
  const six = optionsOf({ address: "fd00::7" }, ["fd00::1", "fd00::2"]);
  assert(six.includes("options=pc.recovery=no;gmcast.listen_addr=tcp://[::]:4567"));
  assert(six.includes("address=gcomm://[fd00::1],[fd00::2]"));
});

Deno.test("garbdOptions() leaves out what only a member knows: garbd exits on it", () => {
  const providerOptions = {
    "gcache.size": "1G",
    "repl.commit_order": "3",
    "cert.log_conflicts": "yes",
    "evs.suspect_timeout": "PT2S",
    "gcs.fc_limit": "64",
    "socket.ssl_key": "/etc/key.pem",
    "gmcast.segment": "2",
  };
  assert(
    garbdOptions({ ...SETTINGS, providerOptions }, ["10.0.0.1"], "/").includes(
      "\noptions=pc.recovery=no;evs.suspect_timeout=PT2S;gcs.fc_limit=64;" +
        "socket.ssl_key=/etc/key.pem;gmcast.segment=2\n",
    ),
  );
});

Deno.test("garbdOptions() never lets it begin a cluster of its own", () => {
  assert.throws(() => garbdOptions(SETTINGS, [], "/"), /start another cluster/);
  for (const name of ["pc.bootstrap", "pc.recovery", "pc.ignore_sb"]) {
    const settings = { ...SETTINGS, providerOptions: { [name]: "yes" } };
    assert.throws(() => garbdOptions(settings, ["10.0.0.1"], "/"), ConfigError);
  }
  const settings = { ...SETTINGS, providerOptions: { "socket.ssl_key": "/a#b" } };
  assert.throws(() => garbdOptions(settings, ["10.0.0.1"], "/"), /takes # for a comment/);
});

/** As garbd 26.4.23 logs it. */
function logged(...lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split("\n")).map((line) =>
    line.startsWith("\t") ? line : `2026-11-22 19:41:48.424  INFO: ${line}`
  );
}

function read(reader: ComponentReader, lines: readonly string[]): number {
  return lines.filter((line) => reader.take(parseLine(line).text)).length;
}

function results(component: "PRIMARY" | "NON-PRIMARY", uuid = UUID): string {
  return `Quorum results:\n\tversion    = 6,\n\tcomponent  = ${component},\n\tconf_id    = 2,\n` +
    "\tmembers    = 2/3 (joined/total),\n\tact_id     = 2,\n\tlast_appl. = 0,\n" +
    `\tprotocols  = 5/11/4 (gcs/repl/appl),\n\tvote policy= 0,\n\tgroup UUID = ${uuid}`;
}

const JOINED = logged(
  "view(view_id(PRIM,a0c81035-81c7,3) memb {\n\ta0c81035-81c7,0\n\ta0f118a8-8047,0\n\tc0d5e527-9ffc,0",
  "gcomm: connected",
  "New COMPONENT: primary = yes, bootstrap = no, my_idx = 2, memb_num = 3",
  "STATE EXCHANGE: Waiting for state UUID.",
  "STATE EXCHANGE: sent state msg: c1bb496a-e6ac-11f1-af04-0a819c142b00",
  "STATE EXCHANGE: got state msg: c1bb496a-e6ac-11f1-af04-0a819c142b00 from 0 (galera-1)",
  "STATE EXCHANGE: got state msg: c1bb496a-e6ac-11f1-af04-0a819c142b00 from 1 (galera-2)",
  "STATE EXCHANGE: got state msg: c1bb496a-e6ac-11f1-af04-0a819c142b00 from 2 (arb-1)",
  results("PRIMARY"),
  "Flow-control interval: [9999999, 9999999]",
  "Shifting OPEN -> PRIMARY (TO: 3)",
);
const PRIMARY = {
  primary: true,
  uuid: UUID,
  size: 3,
  names: ["galera-1", "galera-2", "arb-1"],
};

Deno.test("ComponentReader sees that garbd joins, is left alone, and loses the primary component", () => {
  const reader = new ComponentReader();
  assert.equal(reader.component, null);
  assert.equal(read(reader, JOINED), 1);
  assert.deepEqual(reader.component, PRIMARY);

  // Between a new component and its state exchange nothing is lost.
  assert.equal(
    read(
      reader,
      logged("New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 1"),
    ),
    0,
  );
  assert.deepEqual(reader.component, PRIMARY);
  const exchange = logged(
    "STATE_EXCHANGE: sent state UUID: d63c1732-e6ac-11f1-b66f-637ef75e0cd9",
    "STATE EXCHANGE: got state msg: d63c1732-e6ac-11f1-b66f-637ef75e0cd9 from 0 (arb-1)",
    results("PRIMARY"),
  );
  assert.equal(read(reader, exchange), 1);
  assert.deepEqual(reader.component, { ...PRIMARY, size: 1, names: ["arb-1"] });

  const lost = logged("New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1");
  assert.equal(read(reader, [...lost, ...lost]), 1);
  assert.deepEqual(reader.component, { primary: false, uuid: null, size: 1, names: [] });
  assert.equal(read(reader, JOINED), 1);
  assert.equal(read(reader, logged("Received SELF-LEAVE. Closing connection.")), 1);
  assert.deepEqual(reader.component, { primary: false, uuid: null, size: 0, names: [] });
});

Deno.test("ComponentReader takes nothing but a whole result for a primary component", () => {
  for (const uuid of [UUID, UUID.toUpperCase()]) {
    const reader = new ComponentReader();
    read(reader, logged(results("PRIMARY", uuid)));
    assert.equal(reader.component?.uuid, UUID);
  }
  const parts: readonly (readonly string[])[] = [
    logged("New COMPONENT: primary = yes, bootstrap = no, my_idx = 2, memb_num = 3"),
    logged("Quorum results:\n\tversion    = 6,\n\tcomponent  = PRIMARY,"),
    [...logged("Quorum results:\n\tcomponent  = PRIMARY,", "x"), `\tgroup UUID = ${UUID}`],
    logged(results("NON-PRIMARY")),
    [`\tgroup UUID = ${UUID}`, "\tcomponent  = PRIMARY,", "junk", ""],
  ];
  for (const lines of parts) {
    const reader = new ComponentReader();
    read(reader, lines);
    assert.notEqual(reader.component?.primary, true, lines.join("\n"));
  }
});
