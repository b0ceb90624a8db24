/**
 * The records of ZooKeeper's protocol (zookeeper.jute), each with the two functions that write and
 * read it. The client writes requests and reads replies; tests play the server with the others.
 */

import { OP } from "./constants.ts";
import { JuteError, type JuteReader, type JuteWriter } from "./jute.ts";

/** A znode's stat. Times are milliseconds since 1970. */
export interface StatRecord {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly ctime: bigint;
  readonly mtime: bigint;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: bigint;
}

/** Writes a Stat. */
export function writeStat(out: JuteWriter, stat: StatRecord): void {
  out.long(stat.czxid);
  out.long(stat.mzxid);
  out.long(stat.ctime);
  out.long(stat.mtime);
  out.int(stat.version);
  out.int(stat.cversion);
  out.int(stat.aversion);
  out.long(stat.ephemeralOwner);
  out.int(stat.dataLength);
  out.int(stat.numChildren);
  out.long(stat.pzxid);
}

/** Reads a Stat. @throws JuteError */
export function readStat(from: JuteReader): StatRecord {
  return {
    czxid: from.long(),
    mzxid: from.long(),
    ctime: from.long(),
    mtime: from.long(),
    version: from.int(),
    cversion: from.int(),
    aversion: from.int(),
    ephemeralOwner: from.long(),
    dataLength: from.int(),
    numChildren: from.int(),
    pzxid: from.long(),
  };
}

/** One entry of an access list: `perms` are the bits of PERM. */
export interface AclRecord {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

/** Writes a vector of ACL. */
export function writeAcls(out: JuteWriter, acls: readonly AclRecord[]): void {
  out.int(acls.length);
  for (const acl of acls) {
    out.int(acl.perms);
    out.string(acl.scheme);
    out.string(acl.id);
  }
}

/** Reads a vector of ACL. @throws JuteError */
export function readAcls(from: JuteReader): AclRecord[] {
  return from.vector(12, (each) => ({
    perms: each.int(),
    scheme: each.string(),
    id: each.string(),
  }));
}

/** The first request on a connection, which has no header. */
export interface ConnectRequest {
  readonly protocolVersion: number;
  readonly lastZxidSeen: bigint;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean;
}

/** Writes a ConnectRequest. */
export function writeConnectRequest(out: JuteWriter, request: ConnectRequest): void {
  out.int(request.protocolVersion);
  out.long(request.lastZxidSeen);
  out.int(request.timeoutMs);
  out.long(request.sessionId);
  out.buffer(request.password);
  out.bool(request.readOnly);
}

/** Reads a ConnectRequest; clients before 3.4 send no `readOnly`. @throws JuteError */
export function readConnectRequest(from: JuteReader): ConnectRequest {
  return {
    protocolVersion: from.int(),
    lastZxidSeen: from.long(),
    timeoutMs: from.int(),
    sessionId: from.long(),
    password: from.buffer() ?? new Uint8Array(0),
    readOnly: from.remaining > 0 && from.bool(),
  };
}

/** The reply to the first request, which has no header either. */
export interface ConnectResponse {
  readonly protocolVersion: number;
  /** As negotiated; 0 or less when the session is over. */
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean;
}

/** Writes a ConnectResponse. */
export function writeConnectResponse(out: JuteWriter, response: ConnectResponse): void {
  out.int(response.protocolVersion);
  out.int(response.timeoutMs);
  out.long(response.sessionId);
  out.buffer(response.password);
  out.bool(response.readOnly);
}

/** Reads a ConnectResponse; old servers send no `readOnly`. @throws JuteError */
export function readConnectResponse(from: JuteReader): ConnectResponse {
  return {
    protocolVersion: from.int(),
    timeoutMs: from.int(),
    sessionId: from.long(),
    password: from.buffer() ?? new Uint8Array(0),
    readOnly: from.remaining > 0 && from.bool(),
  };
}

/** What leads every request but the first. */
export interface RequestHeader {
  readonly xid: number;
  readonly type: number;
}

/** Writes a RequestHeader. */
export function writeRequestHeader(out: JuteWriter, header: RequestHeader): void {
  out.int(header.xid);
  out.int(header.type);
}

/** Reads a RequestHeader. @throws JuteError */
export function readRequestHeader(from: JuteReader): RequestHeader {
  return { xid: from.int(), type: from.int() };
}

/** What leads every reply but the first. */
export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
}

/** Writes a ReplyHeader. */
export function writeReplyHeader(out: JuteWriter, header: ReplyHeader): void {
  out.int(header.xid);
  out.long(header.zxid);
  out.int(header.err);
}

