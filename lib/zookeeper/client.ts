/**
 * npm:zookeeper's client on our own protocol: the package's class as it is, and `ZooKeeperClient`,
 * which adds what the package lacks.
 */

import "./install.ts";
import ZooKeeper from "zookeeper";
import type { NativeZooKeeper } from "./addon.ts";
import type {
  AddonStat,
  CreateFlags,
  DataInput,
  MultiOperation,
  MultiOutcome,
} from "./addon_values.ts";
import { CODE } from "./constants.ts";
import { zooKeeperError } from "./errors.ts";
import type { Watcher } from "./watches.ts";

export { ZooKeeper };

/** The package's class with the addon's own type, and promises of what the package lacks. */
export class ZooKeeperClient extends ZooKeeper {
  /** The lower layer: its methods skip what the package does for each call (it formats a log line). */
  declare native: NativeZooKeeper;

  /** Creates a znode; gives its path and stat. @throws ZooKeeperError of the code's class. */
  create2(path: string, data: DataInput, flags: CreateFlags): Promise<[string, AddonStat]> {
    return promised(
      "create",
      path,
      (resolve, reject) =>
        this.native.a_create2(path, data, flags, (rc, _error, created, stat) => {
          if (rc === CODE.ZOK && stat !== null) resolve([created, stat]);
          else reject(rc);
        }),
    );
  }

  /**
   * Does all of the operations or none; gives what each gave back.
   *
   * @throws ZooKeeperError with the code, path and index of the operation that failed.
   */
  multi(operations: readonly MultiOperation[]): Promise<MultiOutcome[]> {
    return promised(
      "do all of a multi",
      "",
      (resolve, reject) =>
        this.native.a_multi(operations, (rc, _error, outcomes) => {
          if (rc === CODE.ZOK && outcomes !== null) return resolve(outcomes);
          const index = outcomes?.findIndex((outcome) => outcome.rc !== CODE.ZOK) ?? -1;
          const failed = operations[index];
          if (failed === undefined) reject(rc);
          else reject(rc, failed.op, failed.path, index);
        }),
    );
  }

  /**
   * Watches a znode (mode 0), or it and all below it (mode 1), until that is removed.
   *
   * @throws ZooKeeperError of the code's class.
   */
  add_watch(path: string, mode: 0 | 1, watcher: Watcher): Promise<void> {
    return promised(
      "watch",
      path,
      (resolve, reject) =>
        this.native.a_add_watch(path, mode, watcher, (rc) => {
          if (rc === CODE.ZOK) resolve();
          else reject(rc);
        }),
    );
  }

  /**
   * Takes all watches of a type (one of WATCHER_TYPE) off a path.
   *
   * @throws ZooKeeperError of the code's class.
   */
  remove_watches(path: string, type: number): Promise<void> {
    return promised(
      "remove the watches of",
      path,
      (resolve, reject) =>
        this.native.a_remove_watches(path, type, (rc) => {
          if (rc === CODE.ZOK) resolve();
          else reject(rc);
        }),
    );
  }
}

type Reject = (rc: number, verb?: string, path?: string, index?: number) => void;

function promised<T>(
  ownVerb: string,
  ownPath: string,
  request: (resolve: (value: T) => void, reject: Reject) => number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail: Reject = (rc, verb = ownVerb, path = ownPath, index) =>
      reject(zooKeeperError(rc, verb, path, index === undefined ? {} : { index }));
    const rc = request(resolve, fail);
    if (rc !== CODE.ZOK) fail(rc);
  });
}
