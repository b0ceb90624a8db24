/**
 * Makes an empty datadir a fresh one.
 *
 * The new database is made in a folder of its own inside the datadir and then moved up, so that
 * nothing is ever cleared that we did not make, and a datadir is either empty or complete.
 */
import { randomBytes } from "node:crypto";
import type { Logger } from "@logtape/logtape";
import { ConfigError, UnavailableError } from "../errors.ts";
import { describeExit } from "../exit.ts";
import { type Child, type ChildOptions, runChild, startChild } from "./child.ts";
import { readContent, SST_REMAINS } from "./content.ts";
import type { ExitStatus } from "./database.ts";
import type { Datadir } from "./datadir.ts";
import { remove, syncFolder } from "./files.ts";
import { GRASTATE_FILE } from "./grastate.ts";
import { initFileNames, runInitFiles } from "./init_files.ts";
import { initialSql } from "./initial_sql.ts";
import { formatOption, type Option } from "./arguments.ts";
import { optionFile, type Surroundings } from "./option_file.ts";
import { type Account, findProgram, lookForProgram } from "./programs.ts";
import type { RuntimeFolder } from "./runtime.ts";
import type { DatabaseSettings } from "./settings.ts";

/** Where the new database is made. MariaDB takes a folder with such a name for no schema. */
export const STAGING_FOLDER = ".galera-keeper-new";

/** What an initialisation works with. */
export interface Initialisation {
  readonly datadir: Datadir;
  readonly settings: DatabaseSettings;
  readonly surroundings: Surroundings;
  readonly runtime: RuntimeFolder;
  readonly account: Account;
  /** mariadbd. */
  readonly program: string;
  readonly log: Logger;
}

/**
 * Makes an empty datadir a fresh one. One that was cut off is started over, or finished where only
 * moving was left.
 *
 * @param signal Ends it. @throws The signal's reason.
 * @throws {import("../errors.ts").KeeperError} The datadir is not empty, or it failed.
 */
export async function initialise(it: Initialisation, signal: AbortSignal): Promise<void> {
  const { datadir, log } = it;
  const staging = `${datadir.path}/${STAGING_FOLDER}`;
  if (!(await datadir.identity()).initialising) {
    const { schemas, hasSystemTables, hasEngineFiles } = await readContent(datadir.path);
    if (hasSystemTables || hasEngineFiles || schemas.length > 0) {
      throw new ConfigError(`Not initialised as the datadir "${datadir.path}" is not empty`);
    }
    log.info('Initialising the datadir "{path}"', { path: datadir.path });
    await remove(staging);
    await Deno.mkdir(staging, { mode: 0o750 });
    if (datadir.owner !== null) await Deno.chown(staging, datadir.owner.uid, datadir.owner.gid);
    await make(it, staging, signal);
    // Of a cluster that an SST was to join us to: with it the new data would count as torn.
    for (const name of [GRASTATE_FILE, "galera.cache", ...SST_REMAINS]) {
      await remove(`${datadir.path}/${name}`);
    }
    await syncFolder(staging);
    await datadir.writeIdentity({ ...await datadir.identity(), initialising: true });
  }
  await moveUp(staging, datadir.path);
  await datadir.writeIdentity({ ...await datadir.identity(), initialising: false });
}

