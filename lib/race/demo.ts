/** The race, run: without the lock, with it, or both. */

import type { ZooKeeperConfig } from "../config.ts";
import { openSession } from "../zookeeper_session.ts";
import { prepareFile, RACE_LOCK, readResult } from "./file.ts";
import { runProcesses } from "./processes.ts";
import { type RaceMode, type RaceResult, summarise } from "./result.ts";

/** What a race is told. */
export interface RaceConfig {
  readonly processes: number;
  readonly increments: number;
  /** Absolute. */
  readonly file: string;
  readonly modes: readonly RaceMode[];
  /** Add to what the file holds; false: begin with 0. */
  readonly keep: boolean;
  /** For the locked mode. */
  readonly zookeeper: ZooKeeperConfig | null;
}

/** Told what goes on. */
export interface RaceListener {
  onProgress(mode: RaceMode, done: number, all: number): void;
  onResult(result: RaceResult): void;
}

/**
 * Runs the race.
 *
 * @throws {KeeperError} The file holds no integer, or a process failed.
 */
export async function runRace(
  config: RaceConfig,
  listener: RaceListener,
  signal: AbortSignal,
): Promise<readonly RaceResult[]> {
  const results: RaceResult[] = [];
  for (const mode of config.modes) {
    const from = prepareFile(config.file, config.keep);
    const zookeeper = mode === "locked" ? config.zookeeper : null;
    const all = config.processes * config.increments;
    const traces = await runProcesses(
      { ...config, zookeeper },
      (done) => listener.onProgress(mode, done, all),
      signal,
    );
    const result = summarise(mode, from, readResult(config.file), traces);
    results.push(result);
    listener.onResult(result);
  }
  return results;
}

/** Removes the lock's znode from an ensemble that is not ours, unless another race uses it. */
export async function tidyUp(zookeeper: ZooKeeperConfig): Promise<void> {
  const session = await openSession(zookeeper);
  try {
    await session.delete(`${zookeeper.root}${RACE_LOCK}`);
  } catch {
    // Another race uses it, or it is not ours to delete: an empty znode does no harm.
  } finally {
    await session.close();
  }
}
