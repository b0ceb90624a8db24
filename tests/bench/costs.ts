/** What a keeper costs beside its server: its start, its idle life, and the time until it registers. */

import * as mariadb from "mariadb";
import { userInfo } from "node:os";
import { Session } from "../../lib/zookeeper/session.ts";
import { Proxy } from "../zookeeper/proxy.ts";
import { isPing, RequestReader } from "../zookeeper/requests.ts";
import { makePlaces, type Place, SMALL } from "./members.ts";
import {
  type Bench,
  costOf,
  type Format,
  mebibytes,
  milliseconds,
  percent,
  type Row,
} from "./report.ts";
import type { Scratch, Spawned } from "./scratch.ts";
import { runArguments } from "./start.ts";

const AIM = { startMs: 150, cpuPercent: 0.5, mebibytes: 80, requests: 0, registerMs: 50 } as const;
const ROUNDS = 9;
/** How long an idle member is looked at, in milliseconds. */
const IDLE_MS = 60_000;
/** How long it is given to come to rest before. */
const REST_MS = 5_000;
/** Of the times in /proc: sysconf(_SC_CLK_TCK), the same on all that we run on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

const number: Format = (figure) => figure.toFixed(0);

/** Measures the costs, of the binary. */
export async function measureCosts(place: Bench): Promise<readonly Row[]> {
  if (place.binary === null) {
    place.lack("What the binary costs was not measured, as there is none: deno task build");
    return [];
  }
  const keeper = new Keeper(place.scratch, place.binary);
  return [
    ...await start(place, keeper),
    ...await idle(place, keeper),
    ...await join(place, keeper),
  ];
}

/** How the program is started, time and again. */
class Keeper {
  readonly #scratch: Scratch;
  readonly #binary: string;

  constructor(scratch: Scratch, binary: string) {
    this.#scratch = scratch;
    this.#binary = binary;
  }

  run(at: Place, hosts: string, root: string): Spawned {
    const args = [...runArguments(at, hosts, root, 1), "--", ...SMALL];
    return this.#scratch.spawn(this.#binary, args);
  }

  async places(): Promise<readonly Place[]> {
    return await makePlaces(this.#scratch, crypto.randomUUID());
  }

  async stop(spawned: Spawned): Promise<void> {
    await this.#scratch.stop(spawned);
  }
}

/** From the start of the process to the first byte that a ZooKeeper server gets. */
async function start({ say, rounds }: Bench, keeper: Keeper): Promise<readonly Row[]> {
  say("From the start of the binary to its first ZooKeeper request …");
  const [at] = await keeper.places();
  const figures: number[] = [];
  // The first reads the program from the disk for all.
  for (let round = -1; round < (rounds ?? ROUNDS); round++) {
    using listener = Deno.listen({ hostname: at!.address, port: 0 });
    const fromMs = performance.now();
    const spawned = keeper.run(at!, `${at!.address}:${listener.addr.port}`, "/bench");
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1));
    if (round >= 0) figures.push(performance.now() - fromMs);
    spawned.process.kill("SIGKILL");
    await spawned.ended;
  }
  const what = "Start of the binary to its first ZooKeeper request";
  return [costOf(what, figures, AIM.startMs, milliseconds)];
}

/** Processor, memory and requests of a keeper whose server serves and is asked for nothing. */
async function idle({ say, hosts }: Bench, keeper: Keeper): Promise<readonly Row[]> {
  say(`An idle member, for ${IDLE_MS / 1000} s …`);
  const [at] = await keeper.places();
  const root = `/idle-${crypto.randomUUID()}`;
  await using proxy = new Proxy(hosts);
  const reader = new RequestReader();
  const requests: number[] = [];
  proxy.meddle = (bytes, direction) => {
    if (direction === "to server") requests.push(...reader.take(bytes));
    return bytes.length;
  };
  const spawned = keeper.run(at!, proxy.hosts, root);
  await untilRegistered(hosts, root, at!, spawned);
  await pause(REST_MS);
  const { pid } = spawned.process;
  const [before, asked] = [await ticksOf(pid), requests.length];
  await pause(IDLE_MS);
  const ticks = await ticksOf(pid) - before;
  const count = requests.slice(asked).filter((type) => !isPing(type)).length;
  const resident = await residentBytes(pid);
  await keeper.stop(spawned);
  const share = ticks / TICKS_PER_SECOND / (IDLE_MS / 1000) * 100;
  return [
    costOf("Idle for 60 s: share of a core", [share], AIM.cpuPercent, percent),
    costOf("Idle for 60 s: resident memory", [resident / 2 ** 20], AIM.mebibytes, mebibytes),
    costOf("Idle for 60 s: ZooKeeper requests but pings", [count], AIM.requests, number),
  ];
}

/** From `wsrep_ready` of a member that joins to its registration. */
async function join({ say, hosts, rounds }: Bench, keeper: Keeper): Promise<readonly Row[]> {
  say("From wsrep_ready to registered …");
  const [first, second] = await keeper.places();
  const root = `/join-${crypto.randomUUID()}`;
  const donor = keeper.run(first!, hosts, root);
  await untilRegistered(hosts, root, first!, donor);
  const figures: number[] = [];
  // The first joins by an SST, the others by what they lack.
  for (let round = -1; round < (rounds ?? ROUNDS); round++) {
    const joiner = keeper.run(second!, hosts, root);
    const [readyMs, registeredMs] = await Promise.all([
      untilReady(second!, joiner),
      untilRegistered(hosts, root, second!, joiner),
    ]);
    if (round >= 0) figures.push(registeredMs - readyMs);
    await keeper.stop(joiner);
  }
  await keeper.stop(donor);
  return [costOf("wsrep_ready to registered", figures, AIM.registerMs, milliseconds)];
}

/** How often an instant is looked for. */
const LOOK_EVERY_MS = 2;

/** @returns When its znode was there, by `performance.now()`. */
async function untilRegistered(
  hosts: string,
  root: string,
  { address }: Place,
  spawned: Spawned,
): Promise<number> {
  await using session = await Session.connect({ hosts, sessionTimeoutMs: 30_000 });
  while (await session.exists(`${root}/nodes/${address}`) === null) {
    if (spawned.hasEnded()) throw new Error(`It ended early: ${spawned.rest().slice(-2000)}`);
    await pause(LOOK_EVERY_MS);
  }
  return performance.now();
}

/** @returns When its server said `wsrep_ready`, by `performance.now()`. */
async function untilReady({ socket }: Place, spawned: Spawned): Promise<number> {
  const user = userInfo().username;
  let connection: mariadb.Connection | null = null;
  try {
    for (;;) {
      if (spawned.hasEnded()) throw new Error(`It ended early: ${spawned.rest().slice(-2000)}`);
      connection ??= await mariadb.createConnection({ socketPath: socket, user }).catch(() => null);
      const rows = await connection?.query("SHOW STATUS LIKE 'wsrep_ready'").catch(() => []) ?? [];
      if (rows[0]?.Value === "ON") return performance.now();
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    await connection?.end().catch(() => {});
  }
}

/** utime and stime of a process, proc(5), and of the children that it waited for. */
async function ticksOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 15);
  return fields.reduce((sum, field) => sum + Number(field), 0);
}

/** What a process has in memory, proc(5). */
async function residentBytes(pid: number): Promise<number> {
  const [, pages = "0"] = (await Deno.readTextFile(`/proc/${pid}/statm`)).split(" ");
  return Number(pages) * PAGE_BYTES;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
