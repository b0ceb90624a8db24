import assert from "node:assert/strict";
import * as errors from "../../lib/zookeeper/errors.ts";
import { anyServer } from "./server.ts";

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Asserts that an operation is refused with this very class, and that the error names the path. */
async function refused(
  promise: Promise<unknown>,
  errorClass: typeof errors.ZooKeeperError,
  path: string,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof errors.ZooKeeperError, String(error));
    assert.equal(error.constructor, errorClass, error.message);
    assert.equal(error.path, path);
    if (path !== "") assert.ok(error.message.includes(`"${path}"`), error.message);
    return true;
  });
}

Deno.test("Session.create() makes each kind of znode", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  assert.equal(await session.create("/p", "data"), "/p");
  const { data, stat } = await session.get("/p");
  assert.equal(text(data), "data");
  assert.equal(stat.ephemeralOwner, 0n);
  assert.equal(stat.version, 0);
  assert.equal(stat.dataLength, 4);
  assert.ok(stat.czxid > 0n && stat.mzxid === stat.czxid);
  assert.ok(Math.abs(stat.ctimeMs - Date.now()) < 86_400_000);

  await session.create("/e", new Uint8Array([0, 255]), { mode: "ephemeral" });
  const ephemeral = await session.get("/e");
  assert.deepEqual([...ephemeral.data], [0, 255]);
  assert.equal(ephemeral.stat.ephemeralOwner, session.sessionId);

  assert.match(await session.create("/s-", "", { mode: "persistent_sequential" }), /^\/s-\d{10}$/);
  const made = await session.create("/es-", "", { mode: "ephemeral_sequential" });
  assert.match(made, /^\/es-\d{10}$/);
  assert.equal((await session.exists(made))?.ephemeralOwner, session.sessionId);
  assert.equal(await session.create("/c", "", { mode: "container" }), "/c");
  assert.equal(await session.create("/a/b/c", "deep", { makePath: true }), "/a/b/c");
  assert.equal(text((await session.get("/a/b/c")).data), "deep");
  assert.equal((await session.get("/a/b")).data.length, 0);
});
