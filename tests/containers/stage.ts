/** A network of containers that know each other by name, all of them gone with it. */
import { stripVTControlCharacters } from "node:util";
import { SMALL } from "../integration/place.ts";
import { Container, ROOT_PASSWORD } from "./container.ts";
import { memberImage, requireBinary, sayWhereStale, zookeeperImage } from "./images.ts";
import {
  LABEL,
  pause,
  podman,
  printed,
  sayLeftOut,
  tryPodman,
  until,
  whyNoContainers,
} from "./podman.ts";

/** How a container is run. */
export interface RunOptions {
  readonly image: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What follows the image's name. */
  readonly args?: readonly string[];
  /** More options of `podman run`. */
  readonly options?: readonly string[];
}

/** How a member is run. */
export interface MemberOptions extends Partial<RunOptions> {
  /** For its datadir, one of {@link Stage.volume}; by default the container's own, which goes with it. */
  readonly volume?: string;
  /** `UID:GID`; root by default. */
  readonly user?: string;
  /** Its root file system is read-only, with memory for /run/mysqld and /tmp. */
  readonly readOnly?: boolean;
  /** How many members the very first start waits for. */
  readonly size?: number;
}

/** The stage. */
export class Stage implements AsyncDisposable {
  /** Of the names of all that is made here. */
  readonly prefix: string;
  /** Where the ensemble answers; empty before {@link zookeepers}. */
  hosts = "";

  private constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Makes its network. */
  static async make(): Promise<Stage> {
    const stage = new Stage(`gk-${crypto.randomUUID().slice(0, 8)}`);
    await podman("network", "create", "--label", stage.label, stage.network);
    return stage;
  }

  get network(): string {
    return this.prefix;
  }

  /** What all that is made here carries. */
  get label(): string {
    return `${LABEL}=${this.prefix}`;
  }

  /** Runs a container that the others reach by its name. */
  async run(name: string, { image, env = {}, args = [], options = [] }: RunOptions) {
    const id = `${this.prefix}-${name}`;
    const variables = Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
    await podman(
      ...["run", "--detach", "--pull=never", "--name", id, "--label", this.label],
      ...["--network", this.network, "--network-alias", name, "--hostname", name],
      ...[...variables, ...options, image, ...args],
    );
    return new Container(id, name);
  }

  /** An ensemble, `zookeeper-1` and so on, once all its servers take part. */
  async zookeepers(count = 3): Promise<readonly Container[]> {
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const all = await Promise.all(numbers.map((number) => this.zookeeper(number, count)));
    this.hosts = all.map(({ name }) => `${name}:2181`).join();
    for (const one of all) await untilTakesPart(one);
    return all;
  }

  /** One server of an ensemble. Its data is in volumes that stay when it is taken away. */
  async zookeeper(number: number, count: number): Promise<Container> {
    const servers = Array.from(
      { length: count },
      (_, index) => `server.${index + 1}=zookeeper-${index + 1}:2888:3888;2181`,
    );
    const name = `zookeeper-${number}`;
    const volumes = ["data", "datalog"].flatMap((folder) => [
      ...["--volume", `${this.prefix}-${name}-${folder}:/${folder}`],
    ]);
    return await this.run(name, {
      image: await zookeeperImage(),
      options: volumes,
      env: {
        ZOO_MY_ID: `${number}`,
        ZOO_SERVERS: servers.join(" "),
        ZOO_TICK_TIME: "500",
        ZOO_INIT_LIMIT: "20",
        ZOO_SYNC_LIMIT: "10",
        ZOO_4LW_COMMANDS_WHITELIST: "*",
        ZOO_ADMINSERVER_ENABLED: "false",
        ZOO_CFG_EXTRA: "maxSessionTimeout=300000",
        JVMFLAGS: "-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
      },
    });
  }

  /** A volume. @returns Its name, as podman knows it. */
  async volume(name: string): Promise<string> {
    return await podman("volume", "create", "--label", this.label, `${this.prefix}-${name}`);
  }

  /** A secret, which a container has as a file in /run/secrets by `--secret`. @returns Its name. */
  async secret(name: string, value: string): Promise<string> {
    const id = `${this.prefix}-${name}`;
    const { status, stderr } = await tryPodman(["secret", "create", id, "-"], { input: value });
    if (status !== 0) throw new Error(stderr);
    return id;
  }

