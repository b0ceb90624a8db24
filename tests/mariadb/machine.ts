/** A folder with the datadirs of some members, for tests with real servers; all ends with it. */
import { getLogger } from "@logtape/logtape";
import { createDatabase } from "../../lib/mariadb/create.ts";
import type { Database, Running, SpawnPlan, WsrepStatus } from "../../lib/mariadb/database.ts";
import type { DatabaseSettings } from "../../lib/mariadb/settings.ts";

/** The account that Debian's MariaDB runs as. */
export const USER = "mysql";

/** Small and quick: what is lost in a power cut does not matter here. */
const SMALL: readonly string[] = [
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=8M",
  "--innodb-flush-log-at-trx-commit=2",
  "--innodb-data-file-path=ibdata1:3M:autoextend",
  "--innodb-temp-data-file-path=ibtmp1:3M:autoextend",
  "--performance-schema=OFF",
  "--max-connections=20",
];

export const NO_INITIALISATION: DatabaseSettings["initialisation"] = {
  rootPassword: null,
  hasRandomRootPassword: false,
  allowsEmptyRootPassword: false,
  rootHost: null,
  database: null,
  user: null,
  password: null,
};

/** One member's database, and the servers that it started. */
export interface TestDatabase extends Database {
  readonly settings: DatabaseSettings;
  readonly datadir: string;
}

/** Members on addresses 127.12.NET.N. */
export class Machine implements AsyncDisposable {
  readonly folder: string;
  readonly #net: number;
  readonly #started: Running[] = [];
  readonly #databases: Database[] = [];

  private constructor(folder: string, net: number) {
    this.folder = folder;
    this.#net = net;
  }

  /** @param net Another one for each test, so that none waits for another's ports. */
  static async make(net: number): Promise<Machine> {
    const folder = await Deno.makeTempDir({ prefix: "gk-test-" });
    await Deno.chmod(folder, 0o755);
    return new Machine(folder, net);
  }

  /** Settings of a member, its datadir made and given to the account. */
  async settings(n: number, more: Partial<DatabaseSettings> = {}): Promise<DatabaseSettings> {
    const datadir = `${this.folder}/data-${n}`;
    const sockets = `${this.folder}/run-${n}`;
    for (const folder of [datadir, sockets]) {
      await Deno.mkdir(folder, { recursive: true });
      await chown(folder);
    }
    const address = `127.12.${this.#net}.${n}`;
    return {
      datadir,
      socket: `${sockets}/mysqld.sock`,
      user: USER,
      member: `node-${n}`,
      address,
      bind: address,
      port: 3306,
      clusterName: "test",
      sstMethod: "rsync",
      provider: null,
      providerOptions: { "gcache.size": "16M" },
      extraArguments: SMALL,
      initialisation: NO_INITIALISATION,
      initFolder: `${this.folder}/init-${n}`,
      ...more,
    };
  }

  /** A member's database. */
  async database(n: number, more: Partial<DatabaseSettings> = {}): Promise<TestDatabase> {
    const settings = await this.settings(n, more);
    const database = createDatabase(settings, getLogger(["galera-keeper", "test"]));
    this.#databases.push(database);
    return {
      settings,
      datadir: settings.datadir,
      adopt: () => database.adopt(),
      inspect: (signal) => database.inspect(signal),
      writeIdentity: (identity) => database.writeIdentity(identity),
      writeFailedStarts: (count) => database.writeFailedStarts(count),
      initialise: (signal) => database.initialise(signal),
      spawn: async (plan: SpawnPlan) => {
        const running = await database.spawn(plan);
        this.#started.push(running);
        return running;
      },
      close: () => database.close(),
    };
  }

  /** The same datadir's database with one more option; the other one lets go of it. */
  async withOptions(database: TestDatabase, ...more: string[]): Promise<TestDatabase> {
    await database.close();
    const { settings } = database;
    const n = Number(settings.member.replace(/^node-/, ""));
    return await this.database(n, {
      ...settings,
      extraArguments: [...settings.extraArguments, ...more],
    });
  }

  /** Runs a statement as root by the socket. @returns What the client printed. */
  async sql(database: TestDatabase, statement: string, args: string[] = []): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("mariadb", {
      args: [
        "--no-defaults",
        `--socket=${database.settings.socket}`,
        ...args,
        "-N",
        "-B",
        "-e",
        statement,
      ],
      stdin: "null",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#started) {
      await running.stop(0);
    }
    for (const database of this.#databases) await database.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Never aborted. */
export const NEVER = new AbortController().signal;

/** Gives a file or folder to the account. */
export async function chown(path: string): Promise<void> {
  const { stdout } = await new Deno.Command("id", { args: ["-u", USER] }).output();
  const { stdout: group } = await new Deno.Command("id", { args: ["-g", USER] }).output();
  const number = (raw: Uint8Array) => Number(new TextDecoder().decode(raw));
  await Deno.chown(path, number(stdout), number(group));
}

/** Waits until a server's status is as wanted, or it has exited. */
export async function until(
  running: Running,
  isWanted: (status: WsrepStatus) => boolean,
): Promise<WsrepStatus> {
  let exited: string | null = null;
  running.exited.then((status) => exited = JSON.stringify(status));
  for (;;) {
    const status = await running.status();
    if (status !== null && isWanted(status)) return status;
    if (exited !== null) throw new Error(`The server has exited: ${exited}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Primary and Synced. */
export function isUp(status: WsrepStatus): boolean {
  return status.primary && status.synced && status.ready;
}
