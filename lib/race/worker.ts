/** One process of the race: reads the number in a file, adds one, writes it; again and again. */

import type { ZooKeeperConfig } from "../config.ts";
import { UnavailableError } from "../errors.ts";
import { openSession } from "../zookeeper_session.ts";
import { Lock } from "../zookeeper/lock.ts";
import type { Session } from "../zookeeper/session.ts";
import { parseNumber, RACE_LOCK } from "./file.ts";
import { encodeTrace, newTrace, type Trace } from "./trace.ts";

/** What a process of the race is told. */
export interface WorkerConfig {
  readonly file: string;
  readonly increments: number;
  /** 1 for the first. */
  readonly process: number;
  /** null: without the lock. */
  readonly zookeeper: ZooKeeperConfig | null;
}

/** How the process speaks with the one that started it. */
export interface WorkerPipes {
  /** Resolves with the time to begin, in milliseconds since 1970; null: it is called off. */
  begin(): Promise<number | null>;
  /** Says that it is ready, or how many increments are done. */
  say(word: "ready" | number): void;
  /** Hands the trace over. */
  finish(trace: Uint8Array): void;
}

/** How many times a process says how far it is. */
const REPORTS = 50;

/** How long the file may stay empty: between another's truncation and its write, in milliseconds. */
const EMPTY_MS = 5000;

/** Milliseconds since 1970, finer than a microsecond. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Runs one process of the race.
 *
 * @throws {UnavailableError} The file went away, or holds something else.
 */
export async function runWorker(config: WorkerConfig, pipes: WorkerPipes): Promise<void> {
  const session = config.zookeeper === null
    ? null
    : await openSession(config.zookeeper, { makeChroot: true });
  try {
    const lock = session === null ? null : await prepareLock(session, config);
    pipes.say("ready");
    const beginAtMs = await pipes.begin();
    if (beginAtMs === null) return;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, beginAtMs - nowMs())));
    const trace = newTrace(config.increments);
    if (lock === null) countUnlocked(config, trace, pipes);
    else await countLocked(config, trace, lock, pipes);
    pipes.finish(encodeTrace(trace));
  } finally {
    await session?.close();
  }
}

async function prepareLock(session: Session, config: WorkerConfig): Promise<Lock> {
  const path = `${config.zookeeper!.root}${RACE_LOCK}`;
  await session.ensurePath(path);
  return new Lock(session, path, { name: `process ${config.process}`, listsAgain: false });
}

function countUnlocked(config: WorkerConfig, trace: Trace, pipes: WorkerPipes): void {
  const { file, increments } = config;
  const every = Math.ceil(increments / REPORTS);
  for (let at = 0; at < increments; at++) {
    increment(file, trace, at);
    if ((at + 1) % every === 0) pipes.say(at + 1);
  }
}

async function countLocked(
  config: WorkerConfig,
  trace: Trace,
  lock: Lock,
  pipes: WorkerPipes,
): Promise<void> {
  const { file, increments } = config;
  const every = Math.ceil(increments / REPORTS);
  for (let at = 0; at < increments; at++) {
    const askedMs = performance.now();
    const held = await lock.acquire();
    trace.waitMs[at] = performance.now() - askedMs;
    increment(file, trace, at);
    // Not awaited: what this session asks for next comes after it.
    held.release();
    if ((at + 1) % every === 0) pipes.say(at + 1);
  }
}

/** As in the lab: open, read, close; open, write, close. */
function increment(file: string, trace: Trace, at: number): void {
  const value = readNumber(file);
  trace.readAtMs[at] = nowMs();
  trace.values[at] = value;
  Deno.writeTextFileSync(file, `${value + 1}`);
  trace.wroteAtMs[at] = nowMs();
}

/** Without the lock the file may be found empty: another process is about to write it. */
function readNumber(file: string): number {
  let text = Deno.readTextFileSync(file);
  if (text === "") {
    const deadlineMs = performance.now() + EMPTY_MS;
    while (text === "" && performance.now() < deadlineMs) text = Deno.readTextFileSync(file);
  }
  const value = parseNumber(text);
  if (value === null) {
    throw new UnavailableError(`The file "${file}" holds no number any more: who else writes it?`);
  }
  return value;
}