/** Reads a ReplyHeader. @throws JuteError */
export function readReplyHeader(from: JuteReader): ReplyHeader {
  return { xid: from.int(), zxid: from.long(), err: from.int() };
}

/** Why a watch fired. */
export interface WatcherEvent {
  readonly type: number;
  readonly state: number;
  readonly path: string;
}

/** Writes a WatcherEvent. */
export function writeWatcherEvent(out: JuteWriter, event: WatcherEvent): void {
  out.int(event.type);
  out.int(event.state);
  out.string(event.path);
}

/** Reads a WatcherEvent. @throws JuteError */
export function readWatcherEvent(from: JuteReader): WatcherEvent {
  return { type: from.int(), state: from.int(), path: from.string() };
}

/** CreateRequest, and CreateTTLRequest where `ttlMs` is given. */
export interface CreateRequest {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acls: readonly AclRecord[];
  readonly flags: number;
  readonly ttlMs?: number;
}

/** Writes a CreateRequest or CreateTTLRequest. */
export function writeCreateRequest(out: JuteWriter, request: CreateRequest): void {
  out.string(request.path);
  out.buffer(request.data);
  writeAcls(out, request.acls);
  out.int(request.flags);
  if (request.ttlMs !== undefined) out.long(BigInt(request.ttlMs));
}

/** Reads a CreateRequest, or with `ttl` a CreateTTLRequest. @throws JuteError */
export function readCreateRequest(from: JuteReader, ttl: boolean): CreateRequest {
  const request = {
    path: from.string(),
    data: from.buffer(),
    acls: readAcls(from),
    flags: from.int(),
  };
  return ttl ? { ...request, ttlMs: Number(from.long()) } : request;
}

/** A path with a version: DeleteRequest and CheckVersionRequest. */
export interface VersionRequest {
  readonly path: string;
  readonly version: number;
}

/** Writes a DeleteRequest or CheckVersionRequest. */
export function writeVersionRequest(out: JuteWriter, request: VersionRequest): void {
  out.string(request.path);
  out.int(request.version);
}

/** Reads a DeleteRequest or CheckVersionRequest. @throws JuteError */
export function readVersionRequest(from: JuteReader): VersionRequest {
  return { path: from.string(), version: from.int() };
}

/** A path and whether to watch it: requests of exists, getData, getChildren, getChildren2. */
export interface WatchRequest {
  readonly path: string;
  readonly watch: boolean;
}

/** Writes the request of exists, getData, getChildren or getChildren2. */
export function writeWatchRequest(out: JuteWriter, request: WatchRequest): void {
  out.string(request.path);
  out.bool(request.watch);
}

/** Reads the request of exists, getData, getChildren or getChildren2. @throws JuteError */
export function readWatchRequest(from: JuteReader): WatchRequest {
  return { path: from.string(), watch: from.bool() };
}

/** Request of setData. */
export interface SetDataRequest {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly version: number;
}

/** Writes a SetDataRequest. */
export function writeSetDataRequest(out: JuteWriter, request: SetDataRequest): void {
  out.string(request.path);
  out.buffer(request.data);
  out.int(request.version);
}

/** Reads a SetDataRequest. @throws JuteError */
export function readSetDataRequest(from: JuteReader): SetDataRequest {
  return { path: from.string(), data: from.buffer(), version: from.int() };
}

/** Request of setAcl. */
export interface SetAclRequest {
  readonly path: string;
  readonly acls: readonly AclRecord[];
  readonly version: number;
}

/** Writes a SetACLRequest. */
export function writeSetAclRequest(out: JuteWriter, request: SetAclRequest): void {
  out.string(request.path);
  writeAcls(out, request.acls);
  out.int(request.version);
}

/** Reads a SetACLRequest. @throws JuteError */
export function readSetAclRequest(from: JuteReader): SetAclRequest {
  return { path: from.string(), acls: readAcls(from), version: from.int() };
}

/** Credentials of one scheme. */
export interface AuthPacket {
  readonly type: number;
  readonly scheme: string;
  readonly auth: Uint8Array;
}

/** Writes an AuthPacket. */
export function writeAuthPacket(out: JuteWriter, packet: AuthPacket): void {
  out.int(packet.type);
  out.string(packet.scheme);
  out.buffer(packet.auth);
}

/** Reads an AuthPacket. @throws JuteError */
export function readAuthPacket(from: JuteReader): AuthPacket {
  return {
    type: from.int(),
    scheme: from.string(),
    auth: from.buffer() ?? new Uint8Array(0),
  };
}

