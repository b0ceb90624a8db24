/**
 * The class that npm:zookeeper asks its native addon for, on our own protocol: the same methods,
 * arguments, return values, callbacks, events and constants as its src/node-zk.cpp and the C client
 * below that. What the addon lacks is added: multi, create2, persistent watches, removal of watches,
 * access lists and TLS.
 *
 * Where the addon ends the process (a missing callback, a property read too early) a code comes
 * back instead.
 */

import {
  aclAnswer,
  type AclCallback,
  call,
  children2Answer,
  type Children2Callback,
  childrenAnswer,
  type ChildrenCallback,
  create2Answer,
  type Create2Callback,
  dataAnswer,
  type DataCallback,
  guarded,
  type MultiCallback,
  pathAnswer,
  type PathCallback,
  statAnswer,
  type StatCallback,
  voidAnswer,
  type VoidCallback,
} from "./addon_callbacks.ts";
import { setConstants } from "./addon_constants.ts";
import { AddonSession, expectArguments, serverPathOf } from "./addon_session.ts";
import {
  type AclInput,
  type CreateFlags,
  createOp,
  createOptionsOf,
  type DataInput,
  dataOf,
  isSequential,
  multiCode,
  multiLayout,
  multiOf,
  type MultiOperation,
  outcomeOf,
  toAcls,
  toInt32,
  toVersion,
} from "./addon_values.ts";
import type { Connection } from "./connection.ts";
import { CODE, errorText, OP, WATCH_MODE, WATCHER_TYPE } from "./constants.ts";
import type { ReplyHandler } from "./exchange.ts";
import { withChroot } from "./paths.ts";
import {
  readMultiResponse,
  writeCreateRequest,
  writeReconfigRequest,
  writeSetAclRequest,
  writeSetDataRequest,
  writeVersionRequest,
} from "./records.ts";
import { persistentKind, type Watcher } from "./watches.ts";

export type {
  AclCallback,
  Children2Callback,
  ChildrenCallback,
  Create2Callback,
  DataCallback,
  MultiCallback,
  PathCallback,
  StatCallback,
  VoidCallback,
} from "./addon_callbacks.ts";

const EXISTS = { type: OP.exists, kind: "exist" } as const;
const GET = { type: OP.getData, kind: "data" } as const;
const GET_CHILDREN = { type: OP.getChildren, kind: "child" } as const;
const GET_CHILDREN2 = { type: OP.getChildren2, kind: "child" } as const;

/** What the addon says where a method takes a watcher too. */
const AT_LEAST = "expected at least";

/** What npm:zookeeper's JavaScript calls its native object. */
export class NativeZooKeeper extends AddonSession {
  // Creating, changing, deleting -----------------------------------------------------------------

  /** Creates a znode; gives its path, with the number that the server appended. */
  a_create(path: string, data: DataInput, flags: CreateFlags, callback: PathCallback): number {
    expectArguments(arguments.length, 4);
    return this.ask(callback, (connection) => {
      const answer = pathAnswer(callback, connection);
      return this.#create(connection, OP.create, path, data, flags, undefined, answer);
    });
  }

  /** Creates a znode that goes when it was without children and changes for `ttl` milliseconds. */
  a_create_ttl(
    path: string,
    data: DataInput,
    flags: number,
    ttl: number,
    callback: PathCallback,
  ): number {
    expectArguments(arguments.length, 5);
    return this.ask(callback, (connection) => {
      const answer = pathAnswer(callback, connection);
      return this.#create(connection, OP.create, path, data, flags, ttl ?? 0, answer);
    });
  }

  /** Ours: creates a znode and gives its stat too. Needs a server of 3.5 or later. */
  a_create2(path: string, data: DataInput, flags: CreateFlags, callback: Create2Callback): number {
    expectArguments(arguments.length, 4);
    return this.ask(callback, (connection) => {
      const answer = create2Answer(callback, connection);
      return this.#create(connection, OP.create2, path, data, flags, undefined, answer);
    });
  }

