/** What goes in and out of the addon's methods, to and from the protocol's records. */

import { Buffer } from "node:buffer";
import { CODE, errorText, FLAGS, MAX_TTL_MS, OP, PERM } from "./constants.ts";
import type { JuteWriter } from "./jute.ts";
import { unsignedHex } from "./connection.ts";
import {
  type AclRecord,
  MULTI_ERROR,
  type MultiResult,
  type StatRecord,
  writeCreateRequest,
  writeMultiHeader,
  writeSetDataRequest,
  writeVersionRequest,
} from "./records.ts";
import type { TlsOptions } from "./transport.ts";
import { isValidPath, withChroot, withoutChroot } from "./paths.ts";

/** A znode's stat as npm:zookeeper gives it. */
export interface AddonStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ctime: Date;
  readonly mtime: Date;
  /** The session that owns an ephemeral znode, in hexadecimal; "0" for others. */
  readonly ephemeralOwner: string;
  readonly createdInThisSession: boolean;
}

/** Gives a stat the addon's form. */
export function statOf(stat: StatRecord, sessionId: bigint): AddonStat {
  const owner = stat.ephemeralOwner;
  return {
    czxid: Number(stat.czxid),
    mzxid: Number(stat.mzxid),
    pzxid: Number(stat.pzxid),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ctime: new Date(Number(stat.ctime)),
    mtime: new Date(Number(stat.mtime)),
    ephemeralOwner: owner === 0n ? "0" : unsignedHex(owner),
    createdInThisSession: owner === sessionId,
  };
}

/** An entry of an access list: the package's own form (`perm`), or that of its constants. */
export interface AclInput {
  readonly perm?: number;
  readonly perms?: number;
  readonly scheme: string;
  readonly auth: string;
}

/** Anybody may do anything: what the addon creates every znode with. */
export const OPEN_ACL: readonly AclRecord[] = [
  { perms: PERM.all, scheme: "world", id: "anyone" },
];

/** Reads an access list; null where it is none. */
export function toAcls(input: unknown): AclRecord[] | null {
  if (!Array.isArray(input)) return null;
  const acls: AclRecord[] = [];
  for (const each of input) {
    if (typeof each !== "object" || each === null) return null;
    acls.push({
      perms: toInt32(each.perm ?? each.perms),
      scheme: String(each.scheme),
      id: String(each.auth),
    });
  }
  return acls;
}

/** Data to write: bytes as they are, anything else as the UTF-8 of its text. */
export type DataInput = Uint8Array | string;

/** Gives the bytes of data to write, as the addon takes it. */
export function dataOf(input: unknown): Uint8Array {
  if (input instanceof Uint8Array) return input;
  if (ArrayBuffer.isView(input)) {
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  }
  return Buffer.from(String(input));
}

/** Makes 32 bits of a number, as V8 does for the addon; what is none becomes 0. */
export function toInt32(input: unknown): number {
  return Number(input) | 0;
}

/**
 * A version to compare with; left out it means any, as the package's README says (the addon itself
 * takes it for 0).
 */
export function toVersion(input: unknown): number {
  return input === undefined || input === null ? -1 : toInt32(input);
}

/** A create's flags, with more than the addon knows where an object is given. */
export type CreateFlags = number | {
  /** One of FLAGS; 0 when left out. */
  readonly flags?: number;
  /** Milliseconds; only with the two flags that have a time to live. */
  readonly ttl?: number;
  /** Open to anybody when left out. */
  readonly acl?: readonly AclInput[];
};

/** A create's flags, read. */
export interface CreateOptions {
  readonly flags: number;
  readonly ttlMs: number | null;
  readonly acls: readonly AclRecord[];
}

/** Reads a create's flags; null where they contradict themselves. */
export function createOptionsOf(input: unknown, ttl: unknown = undefined): CreateOptions | null {
  let options: { flags?: unknown; ttl?: unknown; acl?: unknown } = { flags: input, ttl };
  if (typeof input === "object" && input !== null) options = { ttl, ...input };
  const flags = toInt32(options.flags);
  const acls = options.acl === undefined ? OPEN_ACL : toAcls(options.acl);
  if (acls === null) return null;
  const ttlMs = options.ttl === undefined || options.ttl === null ? null : Number(options.ttl);
  if (flags !== FLAGS.ttl && flags !== FLAGS.ttlSequential) {
    return ttlMs === null || ttlMs < 0 ? { flags, ttlMs: null, acls } : null;
  }
  if (ttlMs === null || !Number.isInteger(ttlMs) || ttlMs <= 0 || ttlMs > MAX_TTL_MS) return null;
  return { flags, ttlMs, acls };
}

/** Says whether the server appends a number to the path. */
export function isSequential(flags: number): boolean {
  return flags === FLAGS.persistentSequential || flags === FLAGS.ephemeralSequential ||
    flags === FLAGS.ttlSequential;
}

/** The operation that creates this kind of znode. */
export function createOp(flags: number, otherwise: number): number {
  if (flags === FLAGS.container) return OP.createContainer;
  return flags === FLAGS.ttl || flags === FLAGS.ttlSequential ? OP.createTtl : otherwise;
}

/** One operation of a multi. */
export type MultiOperation =
  | {
    readonly op: "create";
    readonly path: string;
    readonly data: DataInput;
    readonly flags?: CreateFlags;
  }
  | {
    readonly op: "set";
    readonly path: string;
    readonly data: DataInput;
    readonly version?: number;
  }
  | { readonly op: "delete"; readonly path: string; readonly version?: number }
  | { readonly op: "check"; readonly path: string; readonly version?: number };

