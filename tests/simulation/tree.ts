/** The znodes of one server, and what a write does to them, as ZooKeeper 3.8 has it. */
import type { CreateMode, Operation, OperationResult, Stat } from "../../lib/zookeeper/ensemble.ts";
import { zooKeeperError } from "../../lib/zookeeper/errors.ts";

const encoder = new TextEncoder();

/** KeeperException's codes. */
export const CODE = {
  connectionLoss: -4,
  noNode: -101,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
} as const;

/** A znode as it is after some write; never changed in place. */
export interface ZnodeState {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

/** What one write did to one znode; null where it is gone. */
export interface Change {
  readonly path: string;
  readonly before: ZnodeState | null;
  readonly after: ZnodeState | null;
  /** Only children came or went. */
  readonly isParent: boolean;
}

/** One write that took effect: all its changes at once. */
export interface Transaction {
  readonly zxid: number;
  readonly changes: readonly Change[];
}

/** The path above; "/" for the first level. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** Znodes by their paths. */
export class Tree {
  readonly #nodes = new Map<string, ZnodeState>();
  readonly #children = new Map<string, Set<string>>();

  constructor() {
    const stat = newStat(0, 0, 0n, 0);
    this.#nodes.set("/", { data: new Uint8Array(), stat });
  }

  get(path: string): ZnodeState | null {
    return this.#nodes.get(path) ?? null;
  }

  /** The names below a znode. */
  childrenOf(path: string): string[] {
    return [...this.#children.get(path) ?? []];
  }

  /** All paths. */
  paths(): string[] {
    return [...this.#nodes.keys()];
  }

  put({ path, after }: { readonly path: string; readonly after: ZnodeState | null }): void {
    const isNew = !this.#nodes.has(path);
    if (after === null) this.#nodes.delete(path);
    else this.#nodes.set(path, after);
    if (path === "/") return;
    const parent = parentOf(path), name = path.slice(path.lastIndexOf("/") + 1);
    const siblings = this.#children.get(parent) ?? new Set();
    this.#children.set(parent, siblings);
    if (after === null) siblings.delete(name);
    else if (isNew) siblings.add(name);
  }

  /**
   * Does all operations or none.
   *
   * @throws {ZooKeeperError} The first that failed; nothing has changed then.
   */
  execute(
    operations: readonly Operation[],
    write: { readonly zxid: number; readonly nowMs: number; readonly session: bigint },
    isMulti: boolean,
  ): { readonly changes: readonly Change[]; readonly results: readonly OperationResult[] } {
    const changes: Change[] = [];
    const change = (path: string, after: ZnodeState | null, isParent = false) => {
      changes.push({ path, before: this.get(path), after, isParent });
      this.put({ path, after });
    };
    const results: OperationResult[] = [];
    for (const [index, operation] of operations.entries()) {
      const fail = (code: number) => {
        for (const { path, before } of changes.toReversed()) this.put({ path, after: before });
        return zooKeeperError(code, operation.op, operation.path, isMulti ? { index } : {});
      };
      results.push(this.#one(operation, write, change, fail));
    }
    return { changes, results };
  }

  #one(
    operation: Operation,
    write: { readonly zxid: number; readonly nowMs: number; readonly session: bigint },
    change: (path: string, after: ZnodeState | null, isParent?: boolean) => void,
    fail: (code: number) => Error,
  ): OperationResult {
    const { zxid, nowMs } = write;
    const node = this.get(operation.path);
    switch (operation.op) {
      case "create":
        return { op: "create", path: this.#create(operation, write, change, fail) };
      case "check":
      case "set":
      case "delete": {
        if (node === null) throw fail(CODE.noNode);
        const version = operation.version ?? -1;
        if (version !== -1 && version !== node.stat.version) throw fail(CODE.badVersion);
      }
    }
    switch (operation.op) {
      case "check":
        return { op: "check" };
      case "set": {
        const data = bytes(operation.data);
        const stat = {
          ...node.stat,
          mzxid: BigInt(zxid),
          mtimeMs: nowMs,
          version: node.stat.version + 1,
          dataLength: data.length,
        };
        change(operation.path, { data, stat });
        return { op: "set", stat };
      }
      case "delete":
        if (this.childrenOf(operation.path).length > 0) throw fail(CODE.notEmpty);
        change(operation.path, null);
        this.#touchParent(operation.path, zxid, change, 0);
        return { op: "delete" };
    }
  }

  #create(
    operation: Operation & { readonly op: "create" },
    write: { readonly zxid: number; readonly nowMs: number; readonly session: bigint },
    change: (path: string, after: ZnodeState | null, isParent?: boolean) => void,
    fail: (code: number) => Error,
  ): string {
    const mode: CreateMode = operation.mode ?? "persistent";
    const above = this.get(parentOf(operation.path));
    if (above === null) throw fail(CODE.noNode);
    if (above.stat.ephemeralOwner !== 0n) throw fail(CODE.noChildrenForEphemerals);
    const sequential = typeof mode === "string" && mode.endsWith("_sequential");
    const path = sequential
      ? operation.path + `${above.stat.cversion}`.padStart(10, "0")
      : operation.path;
    if (this.get(path) !== null) throw fail(CODE.nodeExists);
    const ephemeral = typeof mode === "string" && mode.startsWith("ephemeral");
    const data = bytes(operation.data);
    const owner = ephemeral ? write.session : 0n;
    change(path, { data, stat: newStat(write.zxid, write.nowMs, owner, data.length) });
    this.#touchParent(path, write.zxid, change, 1);
    return path;
  }

  #touchParent(
    path: string,
    zxid: number,
    change: (path: string, after: ZnodeState | null, isParent?: boolean) => void,
    created: number,
  ): void {
    const parent = parentOf(path);
    const { data, stat } = this.get(parent)!;
    const numChildren = this.childrenOf(parent).length;
    const cversion = stat.cversion + created;
    change(parent, { data, stat: { ...stat, pzxid: BigInt(zxid), cversion, numChildren } }, true);
  }
}

function bytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

function newStat(zxid: number, nowMs: number, ephemeralOwner: bigint, dataLength: number): Stat {
  const id = BigInt(zxid);
  return {
    czxid: id,
    mzxid: id,
    pzxid: id,
    ctimeMs: nowMs,
    mtimeMs: nowMs,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner,
    dataLength,
    numChildren: 0,
  };
}
