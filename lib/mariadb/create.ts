/** The real database, on mariadbd. */
import type { Logger } from "@logtape/logtape";
import { parseRecoveredPosition, type Position, PositionError } from "../cluster/position.ts";
import { UnavailableError } from "../errors.ts";
import { describeExit } from "../exit.ts";
import { runChild } from "./child.ts";
import type { Login } from "./connection.ts";
import { AdoptedServer, findServer } from "./adopted.ts";
import { readIdentity } from "./identity.ts";
import type { Adoptable, Database, Identity, Inspection, Running, SpawnPlan } from "./database.ts";
import { Datadir } from "./datadir.ts";
import { type Owner, readTextIfThere } from "./files.ts";
import { GRASTATE_FILE } from "./grastate.ts";
import { initialise } from "./initialise.ts";
import { Mysqld } from "./mysqld.ts";
import {
  type Listener,
  listeners,
  optionFile,
  type Purpose,
  type Surroundings,
} from "./option_file.ts";
import {
  dropInitialisation,
  prepareGrastate,
  removeRemains,
  requireSocket,
  untilPortsFree,
} from "./preparation.ts";
import {
  type Account,
  findAccount,
  findProgram,
  findProvider,
  hasPlugin,
  requireSstPrograms,
} from "./programs.ts";
import { RuntimeFolder } from "./runtime.ts";
import type { DatabaseSettings } from "./settings.ts";
import { sstAccount } from "./sst_account.ts";

/**
 * The database of this machine. Nothing is touched before its first use.
 *
 * @param log Ours; what mariadbd says goes to its child `mariadbd`.
 * @param onSpawn Called with each server that was started, for signals.
 */
export function createDatabase(
  settings: DatabaseSettings,
  log: Logger,
  onSpawn: (running: Running) => void = () => {},
): Database {
  return new MariadbDatabase(settings, log, onSpawn);
}

class MariadbDatabase implements Database {
  readonly #settings: DatabaseSettings;
  readonly #log: Logger;
  readonly #onSpawn: (running: Running) => void;
  #isLookedAt = false;
  #adopted: AdoptedServer | null = null;
  #opened: Promise<{ readonly datadir: Datadir; readonly account: Account }> | null = null;

  constructor(settings: DatabaseSettings, log: Logger, onSpawn: (running: Running) => void) {
    this.#settings = settings;
    this.#log = log;
    this.#onSpawn = onSpawn;
  }

