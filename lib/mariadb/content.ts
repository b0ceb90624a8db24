/** What a datadir holds: a look at its files, and what follows from it. */
import { formatPosition, type Position, ZERO_UUID } from "../cluster/position.ts";
import type { Held } from "../cluster/view.ts";
import { ConfigError } from "../errors.ts";
import type { GrastateFound } from "./grastate.ts";

/** What a look at a datadir's files found. */
export interface Content {
  readonly datadir: string;
  /** `mysql/` holds tables: it was initialised, or an SST brought that much. */
  readonly hasSystemTables: boolean;
  /** InnoDB's or Aria's own files are there. */
  readonly hasEngineFiles: boolean;
  /** Folders that are a schema of a user's. */
  readonly schemas: readonly string[];
  /** Names that an SST left behind. */
  readonly sstRemains: readonly string[];
  /** Without Galera's cache, redo log and temporary files. */
  readonly dataBytes: number;
  /** Whose the data is, by user id, at a name that shows it. */
  readonly owners: ReadonlyMap<string, number>;
}

/** What an SST's scripts and Galera put at the top while one is under way. */
export const SST_REMAINS: readonly string[] = [
  ".sst",
  "sst_in_progress",
  "wsrep_sst.pid",
  "rsync_sst.pid",
  "rsync_sst.conf",
  "rsync_sst_complete",
  "stunnel.pid",
  "stunnel.conf",
  "wsrep_sst_binlog.tar",
  "tables_flushed",
  "sst_error",
  "xtrabackup_ist",
];

const SYSTEM_SCHEMAS = ["mysql", "performance_schema", "sys"];
const NOT_DATA = /^(galera\.cache|gcache\.page\..*|ib_logfile.*|ibtmp.*|\.sst)$/;

