/** One kept connection to the server, over its unix socket. */
import { createConnection } from "mariadb";
import type { Connection } from "mariadb";
import { ConfigError } from "../errors.ts";

/** How to log in. */
export interface Login {
  /** The server's account. */
  readonly user: string;
  /** null: by the unix socket, as the system's user of that name. Secret. */
  readonly password: string | null;
}

/** Rows as arrays of text, numbers and null. */
export type Rows = readonly (readonly unknown[])[];

/** Access denied: with a password, and by a plugin (MariaDB's errors). */
const DENIED: readonly number[] = [1045, 1698];
const CONNECT_MS = 2000;
/** A query of ours takes a millisecond; a server that hangs counts as one that does not answer. */
const SILENCE_MS = 10_000;

/** A connection that is made when it is needed, and made again when it broke. */
export class KeptConnection {
  readonly #socket: string;
  readonly #login: Login;
  readonly #datadir: string;
  #connection: Promise<Connection | null> | null = null;
  #closed = false;

  /** @param datadir The server's: who else answers on that socket is another server. */
  constructor(socket: string, login: Login, datadir: string) {
    this.#socket = socket;
    this.#login = login;
    this.#datadir = datadir;
  }

  /**
   * Asks the server.
   *
   * @returns null while it does not answer, or refuses that query for now.
   * @throws {ConfigError} It refuses our login, or is another server.
   */
  async query(sql: string): Promise<Rows | null> {
    const connection = await this.#connected();
    if (connection === null) return null;
    try {
      return toRows(await inTime(connection.query({ sql, rowsAsArray: true })));
    } catch (error) {
      // Such as 1047: up, but not in a state to answer that. The connection is as good as before.
      if (!connection.isValid() || errorNumber(error) === null) this.#drop(connection);
      return null;
    }
  }

  /** Closes it for good. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#connection?.catch(() => null);
    this.#connection = null;
    connection?.destroy();
  }

  #drop(connection: Connection): void {
    this.#connection = null;
    connection.destroy();
  }

  async #connected(): Promise<Connection | null> {
    if (this.#closed) return null;
    this.#connection ??= this.#connect();
    const mine = this.#connection;
    try {
      const connection = await mine;
      if (connection !== null && connection.isValid()) return connection;
    } catch (error) {
      if (this.#connection === mine) this.#connection = null;
      throw error;
    }
    if (this.#connection === mine) this.#connection = null;
    return null;
  }

  async #connect(): Promise<Connection | null> {
    try {
      // Before it is up there is no socket: looking is cheaper than trying.
      if (!(await Deno.lstat(this.#socket)).isSocket) return null;
    } catch {
      return null;
    }
    let connection: Connection;
    try {
      connection = await createConnection({
        socketPath: this.#socket,
        user: this.#login.user,
        ...(this.#login.password !== null && { password: this.#login.password }),
        connectTimeout: CONNECT_MS,
        // Our questions are about this server; they must not wait for the others.
        initSql: "SET SESSION wsrep_sync_wait = 0",
      });
    } catch (error) {
      if (DENIED.includes(errorNumber(error) ?? 0)) throw this.#denied(error);
      return null;
    }
    // Without a listener a connection that breaks while idle would end the program.
    connection.on("error", () => this.#drop(connection));
    return await this.#checked(connection);
  }

  async #checked(connection: Connection): Promise<Connection | null> {
    try {
      const [row] = toRows(
        await inTime(connection.query({ sql: "SELECT @@datadir", rowsAsArray: true })),
      );
      const datadir = String(row?.[0]).replace(/\/+$/, "");
      if (datadir === this.#datadir) return connection;
      connection.destroy();
      throw new ConfigError(
        `On the socket "${this.#socket}" another server answers, with datadir "${datadir}": stop it, ` +
          "or name another socket with --socket",
      );
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      connection.destroy();
      return null;
    }
  }

  #denied(cause: unknown): ConfigError {
    const { user, password } = this.#login;
    return new ConfigError(
      password === null
        ? `MariaDB refuses "${user}" by the unix socket: give root's password with MARIADB_ROOT_PASSWORD`
        : `MariaDB refuses the password of "${user}": MARIADB_ROOT_PASSWORD must be the one that the ` +
          "cluster has",
      { cause },
    );
  }
}

/** @throws {Error} After {@link SILENCE_MS}. The client's own limit closes idle connections, too. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("No answer in time")), SILENCE_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function errorNumber(error: unknown): number | null {
  if (!(error instanceof Error) || !("errno" in error)) return null;
  // The client's own errors and the system's are outside of the server's range.
  const { errno } = error;
  return typeof errno === "number" && errno >= 1000 && errno < 45_000 ? errno : null;
}

function toRows(result: unknown): Rows {
  return Array.isArray(result) ? result.filter((row) => Array.isArray(row)) : [];
}
