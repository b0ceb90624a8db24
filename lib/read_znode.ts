/** A znode of ours, read to be changed later by compare-and-set: `settle()` is what writes. */
import type { Ensemble } from "./zookeeper/ensemble.ts";
import { NoNodeError } from "./zookeeper/errors.ts";
import { ZnodeError } from "./znodes.ts";

/** What a znode holds, and the version that it was read at. */
export interface ReadZnode<Value> {
  readonly value: Value;
  readonly version: number;
}

/**
 * Reads a znode.
 *
 * @param path Absolute.
 * @returns null where there is none.
 * @throws {ZnodeError} It is not what `parse` knows; with its path.
 */
export async function readZnode<Value>(
  ensemble: Ensemble,
  path: string,
  parse: (data: Uint8Array) => Value,
): Promise<ReadZnode<Value> | null> {
  try {
    const { data, stat } = await ensemble.get(path);
    return { value: parse(data), version: stat.version };
  } catch (error) {
    if (error instanceof NoNodeError) return null;
    if (!(error instanceof ZnodeError)) throw error;
    throw new ZnodeError(`${path}: ${error.message}`, { cause: error });
  }
}
