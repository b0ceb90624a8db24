/** The file that the race counts in. */

import { ConfigError } from "../errors.ts";

/** The lock's path, below the root. */
export const RACE_LOCK = "/race-demo";

/** Reads an integer, as a whole file; null where it is none that can be counted on from. */
export function parseNumber(text: string): number | null {
  const value = /^\s*[+-]?\d{1,16}\s*$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

/**
 * Looks whether the file can be counted in: it holds an integer, or is not there yet.
 *
 * @returns The number that it holds; 0 where it is not there.
 * @throws {ConfigError} It holds something else, which is left alone, or cannot be read.
 */
export function checkFile(file: string): number {
  const found = readText(file);
  const value = found === null ? 0 : parseNumber(found);
  if (value !== null) return value;
  throw new ConfigError(
    `The file "${file}" holds no integer, so it is left alone: give another with --file`,
  );
}

/**
 * Prepares the file: 0, or what it holds where it is to be kept.
 *
 * @returns The number that it now holds.
 * @throws {ConfigError} It holds something else, which is left alone, or cannot be written.
 */
export function prepareFile(file: string, keep: boolean): number {
  const value = checkFile(file);
  const from = keep ? value : 0;
  try {
    Deno.writeTextFileSync(file, `${from}`);
  } catch (cause) {
    throw new ConfigError(`Cannot write the file "${file}": ${reasonOf(cause)}`, { cause });
  }
  return from;
}

/** What the file holds in the end. @throws {ConfigError} It went away, or holds something else. */
export function readResult(file: string): number {
  const value = parseNumber(readText(file) ?? "");
  if (value === null) throw new ConfigError(`The file "${file}" holds no number any more`);
  return value;
}

function readText(file: string): string | null {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new ConfigError(`Cannot read the file "${file}": ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\s*\(os error.*/s, "") : String(error);
}
