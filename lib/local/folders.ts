/** The folders of a cluster on this machine: made, owned by whom they must be, used by one `up`. */

import { ConfigError, UnavailableError } from "../errors.ts";
import { runProgram } from "../machine/children.ts";
import type { MemberPlan } from "./layout.ts";

const LOCK_MS = 500;

/**
 * Makes the folder ours as long as this process lives.
 *
 * @throws {UnavailableError} Another process has it.
 * @throws {ConfigError} It cannot be made.
 */
export async function lockDataDir(dataDir: string): Promise<Deno.FsFile> {
  let file: Deno.FsFile;
  const path = `${dataDir}/up.lock`;
  try {
    await Deno.mkdir(dataDir, { recursive: true });
    file = await Deno.open(path, { read: true, write: true, create: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`Cannot use --data "${dataDir}": ${why}`, { cause });
  }
  // Deno 2.6 can only wait for a lock. Whoever holds it does so for long.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const isOurs = await Promise.race([
    file.lock(true).then(() => true),
    new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), LOCK_MS)),
  ]);
  clearTimeout(timer);
  if (!isOurs) {
    const holder = (await Deno.readTextFile(path)).trim();
    throw new UnavailableError(
      `Another galera-keeper up (process ${holder}) uses "${dataDir}": stop it, or give another --data`,
    );
  }
  await file.truncate(0);
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

/**
 * Makes the members' folders. Where we are root, mariadbd runs as another user: it owns its own.
 *
 * @param user The user of mariadbd; null: ours.
 * @throws {ConfigError} They cannot be made, or that user cannot get there.
 */
export async function makeFolders(
  dataDir: string,
  plans: readonly MemberPlan[],
  user: string | null,
): Promise<void> {
  await Deno.mkdir(`${dataDir}/logs`, { recursive: true });
  for (const plan of plans) {
    await Deno.mkdir(plan.folder, { recursive: true });
    for (const folder of [plan.datadir, `${plan.folder}/run`]) {
      const owner = user === null ? [] : ["--owner", user, "--group", user];
      await succeed("install", ["--directory", "--mode", "0750", ...owner, folder]);
    }
    if (user !== null) await requireReach(plan.datadir, user);
  }
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await runProgram(program, { args: [...args] });
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new ConfigError(`Cannot make a folder for a member: ${said}`);
}

/** A folder above may be closed to others, as root's home is. */
async function requireReach(folder: string, user: string): Promise<void> {
  const as = ["--reuid", user, "--regid", user, "--init-groups"];
  const { success } = await runProgram("setpriv", { args: [...as, "test", "-x", folder] });
  if (success) return;
  throw new ConfigError(
    `The user ${user}, as whom mariadbd runs, cannot get to "${folder}": give a --data that ` +
      "others can reach, as under /var/lib",
  );
}
