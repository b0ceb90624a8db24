// needs: zookeeper galera
import assert from "node:assert/strict";
import type { MemberStatus } from "../../lib/progress.ts";
import { Session } from "../../lib/zookeeper/session.ts";
import { keeper, startKeeper } from "../keeper.ts";
import { aclsBelow } from "../zookeeper/acls.ts";
import { anyServer } from "../zookeeper/server.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  // Others must get there: mariadbd does not run as root.
  await Deno.chmod(folder, 0o755);
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads standard output until a line matches; the text so far. */
async function readUntil(
  reader: ReadableStreamDefaultReader<string>,
  pattern: RegExp,
): Promise<string> {
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    assert.ok(!done, `it ended before ${pattern}: ${text}`);
    text += value;
  }
  return text;
}

Deno.test("up --nodes 0 is a ZooKeeper alone, until Ctrl-C; a second up on its data refuses", () =>
  inFolder(async (folder) => {
    const args = ["up", "--nodes", "0", "--data", folder, "--base-address", "127.13.3.1"];
    const child = startKeeper(args);
    const stderr = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const said = await readUntil(reader, /Ctrl-C stops all in order/);
    const hosts = /ZooKeeper is at (127\.13\.3\.1:\d+)/.exec(said)?.[1];
    assert.ok(hosts !== undefined, said);
    const session = await Session.connect({ hosts, sessionTimeoutMs: 5000 });
    await session.create("/kept", "value");
    await session.close();

    const second = await keeper(args);
    assert.equal(second.status, 69);
    assert.equal(
      second.stderr,
      `galera-keeper: Another galera-keeper up (process ${child.pid}) uses "${folder}": stop it, ` +
        "or give another --data\n",
    );

    child.kill("SIGINT");
    while (!(await reader.read()).done);
    assert.equal((await child.status).code, 0);
    assert.equal(await stderr, "");
    await assert.rejects(
      Deno.connect({ hostname: "127.13.3.1", port: Number(hosts.split(":")[1]) }),
    );

    // Run again it goes on from what is there.
    const again = startKeeper(args);
    const output = again.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await readUntil(output, /Ctrl-C stops all in order/);
    const next = await Session.connect({ hosts, sessionTimeoutMs: 5000 });
    assert.equal(new TextDecoder().decode((await next.get("/kept")).data), "value");
    await next.close();
    again.kill("SIGTERM");
    while (!(await output.read()).done);
    await again.stderr.cancel();
    assert.equal((await again.status).code, 0);
  }));

