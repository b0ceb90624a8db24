import assert from "node:assert/strict";
import { AT_REST, SYNCED } from "../simulation/wsrep_status.ts";
import { parseMembership, parseStatus, withoutPort } from "../../lib/mariadb/wsrep.ts";

Deno.test("parseStatus() reads what a Synced member says", () => {
  const status = parseStatus([
    ["wsrep_cluster_size", "3"],
    ["wsrep_cluster_state_uuid", "6C821ECC-2be9-11f0-9d25-7a3b5e1f2c3d"],
    ["wsrep_cluster_status", "Primary"],
    ["wsrep_connected", "ON"],
    ["wsrep_last_committed", "9223372036854775807"],
    ["wsrep_local_state", "4"],
    ["wsrep_local_state_comment", "Synced"],
    ["wsrep_ready", "ON"],
    ["wsrep_flow_control_paused", "0.25"],
    ["wsrep_flow_control_paused_ns", "1500000000"],
    ["wsrep_flow_control_recv", "3"],
    ["wsrep_flow_control_sent", "2"],
    ["wsrep_local_bf_aborts", "4"],
    ["wsrep_local_cert_failures", "5"],
    ["wsrep_local_recv_queue", "6"],
    ["wsrep_local_send_queue", "7"],
    ["wsrep_reject_queries", "NONE"],
    ["read_only", "OFF"],
  ]);
  assert.deepEqual(status, {
    ...SYNCED,
    clusterUuid: "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d",
    lastCommitted: 2n ** 63n - 1n,
    flowControlPaused: 0.25,
    flowControlPausedSeconds: 1.5,
    flowControlSent: 2,
    flowControlReceived: 3,
    receiveQueue: 6,
    sendQueue: 7,
    certificationFailures: 5,
    aborts: 4,
  });
});

Deno.test("parseStatus() takes what is missing or odd for not yet", () => {
  const notYet = {
    primary: false,
    ready: false,
    connected: false,
    synced: false,
    localState: 0,
    localStateComment: "",
    clusterUuid: "",
    lastCommitted: -1n,
    clusterSize: 0,
    ...AT_REST,
  };
  assert.deepEqual(parseStatus([]), notYet);
  const table: [string, bigint][] = [
    ["18446744073709551615", -1n],
    ["-1", -1n],
    ["-5", -1n],
    ["junk", -1n],
    ["0", 0n],
  ];
  for (const [text, lastCommitted] of table) {
    assert.deepEqual(parseStatus([["wsrep_last_committed", text]]), { ...notYet, lastCommitted });
  }
  assert.equal(parseStatus([["wsrep_cluster_status", "non-Primary"]]).primary, false);
  assert.equal(parseStatus([["wsrep_cluster_status", "Disconnected"]]).primary, false);
  assert.equal(parseStatus([["wsrep_reject_queries", "ALL_KILL"]]).letsClientsIn, false);
  assert.equal(parseStatus([["read_only", 1]]).readOnly, true);
  assert.equal(parseStatus([["read_only", 0]]).readOnly, false);
});

Deno.test("parseMembership() reads names and addresses, of which an arbitrator has none", () => {
  const rows = [
    ["galera-1", "192.0.2.7:3306", "a"],
    ["arb-1", "", "b"],
    ["galera-2", "[fd00::7]:3306", "c"],
  ];
  assert.deepEqual(parseMembership(rows), [
    { name: "galera-1", address: "192.0.2.7", gcommUuid: "a" },
    { name: "arb-1", address: "", gcommUuid: "b" },
    { name: "galera-2", address: "fd00::7", gcommUuid: "c" },
  ]);
});

Deno.test("withoutPort() leaves the address", () => {
  const table: [string, string][] = [
    ["192.0.2.7:3306", "192.0.2.7"],
    ["192.0.2.7", "192.0.2.7"],
    ["[fd00::7]:3306", "fd00::7"],
    ["[fd00::7]", "fd00::7"],
    ["fd00::7", "fd00::7"],
    ["AUTO", "AUTO"],
    ["", ""],
  ];
  for (const [text, expected] of table) assert.equal(withoutPort(text), expected, text);
});
