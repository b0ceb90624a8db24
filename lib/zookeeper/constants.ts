/**
 * ZooKeeper's numbers: operations, errors, states, events, permissions, kinds of znodes. Those of
 * the C client (zookeeper.h, 3.8) and of org.apache.zookeeper.ZooDefs, where that has more.
 */

/** Operations, as a request's header names them. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  closeSession: -11,
  auth: 100,
  setWatches: 101,
  setWatches2: 105,
  addWatch: 106,
} as const;

/** What stands in a header for the number of a request that has none. */
export const XID = { watchEvent: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Results of operations: KeeperException.Code, by the names of the C client. */
export const CODE = {
  ZOK: 0,
  ZSYSTEMERROR: -1,
  ZRUNTIMEINCONSISTENCY: -2,
  ZDATAINCONSISTENCY: -3,
  ZCONNECTIONLOSS: -4,
  ZMARSHALLINGERROR: -5,
  ZUNIMPLEMENTED: -6,
  ZOPERATIONTIMEOUT: -7,
  ZBADARGUMENTS: -8,
  ZINVALIDSTATE: -9,
  ZNEWCONFIGNOQUORUM: -13,
  ZRECONFIGINPROGRESS: -14,
  ZSSLCONNECTIONERROR: -15,
  ZAPIERROR: -100,
  ZNONODE: -101,
  ZNOAUTH: -102,
  ZBADVERSION: -103,
  ZNOCHILDRENFOREPHEMERALS: -108,
  ZNODEEXISTS: -110,
  ZNOTEMPTY: -111,
  ZSESSIONEXPIRED: -112,
  ZINVALIDCALLBACK: -113,
  ZINVALIDACL: -114,
  ZAUTHFAILED: -115,
  ZCLOSING: -116,
  ZNOTHING: -117,
  ZSESSIONMOVED: -118,
  ZNOTREADONLY: -119,
  ZEPHEMERALONLOCALSESSION: -120,
  ZNOWATCHER: -121,
  ZREQUESTTIMEOUT: -122,
  ZRECONFIGDISABLED: -123,
  ZSESSIONCLOSEDREQUIRESASLAUTH: -124,
  ZQUOTAEXCEEDED: -125,
  ZTHROTTLEDOP: -127,
} as const;

/** What the C client's zerror says of a code, misspellings included: programs compare it. */
const TEXTS: Readonly<Record<number, string>> = {
  [CODE.ZOK]: "ok",
  [CODE.ZSYSTEMERROR]: "system error",
  [CODE.ZRUNTIMEINCONSISTENCY]: "run time inconsistency",
  [CODE.ZDATAINCONSISTENCY]: "data inconsistency",
  [CODE.ZCONNECTIONLOSS]: "connection loss",
  [CODE.ZMARSHALLINGERROR]: "marshalling error",
  [CODE.ZUNIMPLEMENTED]: "unimplemented",
  [CODE.ZOPERATIONTIMEOUT]: "operation timeout",
  [CODE.ZBADARGUMENTS]: "bad arguments",
  [CODE.ZINVALIDSTATE]: "invalid zhandle state",
  [CODE.ZNEWCONFIGNOQUORUM]:
    "no quorum of new config is connected and up-to-date with the leader of last commmitted config - " +
    "try invoking reconfiguration after new servers are connected and synced",
  [CODE.ZRECONFIGINPROGRESS]:
    "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
  [CODE.ZAPIERROR]: "api error",
  [CODE.ZNONODE]: "no node",
  [CODE.ZNOAUTH]: "not authenticated",
  [CODE.ZBADVERSION]: "bad version",
  [CODE.ZNOCHILDRENFOREPHEMERALS]: "no children for ephemerals",
  [CODE.ZNODEEXISTS]: "node exists",
  [CODE.ZNOTEMPTY]: "not empty",
  [CODE.ZSESSIONEXPIRED]: "session expired",
  [CODE.ZINVALIDCALLBACK]: "invalid callback",
  [CODE.ZINVALIDACL]: "invalid acl",
  [CODE.ZAUTHFAILED]: "authentication failed",
  [CODE.ZCLOSING]: "zookeeper is closing",
  [CODE.ZNOTHING]: "(not error) no server responses to process",
  [CODE.ZSESSIONMOVED]: "session moved to another server, so operation is ignored",
  [CODE.ZNOTREADONLY]: "state-changing request is passed to read-only server",
  [CODE.ZEPHEMERALONLOCALSESSION]: "attempt to create ephemeral node on a local session",
  [CODE.ZNOWATCHER]: "the watcher couldn't be found",
  [CODE.ZREQUESTTIMEOUT]: "request timed out on the server",
  [CODE.ZRECONFIGDISABLED]:
    "attempts to perform a reconfiguration operation when reconfiguration feature is disable",
  [CODE.ZSESSIONCLOSEDREQUIRESASLAUTH]:
    "session closed by server because client is required to do SASL authentication",
  [CODE.ZQUOTAEXCEEDED]: "quota exceeded",
  [CODE.ZTHROTTLEDOP]: "Operation was throttled due to high load",
};

/** Says what a code means, in the words of the C client's zerror. */
export function errorText(code: number): string {
  return TEXTS[code] ?? "unknown error";
}

/** States of a session; `closed` is the C client's state before init and after close. */
export const STATE = {
  closed: 0,
  connecting: 1,
  associating: 2,
  connected: 3,
  readOnly: 5,
  expired: -112,
  authFailed: -113,
} as const;

/** Kinds of watch events. */
export const EVENT = {
  created: 1,
  deleted: 2,
  changed: 3,
  child: 4,
  session: -1,
  notWatching: -2,
} as const;

/** Permissions of an ACL, as bits. */
export const PERM = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Kinds of znodes, as create's flags; `sequence` is a bit of the first four. */
export const FLAGS = {
  persistent: 0,
  ephemeral: 1,
  sequence: 2,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  ttlSequential: 6,
} as const;

/** Modes of addWatch. */
export const WATCH_MODE = { persistent: 0, persistentRecursive: 1 } as const;

/** What removeWatches removes: org.apache.zookeeper.Watcher.WatcherType. */
export const WATCHER_TYPE = { children: 1, data: 2, any: 3 } as const;

/** The longest time to live, in milliseconds: EphemeralType.MAX_TTL of the servers. */
export const MAX_TTL_MS = 0x00ffffffffff;

/** The znode that holds the ensemble's configuration; no chroot applies to it. */
export const CONFIG_NODE = "/zookeeper/config";
