/**
 * A ZooKeeper server of our own on this machine, for `up`, for `race-demo` and for the tests: Apache's
 * own server, started in the foreground from Debian's packages.
 */

import { UnavailableError } from "../errors.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startProgram } from "../machine/children.ts";

/** Where Debian's libzookeeper-java puts the server; its manifest names all the rest it needs. */
const JAR = "/usr/share/java/zookeeper.jar";
/** Of libslf4j-java, which libzookeeper-java depends on: lets the server write why it fails. */
const LOGGER_JAR = "/usr/share/java/slf4j-simple.jar";
const MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
const POLL_MS = 50;
const KEPT_LINES = 20;

/** How a server is to run. */
export interface ServerOptions {
  /** The folder for its configuration, snapshots and log; made when it is not there. */
  readonly dataDir: string;
  /** The address of this machine that it listens on; 127.0.0.1 by default. */
  readonly address?: string;
  /** The port it listens on, 1 to 65535; a free one by default. */
  readonly port?: number;
  /** ZooKeeper's tick, in milliseconds; sessions expire to within one tick. 250 by default. */
  readonly tickTimeMs?: number;
  /** The most memory Java may use for its heap, in MiB; 256 by default. */
  readonly heapMiB?: number;
  /** Whether a write waits for the disk; true by default. What false loses, only a power cut loses. */
  readonly durable?: boolean;
  /** Whether it knows znodes with a TTL; true by default. */
  readonly extendedTypes?: boolean;
  /** Its place in an ensemble: its number (1 to 255) and all its servers as "address:port:port". */
  readonly ensemble?: { readonly id: number; readonly servers: ReadonlyMap<number, string> };
  /** Gets each line that the server writes. */
  readonly onLine?: (line: string) => void;
  /** How long it may take until it serves, in milliseconds; 60,000 by default. */
  readonly startTimeoutMs?: number;
}

/** What a server is started from. */
export interface Installation {
  readonly java: string;
  readonly classPath: string;
}

type Exists = (path: string) => boolean;

function findJava(exists: Exists): string | undefined {
  const home = Deno.env.get("JAVA_HOME");
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return [
    ...(home ? [join(home, "bin/java")] : []),
    ...folders.map((folder) => join(folder, "java")),
    "/usr/lib/jvm/default-java/bin/java",
  ].find(exists);
}

/**
 * The Debian packages that must be installed before a server can start here; empty when none is
 * missing.
 *
 * @param exists Tells whether a file is there; on this machine by default.
 */
export function missingPackages(exists: Exists = existsSync): readonly string[] {
  return [
    ...(exists(JAR) ? [] : ["libzookeeper-java"]),
    ...(findJava(exists) === undefined ? ["default-jre-headless"] : []),
  ];
}

/**
 * Java, and the class path of Apache's server.
 *
 * @param exists Tells whether a file is there; on this machine by default.
 * @throws {UnavailableError} Something is not installed; the message has the command that installs it.
 */
export function findInstallation(exists: Exists = existsSync): Installation {
  const java = findJava(exists);
  const missing = missingPackages(exists);
  if (java === undefined || missing.length > 0) {
    throw new UnavailableError(
      `Cannot start a ZooKeeper server as Debian's packages for it are not installed: ` +
        `apt-get install --no-install-recommends ${missing.join(" ")}`,
    );
  }
  return { java, classPath: exists(LOGGER_JAR) ? `${JAR}:${LOGGER_JAR}` : JAR };
}

/**
 * Tries whether a port can be listened on, and gives it; for 0, one that is free now.
 *
 * @throws {UnavailableError} The port is taken, or the address is not this machine's.
 */
export function freePort(address: string, wanted = 0): number {
  try {
    const listener = Deno.listen({ hostname: address, port: wanted });
    const { port } = listener.addr;
    listener.close();
    return port;
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "the port is taken, choose another or stop what listens there"
      : "this machine cannot listen there, choose an address of its own";
    throw new UnavailableError(
      `Cannot start a ZooKeeper server on ${address}:${wanted}: ${why}`,
      { cause },
    );
  }
}

function configuration(options: ServerOptions, address: string, port: number): string {
  const { dataDir, ensemble } = options;
  const settings: readonly (readonly [string, string | number])[] = [
    ["dataDir", dataDir],
    ["clientPortAddress", address],
    ["clientPort", port],
    // A short tick lets short session timeouts work: the server allows from 2 to 20 ticks by default.
    ["tickTime", options.tickTimeMs ?? 250],
    ["minSessionTimeout", 500],
    ["maxSessionTimeout", 300_000],
    ["maxClientCnxns", 0],
    ["admin.enableServer", "false"],
    ["4lw.commands.whitelist", "*"],
    ["autopurge.snapRetainCount", 3],
    ["autopurge.purgeInterval", 1],
    // In ticks; many, as a tick is short and a loaded machine slow.
    ["initLimit", 80],
    ["syncLimit", 40],
    ...[...ensemble?.servers ?? []].map(([id, hosts]) => [`server.${id}`, hosts] as const),
  ];
  return settings.map(([name, value]) => `${name}=${value}\n`).join("");
}