Deno.test("up refuses what cannot be, in one line", () =>
  inFolder(async (folder) => {
    const table: [string[], number, RegExp][] = [
      [["--nodes", "99"], 64, /--nodes is "99": expected a number of nodes from 0 to 20/],
      [["--base-address", "192.0.2.1"], 78, /--base-address 192\.0\.2\.1 is no loopback address/],
      [["--base-address", "127.255.255.254"], 78, /leaves too few addresses/],
      [["--data", `${folder}/${"x".repeat(90)}`], 78, /longer than 107 bytes/],
      [["--", "--datadir=/x"], 78, /--datadir=\/x cannot go after --/],
      [["three"], 64, /Unexpected argument "three" for up/],
    ];
    for (const [args, status, message] of table) {
      const ended = await keeper(["up", "--data", folder, ...args]);
      assert.equal(ended.status, status, args.join(" "));
      assert.match(ended.stderr, message);
      assert.match(ended.stderr, /^galera-keeper: .*\n$/);
      assert.equal(ended.stdout, "");
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

const MEMBERS = ["galera-1", "galera-2", "galera-3"];

/** What `up --json` says of a member. */
interface MemberEvent {
  readonly event: "member" | "message";
  readonly member: string;
  readonly serving: boolean;
  readonly doing: string;
  readonly text: string;
  readonly status: Pick<MemberStatus, "uuid" | "since" | "readyAt"> | null;
}

function eventsOf(stdout: string): readonly MemberEvent[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Runs SQL on a member by its socket and gives what it says, one line a row. */
async function sql(socket: string, text: string): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command("mariadb", {
    args: [`--socket=${socket}`, "--batch", "--skip-column-names", "--execute", text],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("up brings three members up one at a time, stops them in order, and goes on from there", () =>
  inFolder(async (folder) => {
    const args = ["up", "--data", folder, "--base-address", "127.13.7.1", "--json"];
    const uuids = new Set<string>();
    for (const round of ["first", "second"]) {
      const ended = await keeper([...args, "--exit-when-synced"]);
      assert.equal(ended.status, 0, `${round}: ${ended.stderr} ${ended.stdout}`);
      const events = eventsOf(ended.stdout).filter(({ event }) => event === "member");
      const firstOf = (is: (event: MemberEvent) => boolean) =>
        MEMBERS.map((name) => events.find((event) => event.member === name && is(event))?.status);
      const serving = firstOf((event) => event.serving);
      assert.ok(serving.every((status) => status !== undefined), ended.stdout);
      for (const status of serving) uuids.add(status?.uuid ?? "none");
      // Each that joined did so after the one before it was ready: their clocks are one.
      const joining = firstOf(({ doing }) => doing.startsWith("Joining"));
      assert.equal(joining.filter((status) => status !== undefined).length, 2, ended.stdout);
      const begins = joining.map((status) => status?.since ?? "").sort();
      const readies = serving.map((status) => status?.readyAt ?? "").sort();
      assert.ok(begins[1]! >= readies[0]! && begins[2]! >= readies[1]!, ended.stdout);
      const stopped = events.filter(({ doing }) => doing === "stopped (status 0)");
      assert.equal(stopped.length, 3);
      const all = events.map(({ member, doing }) => `${member} ${doing}`);
      for (const [at, { member }] of stopped.slice(1).entries()) {
        const before = all.indexOf(`${stopped[at]!.member} stopped (status 0)`);
        assert.ok(all.indexOf(`${member} stopping`) >= before - 1, "two stopped at once");
      }
    }
    assert.equal(uuids.size, 1, "the second start went on with the same cluster");
  }));

Deno.test("up starts a member again that died, and says so", () =>
  inFolder(async (folder) => {
    await using place = await anyServer({ network: "127.13" });
    const zookeeper = ["--zookeeper", `${place.hosts}${place.root}`, "--session-timeout", "2s"];
    const args = ["up", "--nodes", "2", "--data", folder, "--base-address", "127.13.8.1"];
    const child = startKeeper([...args, ...zookeeper]);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await readUntil(reader, /Ctrl-C stops all in order/);
    const socket = `${folder}/galera-1/run/mysqld.sock`;
    await sql(socket, "CREATE DATABASE kept; CREATE TABLE kept.t (i INT PRIMARY KEY)");
    const found = await new Deno.Command("pgrep", {
      args: ["--full", `^[^ ]*(deno|galera-keeper) .*member galera-2 .*${folder}/galera-2/`],
    }).output();
    const pids = new TextDecoder().decode(found.stdout).trim().split("\n").map(Number);
    const [pid] = pids;
    // Signals to 0 or below would go to whole groups.
    assert.ok(pid !== undefined && pid > 1 && pids.length === 1, `one keeper: ${pids}`);
    Deno.kill(pid, "SIGKILL");
    await readUntil(reader, /galera-2 127\.13\.8\.2: ended with SIGKILL; starts again in 1 s/);
    await readUntil(reader, /galera-2 127\.13\.8\.2: Serving/);
    const table = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'kept'";
    assert.equal(await sql(`${folder}/galera-2/run/mysqld.sock`, table), "t");

    child.kill("SIGTERM");
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      rest += value;
    }
    assert.equal(await new Response(child.stderr).text(), "");
    assert.equal((await child.status).code, 0);
    assert.equal(rest.match(/stopped \(status 0\)/g)?.length, 2, rest);
    assert.equal((await new Deno.Command("pgrep", { args: ["-f", folder] }).output()).code, 1);
  }));

Deno.test("up passes on who may do what: all znodes of its members have the list", () =>
  inFolder(async (folder) => {
    await using server = await anyServer();
    const digest = "keeper:s3cret-digest";
    await Deno.writeTextFile(`${folder}/acl`, "ip:10.0.0.0/8:r\n");
    const where = ["--zookeeper", server.hosts, "--root", server.root];
    const what = ["--nodes", "1", "--exit-when-synced", "--zookeeper-acl-file", `${folder}/acl`];
    const place = ["--data", `${folder}/up`, "--base-address", "127.13.9.1"];
    const env = { GALERA_KEEPER_ZOOKEEPER_DIGEST: digest };
    const { status, stdout, stderr } = await keeper(["up", ...where, ...what, ...place], { env });
    assert.equal(status, 0, stdout + stderr);
    await using session = await Session.connect({
      ...{ hosts: server.hosts, sessionTimeoutMs: 10_000, digest },
    });
    const acls = await aclsBelow(session, server.root);
    assert(acls.has(`${server.root}/members/galera-1`), [...acls.keys()].join());
    for (const [path, acl] of acls) {
      const rules = acl.map((rule) => rule.replace(/^(digest:keeper:).*:/, "$1"));
      assert.deepEqual(rules, ["digest:keeper:cdrwa", "ip:10.0.0.0/8:r"], path);
    }
    await session.deleteRecursive(server.root);
  }));
