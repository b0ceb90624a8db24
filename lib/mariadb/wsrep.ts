/** What the server tells of Galera. */
import type { ServerFacts, ViewMember, WsrepStatus } from "./database.ts";
import type { KeptConnection, Rows } from "./connection.ts";

const STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN (" + [
  "wsrep_cluster_size",
  "wsrep_cluster_state_uuid",
  "wsrep_cluster_status",
  "wsrep_connected",
  "wsrep_flow_control_paused",
  "wsrep_flow_control_paused_ns",
  "wsrep_flow_control_recv",
  "wsrep_flow_control_sent",
  "wsrep_last_committed",
  "wsrep_local_bf_aborts",
  "wsrep_local_cert_failures",
  "wsrep_local_recv_queue",
  "wsrep_local_send_queue",
  "wsrep_local_state",
  "wsrep_local_state_comment",
  "wsrep_ready",
].map((name) => `'${name}'`).join(", ") + ")";

/** Without a table it is answered by a server that refuses all else, and costs it next to nothing. */
const VARIABLES = "SELECT @@GLOBAL.read_only, @@GLOBAL.wsrep_reject_queries";

/**
 * Asks for Galera's status.
 *
 * @returns null while the server does not answer.
 * @throws {import("../errors.ts").ConfigError} It refuses our login.
 */
export async function readStatus(connection: KeptConnection): Promise<WsrepStatus | null> {
  const rows = await connection.query(STATUS);
  if (rows === null) return null;
  const [variables] = await connection.query(VARIABLES) ?? [];
  if (variables === undefined) return parseStatus(rows);
  const [readOnly, rejectQueries] = variables;
  return parseStatus([
    ...rows,
    ["read_only", readOnly],
    ["wsrep_reject_queries", rejectQueries],
  ]);
}

/** Reads rows of name and value; what is missing is as before the first view. */
export function parseStatus(rows: Rows): WsrepStatus {
  const values = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  const text = (name: string) => values.get(`wsrep_${name}`) ?? "";
  const number = (name: string) => Number(text(name)) || 0;
  const localState = number("local_state");
  return {
    primary: text("cluster_status").toLowerCase() === "primary",
    ready: text("ready").toUpperCase() === "ON",
    connected: text("connected").toUpperCase() === "ON",
    synced: localState === 4,
    localState,
    localStateComment: text("local_state_comment"),
    clusterUuid: text("cluster_state_uuid").toLowerCase(),
    lastCommitted: parseSeqno(text("last_committed")),
    clusterSize: number("cluster_size"),
    letsClientsIn: ["", "NONE"].includes(text("reject_queries").toUpperCase()),
    readOnly: /^(1|ON)$/i.test(values.get("read_only") ?? ""),
    flowControlPaused: number("flow_control_paused"),
    flowControlPausedSeconds: number("flow_control_paused_ns") / 1e9,
    flowControlSent: number("flow_control_sent"),
    flowControlReceived: number("flow_control_recv"),
    receiveQueue: number("local_recv_queue"),
    sendQueue: number("local_send_queue"),
    certificationFailures: number("local_cert_failures"),
    aborts: number("local_bf_aborts"),
  };
}

/** Galera shows its -1 as an unsigned number. */
function parseSeqno(text: string): bigint {
  if (!/^-?\d{1,20}$/.test(text)) return -1n;
  const seqno = BigInt.asIntN(64, BigInt(text));
  return seqno < 0n ? -1n : seqno;
}

const MEMBERSHIPS = [
  "SELECT NAME, ADDRESS, UUID FROM information_schema.WSREP_MEMBERSHIP",
  "SELECT node_name, node_incoming_address, node_uuid FROM mysql.wsrep_cluster_members",
];

/** The members of the server's view; empty while it does not answer. */
export async function readViewMembers(connection: KeptConnection): Promise<readonly ViewMember[]> {
  return (await readMembership(connection)).filter(({ address }) => address !== "");
}

/** The same, arbitrators too: those without an address. */
async function readMembership(connection: KeptConnection): Promise<readonly ViewMember[]> {
  // The plugin wsrep_info has names; without it there is a table that is written with each view, as far
  // as it may be read; else there are addresses alone.
  for (const sql of MEMBERSHIPS) {
    const named = await connection.query(sql);
    if (named !== null && named.length > 0) return parseMembership(named);
  }
  const rows = await connection.query("SHOW GLOBAL STATUS LIKE 'wsrep_incoming_addresses'");
  const addresses = String(rows?.[0]?.[1] ?? "").split(",").map((text) => withoutPort(text.trim()));
  return addresses.filter((address) => address !== "").map((address) => ({
    name: "",
    address,
    gcommUuid: "",
  }));
}

/**
 * Reads rows of name, address and UUID. An arbitrator is in the view with its name, but nobody connects to
 * it: it has no address there, and holds no data.
 */
export function parseMembership(rows: Rows): readonly ViewMember[] {
  return rows.map(([name, address, uuid]) => ({
    name: String(name),
    address: withoutPort(String(address)),
    gcommUuid: String(uuid ?? ""),
  }));
}

/** What it takes to know a server that others started; null while it does not answer. */
export async function readFacts(connection: KeptConnection): Promise<ServerFacts | null> {
  const rows = await connection.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_provider', 'wsrep_node_name', " +
      "'wsrep_cluster_name', 'wsrep_provider_options')",
  );
  if (rows === null) return null;
  const status = await readStatus(connection);
  const inView = await readMembership(connection);
  const values = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  const text = (name: string) => values.get(name) ?? "";
  const provider = text("wsrep_provider").toLowerCase();
  const options = text("wsrep_provider_options");
  const [, listenAddress = ""] = /(?:^|;)\s*gmcast\.listen_addr\s*=\s*([^;\s]*)/.exec(options) ??
    [];
  const [, gcacheSize = ""] = /(?:^|;)\s*gcache\.size\s*=\s*([^;\s]*)/.exec(options) ?? [];
  return {
    isWsrepOn: text("wsrep_on").toUpperCase() === "ON" && provider !== "" && provider !== "none",
    nodeName: text("wsrep_node_name"),
    clusterName: text("wsrep_cluster_name"),
    listenAddress,
    gcacheSize,
    status,
    inView,
  };
}

/** `192.0.2.7:3306`, `[fd00::7]:3306` or `fd00::7` to the address alone. */
export function withoutPort(text: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(text) ?? [];
  return bracketed ?? plain ?? text;
}
