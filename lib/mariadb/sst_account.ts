/**
 * Who an SST by mariabackup logs in as, on the donor: the server's account of the same name as the
 * system's user that runs mariadbd and the SST's scripts, by the unix socket. No password is needed for
 * it, so there is none to be hidden, and none that is old when root's is changed by SQL.
 */
import type { KeptConnection, Rows } from "./connection.ts";
import { identifier, literal } from "./initial_sql.ts";
import type { Account } from "./programs.ts";

/** What mariadb-backup needs (MariaDB's page "mariadb-backup overview", Authentication and privileges). */
const PRIVILEGES = "RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT";

/** The account's name; null where the system's user is a number that no name belongs to. */
export function sstAccount({ name }: Pick<Account, "name">): string | null {
  return /^\d+$/.test(name) ? null : name;
}

/**
 * Makes sure that the account is there. A database that we initialised has it; one that came from
 * elsewhere, or that the official image's script made, may not.
 *
 * @returns Whether it had to be created; null where that could not be done.
 */
export async function ensureSstAccount(
  connection: Pick<KeptConnection, "query">,
  name: string,
): Promise<boolean | null> {
  const found = await connection.query(
    `SELECT COUNT(*) FROM mysql.user WHERE User = ${literal(name)} AND Host = 'localhost'`,
  );
  if (found === null) return null;
  if (count(found) > 0) return false;
  // One statement: it is there with all that it needs, or not at all.
  const granted = await connection.query(
    `GRANT ${PRIVILEGES} ON *.* TO ${identifier(name)}@localhost IDENTIFIED VIA unix_socket`,
  );
  return granted === null ? null : true;
}

function count(rows: Rows): number {
  return Number(rows[0]?.[0] ?? 0);
}
