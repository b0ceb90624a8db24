/** Three members on this machine, all with the same options whoever starts them. */

import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import * as mariadb from "mariadb";
import { run, type Scratch, type Spawned } from "./scratch.ts";

/** Small buffers, so that three fit on a small machine. For `run` after its `--`. */
export const SMALL: readonly string[] = [
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=16M",
  "--innodb-flush-log-at-trx-commit=2",
  "--performance-schema=OFF",
];

/** Galera's own, for `run --provider-options`. */
export const PROVIDER_OPTIONS = "gcache.size=32M";

const PROVIDER = [
  "/usr/lib/galera/libgalera_smm.so",
  "/usr/lib/galera-4/libgalera_smm.so",
  "/usr/lib64/galera-4/libgalera_smm.so",
].find((path) => existsSync(path)) ?? "/usr/lib/galera/libgalera_smm.so";

/** Where one member is to be. */
export interface Place {
  readonly name: string;
  readonly address: string;
  /** Empty, and its user's. */
  readonly datadir: string;
  readonly socket: string;
  /** Written by `writeOptions()`. */
  readonly optionFile: string;
}

/** Makes places for three members: other folders and other addresses each time. */
export async function makePlaces(scratch: Scratch, name: string): Promise<readonly Place[]> {
  const addresses = scratch.nextAddresses();
  return await Promise.all(addresses.map(async (address, index) => {
    const folder = await scratch.makeFolder(`${name}/${index + 1}`, "mysql");
    return {
      name: `galera-${index + 1}`,
      address,
      datadir: await scratch.makeFolder(`${name}/${index + 1}/data`, "mysql"),
      socket: join(folder, "mysqld.sock"),
      optionFile: join(folder, "options.cnf"),
    };
  }));
}

/** Writes the option file of a member that is started without us, with what `run` gives its own. */
export async function writeOptions({ name, address, datadir, socket, optionFile }: Place) {
  const provider = {
    "gmcast.listen_addr": `tcp://${address}:4567`,
    "ist.recv_addr": `${address}:4568`,
    "pc.recovery": "false",
  };
  const options = [
    "[mariadbd]",
    ...(Deno.uid() === 0 ? ["user=mysql"] : []),
    `datadir=${datadir}`,
    `socket=${socket}`,
    `pid-file=${datadir}/mariadbd.pid`,
    `bind-address=${address}`,
    "port=3306",
    "binlog-format=ROW",
    "default-storage-engine=InnoDB",
    "innodb-autoinc-lock-mode=2",
    "wsrep-on=ON",
    `wsrep-provider=${PROVIDER}`,
    `wsrep-provider-options=${
      Object.entries(provider).map(([key, value]) => `${key}=${value}`).join(";")
    };${PROVIDER_OPTIONS}`,
    // Of no use to a joiner, which is given addresses; without it a bootstrap with rsync is refused.
    "wsrep-cluster-address=gcomm://",
    "wsrep-cluster-name=galera",
    "wsrep-gtid-domain-id=1",
    `wsrep-node-name=${name}`,
    `wsrep-node-address=${address}`,
    `wsrep-sst-receive-address=${address}:4444`,
    "wsrep-sst-method=rsync",
    ...SMALL.map((option) => option.slice(2)),
    // Without this Debian's SST writes its errors to syslog.
    "[sst]",
    "sst-syslog=0",
  ];
  await Deno.writeTextFile(optionFile, options.map((line) => `${line}\n`).join(""));
}

/** The command that makes an empty datadir a fresh one. */
export function initialiseCommand({ datadir }: Place): readonly [string, ...string[]] {
  return [
    "mariadb-install-db",
    "--no-defaults",
    `--datadir=${datadir}`,
    "--skip-test-db",
    "--skip-name-resolve",
    ...SMALL,
    ...(Deno.uid() === 0 ? ["--user=mysql"] : []),
  ];
}

/** Does it. */
export async function initialise(place: Place): Promise<void> {
  const [program, ...args] = initialiseCommand(place);
  await run(program, args);
}

/** How often an instant is looked for: what it is measured in is seconds. */
const POLL_MS = 10;

/** Waits until a member is Primary, Synced and ready, on one connection over its socket. */
export async function untilSynced({ socket, name }: Place, starter: Spawned): Promise<void> {
  let connection: mariadb.Connection | null = null;
  try {
    for (;;) {
      if (starter.hasEnded()) throw new Error(`${name} ended before it was Synced`);
      // A client that knocks while the server starts is refused by the socket at once.
      connection ??= await connect(socket);
      if (connection !== null && await isSynced(connection)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await connection?.end().catch(() => {});
  }
}

async function connect(socketPath: string): Promise<mariadb.Connection | null> {
  try {
    return await mariadb.createConnection({ socketPath, user: userInfo().username });
  } catch {
    return null;
  }
}

const WANTED: Readonly<Record<string, string>> = {
  wsrep_cluster_status: "Primary",
  wsrep_local_state: "4",
  wsrep_ready: "ON",
};

async function isSynced(connection: mariadb.Connection): Promise<boolean> {
  const rows: readonly { readonly Variable_name: string; readonly Value: string }[] =
    await connection.query(
      "SHOW STATUS WHERE Variable_name IN " +
        "('wsrep_cluster_status', 'wsrep_local_state', 'wsrep_ready')",
    );
  const status = new Map(rows.map((row) => [row.Variable_name, row.Value]));
  return Object.entries(WANTED).every(([name, value]) => status.get(name) === value);
}
