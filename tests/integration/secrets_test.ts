// needs: zookeeper galera mariabackup kazoo tls
// alone
/** Passwords and keys are nowhere where others could read them; what the registry holds instead. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import * as mariadb from "mariadb";
import { IDENTITY_FILE } from "../../lib/mariadb/identity.ts";
import { Authority } from "../certificates.ts";
import { aclsBelow } from "../zookeeper/acls.ts";
import { anyServer } from "../zookeeper/server.ts";
import { pause, Place, type Process, run, usersOf } from "./place.ts";

const SECRETS = {
  root: "Root's pass-word 7f1e",
  user: "user'pass\\word 93ab",
  digest: "digest-pass-word-c04d",
};

/** Lines of the members' private keys. */
const KEYS: Record<string, string> = {};

/** A secret in a text, also as SQL, JSON or an option file would write it. */
function secretsIn(text: string): readonly string[] {
  const parts = { root: "pass-word 7f1e", user: "word 93ab", digest: SECRETS.digest, ...KEYS };
  return Object.entries(parts).filter(([, part]) => text.includes(part)).map(([name]) => name);
}

/** What `/proc` shows of all processes: arguments to anyone, the environment to their user and root. */
async function lookAtProcesses(
  children: boolean,
  keepers: readonly Process[],
): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    const read = (file: string) =>
      Deno.readTextFile(`/proc/${name}/${file}`).catch(() => "").then((text) =>
        text.replaceAll("\0", " ")
      );
    const command = await read("cmdline");
    seen.set(`${name} cmdline ${command}`, command);
    // Ours holds what we were given; nothing that we start does.
    const isKeeper = keepers.some(({ pid }) => `${pid}` === name);
    if (children && !isKeeper) seen.set(`${name} environ ${command}`, await read("environ"));
  }
  return seen;
}

