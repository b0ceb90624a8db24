/** The programs, the library and the account that a database needs on this machine. */
import { ConfigError, UnavailableError } from "../errors.ts";
import { runProgram } from "../machine/children.ts";

/** Where programs are, where PATH does not say so. */
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Where distributions put Galera's library. */
const PROVIDERS = [
  "/usr/lib/galera/libgalera_smm.so",
  "/usr/lib/galera-4/libgalera_smm.so",
  "/usr/lib64/galera-4/libgalera_smm.so",
  "/usr/lib64/galera/libgalera_smm.so",
];

/** Where distributions put the server's plugins. */
const PLUGIN_FOLDERS = [
  "/usr/lib/mysql/plugin",
  "/usr/lib64/mysql/plugin",
  "/usr/lib/mariadb/plugin",
];

/** PATH for all that we start. Behind each `bin` its `sbin`: those of root are often left out. */
export function searchPath(): string {
  const own = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const siblings = own.filter((folder) => /\/bin\/*$/.test(folder))
    .map((folder) => folder.replace(/bin\/*$/, "sbin"));
  return [...new Set(own.length > 0 ? [...own, ...siblings] : FOLDERS)].join(":");
}

/**
 * Finds a program.
 *
 * @param names The names it goes by, the preferred one first.
 * @param debianPackage What has it.
 * @throws {UnavailableError} There is none.
 */
export async function findProgram(
  names: readonly string[],
  debianPackage: string,
): Promise<string> {
  const found = await lookForProgram(names);
  if (found !== null) return found;
  throw new UnavailableError(
    `Program not found: ${names.join(" or ")}; install Debian's package ${debianPackage}`,
  );
}

/** As {@link findProgram}, with null where there is none. */
export async function lookForProgram(names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    for (const folder of searchPath().split(":")) {
      if (await isFile(`${folder}/${name}`, 0o111)) return `${folder}/${name}`;
    }
  }
  return null;
}

/**
 * Galera's library.
 *
 * @param given Where it should be; null: where distributions put it.
 * @throws {ConfigError} It is not where it should be.
 * @throws {UnavailableError} It is nowhere.
 */
export async function findProvider(given: string | null): Promise<string> {
  for (const path of given === null ? PROVIDERS : [given]) {
    if (await isFile(path)) return path;
  }
  if (given !== null) {
    throw new ConfigError(`Galera's library is not there: --provider says "${given}"`);
  }
  throw new UnavailableError(
    "Galera's library libgalera_smm.so not found: install Debian's package galera-4, or name it " +
      "with --provider",
  );
}

/** Whether the server has a plugin, by the name of its library. */
export async function hasPlugin(library: string): Promise<boolean> {
  for (const folder of PLUGIN_FOLDERS) {
    if (await isFile(`${folder}/${library}`)) return true;
  }
  return false;
}

/**
 * Makes sure that what an SST needs is there: its scripts find that out only in the middle of one.
 *
 * @param isTls Whether over TLS: then they look into certificates besides.
 * @throws {UnavailableError} Something is missing.
 */
export async function requireSstPrograms(
  method: "rsync" | "mariabackup",
  isTls = false,
): Promise<void> {
  await findProgram(["setpriv"], "util-linux");
  await findProgram(["ps"], "procps");
  await findProgram(["grep"], "grep");
  await findProgram(["ss", "lsof"], "iproute2");
  if (isTls) await findProgram(["openssl"], "openssl");
  if (method === "rsync") {
    await findProgram(["rsync"], "rsync");
    if (isTls) await findProgram(["stunnel"], "stunnel4");
  } else {
    await findProgram(["mariadb-backup", "mariabackup"], "mariadb-backup");
    await findProgram(["mbstream"], "mariadb-backup");
    await findProgram(["socat"], "socat");
  }
}

/** Who mariadbd runs as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All of its groups, `gid` among them. */
  readonly groups: readonly number[];
  /** Whether a change of user is needed: we are root, it is not. */
  readonly isOther: boolean;
}

/**
 * Who a program is to run as.
 *
 * @param user The system's user, where we are root; null: we ourselves.
 * @param program What it is for, in a message.
 * @throws {ConfigError} There is no such user, or it is root.
 */
export async function findAccount(
  user: string | null,
  program = "mariadbd",
): Promise<Account> {
  const isRoot = Deno.uid() === 0;
  const name = isRoot ? user : null;
  const [uid, gid, groups] = await Promise.all([id("-u", name), id("-g", name), id("-G", name)]);
  if (uid === null || gid === null || groups === null) {
    throw new ConfigError(
      `The system has no user "${name}": create it, or name another with --user`,
    );
  }
  if (uid === "0") {
    throw new ConfigError(`${program} must not run as root: name a user with --user`);
  }
  return {
    // A container may run as a number that no name belongs to.
    name: name ?? await id("-un", null) ?? uid,
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.split(" ").map(Number),
    isOther: isRoot,
  };
}

/** How setpriv is told to become an account. */
export function identityArguments({ name, gid }: Pick<Account, "name" | "gid">): string[] {
  return [`--reuid=${name}`, `--regid=${gid}`, "--init-groups"];
}

/**
 * Whether an account may work in a folder. By the folder's mode: root may do anything, but the
 * account that mariadbd runs as may not.
 */
export function mayWorkIn(
  { mode, uid, gid }: Pick<Deno.FileInfo, "mode" | "uid" | "gid">,
  account: Account,
): boolean {
  const all = mode ?? 0o777;
  const rights = uid === account.uid
    ? all >> 6
    : account.groups.includes(gid ?? -1)
    ? all >> 3
    : all;
  return (rights & 0o7) === 0o7;
}

async function id(flag: string, user: string | null): Promise<string | null> {
  const args = user === null ? [flag] : [flag, "--", user];
  const program = await findProgram(["id"], "coreutils");
  const { success, stdout } = await runProgram(program, { args, stderr: "null" });
  return success ? new TextDecoder().decode(stdout).trim() : null;
}

async function isFile(path: string, mode = 0): Promise<boolean> {
  try {
    const stat = await Deno.stat(path);
    return stat.isFile && (mode === 0 || ((stat.mode ?? 0) & mode) !== 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return false;
    }
    // A part of the path is a file (ENOTDIR), which Deno gives no class.
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return false;
    throw error;
  }
}