  async adopt(): Promise<Adoptable> {
    const { datadir, account } = await this.#open();
    const pid = await findServer(datadir.path, account);
    const running = this.#adopted = new AdoptedServer({
      pid,
      socket: this.#settings.socket,
      login: loginOf(this.#settings, account),
      datadir: datadir.path,
      account,
      log: this.#log,
    });
    const unborn = { datadirId: crypto.randomUUID(), attempt: null, lineage: [] };
    return {
      running,
      identity: async () => await readIdentity(datadir.path) ?? unborn,
      facts: () => running.facts(),
    };
  }

  async inspect(signal: AbortSignal): Promise<Inspection> {
    const { datadir, account } = await this.#open();
    await datadir.untilFree(signal);
    await RuntimeFolder.clear(datadir.path);
    await this.#requireSurroundings(datadir.owner, account, signal);
    return await datadir.inspect(account, () => this.#recover(signal));
  }

  /**
   * The first time, before anything is written anywhere: makes sure that a server could be started.
   * Later only a start needs it, and looks again.
   */
  async #requireSurroundings(
    owner: Owner,
    account: Account,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isLookedAt) return;
    const { isWsrepOn = true, provider, sstMethod, socket, tls = null } = this.#settings;
    await findMariadbd();
    if (isWsrepOn) {
      await findProvider(provider);
      await requireSstPrograms(sstMethod, tls !== null);
      if (sstMethod === "rsync") await this.#warnOfForeignFolder(account);
    }
    const kind = isWsrepOn ? "join" : "plain";
    await this.#untilPortsFree(listeners(this.#settings, { kind }), signal);
    await requireSocket(socket, owner, account);
    this.#isLookedAt = true;
  }

  async #untilPortsFree(all: readonly Listener[], signal?: AbortSignal): Promise<void> {
    await untilPortsFree(all, {
      onWaiting: (problem, patienceMs) =>
        this.#log.warn(
          "Waiting up to {seconds} s, as it may be a server of ours that is ending: {problem}",
          { seconds: patienceMs / 1000, problem },
        ),
      ...signal !== undefined && { signal },
    });
  }

  async writeIdentity(identity: Identity): Promise<void> {
    const { datadir } = await this.#open();
    await datadir.writeIdentity({ ...await datadir.identity(), ...identity });
  }

  async writeFailedStarts(failedStarts: number): Promise<void> {
    const { datadir } = await this.#open();
    await datadir.writeIdentity({ ...await datadir.identity(), failedStarts });
  }

  async initialise(signal: AbortSignal): Promise<void> {
    const { datadir, account } = await this.#open();
    await datadir.untilFree(signal);
    await requireSocket(this.#settings.socket, datadir.owner, account);
    const runtime = await RuntimeFolder.make(datadir.path, datadir.owner);
    try {
      await initialise({
        datadir,
        settings: this.#settings,
        // No Galera in it, so its library is not looked for.
        surroundings: {
          provider: "none",
          hasWsrepInfo: false,
          runtimeFolder: runtime.path,
          sstAccount: null,
          cores: 1,
        },
        runtime,
        account,
        program: await findMariadbd(),
        log: this.#log.getChild("mariadbd"),
      }, signal);
    } finally {
      await runtime.remove();
    }
  }

  async spawn(plan: SpawnPlan): Promise<Running> {
    const { datadir, account } = await this.#open();
    const program = await findMariadbd();
    await datadir.untilFree(AbortSignal.timeout(FREE_MS));
    const { sstMethod, tls = null } = this.#settings;
    if (plan.kind !== "plain") await requireSstPrograms(sstMethod, tls !== null);
    await this.#untilPortsFree(listeners(this.#settings, plan));
    await requireSocket(this.#settings.socket, datadir.owner, account);
    const runtime = await RuntimeFolder.make(datadir.path, datadir.owner);
    try {
      const defaults = await this.#writeOptions(runtime, datadir, plan);
      if (plan.kind === "join") await dropInitialisation(datadir);
      if (plan.kind === "plain") await this.#warnOfDivergence(datadir);
      await removeRemains(datadir);
      await prepareGrastate(datadir, plan);
      const running = new Mysqld({
        child: {
          program,
          args: [defaults],
          env: runtime.env,
          account,
          log: this.#log.getChild("mariadbd"),
        },
        socket: this.#settings.socket,
        login: loginOf(this.#settings, account),
        sstAccount: sstMethod === "mariabackup" ? sstAccount(account) : null,
        member: this.#settings.member,
        datadir: datadir.path,
        log: this.#log,
        isTls: tls !== null,
        cleanUp: () => runtime.remove(),
      });
      this.#onSpawn(running);
      return running;
    } catch (error) {
      await runtime.remove();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#adopted?.close();
    const opened = await this.#opened?.catch(() => null);
    this.#opened = null;
    opened?.datadir.release();
  }

  /** Takes the datadir, the first time. */
  async #open() {
    const opening = this.#opened ??= (async () => {
      const account = await findAccount(this.#settings.user);
      const datadir = await Datadir.take(this.#settings.datadir, account, this.#log);
      return { datadir, account };
    })();
    try {
      return await opening;
    } catch (error) {
      if (this.#opened === opening) this.#opened = null;
      throw error;
    }
  }

  /** @returns The one argument that mariadbd gets. */
  async #writeOptions(runtime: RuntimeFolder, datadir: Datadir, purpose: Purpose): Promise<string> {
    const { account } = await this.#open();
    const isWsrepOn = purpose.kind !== "plain";
    const surroundings: Surroundings = {
      provider: isWsrepOn ? await findProvider(this.#settings.provider) : "none",
      hasWsrepInfo: await hasPlugin("wsrep_info.so"),
      runtimeFolder: runtime.path,
      sstAccount: sstAccount(account),
      cores: navigator.hardwareConcurrency,
    };
    const settings = { ...this.#settings, datadir: datadir.path };
    const text = optionFile(settings, surroundings, purpose);
    return `--defaults-extra-file=${await runtime.write("mariadbd.cnf", text)}`;
  }

  /** Lets mariadbd repair its files as after a crash, and say which position they have. */
  async #recover(signal: AbortSignal): Promise<Position> {
    const { datadir, account } = await this.#open();
    const program = await findMariadbd();
    const runtime = await RuntimeFolder.make(datadir.path, datadir.owner);
    const lines: string[] = [];
    try {
      const status = await runChild({
        program,
        args: [await this.#writeOptions(runtime, datadir, { kind: "recover" })],
        env: runtime.env,
        account,
        log: this.#log.getChild("mariadbd"),
        onLine: ({ text }, isWhole) => isWhole && lines.push(text),
      }, signal);
      const position = status.code === 0
        ? readPosition(lines)
        : new PositionError(`it exited ${describeExit(status)}`);
      if (!(position instanceof PositionError)) return position;
      throw new UnavailableError(
        `Cannot recover the position of "${datadir.path}": mariadbd --wsrep-recover ended: ` +
          `${position.message}; restore the datadir or, where other members have the data, empty it`,
        { cause: position },
      );
    } finally {
      await runtime.remove();
    }
  }

  /** As Kubernetes gives a volume with `fsGroup`: root's, and all that our group may. */
  async #warnOfForeignFolder({ uid, name }: Account): Promise<void> {
    const path = this.#settings.datadir;
    if ((await Deno.stat(path)).uid === uid) return;
    this.#log.warn(
      "The datadir \"{path}\" is not {name}'s own: an SST by rsync fails where the donor's has another mode, " +
        "as only the owner sets that; use --sst-method mariabackup, or a folder in it as --datadir",
      { path, name },
    );
  }

  async #warnOfDivergence({ path }: Datadir): Promise<void> {
    if (await readTextIfThere(`${path}/${GRASTATE_FILE}`) === null) return;
    this.#log.warn(
      'Galera is off, but the datadir "{path}" is of a cluster: what is written now is lost when it joins again',
      { path },
    );
  }
}

function readPosition(lines: readonly string[]): Position | PositionError {
  try {
    return parseRecoveredPosition(lines.join("\n")) ?? new PositionError("it said no position");
  } catch (error) {
    if (error instanceof PositionError) return error;
    throw error;
  }
}

/** How long a server of ours may need to be gone before the next one, in milliseconds. */
const FREE_MS = 120_000;

async function findMariadbd(): Promise<string> {
  return await findProgram(["mariadbd", "mysqld"], "mariadb-server");
}

/** As root with a password; without one, as the server's account of our own name, by the socket. */
function loginOf({ initialisation }: DatabaseSettings, account: Account): Login {
  const { rootPassword, allowsEmptyRootPassword } = initialisation;
  const isRoot = rootPassword !== null || allowsEmptyRootPassword || Deno.uid() === 0;
  return { user: isRoot ? "root" : account.name, password: rootPassword };
}