/** All files below a folder that others than their owner may read, with their text. */
async function openFiles(path: string, isOpen = true): Promise<[string, string][]> {
  const stat = await Deno.lstat(path).catch(() => null);
  if (stat === null || stat.isSymlink) return [];
  const mode = stat.mode ?? 0;
  if (stat.isFile) {
    if (!isOpen || (mode & 0o044) === 0) return [];
    return [[path, await Deno.readTextFile(path).catch(() => "")]];
  }
  if (!stat.isDirectory) return [];
  const all: [string, string][] = [];
  try {
    for await (const { name } of Deno.readDir(path)) {
      all.push(...await openFiles(join(path, name), isOpen && (mode & 0o011) !== 0));
    }
  } catch (error) {
    // An SST moves folders about while we look.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return all;
}

/** Waits until a member is ready for clients. */
async function untilReady({ address }: Place): Promise<void> {
  for (let tries = 0;; tries++) {
    const response = await fetch(`http://${address}:8008/readyz`, {
      headers: { connection: "close" },
    });
    const text = await response.text();
    if (response.ok) return;
    assert.ok(tries < 300, text);
    await pause(200);
  }
}

Deno.test("no password or key is in an argument, a child's environment, a log, a znode or a file for others", async () => {
  await using server = await anyServer();
  await using alice = await Place.make(server.hosts);
  alice.digest = `keeper:${SECRETS.digest}`;
  await using bob = await Place.make(server.hosts, alice.root);
  await using authority = await Authority.make();
  const env: Record<string, string> = {};
  const tlsDirs: string[] = [];
  for (const place of [alice, bob]) {
    const name = `member-${tlsDirs.length + 1}`;
    const folder = await authority.issue(name, {
      addresses: [place.address],
      ...(Deno.uid() === 0 && { owner: "mysql" }),
    });
    tlsDirs.push(`--tls-dir=${folder}`);
    [, KEYS[name] = ""] = (await Deno.readTextFile(join(folder, "key.pem"))).split("\n");
    assert(KEYS[name]!.length > 60);
    const digest = await place.file("digest", `keeper:${SECRETS.digest}\n`, 0o600);
    const root = await place.file("root", `${SECRETS.root}\n`, 0o600);
    Object.assign(env, {
      MARIADB_ROOT_PASSWORD_FILE: root,
      MARIADB_USER: "app",
      MARIADB_PASSWORD: SECRETS.user,
      MARIADB_DATABASE: "app",
      GALERA_KEEPER_ZOOKEEPER_DIGEST_FILE: digest,
      // This machine alone may look, at what the digest's owner made.
      GALERA_KEEPER_ZOOKEEPER_ACL_FILE: await place.file("acl", "ip:127.0.0.0/8:r\n"),
    });
  }
  const options = ["--sst-method=mariabackup", "--log-level=trace", "--verbose"];
  const keepers: Process[] = [];
  const found = new Set<string>();
  const folders = ["/run", "/tmp"];
  let isOver = false;
  let runtime = "";
  const modeOf = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
  // From the first initialisation to the end of the SST.
  const watching = (async () => {
    while (!isOver) {
      for (const [what, text] of await lookAtProcesses(true, keepers)) {
        for (const secret of secretsIn(text)) found.add(`${secret}: ${what}`);
      }
      for (const folder of folders) {
        for await (const { name } of Deno.readDir(folder)) {
          if (!/^(galera-keeper|gk-place)-/.test(name)) continue;
          for (const [path, text] of await openFiles(join(folder, name))) {
            for (const secret of secretsIn(text)) found.add(`${secret}: ${path}`);
          }
        }
      }
      await pause(20);
    }
  })();
  try {
    keepers.push(alice.start(alice.args([tlsDirs[0]!, ...options]), env));
    await alice.untilStage(keepers[0]!, "registered");
    keepers.push(bob.start(bob.args([tlsDirs[1]!, "--member=bob", ...options]), env));
    await keepers[1]!.untilSaid(/requested state transfer from .* Selected /);
    const programs = (await usersOf(bob.datadir)).join("\n");
    assert.match(programs, /wsrep_sst_mariabackup/, "The SST is not looked at");
    const [, file] = /--defaults-extra-file[ =]'?([^' ]+)/.exec(programs) ?? [];
    // An SST logs in by the unix socket.
    assert.deepEqual(secretsIn(await Deno.readTextFile(file!)), []);
    assert.equal(await modeOf(file!), 0o600);
    runtime = dirname(file!);
    // All that is there while one member starts: its lock and its owner's znode, too.
    await using session = await bob.session(alice.digest);
    const acls = await aclsBelow(session, alice.root);
    const kinds = [
      /\/bootstrap\/\w+__lock__\d+$/,
      /\/members\/bob\/owner$/,
      /\/cluster$/,
      /\/nodes\/./,
    ];
    for (const kind of kinds) assert([...acls.keys()].some((path) => kind.test(path)), `${kind}`);
    for (const [path, acl] of acls) {
      const rules = acl.map((rule) => rule.replace(/^(digest:keeper:).*:/, "$1"));
      assert.deepEqual(rules, ["digest:keeper:cdrwa", "ip:127.0.0.0/8:r"], path);
    }
    await bob.untilStage(keepers[1]!, "registered");
  } finally {
    isOver = true;
    await watching;
  }

  // They work where they are meant to.
  for (const [user, password] of [["root", SECRETS.root], ["app", SECRETS.user]] as const) {
    const connection = await mariadb.createConnection({ host: bob.address, user, password });
    assert.deepEqual(await connection.query("SELECT 1 AS one"), [{ one: 1 }]);
    await connection.end();
  }
  const { znodes } = await alice.look();
  assert(`${alice.root}/nodes/${bob.address}` in znodes);
  for (const [path, data] of Object.entries(znodes)) {
    for (const secret of secretsIn(path + data)) found.add(`${secret}: znode ${path}`);
  }
  for (const place of [alice, bob]) {
    // The donor of an SST may be desynced a moment longer than its joiner takes.
    await untilReady(place);
    for (const path of ["/livez", "/readyz", "/status", "/metrics"]) {
      const response = await fetch(`http://${place.address}:8008${path}`, {
        headers: { connection: "close" },
      });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      for (const secret of secretsIn(text)) found.add(`${secret}: ${path}`);
    }
  }
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
    for (const path of ["/", "/livez", "/readyz", "/status", "/metrics", "/../x", "/%00"]) {
      const url = `http://${alice.address}:8008${path}`;
      const response = await fetch(url, { method, headers: { connection: "close" } });
      for (const secret of secretsIn(await response.text())) found.add(`${secret}: ${path}`);
      const asks = method === "OPTIONS" || method === "HEAD";
      assert(asks ? response.status < 500 : response.status >= 404, `${method} ${path}`);
    }
  }
  {
    // What the digest's owner made is readable by this machine and writable by nobody else.
    await using session = await alice.session();
    await session.get(`${alice.root}/cluster`);
    await assert.rejects(session.set(`${alice.root}/cluster`, "mine"), /auth/i);
  }
  for (const keeper of keepers.toReversed()) {
    keeper.kill("SIGTERM");
    const { status, stderr, stdout } = await keeper.finished;
    assert.equal(status, 0, stderr);
    for (const secret of secretsIn(stderr + stdout)) found.add(`${secret}: the log`);
  }
  await assert.rejects(Deno.stat(runtime), Deno.errors.NotFound, "The option file is left behind");
  for (const place of [alice, bob]) {
    const identity = join(place.datadir, IDENTITY_FILE);
    assert.equal(await modeOf(identity), 0o600);
    assert.deepEqual(secretsIn(await Deno.readTextFile(identity)), []);
    for (const [path, text] of await openFiles(place.folder)) {
      for (const secret of secretsIn(text)) found.add(`${secret}: ${path}`);
    }
  }
  assert.deepEqual([...found], []);
});

