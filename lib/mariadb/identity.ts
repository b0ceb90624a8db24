/** The file of ours in the datadir: it comes and goes with the data. */
import * as v from "valibot";
import { ConfigError } from "../errors.ts";
import { attemptsSchema, name, stringify } from "../schemas.ts";
import type { Identity } from "./database.ts";
import { type Owner, writeAtomically } from "./files.ts";

/**
 * Its name. Not a hidden file, so that `rm -rf datadir/*` takes it along. An SST by rsync leaves
 * files at the top alone, one by mariabackup those that its `cpat` names.
 */
export const IDENTITY_FILE = "galera-keeper.json";

const identitySchema = v.object({
  v: v.literal(1),
  datadirId: name,
  attempt: v.nullable(name),
  lineage: v.optional(attemptsSchema, []),
  initialising: v.optional(v.boolean(), false),
  failedStarts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
});

/** What it holds. */
export interface StoredIdentity extends Identity {
  /** A new database is being moved into the datadir: what is there is not complete. */
  readonly initialising: boolean;
  /** How many starts in a row have failed. */
  readonly failedStarts: number;
}

/**
 * Reads it.
 *
 * @returns null where there is none.
 * @throws {ConfigError} It holds something else.
 */
export async function readIdentity(datadir: string): Promise<StoredIdentity | null> {
  const path = `${datadir}/${IDENTITY_FILE}`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const identity = parseIdentity(text);
  if (identity !== null) return identity;
  throw new ConfigError(
    `"${path}" does not say which datadir this is: it is cut off or another program's; if the ` +
      `data is this member's, remove that file`,
  );
}

/** Finds out whether it could be written, without a change: its time stays what it is. @throws as Deno */
export async function touchIdentity(datadir: string): Promise<void> {
  const path = `${datadir}/${IDENTITY_FILE}`;
  const { atime, mtime } = await Deno.stat(path);
  if (atime !== null && mtime !== null) await Deno.utime(path, atime, mtime);
}

/** Writes it, all or nothing. */
export async function writeIdentity(
  datadir: string,
  { datadirId, attempt, lineage, initialising, failedStarts }: StoredIdentity,
  owner: Owner,
): Promise<void> {
  const text = stringify({
    v: 1,
    datadirId,
    attempt,
    ...(lineage.length > 0 && { lineage }),
    ...(initialising && { initialising }),
    ...(failedStarts > 0 && { failedStarts }),
  });
  await writeAtomically(`${datadir}/${IDENTITY_FILE}`, `${text}\n`, 0o600, owner);
}

function parseIdentity(text: string): StoredIdentity | null {
  try {
    const { success, output } = v.safeParse(identitySchema, JSON.parse(text));
    return success ? output : null;
  } catch {
    return null;
  }
}
