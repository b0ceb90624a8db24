// needs: zookeeper
import assert from "node:assert/strict";
import * as errors from "../../lib/zookeeper/errors.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { anyServer, startServers, TEST_DIGEST } from "./server.ts";

const never = new AbortController().signal;

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

Deno.test("Session.create() makes znodes with a TTL where the server knows them", async () => {
  await using knows = await startServers();
  await using session = await Session.connect({ hosts: knows.hosts, sessionTimeoutMs: 10_000 });
  assert.equal(await session.create("/t", "", { mode: { ttlMs: 60_000 } }), "/t");
  const made = await session.create("/t-", "", { mode: { ttlMs: 60_000, sequential: true } });
  assert.match(made, /^\/t-\d{10}$/);
  await refused(session.create("/u", "", { mode: { ttlMs: 0 } }), errors.BadArgumentsError, "/u");

  await using without = await startServers({ extendedTypes: false });
  await using other = await Session.connect({ hosts: without.hosts, sessionTimeoutMs: 10_000 });
  await refused(
    other.create("/t", "", { mode: { ttlMs: 60_000 } }),
    errors.UnimplementedError,
    "/t",
  );
});

Deno.test("Session refuses each operation with the error's own class, naming the path", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.create("/a/b", "", { makePath: true });
  await session.create("/e", "", { mode: "ephemeral" });
  await session.set("/a", "1");
  const cases: readonly (readonly [Promise<unknown>, typeof errors.ZooKeeperError, string])[] = [
    [session.create("/a", ""), errors.NodeExistsError, "/a"],
    [session.create("/no/x", ""), errors.NoNodeError, "/no/x"],
    [session.create("/e/x", ""), errors.NoChildrenForEphemeralsError, "/e/x"],
    [session.create("/e/x", "", { makePath: true }), errors.NoChildrenForEphemeralsError, "/e/x"],
    [session.create("no/slash", ""), errors.BadArgumentsError, "no/slash"],
    [session.create("/a//b", "", { makePath: true }), errors.BadArgumentsError, "/a//b"],
    [session.create("", "", { makePath: true }), errors.BadArgumentsError, ""],
    [session.create("/big", new Uint8Array(2 << 20)), errors.MarshallingError, "/big"],
    [session.get("/no"), errors.NoNodeError, "/no"],
    [session.get("/a/"), errors.BadArgumentsError, "/a/"],
    [session.exists("/a/../b"), errors.BadArgumentsError, "/a/../b"],
    [session.children("/no"), errors.NoNodeError, "/no"],
    [session.set("/no", ""), errors.NoNodeError, "/no"],
    [session.set("/a", "", 0), errors.BadVersionError, "/a"],
    [session.delete("/no"), errors.NoNodeError, "/no"],
    [session.delete("/a"), errors.NotEmptyError, "/a"],
    [session.delete("/a/b", 7), errors.BadVersionError, "/a/b"],
    [session.deleteRecursive("/"), errors.BadArgumentsError, "/"],
    [session.ensurePath("/e/x"), errors.NoChildrenForEphemeralsError, "/e/x"],
    [session.sync("no/slash"), errors.BadArgumentsError, "no/slash"],
    [session.getAndWatch("/no", never), errors.NoNodeError, "/no"],
    [session.childrenAndWatch("/no", never), errors.NoNodeError, "/no"],
    [session.existsAndWatch("no/slash", never), errors.BadArgumentsError, "no/slash"],
  ];
  await Promise.all(cases.map(([promise, errorClass, path]) => refused(promise, errorClass, path)));
  assert.equal(session.state, "connected");
  assert.equal(await session.exists("/no"), null);
});

Deno.test("Session.set() and delete() compare versions", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.create("/a", "0");
  assert.equal((await session.set("/a", "1", 0)).version, 1);
  assert.equal((await session.set("/a", "2", -1)).version, 2);
  assert.equal((await session.set("/a", "3")).version, 3);
  await session.delete("/a", 3);
  assert.equal(await session.exists("/a"), null);
});

Deno.test("Session.children() lists names without their path, of the root too", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.create("/b", "");
  await session.create("/a/c", "", { makePath: true });
  const { children, stat } = await session.children("/");
  assert.deepEqual([...children].sort(), ["a", "b"]);
  assert.equal(stat.numChildren, 2);
  assert.deepEqual((await session.children("/a/c")).children, []);
});

Deno.test("Session.deleteRecursive() deletes all below, ensurePath() makes all above", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  await session.ensurePath("/x/y/z");
  await session.ensurePath("/x/y/z");
  await session.ensurePath("/");
  await Promise.all(["/x/1/2/3", "/x/y/2"].map((path) => session.ensurePath(path)));
  // Two at once: what one deletes is gone for the other, and that is no error.
  await Promise.all([session.deleteRecursive("/x"), session.deleteRecursive("/x")]);
  assert.equal(await session.exists("/x"), null);
  await session.deleteRecursive("/x");
});

