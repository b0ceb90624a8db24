/** What is put in order before a mariadbd is started. */
import { formatPosition, ZERO_UUID } from "../cluster/position.ts";
import { ConfigError, UnavailableError } from "../errors.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { formatHostPort } from "../settings/values.ts";
import { SST_REMAINS } from "./content.ts";
import type { SpawnPlan } from "./database.ts";
import type { Datadir } from "./datadir.ts";
import { type Owner, remove } from "./files.ts";
import { GRASTATE_FILE, NO_HISTORY, readGrastate, writeGrastate } from "./grastate.ts";
import { STAGING_FOLDER } from "./initialise.ts";
import type { Listener } from "./option_file.ts";
import { type Account, mayWorkIn } from "./programs.ts";

/**
 * Removes what an earlier server or SST left behind and the next would stumble over: an SST's pid
 * file keeps the next SST waiting, and a `gvwstate.dat` would form a cluster that nobody decided on.
 */
export async function removeRemains(datadir: Datadir): Promise<void> {
  for (const name of ["gvwstate.dat", ...SST_REMAINS]) await remove(`${datadir.path}/${name}`);
}

/**
 * Makes grastate.dat say what the plan needs. Only here is `safe_to_bootstrap: 1` written.
 *
 * @throws {Error} The plan does not fit the datadir: a mistake of ours, and nothing is started.
 */
export async function prepareGrastate(datadir: Datadir, plan: SpawnPlan): Promise<void> {
  if (plan.kind === "plain") return;
  const found = await readGrastate(datadir.path);
  const named = typeof found === "object" && found.uuid !== ZERO_UUID ? found : null;
  const { startPosition } = plan;
  if (startPosition !== null && startPosition.uuid !== named?.uuid) {
    throw new Error(
      `A start at ${formatPosition(startPosition)} does not fit a datadir of ${
        named?.uuid ?? "none"
      }`,
    );
  }
  if (plan.kind === "join") {
    // Galera makes an empty file, and leaves it so until an SST is complete: with this one in its
    // place whoever looks meanwhile sees that the data is torn. And it refuses to start where a seqno
    // stands beside the zero UUID.
    if (named === null) await writeGrastate(datadir.path, NO_HISTORY, datadir.owner);
    return;
  }
  if (found === "blank") await remove(`${datadir.path}/${GRASTATE_FILE}`);
  if (typeof found !== "object") return;
  if (named === null) throw new Error("A torn datadir never bootstraps");
  if (startPosition === null && datadir.isUnborn) {
    // Its cluster never committed anything: another begins.
    for (const name of [GRASTATE_FILE, "galera.cache"]) await remove(`${datadir.path}/${name}`);
    return;
  }
  if (startPosition === null) {
    throw new Error(`A bootstrap of ${named.uuid} needs its position: without it a new one begins`);
  }
  if (named.seqno >= 0n && named.seqno !== startPosition.seqno) {
    throw new Error(
      `A bootstrap at ${formatPosition(startPosition)} does not fit ${formatPosition(named)}`,
    );
  }
  await writeGrastate(datadir.path, { ...named, safeToBootstrap: true }, datadir.owner);
}

/** Puts an end to an initialisation that did not finish, as an SST is to bring all. */
export async function dropInitialisation(datadir: Datadir): Promise<void> {
  await remove(`${datadir.path}/${STAGING_FOLDER}`);
  const identity = await datadir.identity();
  if (identity.initialising) await datadir.writeIdentity({ ...identity, initialising: false });
}

/**
 * Makes sure that nobody listens where the server will: it would find that out only after an SST.
 *
 * @throws {UnavailableError} A port is taken.
 * @throws {ConfigError} An address is not ours.
 */
export function requireFree(listeners: readonly Listener[]): void {
  for (const { host, port, what } of listeners) {
    const place = formatHostPort({ host, port });
    try {
      Deno.listen({ hostname: host, port }).close();
    } catch (cause) {
      if (cause instanceof Deno.errors.AddrInUse) {
        throw new UnavailableError(
          `The port for ${what} is taken: something listens on ${place}; stop it, or use another ` +
            `${what === "clients" ? "port with --port" : "address with --bind"}`,
          { cause },
        );
      }
      throw new ConfigError(
        `Cannot listen on ${place} for ${what}: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    }
  }
}

/** How long a port may still be taken by a server that is ending, in milliseconds. */
const PORT_PATIENCE_MS = 5000;

/** How a wait for ports goes. */
export interface PortWait {
  /** Called once, where it comes to a wait: why, and for how long at most. */
  readonly onWaiting: (problem: string, patienceMs: number) => void;
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The same, but with some patience: a server of ours that was killed a moment ago may not have let go
 * of its ports yet, and nobody can see whose it was. Who else listens there goes on to do so.
 *
 * @throws {UnavailableError} A port is taken, and stays so.
 * @throws {ConfigError} An address is not ours.
 */
export async function untilPortsFree(
  listeners: readonly Listener[],
  { onWaiting, patienceMs = PORT_PATIENCE_MS, signal }: PortWait,
): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (let hasSaid = false;; hasSaid = true) {
    try {
      return requireFree(listeners);
    } catch (error) {
      if (!(error instanceof UnavailableError) || performance.now() >= endMs) throw error;
      if (!hasSaid) onWaiting(error.message, patienceMs);
    }
    await REAL_CLOCK.sleep(50, signal);
  }
}

/**
 * Makes sure that no other server has the socket, and that its folder is there.
 *
 * @param owner Whose a folder that is missing is to be.
 * @throws {UnavailableError} Another server answers there.
 * @throws {ConfigError} Its folder cannot be made, or the account may not work in it.
 */
export async function requireSocket(
  socket: string,
  owner: Owner,
  account: Account,
): Promise<void> {
  const folder = socket.slice(0, socket.lastIndexOf("/")) || "/";
  try {
    const stat = await Deno.stat(folder);
    if (!stat.isDirectory || !mayWorkIn(stat, account)) {
      throw new ConfigError(
        `The socket's folder "${folder}" is ${
          stat.isDirectory ? `not ours: ${account.name} may not write to it` : "no folder"
        }; name another socket with --socket`,
      );
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    await makeFolder(folder, owner);
  }
  try {
    (await Deno.connect({ transport: "unix", path: socket })).close();
  } catch {
    return;
  }
  throw new UnavailableError(
    `The socket "${socket}" is taken: another server answers there; stop it, or name another with --socket`,
  );
}

async function makeFolder(folder: string, owner: Owner): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
    if (owner !== null) await Deno.chown(folder, owner.uid, owner.gid);
  } catch (cause) {
    throw new ConfigError(
      `The socket's folder "${folder}" is missing and cannot be made: ${
        cause instanceof Error ? cause.message : cause
      }; name another socket with --socket`,
      { cause },
    );
  }
}
