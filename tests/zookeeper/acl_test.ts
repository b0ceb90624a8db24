// needs: zookeeper
/** The access lists of what our sessions create, on a real server. */
import assert from "node:assert/strict";
import { parseAcl } from "../../lib/settings/acl.ts";
import { InvalidAclError, NoAuthError } from "../../lib/zookeeper/errors.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { Lock } from "../../lib/zookeeper/lock.ts";
import { aclsBelow } from "./acls.ts";
import { startServers } from "./server.ts";

const DIGEST = "keeper:secret";

/** Makes one of each kind of znode, in each way that there is. */
async function makeAll(session: Session): Promise<void> {
  await session.create("/plain", "x");
  await session.create("/deep/er/znode", "x", { makePath: true });
  await session.ensurePath("/path/to/it");
  for (const mode of ["ephemeral", "container"] as const) {
    await session.create(`/${mode}`, "", { mode });
  }
  await session.create("/s-", "", { mode: "ephemeral_sequential" });
  await session.create("/ttl", "", { mode: { ttlMs: 60_000 } });
  await session.multi([
    { op: "create", path: "/multi", data: "" },
    { op: "create", path: "/multi/e", data: "", mode: "ephemeral" },
  ]);
}

Deno.test("all that a session creates has the access list, its chroot too", async () => {
  await using servers = await startServers();
  const rules = "world:anyone:r\nip:10.0.0.0/8:rc\n";
  const own = "digest:keeper:";
  const table: readonly (readonly [
    name: string,
    digest: string | null,
    rules: string | null,
    wanted: readonly string[],
  ])[] = [
    ["none", null, null, ["world:anyone:cdrwa"]],
    ["digest", DIGEST, null, [`${own}cdrwa`, "world:anyone:r"]],
    ["private", DIGEST, "", [`${own}cdrwa`]],
    ["rules", DIGEST, rules, [`${own}cdrwa`, "ip:10.0.0.0/8:cr", "world:anyone:r"]],
    ["auth", DIGEST, "auth::cdrwa\n", [`${own}cdrwa`]],
    ["network", null, "ip:127.0.0.0/8:cdrwa", ["ip:127.0.0.0/8:cdrwa"]],
  ];
  for (const [name, digest, text, wanted] of table) {
    const options = { hosts: servers.hosts, sessionTimeoutMs: 10_000, digest };
    await using session = await Session.connect({
      ...options,
      chroot: `/${name}/below`,
      makeChroot: true,
      acl: text === null ? null : parseAcl(text),
    });
    await makeAll(session);
    await using _lock = await new Lock(session, "/lock", { name: "me" }).acquire();
    await using all = await Session.connect(options);
    const acls = await aclsBelow(all, `/${name}`);
    assert(acls.size > 14, [...acls.keys()].join());
    for (const [path, acl] of acls) {
      const shown = acl.map((one) => one.replace(/^(digest:keeper:).*:/, "$1"));
      assert.deepEqual(shown, wanted, path);
    }
  }
});

Deno.test("a private znode is refused to others by its name, a list that fits nobody to us", async () => {
  await using servers = await startServers();
  const options = { hosts: servers.hosts, sessionTimeoutMs: 10_000 };
  await using mine = await Session.connect({ ...options, digest: DIGEST, acl: [] });
  await mine.create("/mine", "x");
  await using theirs = await Session.connect({ ...options, digest: "other:secret" });
  for (
    const refused of [theirs.get("/mine"), theirs.children("/mine"), theirs.create("/mine/a", "")]
  ) {
    await assert.rejects(refused, (error) => {
      assert(error instanceof NoAuthError, `${error}`);
      assert.match(error.message, /^Cannot \w+ "\/mine(?:\/a)?": its ACL does not allow it/);
      return true;
    });
  }
  await using nobody = await Session.connect({ ...options, acl: parseAcl("auth::cdrwa") });
  await assert.rejects(nobody.create("/nobodys", ""), InvalidAclError);
});
