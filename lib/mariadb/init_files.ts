/** The files that fill a new database, as users of the official image know them. */
import type { Logger } from "@logtape/logtape";
import { findProgram } from "./programs.ts";
import type { Step } from "./initialise.ts";
import type { DatabaseSettings } from "./settings.ts";

/** Where the official image has them. */
const INIT_FOLDER = "/docker-entrypoint-initdb.d";

/** What unpacks a file that is packed in a way that Deno does not know, and Debian's package of it. */
const UNPACKERS: ReadonlyMap<string, readonly [program: string, debianPackage: string]> = new Map([
  [".sql.xz", ["xz", "xz-utils"]],
  [".sql.zst", ["zstd", "zstd"]],
]);

/**
 * Applies the files of the folder, in the order of their names: `.sql`, also packed as `.gz`, `.xz`
 * or `.zst`, go to the server, `.sh` are run.
 *
 * @param clientFile An option file with which a client logs in, beside a my.cnf for those that log in
 * by themselves.
 * @param run Runs one program. @throws Whatever `run` throws, when one fails.
 */
export async function runInitFiles(
  settings: DatabaseSettings,
  clientFile: string,
  rootPassword: string | null,
  run: (step: Step) => Promise<void>,
  log: Logger,
): Promise<void> {
  const folder = settings.initFolder ?? INIT_FOLDER;
  const { database } = settings.initialisation;
  const client = {
    program: await findProgram(["mariadb", "mysql"], "mariadb-client"),
    args: [
      `--defaults-file=${clientFile}`,
      ...(database === null ? [] : [`--database=${database}`]),
    ],
  };
  for (const name of await initFileNames(settings)) {
    const path = `${folder}/${name}`;
    const unpacker = UNPACKERS.get(/\.sql\.\w+$/.exec(name)?.[0] ?? "");
    if (name.endsWith(".sql")) {
      log.info('Applying "{path}"', { path });
      await run({ ...client, input: (await Deno.open(path)).readable });
    } else if (name.endsWith(".sql.gz")) {
      log.info('Applying "{path}"', { path });
      const input = (await Deno.open(path)).readable.pipeThrough(new DecompressionStream("gzip"));
      await run({ ...client, input });
    } else if (unpacker !== undefined) {
      log.info('Applying "{path}"', { path });
      const unpack = [await findProgram([unpacker[0]], unpacker[1]), "--decompress", "--stdout"];
      const script = `${unpack.join(" ")} -- "$0" | "$@"`;
      await run({
        program: await findProgram(["bash"], "bash"),
        args: ["-euo", "pipefail", "-c", script, path, client.program, ...client.args],
      });
    } else if (name.endsWith(".sh")) {
      log.info('Running "{path}"', { path });
      const isProgram = ((await Deno.stat(path)).mode ?? 0) & 0o111;
      const env = scriptEnvironment(settings, clientFile, rootPassword);
      if (isProgram) await run({ program: path, args: [], env });
      else await run({ program: await findProgram(["bash"], "bash"), args: ["-e", path], env });
    } else {
      log.warn('Ignoring "{path}": neither .sql, packed or not, nor .sh', { path });
    }
  }
}

/** The files that there are for a new database, in the order in which they are applied. */
export async function initFileNames(settings: DatabaseSettings): Promise<readonly string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(settings.initFolder ?? INIT_FOLDER));
    return entries.filter(({ isDirectory }) => !isDirectory).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What a script finds in the official image, under both names. */
function scriptEnvironment(
  { socket, initialisation }: DatabaseSettings,
  clientFile: string,
  rootPassword: string | null,
): Record<string, string> {
  const { database, user, password } = initialisation;
  const values = {
    ROOT_PASSWORD: rootPassword,
    DATABASE: database,
    USER: user,
    PASSWORD: password,
  };
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [[`MARIADB_${name}`, value], [`MYSQL_${name}`, value]]
  );
  return {
    ...Object.fromEntries(given),
    // Clients read a my.cnf there, without being told: it has the socket.
    MYSQL_HOME: clientFile.slice(0, clientFile.lastIndexOf("/")),
    SOCKET: socket,
    // Scripts of the image's users pipe SQL into this function of its entrypoint.
    "BASH_FUNC_docker_process_sql%%": `() { mariadb --defaults-file='${clientFile}' "$@"; }`,
  };
}