/** What became of one operation of a multi. */
export interface MultiOutcome {
  /** ZOK; after a failure ZOK of those before it, which are undone, ZRUNTIMEINCONSISTENCY of those after. */
  readonly rc: number;
  readonly error: string;
  /** Of a create. */
  readonly path?: string;
  /** Of a set. */
  readonly stat?: AddonStat;
}

type Write = (out: JuteWriter) => void;

/** Prepares a multi's operations; null where one is none. */
export function multiOf(operations: unknown, chroot: string): Write | null {
  if (!Array.isArray(operations)) return null;
  const writes: Write[] = [];
  for (const operation of operations) {
    const write = typeof operation === "object" && operation !== null
      ? operationOf(operation, chroot)
      : null;
    if (write === null) return null;
    writes.push(write);
  }
  return (out) => {
    for (const write of writes) write(out);
    writeMultiHeader(out, { type: MULTI_ERROR, done: true, err: -1 });
  };
}

function operationOf(operation: MultiOperation, chroot: string): Write | null {
  const clientPath = String(operation.path);
  const headed = (type: number, write: Write): Write => (out) => {
    writeMultiHeader(out, { type, done: false, err: -1 });
    write(out);
  };
  if (operation.op === "create") {
    const options = createOptionsOf(operation.flags ?? 0);
    if (options === null) return null;
    const { flags, acls, ttlMs } = options;
    const sequential = isSequential(flags);
    if (!isValidPath(clientPath, sequential)) return null;
    const path = withChroot(chroot, clientPath, sequential);
    const request = { path, data: dataOf(operation.data), acls, flags };
    return headed(
      createOp(flags, OP.create),
      (out) => writeCreateRequest(out, ttlMs === null ? request : { ...request, ttlMs }),
    );
  }
  if (!isValidPath(clientPath)) return null;
  const path = withChroot(chroot, clientPath);
  const version = toVersion(operation.version);
  switch (operation.op) {
    case "set": {
      const data = dataOf(operation.data);
      return headed(OP.setData, (out) => writeSetDataRequest(out, { path, data, version }));
    }
    case "delete":
      return headed(OP.delete, (out) => writeVersionRequest(out, { path, version }));
    case "check":
      return headed(OP.check, (out) => writeVersionRequest(out, { path, version }));
    default:
      return null;
  }
}

/** What the result of each operation of a multi holds. */
export function multiLayout(
  type: number,
): "path" | "path and stat" | "stat" | "nothing" | undefined {
  switch (type) {
    case OP.create:
      return "path";
    case OP.create2:
    case OP.createContainer:
    case OP.createTtl:
      return "path and stat";
    case OP.setData:
      return "stat";
    case OP.delete:
    case OP.check:
      return "nothing";
    default:
      return undefined;
  }
}

/** Gives a multi's result the addon's form. */
export function outcomeOf(result: MultiResult, chroot: string, sessionId: bigint): MultiOutcome {
  const rc = result.err;
  const error = errorText(rc);
  if (result.path !== undefined) return { rc, error, path: withoutChroot(chroot, result.path) };
  if (result.stat !== undefined) return { rc, error, stat: statOf(result.stat, sessionId) };
  return { rc, error };
}

/** The code of a multi as a whole: that of the first operation that failed. */
export function multiCode(results: readonly MultiResult[]): number {
  return results.find(({ err }) => err !== CODE.ZOK)?.err ?? CODE.ZOK;
}

/** What `init` takes: the package's options and ours. */
export interface InitOptions {
  /** `host:port[,…][/chroot]`. */
  readonly connect: string;
  /** The session timeout to ask for, in milliseconds; 20000 when left out. */
  readonly timeout?: number;
  /** One of the ZOO_LOG_LEVEL constants; silent when left out. */
  readonly debug_level?: number;
  /** Tries the servers in the order given. */
  readonly host_order_deterministic?: boolean;
  /** A session to take over, as `client_id` gives it. */
  readonly client_id?: string | undefined;
  /** Its password, as `client_password` gives it. */
  readonly client_password?: string | undefined;
  /** Taken for the addon's sake, without effect: it counts wake-ups that do not happen here. */
  readonly response_counter_limit?: number;
  /** Ours: connects over TLS. */
  readonly tls?: TlsOptions;
  /** Ours: the servers' jute.maxbuffer, in bytes. */
  readonly jute_maxbuffer?: number;
}

/** Reads a session's id as the addon gives it. */
export function clientIdOf(input: unknown): bigint {
  const digits = /^\s*(?:0x)?([0-9a-f]{1,16})/i.exec(String(input))?.[1] ?? "0";
  return BigInt.asIntN(64, BigInt(`0x${digits}`));
}

/** Reads a session's password as the addon gives it. @throws Error as the addon does. */
export function passwordOf(input: unknown): Uint8Array {
  const text = String(input);
  if (text.length !== 32) throw new Error("ZK init: password does not have correct length");
  if (!/^[0-9a-f]+$/i.test(text)) throw new Error("ZK init: password is not hexadecimal");
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** Writes a session's password as the addon does. */
export function passwordText(password: Uint8Array): string {
  return Buffer.from(password).toString("hex").toUpperCase();
}