  /** Runs a member of the cluster. It has begun to start, no more. */
  async member(name: string, it: MemberOptions = {}): Promise<Container> {
    const { env = {}, args = [], options = [], volume, user, readOnly = false, size = 3 } = it;
    const more = [
      ...(volume === undefined ? [] : ["--volume", `${volume}:/var/lib/mysql`]),
      ...(user === undefined ? [] : ["--user", user]),
      ...(readOnly ? READ_ONLY : []),
    ];
    return await this.run(name, {
      image: it.image ?? await memberImage(),
      env: {
        GALERA_KEEPER_ZOOKEEPER: this.hosts,
        GALERA_KEEPER_SIZE: `${size}`,
        GALERA_KEEPER_SESSION_TIMEOUT: "4s",
        GALERA_KEEPER_DRAIN: "0s",
        GALERA_KEEPER_PROVIDER_OPTIONS: "gcache.size=32M",
        ...(hasPassword(env) ? {} : { MARIADB_ROOT_PASSWORD: ROOT_PASSWORD }),
        ...env,
      },
      args: [...args, ...SMALL],
      options: [...more, ...options],
    });
  }

  /** Members by these names, started together, each with a volume of its own, once all of them are ready. */
  async members(
    names: readonly string[],
    options: MemberOptions = {},
  ): Promise<readonly Container[]> {
    const all = await Promise.all(names.map(async (name) => {
      const volume = await this.volume(name);
      return await this.member(name, { size: names.length, volume, ...options });
    }));
    for (const one of all) await one.untilReady();
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const filter = ["--filter", `label=${this.label}`];
    // What others make in a test, as compose does, has our prefix, but not our label.
    const all = ["ps", "--all", "--format", "{{.Names}}"];
    const remove = ["rm", "--force", "--time", "0", "--volumes"];
    await rid(remove, [...all, ...filter]);
    await rid(remove, [...all, "--filter", `name=^${this.prefix}`]);
    // Behind their containers, whose volumes without a name they would leave.
    await rid(["pod", "rm", "--force", "--time", "0"], ["pod", "ps", "--quiet", ...filter]);
    for (const kind of ["volume", "secret", "network"]) {
      const force = kind === "secret" ? [] : ["--force"];
      const list = [kind, "ls", "--format", "{{.Name}}"];
      await rid([kind, "rm", ...force], list, (name) => name.startsWith(this.prefix));
    }
  }
}

/** Removes what a listing lists. */
async function rid(
  remove: readonly string[],
  list: readonly string[],
  isOurs: (name: string) => boolean = () => true,
): Promise<void> {
  // What is just being started again by podman may be removed only a moment later.
  for (let left = 5;; left--) {
    const names = (await podman(...list)).split("\n").filter(Boolean).filter(isOurs);
    if (names.length === 0) return;
    const ended = await tryPodman([...remove, ...names]);
    if (ended.status === 0) return;
    if (left === 0) printed(remove, ended);
    await pause(500);
  }
}

const READ_ONLY = [
  ...["--read-only", "--read-only-tmpfs=false"],
  ...["--tmpfs", "/run/mysqld", "--tmpfs", "/tmp"],
];

function hasPassword(env: Readonly<Record<string, string>>): boolean {
  return Object.keys(env).some((name) => /^(?:MARIADB|MYSQL)_.*ROOT_PASSWORD/.test(name));
}

/** Waits until a server of an ensemble serves. */
export async function untilTakesPart(server: Container): Promise<void> {
  await until(`${server.name} takes part in the ensemble`, async () => {
    const script = "echo srvr | nc -w 2 localhost 2181";
    const { stdout } = await server.tryExec("sh", "-c", script);
    return /^Mode: (?:leader|follower|standalone)$/m.test(stdout);
  });
}

/**
 * For `Deno.test`: left out where podman cannot run, or no binary can be had, and one line says so.
 *
 * @example
 * ```ts
 * Deno.test("three members form a cluster", await inContainers(), async () => {
 *   await using stage = await Stage.make();
 * });
 * ```
 */
export async function inContainers(): Promise<{ readonly ignore: boolean }> {
  const why = await whyNoContainers() ?? await whyNoBinary();
  if (why !== null) sayLeftOut(why);
  return { ignore: why !== null };
}

async function whyNoBinary(): Promise<string | null> {
  try {
    await sayWhereStale(await requireBinary());
    return null;
  } catch (error) {
    const message = stripVTControlCharacters(`${error instanceof Error ? error.message : error}`);
    const lines = message.split("\n").map((line) => line.trim());
    // Of what Deno says the deepest cause, as that its host cannot be reached.
    const cause = lines.find((line) => /^\d+: error /.test(line))?.replace(/^\d+: /, "");
    return `no binary: ${cause ?? lines[0]}`;
  }
}
