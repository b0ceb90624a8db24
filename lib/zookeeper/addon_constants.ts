/** The constants that npm:zookeeper's addon puts on its class. */

import { CODE, CONFIG_NODE, EVENT, FLAGS, PERM, STATE } from "./constants.ts";

/** An access list's entry as the package's constants give it; theirs have one entry each. */
export interface AclConstant {
  readonly perms: number;
  readonly scheme: string;
  readonly auth: string;
}

const acl = (perms: number, scheme: string, auth: string): AclConstant =>
  Object.freeze({ perms, scheme, auth });

/** The constants by name: those of the addon's src/node-zk.cpp and no others. */
export const ADDON_CONSTANTS = {
  ZOO_OPEN_ACL_UNSAFE: acl(PERM.all, "world", "anyone"),
  ZOO_READ_ACL_UNSAFE: acl(PERM.read, "world", "anyone"),
  ZOO_CREATOR_ALL_ACL: acl(PERM.all, "auth", ""),
  ZOO_CREATED_EVENT: EVENT.created,
  ZOO_DELETED_EVENT: EVENT.deleted,
  ZOO_CHANGED_EVENT: EVENT.changed,
  ZOO_CHILD_EVENT: EVENT.child,
  ZOO_SESSION_EVENT: EVENT.session,
  ZOO_NOTWATCHING_EVENT: EVENT.notWatching,
  ZOO_PERM_READ: PERM.read,
  ZOO_PERM_WRITE: PERM.write,
  ZOO_PERM_CREATE: PERM.create,
  ZOO_PERM_DELETE: PERM.delete,
  ZOO_PERM_ADMIN: PERM.admin,
  ZOO_PERM_ALL: PERM.all,
  ZOOKEEPER_WRITE: 1,
  ZOOKEEPER_READ: 2,
  ZOO_PERSISTENT: FLAGS.persistent,
  ZOO_EPHEMERAL: FLAGS.ephemeral,
  ZOO_SEQUENCE: FLAGS.sequence,
  ZOO_PERSISTENT_SEQUENTIAL: FLAGS.persistentSequential,
  ZOO_EPHEMERAL_SEQUENTIAL: FLAGS.ephemeralSequential,
  ZOO_CONTAINER: FLAGS.container,
  ZOO_PERSISTENT_WITH_TTL: FLAGS.ttl,
  ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL: FLAGS.ttlSequential,
  ZOO_LOG_LEVEL_ERROR: 1,
  ZOO_LOG_LEVEL_WARN: 2,
  ZOO_LOG_LEVEL_INFO: 3,
  ZOO_LOG_LEVEL_DEBUG: 4,
  ZOO_EXPIRED_SESSION_STATE: STATE.expired,
  ZOO_AUTH_FAILED_STATE: STATE.authFailed,
  ZOO_CONNECTING_STATE: STATE.connecting,
  ZOO_ASSOCIATING_STATE: STATE.associating,
  ZOO_CONNECTED_STATE: STATE.connected,
  ZOO_CONFIG_NODE: CONFIG_NODE,
  ZOK: CODE.ZOK,
  ZSYSTEMERROR: CODE.ZSYSTEMERROR,
  ZRUNTIMEINCONSISTENCY: CODE.ZRUNTIMEINCONSISTENCY,
  ZDATAINCONSISTENCY: CODE.ZDATAINCONSISTENCY,
  ZCONNECTIONLOSS: CODE.ZCONNECTIONLOSS,
  ZMARSHALLINGERROR: CODE.ZMARSHALLINGERROR,
  ZUNIMPLEMENTED: CODE.ZUNIMPLEMENTED,
  ZOPERATIONTIMEOUT: CODE.ZOPERATIONTIMEOUT,
  ZBADARGUMENTS: CODE.ZBADARGUMENTS,
  ZINVALIDSTATE: CODE.ZINVALIDSTATE,
  ZAPIERROR: CODE.ZAPIERROR,
  ZNONODE: CODE.ZNONODE,
  ZNOAUTH: CODE.ZNOAUTH,
  ZBADVERSION: CODE.ZBADVERSION,
  ZNOCHILDRENFOREPHEMERALS: CODE.ZNOCHILDRENFOREPHEMERALS,
  ZNODEEXISTS: CODE.ZNODEEXISTS,
  ZNOTEMPTY: CODE.ZNOTEMPTY,
  ZSESSIONEXPIRED: CODE.ZSESSIONEXPIRED,
  ZINVALIDCALLBACK: CODE.ZINVALIDCALLBACK,
  ZINVALIDACL: CODE.ZINVALIDACL,
  ZAUTHFAILED: CODE.ZAUTHFAILED,
  ZCLOSING: CODE.ZCLOSING,
  ZNOTHING: CODE.ZNOTHING,
  ZSESSIONMOVED: CODE.ZSESSIONMOVED,
} as const;

/** Puts the constants on the addon's class, read-only as the addon's are. */
export function setConstants(target: object): void {
  for (const [name, value] of Object.entries(ADDON_CONSTANTS)) {
    Object.defineProperty(target, name, { value, enumerable: true });
  }
}
