/** Servers that nobody keeps: started by hand, with an option file of their own, as many clusters are run. */
import { dirname, join } from "node:path";
import { signalAll } from "../../lib/mariadb/processes.ts";
import type { TestMember } from "./harness.ts";
import { serverOf, until } from "./load.ts";

/** Their name for the cluster, MariaDB's default. */
export const BY_HAND_NAME = "my_wsrep_cluster";

/** The servers of some members, started and stopped by hand. */
export class ByHand implements AsyncDisposable {
  readonly #members: readonly TestMember[];
  readonly #processes: Deno.ChildProcess[] = [];

  constructor(members: readonly TestMember[]) {
    this.#members = members;
  }

  /** Starts all of them, the first with a new database and a new cluster. */
  async startAll(): Promise<void> {
    const [first, ...others] = this.#members;
    await run(
      "mariadb-install-db",
      "--no-defaults",
      `--datadir=${first!.datadir}`,
      "--auth-root-authentication-method=socket",
      ...(Deno.uid() === 0 ? ["--user=mysql"] : []),
    );
    await this.start(first!, "--wsrep-new-cluster");
    for (const member of others) await this.start(member);
  }

  /** Starts one, and waits until it is Synced. */
  async start(member: TestMember, ...more: readonly string[]): Promise<void> {
    const file = join(dirname(member.datadir), "by-hand.cnf");
    await Deno.writeTextFile(file, optionsByHand(member, this.#members));
    this.#processes.push(
      new Deno.Command("mariadbd", {
        args: [`--defaults-file=${file}`, ...more],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn(),
    );
    await until(`${member.name} is Synced`, () => isSynced(member));
  }

  /** SIGTERM, as `systemctl stop mariadb` sends it; waits for its end. */
  async stop(member: TestMember): Promise<void> {
    const pid = await serverOf(member);
    if (pid === undefined) throw new Error(`${member.name} runs no server`);
    signalAll([pid], "SIGTERM");
    await until(`${member.name} has stopped`, async () => await serverOf(member) !== pid, 50);
  }

  /** Those that were not stopped are killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await process.status;
    }
  }
}

/** An option file of theirs. @param members All that are in the cluster. */
export function optionsByHand(
  { name, address, datadir, socket }: TestMember,
  members: readonly TestMember[],
): string {
  const galera = `gmcast.listen_addr=tcp://${address}:4567;ist.recv_addr=${address}:4568;` +
    "gcache.size=32M";
  const peers = members.map((member) => member.address).join(",");
  return [
    "[mysqld]",
    ...(Deno.uid() === 0 ? ["user=mysql"] : []),
    `datadir=${datadir}`,
    `socket=${socket}`,
    `pid-file=${dirname(datadir)}/by-hand.pid`,
    `log-error=${datadir}/by-hand.err`,
    `bind-address=${address}`,
    "binlog_format=ROW",
    "default_storage_engine=InnoDB",
    "innodb_autoinc_lock_mode=2",
    "innodb_buffer_pool_size=32M",
    "innodb_log_file_size=16M",
    "innodb_flush_log_at_trx_commit=2",
    "performance_schema=OFF",
    "wsrep_on=ON",
    "wsrep_provider=/usr/lib/galera/libgalera_smm.so",
    `wsrep_cluster_name=${BY_HAND_NAME}`,
    `wsrep_cluster_address=gcomm://${peers}`,
    `wsrep_node_name=${name}`,
    `wsrep_node_address=${address}`,
    "wsrep_sst_method=rsync",
    `wsrep_sst_receive_address=${address}:4444`,
    `wsrep_provider_options="${galera}"`,
    "[sst]",
    "sst-syslog=0",
    "",
  ].join("\n");
}

/** Whether its server is Synced, by its own word. */
export async function isSynced(member: TestMember): Promise<boolean> {
  try {
    const [row] = await member.query("SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'");
    return row?.["Value"] === "Synced";
  } catch {
    return false;
  }
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