/** Each entry is moved in one go, so this goes on where it was cut off. */
async function moveUp(staging: string, datadir: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(staging)) {
      await Deno.rename(`${staging}/${name}`, `${datadir}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await syncFolder(datadir);
  await remove(staging);
}

async function make(it: Initialisation, staging: string, signal: AbortSignal): Promise<void> {
  const { settings, surroundings, runtime } = it;
  const text = optionFile(settings, surroundings, { kind: "initialise", datadir: staging });
  const defaults = `--defaults-extra-file=${await runtime.write("initialise.cnf", text)}`;
  const entrypoint = await findEntrypoint(settings);
  if (entrypoint !== null) return await byEntrypoint(it, entrypoint, defaults, signal);
  const install = await findProgram(
    ["mariadb-install-db", "mysql_install_db"],
    "mariadb-server",
  );
  await run(it, {
    program: install,
    args: [
      defaults,
      `--datadir=${staging}`,
      // Besides root, the system's user: an SST by mariabackup logs in as that.
      `--auth-root-socket-user=${it.account.name}`,
      "--auth-root-authentication-method=socket",
      "--skip-test-db",
      "--skip-name-resolve",
      "--rpm",
    ],
  }, signal);
  if (await isToBeFilled(settings)) await fill(it, defaults, signal);
}

/** Whether anything was asked for that a server has to be there for: its start and stop take a while. */
async function isToBeFilled(settings: DatabaseSettings): Promise<boolean> {
  const { rootPassword, hasRandomRootPassword, allowsEmptyRootPassword, database, user } =
    settings.initialisation;
  return rootPassword !== null || hasRandomRootPassword || allowsEmptyRootPassword ||
    database !== null || user !== null || (await initFileNames(settings)).length > 0;
}

/** Starts a server for ourselves alone and fills its database. */
async function fill(it: Initialisation, defaults: string, signal: AbortSignal): Promise<void> {
  const { settings, runtime, account } = it;
  const rootPassword = await choosePassword(it);
  const server = await startServer(it, defaults, signal);
  try {
    const own = await runtime.write("own.cnf", clientFile(settings.socket, account.name, null));
    const statements = initialSql(settings.initialisation, rootPassword);
    await run(it, {
      program: await findProgram(["mariadb", "mysql"], "mariadb-client"),
      args: [`--defaults-file=${own}`, "--binary-mode", "--database=mysql"],
      input: ReadableStream.from([new TextEncoder().encode(statements)]),
    }, signal);
    const root = rootPassword === null
      ? own
      : await runtime.write("root.cnf", clientFile(settings.socket, "root", rootPassword));
    await runtime.write("my.cnf", clientFile(settings.socket, null, null));
    const runStep = (step: Step) => run(it, step, signal);
    await runInitFiles(settings, root, rootPassword, runStep, it.log);
  } finally {
    server.signal("SIGTERM");
    await server.exited;
  }
  const status = await server.exited;
  if (status.code !== 0) throw failed("mariadbd", status);
}

/** Root's password; one that is made up goes into a file that the system's user alone reads. */
async function choosePassword({ settings, datadir, log }: Initialisation): Promise<string | null> {
  const { rootPassword, hasRandomRootPassword, allowsEmptyRootPassword } = settings.initialisation;
  if (!hasRandomRootPassword) return rootPassword ?? (allowsEmptyRootPassword ? "" : null);
  const password = randomBytes(24).toString("base64url");
  const path = `${datadir.path}/${STAGING_FOLDER}/${PASSWORD_FILE}`;
  await Deno.writeTextFile(path, `${password}\n`, { mode: 0o600 });
  if (datadir.owner !== null) await Deno.chown(path, datadir.owner.uid, datadir.owner.gid);
  log.warn('Root has a password that was made up: it is in the file "{path}"', {
    path: `${datadir.path}/${PASSWORD_FILE}`,
  });
  return password;
}

/** In the datadir, where a password is made up for root. */
export const PASSWORD_FILE = "galera-keeper-root-password";

async function startServer(
  it: Initialisation,
  defaults: string,
  signal: AbortSignal,
): Promise<Child> {
  const { promise: isReady, resolve } = Promise.withResolvers<void>();
  signal.throwIfAborted();
  const child = startChild({
    program: it.program,
    args: [defaults],
    env: it.runtime.env,
    account: it.account,
    log: it.log,
    onLine: ({ text }) => {
      if (/: ready for connections\.$/.test(text)) resolve();
    },
  });
  const stop = () => child.signal("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  child.exited.then(() => signal.removeEventListener("abort", stop));
  const early = await Promise.race([isReady, child.exited]);
  signal.throwIfAborted();
  if (early === undefined) return child;
  throw failed("mariadbd", early);
}

/** How a client logs in, in a file instead of its arguments. */
function clientFile(socket: string, user: string | null, password: string | null): string {
  const options: Option[] = [["socket", socket]];
  if (user !== null) options.push(["user", user]);
  if (password !== null) options.push(["password", password]);
  return `[client]\n${options.map(formatOption).join("\n")}\n`;
}

/** One program of an initialisation. */
export type Step = Pick<ChildOptions, "program" | "args" | "env" | "input">;

async function run(it: Initialisation, step: Step, signal: AbortSignal): Promise<void> {
  const env = { ...it.runtime.env, ...step.env };
  const status = await runChild({ ...step, env, account: it.account, log: it.log }, signal);
  if (status.code === 0) return;
  throw failed(step.program, status);
}

function failed(program: string, status: ExitStatus): UnavailableError {
  return new UnavailableError(`Initialising failed: ${program} exited ${describeExit(status)}`);
}

/**
 * The official image's own script, if this is that image. It needs a password of root's, and one
 * that it makes up it would only write to the log.
 */
async function findEntrypoint({ initialisation }: DatabaseSettings): Promise<string | null> {
  const { rootPassword, allowsEmptyRootPassword } = initialisation;
  if (rootPassword === null && !allowsEmptyRootPassword) return null;
  const path = await lookForProgram(["docker-entrypoint.sh"]);
  if (path === null) return null;
  return (await Deno.readTextFile(path)).includes("docker_mariadb_init") ? path : null;
}

/** The script's functions for a new database, and no more: the server is ours to start. */
const ENTRYPOINT_STEPS = [
  'source "$0"',
  'docker_setup_env "$@"',
  "docker_create_db_directories",
  "docker_verify_minimum_env",
  'docker_mariadb_init "$@"',
].join("\n");

async function byEntrypoint(
  it: Initialisation,
  entrypoint: string,
  defaults: string,
  signal: AbortSignal,
): Promise<void> {
  const { rootPassword, allowsEmptyRootPassword, rootHost, database, user, password } =
    it.settings.initialisation;
  const ours = {
    ROOT_PASSWORD: rootPassword,
    ALLOW_EMPTY_ROOT_PASSWORD: allowsEmptyRootPassword ? "1" : null,
    ROOT_HOST: rootHost,
    DATABASE: database,
    USER: user,
    PASSWORD: password,
  };
  const env = new Map(
    Object.entries(Deno.env.toObject()).filter(([name]) => /^(MARIADB|MYSQL)_/.test(name)),
  );
  for (const [name, value] of Object.entries(ours)) {
    // The files were read before, by whoever may: the script runs as the system's user.
    for (const prefix of ["MARIADB", "MYSQL"]) {
      env.delete(`${prefix}_${name}`);
      env.delete(`${prefix}_${name}_FILE`);
    }
    if (value !== null) env.set(`MARIADB_${name}`, value);
  }
  await run(it, {
    program: await findProgram(["bash"], "bash"),
    args: ["-c", ENTRYPOINT_STEPS, entrypoint, "mariadbd", defaults],
    env: Object.fromEntries(env),
  }, signal);
}
