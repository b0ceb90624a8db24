/**
 * Measures what the README says of speed, against others that do the same, and prints its table.
 *
 *   deno task bench [--only start,costs,locks,reads] [--rounds N]
 *
 * Those that are compared take turns; what counts is the ratio of two that came right after each
 * other. Times by themselves depend on the machine.
 */

import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { existsSync } from "node:fs";
import { KeeperError, UsageError } from "../../lib/errors.ts";
import { ensureInstalled } from "../../lib/machine/prerequisites.ts";
import { STDERR, STDOUT } from "../../lib/machine/terminal.ts";
import { ZooKeeperServer } from "../../lib/zookeeper/server.ts";
import config from "../../deno.json" with { type: "json" };
import { measureCosts } from "./costs.ts";
import { measureLocks } from "./locks.ts";
import { PYTHON, ROOT } from "./places.ts";
import { measureReads } from "./reads.ts";
import { type Bench, type Row, table } from "./report.ts";
import { run, Scratch } from "./scratch.ts";
import { measureStart } from "./start.ts";

const PARTS = {
  start: measureStart,
  costs: measureCosts,
  locks: measureLocks,
  reads: measureReads,
} as const;
type Part = keyof typeof PARTS;

function isPart(name: string): name is Part {
  return Object.hasOwn(PARTS, name);
}

function parseOptions(args: readonly string[]) {
  const options = { only: { type: "string" }, rounds: { type: "string" } } as const;
  let values: { readonly only?: string | undefined; readonly rounds?: string | undefined };
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${why}; there are --only ${Object.keys(PARTS)} and --rounds N`, {
      cause,
    });
  }
  const parts = values.only?.split(",") ?? Object.keys(PARTS);
  const unknown = parts.find((part) => !isPart(part));
  if (unknown !== undefined) {
    throw new UsageError(`There is no part "${unknown}" of the benchmark: ${Object.keys(PARTS)}`);
  }
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (rounds !== null && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000)) {
    throw new UsageError(`--rounds takes a number from 1 to 1000, not "${values.rounds}"`);
  }
  return { parts: parts.filter(isPart), rounds };
}

/** What the figures were taken on and with. */
async function facts({ isInMemory }: Scratch): Promise<string> {
  const first = async (program: string, args: readonly string[]) =>
    (await run(program, args).catch(() => "")).trim().split("\n")[0] ?? "";
  const version = (name: string) => first("dpkg-query", ["-W", "-f", "${Version}", name]);
  const system = /^PRETTY_NAME="?(.*?)"?$/m.exec(await Deno.readTextFile("/etc/os-release"))?.[1];
  const gibibytes = (totalmem() / 2 ** 30).toFixed(0);
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}`,
    `${gibibytes} GiB`,
    `${system ?? "unknown system"}, Linux ${release()}`,
    `Deno ${Deno.version.deno}`,
    `Node ${await first("node", ["--version"]) || "none"}`,
    `npm:${config.imports.zookeeper.slice("npm:".length)}`,
    `kazoo ${await first(PYTHON, ["-c", "import kazoo.version as v; print(v.__version__)"])}`,
    `ZooKeeper ${await version("zookeeper") || await version("libzookeeper-java")}`,
    `MariaDB ${await version("mariadb-server")}`,
    `Galera ${await version("galera-4")}`,
    `ZooKeeper's data and the counted file ${isInMemory ? "in memory" : "on disk"}`,
  ].join("; ");
}

async function measure(scratch: Scratch, args: readonly string[]): Promise<void> {
  const { parts, rounds } = parseOptions(args);
  const say = (line: string) => STDERR.write(`${line}\n`);
  await ensureInstalled(["zookeeper", "galera", "kazoo"], {
    install: Deno.uid() === 0,
    confirm: () => true,
    say,
  });
  const binary = `${ROOT}/dist/galera-keeper`;
  const lacks: string[] = [];
  const [address] = scratch.nextAddresses();
  const server = await ZooKeeperServer.start({
    address,
    // Clients are compared here, not the disk under the server; race-demo's own does not wait for it either.
    dataDir: `${scratch.fastFolder}/zookeeper`,
    durable: false,
  });
  scratch.atEnd(() => server.stop());
  const bench: Bench = {
    scratch,
    hosts: server.hosts,
    rounds,
    binary: existsSync(binary) ? binary : null,
    say,
    lack: (line) => lacks.push(line),
  };
  const rows: Row[] = [];
  for (const part of parts) rows.push(...await PARTS[part](bench));
  STDOUT.write(`${table(rows)}\n\n`);
  for (const line of lacks) STDOUT.write(`${line}\n\n`);
  STDOUT.write(`Medians; ${await facts(scratch)}; load ${Deno.loadavg()[0]?.toFixed(1)}.\n`);
}

/** Ends with Ctrl-C too without leaving anything behind. */
async function main(args: readonly string[]): Promise<void> {
  await using scratch = await Scratch.create();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new KeeperError("Stopped before the end", 130));
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  await Promise.race([measure(scratch, args), interrupted]);
}

try {
  await main(Deno.args);
  Deno.exit(0);
} catch (error) {
  if (!(error instanceof KeeperError)) throw error;
  STDERR.write(`${error.message}\n`);
  Deno.exit(error.exitStatus);
}
