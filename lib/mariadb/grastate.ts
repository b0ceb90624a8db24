/** Galera's own file in the datadir. */
import { type Grastate, parseGrastate, PositionError, ZERO_UUID } from "../cluster/position.ts";
import { ConfigError } from "../errors.ts";
import { type Owner, readTextIfThere, writeAtomically } from "./files.ts";

/** Its name. */
export const GRASTATE_FILE = "grastate.dat";

/** What was found: nothing, an empty file, or what it says. */
export type GrastateFound = Grastate | "missing" | "blank";

/**
 * Reads it.
 *
 * @throws {ConfigError} It is corrupt: nothing can be said of the data then.
 */
export async function readGrastate(datadir: string): Promise<GrastateFound> {
  const path = `${datadir}/${GRASTATE_FILE}`;
  const text = await readTextIfThere(path);
  if (text === null) return "missing";
  if (text === "") return "blank";
  try {
    return parseGrastate(text);
  } catch (cause) {
    if (!(cause instanceof PositionError)) throw cause;
    throw new ConfigError(
      `Cannot tell what the datadir holds as "${path}" is corrupt: ${cause.message}; where other ` +
        `members have the data, empty ${datadir} and it is transferred anew, else restore that file`,
      { cause },
    );
  }
}

/** Writes it as Galera does. */
export async function writeGrastate(
  datadir: string,
  { uuid, seqno, safeToBootstrap }: Grastate,
  owner: Owner,
): Promise<void> {
  const text = "# GALERA saved state\nversion: 2.1\n" +
    `uuid:    ${uuid}\nseqno:   ${seqno}\nsafe_to_bootstrap: ${safeToBootstrap ? 1 : 0}\n`;
  await writeAtomically(`${datadir}/${GRASTATE_FILE}`, text, 0o660, owner);
}

/** What Galera itself writes before data is overwritten: no history, nothing known. */
export const NO_HISTORY: Grastate = { uuid: ZERO_UUID, seqno: -1n, safeToBootstrap: false };
