/** What a new database is told first. Pure. */
import type { InitialisationSettings } from "./settings.ts";

/**
 * Statements that set root's password and make the database and the user that were asked for.
 *
 * @param rootPassword null: root logs in by the unix socket alone.
 */
export function initialSql(
  settings: InitialisationSettings,
  rootPassword: string | null,
): string {
  const { rootHost, database, user, password } = settings;
  const statements = [
    // Whatever the machine's option files say, backslashes escape below.
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'",
  ];
  if (rootPassword !== null) {
    const secret = literal(rootPassword);
    statements.push(
      "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password " +
        `USING PASSWORD(${secret})`,
    );
    const host = rootHost ?? "%";
    if (host !== "localhost") {
      const root = `root@${literal(host)}`;
      statements.push(
        `CREATE USER ${root} IDENTIFIED BY ${secret}`,
        `GRANT ALL PRIVILEGES ON *.* TO ${root} WITH GRANT OPTION`,
        `GRANT PROXY ON ''@'%' TO ${root} WITH GRANT OPTION`,
      );
    }
  }
  if (database !== null) statements.push(`CREATE DATABASE IF NOT EXISTS ${identifier(database)}`);
  if (user !== null && password !== null) {
    const name = `${literal(user)}@'%'`;
    statements.push(`CREATE USER ${name} IDENTIFIED BY ${literal(password)}`);
    if (database !== null) {
      // In a grant's schema `_` and `%` stand for any characters.
      const schema = identifier(database.replace(/[_%\\]/g, "\\$&"));
      statements.push(`GRANT ALL PRIVILEGES ON ${schema}.* TO ${name}`);
    }
  }
  return statements.map((statement) => `${statement};\n`).join("");
}

/** A string of SQL. */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replaceAll("\0", "\\0").replaceAll("\n", "\\n")}'`;
}

/** A name of SQL. */
export function identifier(text: string): string {
  return `\`${text.replaceAll("`", "``")}\``;
}