Deno.test("the registry holds what the README says, and a lab's script reads it", async () => {
  await using server = await anyServer();
  await using alice = await Place.make(server.hosts);
  await using bob = await Place.make(server.hosts, alice.root);
  const start = (place: Place, name: string) => place.start(place.args([`--member=${name}`]));
  let members = [start(alice, "alice")];
  const { uuid, datadirId } = await alice.untilStage(members[0]!, "registered");
  members.push(start(bob, "bob"));
  await bob.untilStage(members[1]!, "registered");

  const { znodes } = await alice.look();
  const of = (path: string) => JSON.parse(znodes[alice.root + path]!);
  const { since, dataBytes, ...node } = of(`/nodes/${alice.address}`);
  assert.deepEqual(node, {
    v: 1,
    member: "alice",
    datadirId,
    uuid,
    primary: true,
    http: `${alice.address}:8008`,
  });
  assert.equal(new Date(since).toISOString(), since);
  assert.equal(typeof dataBytes, "number");
  const { attempt, attempts, ...cluster } = of("/cluster");
  assert.deepEqual(of("/members/alice"), {
    v: 1,
    serverId: 1,
    address: alice.address,
    datadirId,
    data: { kind: "running", uuid, starting: false, floor: null },
    instead: null,
    insteadCopy: null,
    lineage: [{ attempt, by: "alice", uuid, seqno: "0", from: null }],
    http: `${alice.address}:8008`,
  });
  assert.equal(of("/members/bob").serverId, 2);
  assert.equal(znodes[`${alice.root}/members/alice/owner`], alice.address);
  assert.deepEqual(cluster, { v: 1, phase: "running", uuid, by: "alice", forced: false });
  assert.deepEqual(attempts, [{ attempt, by: "alice", uuid, seqno: "0", from: null }]);

  const script = "import sys; from kazoo.client import KazooClient\n" +
    "zk = KazooClient(hosts=sys.argv[1]); zk.start()\n" +
    "print(' '.join(sorted(zk.get_children(sys.argv[2] + '/nodes')))); zk.stop()";
  const read = await run("/usr/bin/python3", "-c", script, alice.hosts, alice.root);
  assert.equal(read, `${[alice.address, bob.address].toSorted().join(" ")}\n`);

  // server_id is a member's own for good, whoever comes back first.
  for (const member of members) {
    member.kill("SIGTERM");
    assert.equal((await member.finished).status, 0);
  }
  members = [start(bob, "bob"), start(alice, "alice")];
  for (const [index, [place, serverId]] of ([[bob, 2], [alice, 1]] as const).entries()) {
    const status = await place.untilStage(members[index]!, "registered");
    assert.deepEqual([status.serverId, status.uuid], [serverId, uuid]);
    const sql = "SELECT @@server_id";
    const socket = `--socket=${place.socket}`;
    const said = await run("mariadb", "--no-defaults", socket, "-N", "-B", "-e", sql);
    assert.equal(said, `${serverId}\n`);
  }
  for (const member of members.toReversed()) {
    member.kill("SIGTERM");
    assert.equal((await member.finished).status, 0);
  }
});