Deno.test("Session.sync() shows on each server what was written on another before", async () => {
  await using own = await startServers({ count: 3 });
  const [writer, ...readers] = await Promise.all(
    [0, 0, 1, 2].map((index) =>
      Session.connect({ hosts: own.servers[index]!.hosts, sessionTimeoutMs: 10_000 })
    ),
  );
  try {
    await writer!.create("/a", "0");
    for (let i = 1; i <= 100; i++) {
      await writer!.set("/a", String(i));
      await Promise.all(readers.map(async (reader) => {
        // Sent together: the read comes after the sync all the same.
        const synced = reader.sync(i % 2 === 0 ? "/a" : "/none");
        assert.equal(text((await reader.get("/a")).data), String(i));
        await synced;
      }));
    }
  } finally {
    await Promise.all([writer, ...readers].map((session) => session?.close()));
  }
});

Deno.test("Session.multi() does all or nothing, and says which operation failed", async () => {
  await using server = await anyServer();
  const session = await server.connect();
  const results = await session.multi([
    { op: "create", path: "/a", data: "1" },
    { op: "create", path: "/e", data: "", mode: "ephemeral" },
    { op: "create", path: "/s-", data: "", mode: "persistent_sequential" },
    { op: "set", path: "/a", data: "2", version: 0 },
    { op: "check", path: "/a", version: 1 },
    { op: "create", path: "/gone", data: "" },
    { op: "delete", path: "/gone", version: 0 },
  ]);
  assert.deepEqual(results.map(({ op }) => op), [
    "create",
    "create",
    "create",
    "set",
    "check",
    "create",
    "delete",
  ]);
  const [first, , third, fourth] = results;
  assert.deepEqual(first, { op: "create", path: "/a" });
  assert.ok(third?.op === "create" && /^\/s-\d{10}$/.test(third.path));
  assert.ok(fourth?.op === "set" && fourth.stat.version === 1);
  assert.equal((await session.exists("/e"))?.ephemeralOwner, session.sessionId);
  assert.deepEqual(await session.multi([]), []);

  await assert.rejects(
    session.multi([
      { op: "set", path: "/a", data: "3" },
      { op: "check", path: "/a", version: 0 },
      { op: "delete", path: "/no" },
    ]),
    (error) => {
      assert.ok(error instanceof errors.BadVersionError);
      assert.deepEqual([error.path, error.index], ["/a", 1]);
      assert.match(error.message, /"\/a" \(operation 1 of a multi\)/);
      return true;
    },
  );
  assert.equal(text((await session.get("/a")).data), "2");
  await refused(
    session.multi([{ op: "create", path: "no/slash", data: "" }]),
    errors.BadArgumentsError,
    "",
  );
});

Deno.test("Session with a digest: what it creates is readable by all and the owner's to change", async () => {
  await using server = await anyServer();
  // First, so that the root is open to all.
  const stranger = await server.connect();
  const owner = await server.connect({ digest: TEST_DIGEST });
  await owner.create("/mine", "1");
  await owner.multi([{ op: "create", path: "/mine/too", data: "" }]);
  await owner.create("/mine/e", "", { mode: "ephemeral" });
  await owner.ensurePath("/mine/path");

  const other = await server.connect({ digest: "keeper:wrong" });
  for (const session of [stranger, other]) {
    assert.equal(text((await session.get("/mine")).data), "1");
    assert.equal((await session.children("/mine")).children.length, 3);
    await refused(session.set("/mine", "2"), errors.NoAuthError, "/mine");
    await refused(session.create("/mine/x", ""), errors.NoAuthError, "/mine/x");
    await refused(session.delete("/mine/too"), errors.NoAuthError, "/mine/too");
    await refused(session.set("/mine/e", ""), errors.NoAuthError, "/mine/e");
    // It is there, so nothing needs to be made, and no right to make it.
    await session.ensurePath("/mine/path");
  }
  await stranger.create("/open", "");
  await other.delete("/open");

  const again = await server.connect({ digest: TEST_DIGEST });
  await again.set("/mine", "2");
  await again.deleteRecursive("/mine/path");
  await again.deleteRecursive("/mine");
});

Deno.test("Session.connect() makes the chroot when asked", async () => {
  await using server = await anyServer();
  const above = await server.connect();
  const chroot = `${server.root}/c/d`;
  const without = await server.connect({ chroot, makeChroot: false });
  await refused(without.create("/a", ""), errors.NoNodeError, "/a");
  const made = await server.connect({ chroot, digest: TEST_DIGEST });
  assert.equal(await made.create("/a", "x"), "/a");
  assert.equal(text((await above.get("/c/d/a")).data), "x");
  await refused(above.delete("/c/d/a"), errors.NoAuthError, "/c/d/a");
});

Deno.test("Session.connect() refuses what it cannot use", async () => {
  for (const hosts of ["", "a:0", "a:b", ":1", "a,,b", "a/x", "::1"]) {
    const connecting = Session.connect({ hosts, sessionTimeoutMs: 10_000 });
    await assert.rejects(connecting, errors.ZooKeeperError, hosts);
  }
  for (const chroot of ["x", "/x/", "//", "/.."]) {
    const connecting = Session.connect({ hosts: "127.11.0.1:1", chroot, sessionTimeoutMs: 10_000 });
    await assert.rejects(connecting, errors.ZooKeeperError, chroot);
  }
  for (const digest of ["nocolon", ":secret", "user\n:x"]) {
    await assert.rejects(
      Session.connect({ hosts: "127.11.0.1:1", sessionTimeoutMs: 10_000, digest }),
      (error) => error instanceof errors.BadArgumentsError && !error.message.includes(digest),
      digest,
    );
  }
});