  #create(
    connection: Connection,
    type: number,
    path: unknown,
    data: unknown,
    flagsInput: unknown,
    ttl: unknown,
    answer: ReplyHandler,
  ): number {
    const options = createOptionsOf(flagsInput, ttl);
    if (options === null) return CODE.ZBADARGUMENTS;
    const { flags, acls, ttlMs } = options;
    const bytes = dataOf(data);
    const serverPath = serverPathOf(connection, path, isSequential(flags));
    if (serverPath === null) return CODE.ZBADARGUMENTS;
    const out = connection.begin(createOp(flags, type));
    if (out === null) return CODE.ZINVALIDSTATE;
    const request = { path: serverPath, data: bytes, acls, flags };
    writeCreateRequest(out, ttlMs === null ? request : { ...request, ttlMs });
    return connection.send(answer);
  }

  /** Changes a znode's data when its version is `version`; -1, null or undefined is any. */
  a_set(path: string, data: DataInput, version: number, callback: StatCallback): number {
    expectArguments(arguments.length, 4);
    return this.ask(callback, (connection) => {
      const request = { data: dataOf(data), version: toVersion(version) };
      return this.send(
        connection,
        OP.setData,
        path,
        (out, serverPath) => writeSetDataRequest(out, { path: serverPath, ...request }),
        statAnswer(callback, connection),
      );
    });
  }

  /** Deletes a znode when its version is `version`; -1, null or undefined is any. */
  a_delete_(path: string, version: number, callback: VoidCallback): number {
    expectArguments(arguments.length, 3);
    return this.ask(callback, (connection) => {
      const number = toVersion(version);
      return this.send(
        connection,
        OP.delete,
        path,
        (out, serverPath) => writeVersionRequest(out, { path: serverPath, version: number }),
        voidAnswer(callback),
      );
    });
  }

  /** Ours: does all of the operations or none. */
  a_multi(operations: readonly MultiOperation[], callback: MultiCallback): number {
    expectArguments(arguments.length, 2);
    return this.ask(callback, (connection) => {
      const write = multiOf(operations, connection.chroot);
      if (write === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(OP.multi);
      if (out === null) return CODE.ZINVALIDSTATE;
      write(out);
      return connection.send((code, record) => {
        if (record === null) return call(callback, code, errorText(code), null);
        const results = readMultiResponse(record, multiLayout);
        const { chroot, sessionId } = connection;
        const rc = multiCode(results);
        const outcomes = results.map((result) => outcomeOf(result, chroot, sessionId));
        call(callback, rc, errorText(rc), outcomes);
      });
    });
  }

  // Reading --------------------------------------------------------------------------------------

  /** Gives a znode's stat, or ZNONODE; with `watch` the change to come is emitted as an event. */
  a_exists(path: string, watch: boolean, callback: StatCallback): number {
    expectArguments(arguments.length, 3);
    return this.#exists(path, watch ? this.onWatch : null, callback);
  }

  /** As a_exists; `watcher` is called for the change to come. */
  aw_exists(path: string, watcher: Watcher, callback: StatCallback): number {
    expectArguments(arguments.length, 3, AT_LEAST);
    return this.#exists(path, watcher, callback);
  }

  #exists(path: string, watcher: Watcher | null, callback: StatCallback): number {
    return this.ask(callback, (connection) => {
      const answer = statAnswer(callback, connection);
      return this.read(connection, EXISTS, path, watcher, answer);
    });
  }

  /** Gives a znode's data and stat. */
  a_get(path: string, watch: boolean, callback: DataCallback): number {
    expectArguments(arguments.length, 3);
    return this.#get(path, watch ? this.onWatch : null, callback);
  }

  /** As a_get; `watcher` is called for the change to come. */
  aw_get(path: string, watcher: Watcher, callback: DataCallback): number {
    expectArguments(arguments.length, 3, AT_LEAST);
    return this.#get(path, watcher, callback);
  }

  #get(path: string, watcher: Watcher | null, callback: DataCallback): number {
    return this.ask(callback, (connection) => {
      const answer = dataAnswer(callback, connection);
      return this.read(connection, GET, path, watcher, answer);
    });
  }

  /** Gives the names of a znode's children, in no order. */
  a_get_children(path: string, watch: boolean, callback: ChildrenCallback): number {
    expectArguments(arguments.length, 3);
    return this.#children(path, watch ? this.onWatch : null, callback);
  }

  /** As a_get_children; `watcher` is called for the change to come. */
  aw_get_children(path: string, watcher: Watcher, callback: ChildrenCallback): number {
    expectArguments(arguments.length, 3, AT_LEAST);
    return this.#children(path, watcher, callback);
  }

  #children(path: string, watcher: Watcher | null, callback: ChildrenCallback): number {
    return this.ask(
      callback,
      (connection) => this.read(connection, GET_CHILDREN, path, watcher, childrenAnswer(callback)),
    );
  }

  /** Gives the names of a znode's children, and its stat. */
  a_get_children2(path: string, watch: boolean, callback: Children2Callback): number {
    expectArguments(arguments.length, 3);
    return this.#children2(path, watch ? this.onWatch : null, callback);
  }

  /** As a_get_children2; `watcher` is called for the change to come. */
  aw_get_children2(path: string, watcher: Watcher, callback: Children2Callback): number {
    expectArguments(arguments.length, 3, AT_LEAST);
    return this.#children2(path, watcher, callback);
  }

  #children2(path: string, watcher: Watcher | null, callback: Children2Callback): number {
    return this.ask(callback, (connection) => {
      const answer = children2Answer(callback, connection);
      return this.read(connection, GET_CHILDREN2, path, watcher, answer);
    });
  }

  /** Waits until the server has seen all that was written before. */
  a_sync(path: string, callback: PathCallback): number {
    expectArguments(arguments.length, 2);
    return this.ask(callback, (connection) =>
      this.send(
        connection,
        OP.sync,
        path,
        (out, serverPath) => out.string(serverPath),
        pathAnswer(callback, connection),
      ));
  }

  // Access lists, configuration ------------------------------------------------------------------

  /** Gives a znode's access list and stat. */
  a_get_acl(path: string, callback: AclCallback): number {
    expectArguments(arguments.length, 2);
    return this.ask(callback, (connection) =>
      this.send(
        connection,
        OP.getAcl,
        path,
        (out, serverPath) => out.string(serverPath),
        aclAnswer(callback, connection),
      ));
  }

  /** Changes a znode's access list when its aversion is `version`. */
  a_set_acl(
    path: string,
    version: number,
    acl: readonly AclInput[],
    callback: VoidCallback,
  ): number {
    expectArguments(arguments.length, 4);
    return this.ask(callback, (connection) => {
      const acls = toAcls(acl);
      if (acls === null) return CODE.ZBADARGUMENTS;
      const number = toVersion(version);
      return this.send(
        connection,
        OP.setAcl,
        path,
        (out, serverPath) => writeSetAclRequest(out, { path: serverPath, acls, version: number }),
        voidAnswer(callback),
      );
    });
  }

  /** Gives the ensemble's configuration. */
  a_getconfig(watch: boolean, callback: DataCallback): number {
    expectArguments(arguments.length, 2);
    return this.#getConfig(watch ? this.onWatch : null, callback);
  }

  /** As a_getconfig; `watcher` is called for the change to come. */
  aw_getconfig(watcher: Watcher, callback: DataCallback): number {
    expectArguments(arguments.length, 2, AT_LEAST);
    return this.#getConfig(watcher, callback);
  }

  #getConfig(watcher: Watcher | null, callback: DataCallback): number {
    return this.ask(callback, (connection) => {
      const answer = dataAnswer(callback, connection);
      return this.readConfig(connection, watcher, answer);
    });
  }

  /** Changes the ensemble's members; gives its new configuration. */
  a_reconfig(
    joining: string | null,
    leaving: string | null,
    members: string | null,
    version: number,
    callback: DataCallback,
  ): number {
    expectArguments(arguments.length, 5);
    return this.ask(callback, (connection) => {
      const number = Number(version);
      const request = {
        joining: textOrNull(joining),
        leaving: textOrNull(leaving),
        members: textOrNull(members),
        configId: BigInt(Number.isFinite(number) ? Math.trunc(number) : 0),
      };
      const out = connection.begin(OP.reconfig);
      if (out === null) return CODE.ZINVALIDSTATE;
      writeReconfigRequest(out, request);
      return connection.send(dataAnswer(callback, connection));
    });
  }

  // Watches that stay ----------------------------------------------------------------------------

  /**
   * Ours: watches a znode until it is removed, not once: with mode 0 its data and children, with
   * mode 1 its data and all that is below it. A server keeps one mode for a path: that of the last
   * call. Needs a server of 3.6 or later.
   */
  a_add_watch(path: string, mode: number, watcher: Watcher, callback: VoidCallback): number {
    expectArguments(arguments.length, 4);
    return this.ask(callback, (connection) => {
      if (typeof watcher !== "function") return CODE.ZINVALIDCALLBACK;
      const number = toInt32(mode);
      if (number !== WATCH_MODE.persistent && number !== WATCH_MODE.persistentRecursive) {
        return CODE.ZBADARGUMENTS;
      }
      const serverPath = serverPathOf(connection, path);
      if (serverPath === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(OP.addWatch);
      if (out === null) return CODE.ZINVALIDSTATE;
      out.string(serverPath);
      out.int(number);
      const watch = {
        kind: persistentKind(number),
        path: serverPath,
        watcher: guarded(watcher),
      };
      return connection.send(voidAnswer(callback), watch);
    });
  }

  /**
   * Ours: takes all watches of a type (one of WATCHER_TYPE) off a path, here and at the server.
   * ZNOWATCHER when there is none. Needs a server of 3.5 or later.
   */
  a_remove_watches(path: string, type: number, callback: VoidCallback): number {
    expectArguments(arguments.length, 3);
    return this.ask(callback, (connection) => {
      const number = toInt32(type);
      if (number < WATCHER_TYPE.children || number > WATCHER_TYPE.any) return CODE.ZBADARGUMENTS;
      const serverPath = serverPathOf(connection, path);
      if (serverPath === null) return CODE.ZBADARGUMENTS;
      const out = connection.begin(OP.removeWatches);
      if (out === null) return CODE.ZINVALIDSTATE;
      out.string(serverPath);
      out.int(number);
      return connection.send((code) => {
        if (code === CODE.ZOK) connection.watches.remove(serverPath, number);
        call(callback, code, errorText(code));
      });
    });
  }

  /**
   * Ours: forgets one watcher that an aw_ method or a_add_watch left on a path, here alone: the
   * server may still tell of the change, and nobody listens.
   *
   * @returns ZOK, or ZNOWATCHER when it is not there.
   */
  forget_watcher(path: string, watcher: Watcher): number {
    const connection = this.connection;
    if (connection === null) return CODE.ZINVALIDSTATE;
    if (typeof path !== "string" || typeof watcher !== "function") return CODE.ZNOWATCHER;
    const serverPath = withChroot(connection.chroot, path);
    const isGone = connection.watches.remove(serverPath, WATCHER_TYPE.any, guarded(watcher));
    return isGone ? CODE.ZOK : CODE.ZNOWATCHER;
  }
}

setConstants(NativeZooKeeper);
Object.defineProperty(NativeZooKeeper, "name", { value: "ZooKeeper" });

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
