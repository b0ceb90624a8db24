import assert from "node:assert/strict";
import * as errors from "../../lib/zookeeper/errors.ts";

/** Code and class, from org.apache.zookeeper.KeeperException.Code; -9 is the C client's. */
const TABLE: readonly (readonly [number, typeof errors.ZooKeeperError])[] = [
  [-1, errors.SystemError],
  [-2, errors.RuntimeInconsistencyError],
  [-3, errors.DataInconsistencyError],
  [-4, errors.ConnectionLossError],
  [-5, errors.MarshallingError],
  [-6, errors.UnimplementedError],
  [-7, errors.OperationTimeoutError],
  [-8, errors.BadArgumentsError],
  [-9, errors.InvalidStateError],
  [-12, errors.UnknownSessionError],
  [-13, errors.NewConfigNoQuorumError],
  [-14, errors.ReconfigInProgressError],
  [-100, errors.ZooKeeperError],
  [-101, errors.NoNodeError],
  [-102, errors.NoAuthError],
  [-103, errors.BadVersionError],
  [-108, errors.NoChildrenForEphemeralsError],
  [-110, errors.NodeExistsError],
  [-111, errors.NotEmptyError],
  [-112, errors.SessionExpiredError],
  [-113, errors.InvalidCallbackError],
  [-114, errors.InvalidAclError],
  [-115, errors.AuthFailedError],
  [-118, errors.SessionMovedError],
  [-119, errors.NotReadOnlyError],
  [-120, errors.EphemeralOnLocalSessionError],
  [-121, errors.NoWatcherError],
  [-122, errors.RequestTimeoutError],
  [-123, errors.ReconfigDisabledError],
  [-124, errors.SessionClosedRequireSaslAuthError],
  [-125, errors.QuotaExceededError],
  [-127, errors.ThrottledOpError],
  [-4711, errors.ZooKeeperError],
];

Deno.test("zooKeeperError() gives each code its own class", () => {
  for (const [code, expected] of TABLE) {
    const error = errors.zooKeeperError(code, "read", "/a");
    assert.equal(error.constructor, expected, String(code));
    assert.equal(error.name, expected.name);
    assert.equal(error.code, code);
    assert.equal(error.path, "/a");
    assert.ok(!error.message.includes("\n"));
  }
});

Deno.test("zooKeeperError() says what failed, where and why", () => {
  const cause = new Error("inner");
  const single = errors.zooKeeperError(-101, "read", "/a/b", { cause });
  assert.equal(single.message, 'Cannot read "/a/b": no such znode (code -101)');
  assert.equal(single.cause, cause);
  assert.equal(single.index, undefined);
  const multi = errors.zooKeeperError(-103, "set", "/a", { index: 2 });
  assert.equal(
    multi.message,
    'Cannot set "/a" (operation 2 of a multi): the znode has another version (code -103)',
  );
  assert.equal(multi.index, 2);
  assert.equal(
    errors.zooKeeperError(-4, "connect").message,
    "Cannot connect: the connection to ZooKeeper is down (code -4)",
  );
});
