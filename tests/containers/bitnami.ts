/**
 * A Galera cluster as Bitnami's chart leaves one: what its image's datadirs, accounts and options are like, on
 * servers that are started by hand. No keeper is in it.
 */
import type { Container } from "./container.ts";
import { mariadbImage } from "./images.ts";
import { podman, until } from "./podman.ts";
import { ROOT_PASSWORD } from "./container.ts";
import type { Stage } from "./stage.ts";

/** Who that image runs as, and its files' group. */
export const BITNAMI_USER = "1001:1001";
/** Where it has its volume; the datadir is a folder in that. */
export const BITNAMI_VOLUME = "/bitnami/mariadb";
export const BITNAMI_DATADIR = `${BITNAMI_VOLUME}/data`;
/** The chart's StatefulSet for a release named "db". */
export const BITNAMI_NAME = "db-mariadb-galera";

/** Its options, but for memory. */
const CONFIGURATION = `[mysqld]
skip_name_resolve
explicit_defaults_for_timestamp
datadir=${BITNAMI_DATADIR}
tmpdir=/tmp
socket=/tmp/mysql.sock
pid_file=/tmp/mysqld.pid
max_allowed_packet=16M
bind_address=0.0.0.0
binlog_format=row
log_bin=mysql-bin
default_storage_engine=InnoDB
innodb_buffer_pool_size=32M
innodb_log_file_size=16M
performance_schema=OFF
[galera]
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_sst_method=mariabackup
wsrep_slave_threads=4
wsrep_sst_auth="mariabackup:its own"
wsrep_cluster_address=gcomm://
wsrep_cluster_name=galera
innodb_autoinc_lock_mode=2
[sst]
sst-syslog=0
`;

/** All accounts but the server's own are deleted; root comes from anywhere, with its password alone. */
const ACCOUNTS = `
DELETE FROM mysql.global_priv WHERE User NOT IN ('mysql.sys', 'mariadb.sys');
FLUSH PRIVILEGES;
CREATE USER root@'%' IDENTIFIED BY "${ROOT_PASSWORD}";
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE USER mariabackup@localhost IDENTIFIED BY 'its own';
GRANT RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT ON *.* TO mariabackup@localhost;
CREATE DATABASE my_database;
`;

/** Its pods and their claims, by number. */
export interface BitnamiCluster {
  readonly pods: readonly Container[];
  /** The claims' names, as podman knows them. */
  readonly claims: readonly string[];
}

/** Starts such a cluster of three, its pods one after the other, as the chart does. */
export async function startBitnami(stage: Stage): Promise<BitnamiCluster> {
  const image = await mariadbImage();
  const pods: Container[] = [];
  const claims: string[] = [];
  for (let number = 0; number < 3; number++) {
    const claim = await stage.volume(`data-${BITNAMI_NAME}-${number}`);
    claims.push(claim);
    // What fsGroup does.
    const volume = ["--volume", `${claim}:${BITNAMI_VOLUME}`];
    const give = `chown ${BITNAMI_USER} ${BITNAMI_VOLUME}`;
    await podman("run", "--rm", ...volume, "--entrypoint", "sh", image, "-c", give);
    const options = [...volume, "--user", BITNAMI_USER, "--entrypoint", "bash"];
    const script = number === 0 ? INSTALL + START_FIRST : START;
    const env = { CONFIGURATION, PEERS: pods.map(({ name }) => name).join() };
    const pod = await stage.run(`${BITNAMI_NAME}-${number}`, {
      image,
      options,
      env,
      args: ["-euc", script],
    });
    if (number === 0) await initialise(pod);
    await untilSynced(pod);
    pods.push(pod);
  }
  return { pods, claims };
}

const INSTALL = `
mkdir -p ${BITNAMI_DATADIR}
printf %s "$CONFIGURATION" > /tmp/my.cnf
mariadb-install-db --defaults-file=/tmp/my.cnf --skip-test-db --auth-root-authentication-method=normal \\
  > /dev/null
`;
const START_FIRST = `
exec mariadbd --defaults-file=/tmp/my.cnf --wsrep-new-cluster \\
  --wsrep-node-name="$(hostname)"
`;
const START = `
mkdir -p ${BITNAMI_DATADIR}
printf %s "$CONFIGURATION" > /tmp/my.cnf
exec mariadbd --defaults-file=/tmp/my.cnf --wsrep-cluster-address="gcomm://$PEERS" \\
  --wsrep-node-name="$(hostname)"
`;

async function initialise(pod: Container): Promise<void> {
  const client = ["mariadb", "--socket=/tmp/mysql.sock", "--user=root"];
  await untilSaid(pod, "it answers", async () => {
    return (await pod.tryExec(...client, "--execute", "SELECT 1")).status === 0;
  });
  await pod.exec(...client, "--execute", ACCOUNTS);
}

/** Runs statements as root. @returns Its rows. */
export async function bitnamiSql(pod: Container, statements: string): Promise<string> {
  const client = ["mariadb", "--socket=/tmp/mysql.sock", "--user=root", `-p${ROOT_PASSWORD}`];
  return await pod.exec(...client, "--batch", "--skip-column-names", "--execute", statements);
}

function untilSynced(pod: Container): Promise<void> {
  return untilSaid(pod, "it is Synced", async () => {
    const ask = "SHOW STATUS LIKE 'wsrep_local_state_comment'";
    return await bitnamiSql(pod, ask).then((said) => said.endsWith("Synced"), () => false);
  });
}

/** Waits for something of a pod. @throws It has ended. */
async function untilSaid(pod: Container, what: string, ask: () => Promise<boolean>) {
  await until(`${pod.name}: ${what}`, async () => {
    const { Running } = await pod.state();
    if (!Running) throw new Error(`${pod.name} ended:\n${await pod.logs()}`);
    return await ask();
  });
}
