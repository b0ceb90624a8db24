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
import { CODE, errorText } from "./constants.ts";
import { ZooKeeperError } from "./errors.ts";
import type { Watcher } from "./watches.ts";

export { ZooKeeper };

/** The package's class with the addon's own type, and promises of what the package lacks. */
export class ZooKeeperClient extends ZooKeeper {
  /** The lower layer: its methods skip what the package does for each call (it formats a log line). */
  declare native: NativeZooKeeper;

  /** Creates a znode; gives its path and stat. @throws ZooKeeperError */
  create2(path: string, data: DataInput, flags: CreateFlags): Promise<[string, AddonStat]> {
    return promised(
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
   * @throws ZooKeeperError with the code and path of the operation that failed.
   */
  multi(operations: readonly MultiOperation[]): Promise<MultiOutcome[]> {
    return promised(
      "",
      (resolve, reject) =>
        this.native.a_multi(operations, (rc, _error, outcomes) => {
          if (rc === CODE.ZOK && outcomes !== null) return resolve(outcomes);
          const at = outcomes?.findIndex((outcome) => outcome.rc !== CODE.ZOK) ?? -1;
          reject(rc, operations[at]?.path);
        }),
    );
  }

  /** Watches a znode (mode 0), or it and all below it (mode 1), until that is removed. */
  add_watch(path: string, mode: 0 | 1, watcher: Watcher): Promise<void> {
    return promised(
      path,
      (resolve, reject) =>
        this.native.a_add_watch(path, mode, watcher, (rc) => {
          if (rc === CODE.ZOK) resolve();
          else reject(rc);
        }),
    );
  }

  /** Takes all watches of a type (one of WATCHER_TYPE) off a path. @throws ZooKeeperError */
  remove_watches(path: string, type: number): Promise<void> {
    return promised(path, (resolve, reject) =>
      this.native.a_remove_watches(path, type, (rc) => {
        if (rc === CODE.ZOK) resolve();
        else reject(rc);
      }));
  }
}

function promised<T>(
  path: string,
  request: (resolve: (value: T) => void, reject: (rc: number, path?: string) => void) => number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (rc: number, where = path) =>
      reject(new ZooKeeperError(rc, `${errorText(rc)}: ${where}`, where));
    const rc = request(resolve, fail);
    if (rc !== CODE.ZOK) fail(rc);
  });
}
