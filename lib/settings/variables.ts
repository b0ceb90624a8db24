/**
 * The variables of MariaDB's official image that we understand, each also as `…_FILE` and with
 * `MYSQL_` for `MARIADB_`, as in that image's docker-entrypoint.sh.
 */

import { oneLine, shown } from "./shown.ts";
import type { Environment } from "../command.ts";
import { ConfigError } from "../errors.ts";
import type { InitialisationSettings } from "../mariadb/settings.ts";

/** Reads a text file; throws as `Deno.readTextFileSync()` does. */
export type ReadTextFile = (path: string) => string;

/**
 * Gives a variable's value, from itself or from the file that `<name>_FILE` names; null where both
 * are missing or empty. One newline at the file's end is not part of the value.
 *
 * @throws {ConfigError} Both are given, or the file cannot be read.
 */
export function readVariable(
  name: string,
  env: Environment,
  readTextFile: ReadTextFile,
): string | null {
  const value = env[name] || null;
  const file = env[`${name}_FILE`] || null;
  if (value !== null && file !== null) {
    throw new ConfigError(`Both ${name} and ${name}_FILE are given: give one of them`);
  }
  if (file === null) return value;
  return readSecretFile(`${name}_FILE`, file, readTextFile) || null;
}

/**
 * Reads what a file holds, less one newline at its end.
 * @throws {ConfigError} The file cannot be read; the message names the setting and the file.
 */
export function readSecretFile(
  setting: string,
  file: string,
  readTextFile: ReadTextFile,
): string {
  try {
    return readTextFile(file).replace(/\r?\n$/, "");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/:.*/s, "") : String(cause);
    throw new ConfigError(
      `Cannot read the file ${shown(file, 300)} that ${setting} names: ${oneLine(why, 200)}`,
      {
        cause,
      },
    );
  }
}

/** As `readVariable()`, for `MARIADB_<name>` and `MYSQL_<name>`. */
function readEither(name: string, env: Environment, readTextFile: ReadTextFile): string | null {
  const mariadb = readVariable(`MARIADB_${name}`, env, readTextFile);
  const mysql = readVariable(`MYSQL_${name}`, env, readTextFile);
  if (mariadb !== null && mysql !== null && mariadb !== mysql) {
    throw new ConfigError(
      `MARIADB_${name} and MYSQL_${name} are both given and differ: give one of them`,
    );
  }
  return mariadb ?? mysql;
}

/**
 * Reads what a datadir that is initialised gets.
 * @throws {ConfigError} Settings contradict each other, or a file cannot be read.
 */
export function readInitialisation(
  env: Environment,
  readTextFile: ReadTextFile,
): InitialisationSettings {
  const read = (name: string) => readEither(name, env, readTextFile);
  const flag = (name: string) => readFlag(name, read(name));
  const config: InitialisationSettings = {
    rootPassword: read("ROOT_PASSWORD"),
    hasRandomRootPassword: flag("RANDOM_ROOT_PASSWORD"),
    allowsEmptyRootPassword: flag("ALLOW_EMPTY_ROOT_PASSWORD") || flag("ALLOW_EMPTY_PASSWORD"),
    rootHost: read("ROOT_HOST"),
    database: read("DATABASE"),
    user: read("USER"),
    password: read("PASSWORD"),
  };
  rejectContradictions(config);
  return config;
}

/**
 * In the image any value but the empty one means yes, "0" and "no" too. Whoever writes those surely
 * means the opposite, so they are refused.
 */
function readFlag(name: string, value: string | null): boolean {
  if (value !== null && /^(0|no|false|off)$/i.test(value)) {
    throw new ConfigError(
      `MARIADB_${name} is ${
        shown(value)
      }, which MariaDB's image takes for a yes: unset it for a no`,
    );
  }
  return value !== null;
}

function rejectContradictions(config: InitialisationSettings): void {
  const rootWays = [
    config.rootPassword !== null && "MARIADB_ROOT_PASSWORD",
    config.hasRandomRootPassword && "MARIADB_RANDOM_ROOT_PASSWORD",
    config.allowsEmptyRootPassword && "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
  ].filter((name) => name !== false);
  if (rootWays.length > 1) {
    throw new ConfigError(`${rootWays.join(" and ")} contradict each other: give one of them`);
  }
  if (config.user === "root") {
    throw new ConfigError(
      `MARIADB_USER is "root", whom every server has: use MARIADB_ROOT_PASSWORD for root`,
    );
  }
  if ((config.user === null) !== (config.password === null)) {
    const [given, missing] = config.user === null
      ? ["MARIADB_PASSWORD", "MARIADB_USER"]
      : ["MARIADB_USER", "MARIADB_PASSWORD"];
    throw new ConfigError(`${given} is given without ${missing}: give both or none`);
  }
}