/** Looks at the files of a datadir, two levels deep. */
export async function readContent(datadir: string): Promise<Content> {
  const schemas: string[] = [];
  const sstRemains: string[] = [];
  const owners = new Map<string, number>();
  let hasSystemTables = false, hasEngineFiles = false, dataBytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(datadir)) {
    if (SST_REMAINS.includes(name)) sstRemains.push(name);
    if (NOT_DATA.test(name)) continue;
    const path = `${datadir}/${name}`;
    if (!isDirectory) {
      const stat = await statIfThere(path);
      dataBytes += stat?.size ?? 0;
      if (!/^(ibdata\d+|aria_log_control|undo\d+)$/.test(name)) continue;
      hasEngineFiles = true;
      if (stat !== null) owners.set(name, stat.uid ?? 0);
      continue;
    }
    // MariaDB writes a dot in a schema's name as @002e, so these folders are none.
    if (/^[.#]/.test(name) || name === "lost+found") continue;
    const folder = await readSchema(path);
    dataBytes += folder.bytes;
    owners.set(name, folder.owner);
    if (name === "mysql") hasSystemTables = folder.tables > 0;
    // mariadb-install-db made an empty one in versions of old.
    const isTest = name === "test" && folder.tables === 0;
    if (!SYSTEM_SCHEMAS.includes(name) && !isTest) schemas.push(name);
  }
  schemas.sort();
  return { datadir, hasSystemTables, hasEngineFiles, schemas, sstRemains, dataBytes, owners };
}

async function readSchema(path: string) {
  let tables = 0, bytes = 0;
  for await (const { name } of Deno.readDir(path)) {
    if (name !== "db.opt") tables++;
    bytes += (await statIfThere(`${path}/${name}`))?.size ?? 0;
  }
  return { tables, bytes, owner: (await Deno.stat(path)).uid ?? 0 };
}

async function statIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What a datadir holds, and what a person should know of it. */
export interface Finding {
  readonly held: Held;
  readonly problem?: string;
}

/**
 * The data knows where it is: it has to be asked, as grastate.dat says only whose it is. What it says
 * of `safe_to_bootstrap` does not count: a server that is alone says 1 while it runs (seen with 10.11),
 * and a copy that died so, or was taken while it ran, says it still when others have gone on.
 */
export interface Question {
  readonly ask: Position;
}

/** What is known of a datadir besides its content. */
export interface Knowledge {
  readonly content: Content;
  readonly grastate: GrastateFound;
  /** A new database is being moved in. */
  readonly initialising: boolean;
  /** An attempt to bootstrap was made with it. */
  readonly attempted: boolean;
}

/**
 * What a datadir holds, as far as its files tell.
 *
 * Galera writes the zero UUID, and makes sure that it is on the disk, before it asks for a state
 * transfer; it takes it back when the transfer is complete. So the zero UUID beside data means torn,
 * whatever the scripts left or cleaned up, and a real UUID means that no SST has touched the data.
 *
 * @throws {ConfigError} It does not fit together.
 */
export function judge(
  { content, grastate, initialising, attempted }: Knowledge,
): Finding | Question {
  if (initialising) return { held: { kind: "empty" } };
  const { datadir, hasSystemTables, hasEngineFiles, schemas, sstRemains } = content;
  const hasData = hasSystemTables || hasEngineFiles || schemas.length > 0;
  const named = typeof grastate === "object" && grastate.uuid !== ZERO_UUID ? grastate : null;
  if (!hasData) {
    if (named !== null) {
      return {
        held: { kind: "empty" },
        problem: `The datadir "${datadir}" is empty but for a grastate.dat that says ` +
          `${formatPosition(named)}: the data is gone`,
      };
    }
    // An SST by mariabackup empties the datadir, which may have held much, and receives in here.
    return { held: { kind: sstRemains.includes(".sst") ? "torn" : "empty" } };
  }
  if (named === null) return withoutHistory(content, grastate, attempted);
  if (!hasSystemTables) {
    throw new ConfigError(
      `The datadir "${datadir}" is of cluster ${named.uuid} but its schema mysql is missing: ` +
        "restore it, or empty the datadir and it is transferred anew",
    );
  }
  if (named.seqno < 0n) return { ask: named };
  return {
    held: {
      kind: "at",
      position: { uuid: named.uuid, seqno: named.seqno },
      safeToBootstrap: named.safeToBootstrap,
    },
  };
}

/** Data whose grastate.dat names no cluster. */
function withoutHistory(
  content: Content,
  grastate: GrastateFound,
  attempted: boolean,
): Finding {
  const { datadir, hasSystemTables, sstRemains } = content;
  if (typeof grastate === "object" || sstRemains.length > 0) return { held: { kind: "torn" } };
  // Galera makes the file first and fills it with its first view: a bootstrap that died between.
  if (grastate === "blank" && !attempted) {
    throw new ConfigError(
      `Cannot tell what the datadir holds as "${datadir}/grastate.dat" is empty: where other members ` +
        "have the data, empty the datadir and it is transferred anew, else remove that file",
    );
  }
  if (!hasSystemTables) {
    throw new ConfigError(
      `The datadir "${datadir}" holds ${
        content.schemas.join(", ") || "a part of a database"
      } but no ` +
        "database: is it the right one? Empty it, or name another with --datadir",
    );
  }
  return { held: neverInCluster(content) };
}

function neverInCluster({ schemas }: Content): Held {
  return { kind: schemas.length === 0 ? "fresh" : "standalone" };
}

/**
 * What a datadir holds once its data was asked.
 *
 * @param named What grastate.dat says, its seqno unknown.
 * @param recovered What the data says.
 * @throws {ConfigError} They contradict each other.
 */
export function judgeRecovered(
  content: Content,
  named: Question,
  recovered: Position,
): Finding {
  const { uuid } = named.ask;
  if (recovered.uuid === uuid && recovered.seqno >= 0n) {
    return { held: { kind: "at", position: recovered, safeToBootstrap: false } };
  }
  // Data without a history says so by Galera's own "undefined": the zero UUID, and -1. Anything else
  // is of another cluster, or half of the two.
  if (recovered.uuid !== ZERO_UUID || recovered.seqno >= 0n) {
    throw new ConfigError(
      `The datadir "${content.datadir}" contradicts itself: grastate.dat says cluster ${uuid}, the ` +
        `data says ${
          formatPosition(recovered)
        }; restore it, or empty it and it is transferred anew`,
    );
  }
  // InnoDB notes the first view of a cluster before anything can be committed in it.
  return {
    held: neverInCluster(content),
    problem: `grastate.dat in "${content.datadir}" says cluster ${uuid}, of which the data knows ` +
      "nothing: it died before anything was committed there",
  };
}