function javaArguments(options: ServerOptions, { classPath }: Installation, file: string) {
  return [
    `-Xmx${options.heapMiB ?? 256}m`,
    // Small and quick at the start rather than fast after an hour: other collectors' threads do not
    // pay for so small a heap, and the second compiler takes more time from the first requests than
    // it gives back to them.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    // On a machine with few cores, handing each request from thread to thread is most of its cost.
    "-Dzookeeper.nio.numSelectorThreads=1",
    "-Dzookeeper.nio.numWorkerThreads=0",
    `-Dzookeeper.forceSync=${options.durable ?? true ? "yes" : "no"}`,
    `-Dzookeeper.extendedTypesEnabled=${options.extendedTypes ?? true}`,
    "-Dzookeeper.preAllocSize=4096",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    "-cp",
    classPath,
    MAIN,
    file,
  ];
}

/** Sends one of ZooKeeper's four-letter words and gives the answer; empty when nobody answers. */
async function fourLetterWord(address: string, port: number, word: string): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    using connection = await Deno.connect({ hostname: address, port });
    timer = setTimeout(() => connection.close(), 1_000);
    await connection.write(new TextEncoder().encode(word));
    let answer = "";
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    for (let n; (n = await connection.read(buffer)) !== null;) {
      answer += decoder.decode(buffer.subarray(0, n));
    }
    return answer;
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}

/** A ZooKeeper server that runs, as a child of this process. */
export class ZooKeeperServer implements AsyncDisposable {
  /** What it was started with, its port included: starting with these again restarts it in place. */
  readonly options: ServerOptions & { readonly address: string; readonly port: number };
  /** Where clients reach it, as "address:port". */
  readonly hosts: string;
  /** The server's process. */
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #lastLines: string[] = [];

  private constructor(options: ZooKeeperServer["options"], child: Deno.ChildProcess) {
    this.options = options;
    this.hosts = `${options.address}:${options.port}`;
    this.#child = child;
    this.pid = child.pid;
    const read = [this.#collect(child.stdout), this.#collect(child.stderr)];
    this.ended = Promise.all([child.status, ...read]).then(([status]) => status);
  }

  /**
   * Starts a server and waits until it serves clients (an ensemble's: until it has a quorum).
   *
   * @param options How it is to run.
   * @param signal Gives up waiting, and ends the server.
   * @throws {UnavailableError} Packages are missing, or the server ended or did not serve in time.
   */
  static async start(options: ServerOptions, signal?: AbortSignal): Promise<ZooKeeperServer> {
    signal?.throwIfAborted();
    const installation = findInstallation();
    const address = options.address ?? "127.0.0.1";
    // Looked at first: another server that listens there would answer in the place of ours.
    const port = freePort(address, options.port);
    await Deno.mkdir(options.dataDir, { recursive: true });
    const file = join(options.dataDir, "zoo.cfg");
    await Deno.writeTextFile(file, configuration(options, address, port));
    if (options.ensemble) {
      await Deno.writeTextFile(join(options.dataDir, "myid"), `${options.ensemble.id}\n`);
    }
    const command: Deno.CommandOptions = {
      // The server ends with us, also when we are killed.
      args: [
        "--pdeathsig",
        "TERM",
        installation.java,
        ...javaArguments(options, installation, file),
      ],
      // A terminal's Ctrl-C is for us: we stop the server when all its clients have stopped.
      detached: true,
      // Our environment may hold passwords, which are nothing to the server.
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    };
    let child: Deno.ChildProcess;
    try {
      child = startProgram("setpriv", command);
    } catch (cause) {
      throw new UnavailableError(
        "Cannot start a ZooKeeper server as setpriv is not there: apt-get install util-linux",
        { cause },
      );
    }
    const server = new ZooKeeperServer({ ...options, address, port }, child);
    try {
      await server.#untilItServes(signal);
      return server;
    } catch (error) {
      await server.kill();
      throw error;
    }
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach((line) => this.#keep(line));
    }
    if (rest !== "") this.#keep(rest);
  }

  #keep(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
    this.options.onLine?.(line);
  }

  async #untilItServes(signal?: AbortSignal): Promise<void> {
    const { address, port, startTimeoutMs = 60_000 } = this.options;
    let status: Deno.CommandStatus | undefined;
    this.ended.then((ended) => status = ended);
    const deadline = performance.now() + startTimeoutMs;
    // Without a quorum "srvr" says that the server is not currently serving requests.
    while (!/^Mode: /m.test(await fourLetterWord(address, port, "srvr"))) {
      signal?.throwIfAborted();
      if (status !== undefined) {
        throw this.#failure(`it ended with ${status.signal ?? `status ${status.code}`}`);
      }
      if (performance.now() > deadline) {
        throw this.#failure(`it did not serve in ${startTimeoutMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #failure(reason: string): UnavailableError {
    // Without the lines of Java's stack traces, which say nothing to a person.
    const said = this.#lastLines.filter((line) => /^\S/.test(line)).slice(-3).join(" | ");
    return new UnavailableError(
      `Cannot start a ZooKeeper server: ${reason} on ${this.hosts}, data in "${this.options.dataDir}"` +
        (said === "" ? "" : `, it said: ${said}`),
    );
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended already.
    }
  }

  /** Ends the server in order; resolves when it is gone. After five seconds it is killed. */
  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), 5_000);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends the server as `kill -9` does; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.ended;
  }

  /** The same as `stop()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
