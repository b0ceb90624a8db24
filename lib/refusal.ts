/** What ZooKeeper refuses, as an error that a person can act on. */
import { ConfigError } from "./errors.ts";
import {
  AuthFailedError,
  InvalidAclError,
  NoAuthError,
  type ZooKeeperError,
} from "./zookeeper/errors.ts";

/** The error in the words of who asked; it names the znode. */
export function refusedByZooKeeper(error: ZooKeeperError): ConfigError {
  const hint = error instanceof NoAuthError
    ? "; give the --zookeeper-digest-file that the members have"
    : error instanceof InvalidAclError
    ? "; a rule of --zookeeper-acl-file is nothing to this server, or fits nobody"
    : error instanceof AuthFailedError
    ? "; look at --zookeeper-digest-file"
    : "";
  return new ConfigError(`ZooKeeper refuses what galera-keeper needs: ${error.message}${hint}`, {
    cause: error,
  });
}
