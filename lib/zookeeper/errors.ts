/** ZooKeeper's errors by their codes, as classes. */

/**
 * An operation that ZooKeeper, or the connection to it, refused. The codes are those of
 * org.apache.zookeeper.KeeperException.Code.
 */
export class ZooKeeperError extends Error {
  /** KeeperException's code, negative. */
  readonly code: number;
  /** The path the operation named; empty where it named none. */
  readonly path: string;

  constructor(code: number, message: string, path = "", options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.path = path;
  }
}

/** -4: the connection dropped while the operation was under way; it may have taken effect. */
export class ConnectionLossError extends ZooKeeperError {}
/** -101: no such znode. */
export class NoNodeError extends ZooKeeperError {}
/** -103: the version given is not the znode's. */
export class BadVersionError extends ZooKeeperError {}
/** -110: the znode exists already. */
export class NodeExistsError extends ZooKeeperError {}
/** -112: the session is over. */
export class SessionExpiredError extends ZooKeeperError {}
