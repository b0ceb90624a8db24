/**
 * Positions in a cluster's history: reading them from Galera's files and logs, and comparing them.
 *
 * This is the only place that compares positions. Seqnos of different clusters count different
 * things, so a comparison across UUIDs is an error here and not a number.
 */
import type { Held } from "./view.ts";

/** A position in a cluster's history: which cluster, and how many transactions of it. */
export interface Position {
  /** The cluster's UUID, lower case. */
  readonly uuid: string;
  /** How many write sets of that history are in; -1n (unknown) to 2^63 - 1. */
  readonly seqno: bigint;
}

/** What Galera's `grastate.dat` says. */
export interface Grastate extends Position {
  /** Whether Galera thinks that this member was the last one to leave. */
  readonly safeToBootstrap: boolean;
}

/** The UUID that stands for "no history": a datadir that never joined, or whose SST did not finish. */
export const ZERO_UUID = "00000000-0000-0000-0000-000000000000";

/** A position that cannot be read or that cannot be compared. */
export class PositionError extends Error {
  override readonly name = "PositionError";
}

/** Galera keeps a seqno in an `int64_t`; -1 is its `WSREP_SEQNO_UNDEFINED`. */
const SEQNO_MAX = 2n ** 63n - 1n;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Reads a position as Galera writes it.
 *
 * @param text `UUID:SEQNO`, the UUID in either case.
 * @throws {PositionError} When it is not that, or the seqno is below -1 or above 2^63 - 1.
 *
 * @example
 * ```ts
 * parsePosition("6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d:42").seqno; // 42n
 * ```
 */
export function parsePosition(text: string): Position {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new PositionError(`Not a position, UUID:SEQNO was expected: ${quote(text)}`);
  }
  return { uuid: parseUuid(text.slice(0, colon)), seqno: parseSeqno(text.slice(colon + 1)) };
}

/** A position as Galera writes it, `UUID:SEQNO`: what `--wsrep-start-position` takes. */
export function formatPosition(position: Position): string {
  return `${position.uuid}:${position.seqno}`;
}

/** Whether two datadirs' worth of data are at one known position. */
export function isSamePlace(a: Held, b: Held): boolean {
  return a.kind === "at" && b.kind === "at" && a.position.uuid === b.position.uuid &&
    isKnown(a.position) && comparePositions(a.position, b.position) === 0;
}

/**
 * Whether a position says how far a history goes: the zero UUID is no history, and Galera's -1 may
 * stand for any seqno. Nobody bootstraps from one that does not.
 */
export function isKnown(position: Position): boolean {
  return position.uuid !== ZERO_UUID && position.seqno >= 0n;
}

/**
 * Which of two positions of one cluster is ahead.
 *
 * @returns -1 when `a` is behind `b`, 0 when they are equal, 1 when `a` is ahead.
 * @throws {PositionError} When the UUIDs differ, or are the zero UUID, which is no history.
 */
export function comparePositions(a: Position, b: Position): -1 | 0 | 1 {
  if (a.uuid !== b.uuid) {
    throw new PositionError(
      `Positions of different clusters are never compared: ${formatPosition(a)}, ${
        formatPosition(b)
      }`,
    );
  }
  if (a.uuid === ZERO_UUID) {
    throw new PositionError(`The zero UUID is no cluster's, its seqnos are never compared`);
  }
  return a.seqno < b.seqno ? -1 : a.seqno > b.seqno ? 1 : 0;
}

/** In characters; Galera's own has 300 bytes. */
const LONGEST_GRASTATE = 16_384;

/**
 * Reads `grastate.dat`. Comments, unknown keys, white space and Windows line ends are let through,
 * as Galera itself pads the file with blanks and old versions had other keys.
 *
 * @throws {PositionError} When the UUID or the seqno is missing, said twice or no such thing, or
 * when there are bytes no such file has (a power cut may leave a file of zeros).
 */
export function parseGrastate(text: string): Grastate {
  if (text.length > LONGEST_GRASTATE) throw new PositionError("grastate.dat is far too long");
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text)) {
    throw new PositionError("grastate.dat holds bytes that are no text");
  }
  const values = new Map<string, string>();
  for (const line of text.split(/\r\n|\r|\n/)) {
    const match = /^\s*(uuid|seqno|safe_to_bootstrap)\s*:(.*)$/.exec(line);
    const key = match?.[1], value = match?.[2]?.trim();
    if (key === undefined || value === undefined) continue;
    if (values.has(key)) throw new PositionError(`grastate.dat says ${key} twice`);
    values.set(key, value);
  }
  const [uuid, seqno] = [values.get("uuid"), values.get("seqno")];
  const safe = values.get("safe_to_bootstrap") ?? "0";
  if (uuid === undefined) throw new PositionError("grastate.dat has no uuid");
  const cluster = parseUuid(uuid);
  if (seqno === undefined) throw new PositionError("grastate.dat has no seqno");
  // A number that ends the file may be the beginning of a longer one.
  if (/seqno[^\r\n]*$/.test(text)) throw new PositionError("grastate.dat is cut off in its seqno");
  if (safe !== "0" && safe !== "1") {
    throw new PositionError(`grastate.dat has no 0 or 1 as safe_to_bootstrap: ${quote(safe)}`);
  }
  return { uuid: cluster, seqno: parseSeqno(seqno), safeToBootstrap: safe === "1" };
}

/**
 * Finds the position that one `mariadbd --wsrep-recover` logged. Newer versions write a GTID behind it
 * (`UUID:SEQNO,DOMAIN-SERVER-SEQUENCE`), which is left out.
 *
 * @param logText What that one run logged, in whole lines: a seqno that ends a line which was cut off
 * may be the beginning of a longer one.
 * @returns null when no such line is there.
 * @throws {PositionError} When the line is there and its position cannot be read, or when there are
 * two such lines with different positions.
 */
export function parseRecoveredPosition(logText: string): Position | null {
  const lines = logText.matchAll(/WSREP: Recovered position:[ \t]*([^\s,]*)/g);
  const positions = [...lines].map(([, text = ""]) => parsePosition(text));
  const said = [...new Set(positions.map(formatPosition))];
  if (said.length > 1) {
    throw new PositionError(`Different positions for one datadir: ${quote(said.join(", "))}`);
  }
  return positions[0] ?? null;
}

function parseUuid(text: string): string {
  const uuid = text.toLowerCase();
  if (!UUID.test(uuid)) throw new PositionError(`Not a UUID: ${quote(text)}`);
  return uuid;
}

function parseSeqno(text: string): bigint {
  // The length is looked at first: a text of a million digits is no number to work out.
  const seqno = /^(-1|\d{1,19})$/.test(text) ? BigInt(text) : null;
  if (seqno === null || seqno > SEQNO_MAX) {
    throw new PositionError(`Not a seqno, -1 to 2^63 - 1 was expected: ${quote(text)}`);
  }
  return seqno;
}

/** What was found, on one line and not endless. */
function quote(text: string): string {
  // JSON lets through what some terminals obey.
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text).replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
