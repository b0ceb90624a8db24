/**
 * ZooKeeper's errors by their codes, as classes: one class for each of
 * org.apache.zookeeper.KeeperException.Code as of ZooKeeper 3.9, and `zooKeeperError()` from a code
 * to its class.
 */

/**
 * An operation that ZooKeeper, or the connection to it, refused. The codes are those of
 * org.apache.zookeeper.KeeperException.Code.
 */
export class ZooKeeperError extends Error {
  /** KeeperException's code, negative. */
  readonly code: number;
  /** The path the operation named; empty where it named none. */
  readonly path: string;
  /** In a multi, which of its operations failed, from 0; else undefined. */
  readonly index: number | undefined;

  constructor(
    code: number,
    message: string,
    path = "",
    options: ErrorOptions & { readonly index?: number } = {},
  ) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.path = path;
    this.index = options.index;
  }
}

/** -1: the server failed inside. */
export class SystemError extends ZooKeeperError {}
/** -2: an operation of a multi that was not tried, as one before it failed. */
export class RuntimeInconsistencyError extends ZooKeeperError {}
/** -3: the server found its data inconsistent. */
export class DataInconsistencyError extends ZooKeeperError {}
/** -4: the connection dropped while the operation was under way; it may have taken effect. */
export class ConnectionLossError extends ZooKeeperError {}
/** -5: a request or a reply could not be read or written. */
export class MarshallingError extends ZooKeeperError {}
/** -6: this server does not know the operation, or has it switched off (TTL without extended types). */
export class UnimplementedError extends ZooKeeperError {}
/** -7: the operation took too long. */
export class OperationTimeoutError extends ZooKeeperError {}
/** -8: an argument is not valid: a path, a size, a TTL. */
export class BadArgumentsError extends ZooKeeperError {}
/** -9: the client is not in a state to take operations: not started, or closed. C client's ZINVALIDSTATE. */
export class InvalidStateError extends ZooKeeperError {}
/** -12: the server does not know the session. */
export class UnknownSessionError extends ZooKeeperError {}
/** -13: no quorum of the new configuration is connected. */
export class NewConfigNoQuorumError extends ZooKeeperError {}
/** -14: another reconfiguration is under way. */
export class ReconfigInProgressError extends ZooKeeperError {}
/** -101: no such znode. */
export class NoNodeError extends ZooKeeperError {}
/** -102: the znode's ACL does not allow it. */
export class NoAuthError extends ZooKeeperError {}
/** -103: the version given is not the znode's. */
export class BadVersionError extends ZooKeeperError {}
/** -108: an ephemeral znode cannot have children. */
export class NoChildrenForEphemeralsError extends ZooKeeperError {}
/** -110: the znode exists already. */
export class NodeExistsError extends ZooKeeperError {}
/** -111: the znode has children. */
export class NotEmptyError extends ZooKeeperError {}
/** -112: the session is over. */
export class SessionExpiredError extends ZooKeeperError {}
/** -113: a callback is not valid. */
export class InvalidCallbackError extends ZooKeeperError {}
/** -114: an ACL is not valid. */
export class InvalidAclError extends ZooKeeperError {}
/** -115: the server refused the digest; the session is over. */
export class AuthFailedError extends ZooKeeperError {}
/** -118: the session moved to another server while this request was on its way. */
export class SessionMovedError extends ZooKeeperError {}
/** -119: a write was sent to a server that is read-only. */
export class NotReadOnlyError extends ZooKeeperError {}
/** -120: a local session cannot own ephemeral znodes. */
export class EphemeralOnLocalSessionError extends ZooKeeperError {}
/** -121: there is no such watch. */
export class NoWatcherError extends ZooKeeperError {}
/** -122: the server gave no reply in time. */
export class RequestTimeoutError extends ZooKeeperError {}
/** -123: reconfiguration is switched off on the server. */
export class ReconfigDisabledError extends ZooKeeperError {}
/** -124: the server wants SASL and the client has none; the session is over. */
export class SessionClosedRequireSaslAuthError extends ZooKeeperError {}
/** -125: a quota is used up. */
export class QuotaExceededError extends ZooKeeperError {}
/** -127: the server is overloaded and dropped the operation. */
export class ThrottledOpError extends ZooKeeperError {}

type ErrorClass = typeof ZooKeeperError;

/** The code, the class, what it means in words. -100 and -1 also bound ranges in the C client. */
const KNOWN: readonly (readonly [number, ErrorClass, string])[] = [
  [-1, SystemError, "the server failed inside"],
  [-2, RuntimeInconsistencyError, "another operation of the multi failed before it"],
  [-3, DataInconsistencyError, "the server found its data inconsistent"],
  [-4, ConnectionLossError, "the connection to ZooKeeper is down"],
  [-5, MarshallingError, "a message could not be read or written"],
  [-6, UnimplementedError, "the server does not know the operation or has it switched off"],
  [-7, OperationTimeoutError, "no reply came in time"],
  [-8, BadArgumentsError, "an argument is not valid"],
  [-9, InvalidStateError, "the session is closed"],
  [-12, UnknownSessionError, "the server does not know the session"],
  [-13, NewConfigNoQuorumError, "no quorum of the new configuration is connected"],
  [-14, ReconfigInProgressError, "another reconfiguration is under way"],
  [-101, NoNodeError, "no such znode"],
  [-102, NoAuthError, "its ACL does not allow it"],
  [-103, BadVersionError, "the znode has another version"],
  [-108, NoChildrenForEphemeralsError, "an ephemeral znode cannot have children"],
  [-110, NodeExistsError, "the znode exists already"],
  [-111, NotEmptyError, "the znode has children"],
  [-112, SessionExpiredError, "the session is over"],
  [-113, InvalidCallbackError, "a callback is not valid"],
  [-114, InvalidAclError, "an ACL is not valid"],
  [-115, AuthFailedError, "the server refused the digest"],
  [-118, SessionMovedError, "the session moved to another server meanwhile"],
  [-119, NotReadOnlyError, "the server is read-only"],
  [-120, EphemeralOnLocalSessionError, "a local session cannot own ephemeral znodes"],
  [-121, NoWatcherError, "there is no such watch"],
  [-122, RequestTimeoutError, "the server gave no reply in time"],
  [-123, ReconfigDisabledError, "reconfiguration is switched off on the server"],
  [-124, SessionClosedRequireSaslAuthError, "the server wants SASL"],
  [-125, QuotaExceededError, "a quota is used up"],
  [-127, ThrottledOpError, "the server is overloaded"],
];

const BY_CODE: ReadonlyMap<number, readonly [ErrorClass, string]> = new Map(
  KNOWN.map(([code, errorClass, meaning]) => [code, [errorClass, meaning]]),
);

/**
 * The error for a code: of the code's own class, or a plain `ZooKeeperError` for a code that
 * ZooKeeper 3.9 does not have.
 *
 * @param code KeeperException's code, negative.
 * @param verb What was tried, as in "Cannot create".
 * @param path The path it was tried on; empty where there is none.
 * @param options The cause, and a multi's index, where there are such.
 */
export function zooKeeperError(
  code: number,
  verb: string,
  path = "",
  options: ErrorOptions & { readonly index?: number } = {},
): ZooKeeperError {
  const [errorClass, meaning] = BY_CODE.get(code) ?? [ZooKeeperError, "an unknown error"];
  const where = path === "" ? "" : ` "${path}"`;
  const which = options.index === undefined ? "" : ` (operation ${options.index} of a multi)`;
  return new errorClass(
    code,
    `Cannot ${verb}${where}${which}: ${meaning} (code ${code})`,
    path,
    options,
  );
}