/** Watches to set again after a reconnect; the last two only where a server knows SetWatches2. */
export interface SetWatches {
  readonly relativeZxid: bigint;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
  readonly persistent?: readonly string[];
  readonly persistentRecursive?: readonly string[];
}

/** Writes a SetWatches, or a SetWatches2 where it has persistent watches. */
export function writeSetWatches(out: JuteWriter, watches: SetWatches): void {
  out.long(watches.relativeZxid);
  out.strings(watches.data);
  out.strings(watches.exist);
  out.strings(watches.child);
  if (watches.persistent === undefined) return;
  out.strings(watches.persistent);
  out.strings(watches.persistentRecursive ?? []);
}

/** Reads a SetWatches, or with `second` a SetWatches2. @throws JuteError */
export function readSetWatches(from: JuteReader, second: boolean): SetWatches {
  const watches = {
    relativeZxid: from.long(),
    data: from.strings(),
    exist: from.strings(),
    child: from.strings(),
  };
  if (!second) return watches;
  return { ...watches, persistent: from.strings(), persistentRecursive: from.strings() };
}

/** Request of reconfig; null leaves a list out. */
export interface ReconfigRequest {
  readonly joining: string | null;
  readonly leaving: string | null;
  readonly members: string | null;
  readonly configId: bigint;
}

/** Writes a ReconfigRequest. */
export function writeReconfigRequest(out: JuteWriter, request: ReconfigRequest): void {
  out.string(request.joining);
  out.string(request.leaving);
  out.string(request.members);
  out.long(request.configId);
}

/** Reads a ReconfigRequest. @throws JuteError */
export function readReconfigRequest(from: JuteReader): ReconfigRequest {
  return {
    joining: from.stringOrNull(),
    leaving: from.stringOrNull(),
    members: from.stringOrNull(),
    configId: from.long(),
  };
}

/** What stands before each operation of a multi, and, with `done`, after the last. */
export interface MultiHeader {
  readonly type: number;
  readonly done: boolean;
  readonly err: number;
}

/** Writes a MultiHeader. */
export function writeMultiHeader(out: JuteWriter, header: MultiHeader): void {
  out.int(header.type);
  out.bool(header.done);
  out.int(header.err);
}

/** Reads a MultiHeader. @throws JuteError */
export function readMultiHeader(from: JuteReader): MultiHeader {
  return { type: from.int(), done: from.bool(), err: from.int() };
}

/** The type in a MultiHeader that stands for an operation that was not done. */
export const MULTI_ERROR = -1;

/** What an operation of a multi gave back; `err` is not 0 where it was not done. */
export interface MultiResult {
  readonly err: number;
  readonly path?: string;
  readonly stat?: StatRecord;
}

/**
 * Reads a MultiResponse.
 *
 * @param layout For each type of operation, what its result holds.
 * @throws JuteError
 */
export function readMultiResponse(
  from: JuteReader,
  layout: (type: number) => "path" | "path and stat" | "stat" | "nothing" | undefined,
): MultiResult[] {
  const results: MultiResult[] = [];
  for (;;) {
    const header = readMultiHeader(from);
    if (header.done) return results;
    if (header.type === MULTI_ERROR) {
      results.push({ err: from.int() });
      continue;
    }
    const holds = layout(header.type);
    switch (holds) {
      case "path":
        results.push({ err: 0, path: from.string() });
        break;
      case "path and stat":
        results.push({ err: 0, path: from.string(), stat: readStat(from) });
        break;
      case "stat":
        results.push({ err: 0, stat: readStat(from) });
        break;
      case "nothing":
        results.push({ err: 0 });
        break;
      default:
        throw new JuteError(`Unknown operation in a multi's reply: type ${header.type}`);
    }
  }
}

/** Writes a MultiResponse, as a server whose creates give a stat where there is one. */
export function writeMultiResponse(out: JuteWriter, results: readonly MultiResult[]): void {
  for (const { err, path, stat } of results) {
    if (path !== undefined) {
      writeMultiHeader(out, {
        type: stat === undefined ? OP.create : OP.create2,
        done: false,
        err,
      });
      out.string(path);
    } else if (stat !== undefined) {
      writeMultiHeader(out, { type: OP.setData, done: false, err });
    } else {
      writeMultiHeader(out, { type: MULTI_ERROR, done: false, err });
      out.int(err);
    }
    if (stat !== undefined) writeStat(out, stat);
  }
  writeMultiHeader(out, { type: MULTI_ERROR, done: true, err: -1 });
}
