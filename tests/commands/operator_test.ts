// needs: zookeeper
import assert from "node:assert/strict";
import type { Cluster, MemberRecord, RecordData } from "../../lib/cluster/view.ts";
import type { Explanation } from "../../lib/operator/explain.ts";
import { Progress } from "../../lib/progress.ts";
import type { StatusReport } from "../../lib/operator/status.ts";
import {
  formatCluster,
  formatNode,
  formatRecord,
  parseCluster,
  parseRecord,
} from "../../lib/znodes.ts";
import type { Session, SessionOptions } from "../../lib/zookeeper/session.ts";
import { type Finished, keeper, keeperCommand, startKeeper } from "../keeper.ts";
import { anyServer, TEST_DIGEST, type TestRoot } from "../zookeeper/server.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const OTHER_UUID = "7d932fdd-3cfa-11f0-8e36-8b4c6f203d4e";
const CLUSTER: Cluster = {
  phase: "running",
  uuid: UUID,
  by: "g-1",
  attempt: "a1",
  attempts: [{ attempt: "a1", by: "g-1", uuid: UUID, seqno: 0n, from: null }],
  forced: false,
};
const DIED: RecordData = { kind: "running", uuid: UUID, starting: false, floor: null };
const at = (seqno: bigint): RecordData => ({
  kind: "at",
  copy: { position: { uuid: UUID, seqno }, attempt: "a1" },
  safeToBootstrap: false,
});

function recordOf(name: string, data: RecordData, http: string | null = null): MemberRecord {
  const number = Number(name.at(-1));
  return {
    name,
    serverId: number,
    address: `10.0.0.${number}`,
    datadirId: `d${number}`,
    data,
    instead: null,
    insteadCopy: null,
    lineage: [],
    http,
  };
}

/** A registry below `/db`, written by hand. */
class Scene implements AsyncDisposable {
  readonly #place: TestRoot;
  readonly session: Session;

  private constructor(place: TestRoot, session: Session) {
    this.#place = place;
    this.session = session;
  }

  static async make(options: Partial<SessionOptions> = {}): Promise<Scene> {
    const place = await anyServer({ network: "127.13" });
    return new Scene(place, await place.connect(options));
  }

  async member(record: MemberRecord, isPresent = true): Promise<void> {
    const path = `/db/members/${record.name}`;
    await this.session.create(path, formatRecord(record), { makePath: true });
    if (isPresent) await this.session.create(`${path}/owner`, "", { mode: "ephemeral" });
  }

  /** Two that wait for a third, which died running. */
  async outage(http: string | null = null): Promise<void> {
    await this.session.create("/db/cluster", formatCluster(CLUSTER), { makePath: true });
    await this.session.ensurePath("/db/nodes");
    await this.member(recordOf("g-1", at(10n)));
    await this.member(recordOf("g-2", at(9n), http));
    await this.member(recordOf("g-3", DIED), false);
  }

  run(command: string, ...args: readonly string[]): Promise<Finished> {
    return keeper([command, ...args, ...this.options()], { env: { USER: "ann" } });
  }

  options(): readonly string[] {
    return ["--zookeeper", `${this.#place.hosts}${this.#place.root}`, "--root", "/db"];
  }

  /** Every znode: its data and version. */
  async dump(path = "/db"): Promise<string[]> {
    const { data, stat } = await this.session.get(path);
    const { children } = await this.session.children(path);
    const below = await Promise.all(
      children.toSorted().map((child) => this.dump(`${path}/${child}`)),
    );
    const text = new TextDecoder().decode(data);
    return [`${path} ${stat.version} ${stat.cversion} ${text}`, ...below.flat()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place[Symbol.asyncDispose]();
  }
}

/** One line on standard error, and the status. */
function assertRefused({ status, stderr }: Finished, expected: number, message: RegExp): void {
  assert.equal(status, expected, stderr);
  assert.match(stderr, message);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
}

Deno.test("explain says what each member would do and why, and writes nothing", async () => {
  await using scene = await Scene.make();
  const progress = new Progress("g-2", "10.0.0.2", () => "2026-01-01T00:00:00Z");
  const position = { uuid: UUID, seqno: 12n };
  progress.inspected({
    datadirId: "d2",
    held: { kind: "at", position, safeToBootstrap: false },
    attempt: "a1",
  });
  progress.decide({ kind: "bootstrap", rule: 6, reason: "An older one" });
  await using http = Deno.serve(
    { hostname: "127.13.4.9", port: 0, onListen: () => {} },
    () => Response.json(progress.status),
  );
  await scene.outage(`127.13.4.9:${http.addr.port}`);
  const before = await scene.dump();

  const wait = "g-3 died running and has not come back; its data may be newest";
  const text = await scene.run("explain");
  assert.deepEqual([text.status, text.stderr], [0, ""]);
  assert.deepEqual(text.stdout.split("\n"), [
    `Cluster: ${UUID}, running, bootstrapped by g-1`,
    "  attempt a1: g-1 began a new cluster",
    `g-1 would wait (rule 7): ${wait}`,
    "  waits for: g-3",
    "  a person is needed: Start g-3 again, or, if it is gone for good, go on without it: " +
    "`galera-keeper forget g-3`.",
    `g-2 would wait (rule 7): ${wait}`,
    "  waits for: g-3",
    "  a person is needed: Start g-3 again, or, if it is gone for good, go on without it: " +
    "`galera-keeper forget g-3`.",
    "  its keeper last decided to bootstrap (rule 6): An older one",
    "g-3 (not there): It died running: what its datadir holds is known once it is " +
    "started again",
    "",
  ]);

  const json = await scene.run("explain", "--json", "--what-if", "g-3=forgotten,g-1=absent");
  const explanation: Explanation = JSON.parse(json.stdout);
  assert.deepEqual(explanation.whatIf, ["g-3=forgotten", "g-1=absent"]);
  assert.deepEqual(
    explanation.members.map(({ name, isPresent, course, keeper }) => [
      name,
      isPresent,
      course.kind === "decides" ? course.decision.kind : course.kind,
      keeper,
    ]),
    [["g-1", false, "bootstrap", null], ["g-2", true, "wait", null]],
  );
  const twice = await scene.run("explain", "--what-if", "g-3=forgotten", "--what-if", "g-1=9");
  assert.match(twice.stdout, /\nWhat if: g-3=forgotten, g-1=9\n/);
  assert.match(
    twice.stdout,
    /\ng-2 would wait \(rule 7\): The newest copy known, .*:10, was g-1's and is no longer there\n/,
  );

  assertRefused(await scene.run("explain", "--what-if", "g-3=forgoten"), 64, /mean forgotten\?/);
  assertRefused(await scene.run("explain", "--what-if", "g-3"), 64, /expected MEMBER=WHAT/);
  assertRefused(
    await scene.run("explain", "--what-if", "g-33=absent"),
    64,
    /no member "g-33" on record \(did you mean .*g-3.*\?\): known are g-1, g-2, g-3/,
  );
  assertRefused(
    await scene.run("explain", "--what-if", "g-1=forgotten"),
    77,
    /g-1=forgotten cannot be: g-1 is alive/,
  );
  assert.deepEqual(await scene.dump(), before);
});

Deno.test("forget asks for the cluster's UUID, and writes all or nothing", async () => {
  await using scene = await Scene.make();
  await scene.outage();
  const before = await scene.dump();
  const loss = new RegExp(
    `Plan: Nobody waits for g-3 .*\nMay be lost:\n  Whatever g-3 committed after ${UUID}:10: `,
  );
  const dry = await scene.run("forget", "g-3", "--dry-run");
  assert.deepEqual([dry.status, dry.stderr], [0, ""]);
  assert.match(dry.stdout, loss);
  const unconfirmed = await scene.run("forget", "g-3");
  assert.match(unconfirmed.stdout, loss);
  assertRefused(unconfirmed, 64, new RegExp(`give --confirm ${UUID}`));
  assertRefused(
    await scene.run("forget", "g-3", "--confirm", OTHER_UUID),
    64,
    new RegExp(`nothing was written: "${OTHER_UUID}" was given, .* is ${UUID}`),
  );
  assertRefused(await scene.run("forget", "g-1", "--confirm", UUID), 77, /g-1 is alive/);
  assertRefused(await scene.run("forget", "g-4"), 64, /no member "g-4".*known are g-1, g-2, g-3/);
  assertRefused(await scene.run("forget"), 64, /missing required argument 'member'/i);
  assert.deepEqual(await scene.dump(), before);

  const done = await scene.run("forget", "g-3", "--confirm", UUID.toUpperCase());
  assert.deepEqual([done.status, done.stderr], [0, ""]);
  assert.match(done.stdout, /\ng-3 is forgotten\n$/);
  const after = await scene.dump();
  assert.deepEqual(
    after.filter((line) => !before.includes(line)).map((line) => line.split(" ")[0]),
    ["/db/cluster", "/db/members"],
  );
  assert.ok(!after.some((line) => line.startsWith("/db/members/g-3 ")));
});

Deno.test("forget does not ask while the others are Primary; status has advised it", async () => {
  await using scene = await Scene.make();
  const progress = new Progress("g-1", "10.0.0.1", () => "2026-01-01T00:00:00Z");
  progress.identify({ datadirId: "d1" });
  await using server = Deno.serve(
    { hostname: "127.13.4.9", port: 0, onListen: () => {} },
    () => Response.json({ ...progress.status, uuid: UUID, primary: true }),
  );
  const http = `127.13.4.9:${server.addr.port}`;
  await scene.session.create("/db/cluster", formatCluster(CLUSTER), { makePath: true });
  await scene.member(recordOf("g-1", DIED, http));
  await scene.member(recordOf("g-3", DIED), false);
  const node = { member: "g-1", datadirId: "d1", uuid: UUID, primary: true, http, dataBytes: 1 };
  const path = "/db/nodes/10.0.0.1";
  await scene.session.create(path, formatNode({ ...node, since: "" }), { makePath: true });
  const says =
    "g-3 is not there and the cluster is Primary without it; if it is gone for good, forgetting " +
    "it is safe now: `galera-keeper forget g-3`.";
  const report: StatusReport = JSON.parse((await scene.run("status", "--json")).stdout);
  assert.deepEqual(report.advice, [{ members: ["g-3"], needed: false, says }]);
  assert.ok((await scene.run("status")).stdout.endsWith(`\n${says}\n`));
  const refused = await scene.run("bootstrap", "--member", "g-1", "--force", "--confirm", UUID);
  assertRefused(refused, 77, /g-1 runs: a second primary component would be a second history/);
  const done = await scene.run("forget", "g-3");
  assert.deepEqual([done.status, done.stderr], [0, ""]);
  assert.match(done.stdout, /Nothing is known that may be lost\ng-3 is forgotten\n$/);
  assert.deepEqual(JSON.parse((await scene.run("status", "--json")).stdout).advice, []);
});

Deno.test("forget and status tell a member that is cut off from another cluster's at its address", async () => {
  await using scene = await Scene.make();
  const progress = new Progress("g-3", "10.0.0.3", () => "2026-01-01T00:00:00Z");
  let uuid = UUID;
  progress.identify({ datadirId: "d3" });
  await using server = Deno.serve(
    { hostname: "127.13.4.9", port: 0, onListen: () => {} },
    () => Response.json({ ...progress.status, uuid, primary: true, doing: "Serving" }),
  );
  await scene.session.create("/db/cluster", formatCluster(CLUSTER), { makePath: true });
  await scene.session.ensurePath("/db/nodes");
  await scene.member(recordOf("g-1", at(10n)));
  await scene.member(recordOf("g-3", DIED, `127.13.4.9:${server.addr.port}`), false);
  const forget = () => scene.run("forget", "g-3", "--confirm", UUID);
  assert.match((await scene.run("explain")).stdout, /\ng-3 \(not there\) runs: It runs a server/);
  assert.match((await scene.run("status")).stdout, /\ng-3: Serving\n/);
  assertRefused(await forget(), 77, /g-3 is alive: /);
  uuid = OTHER_UUID;
  progress.identify({ datadirId: "another" });
  assert.match((await scene.run("explain")).stdout, /\ng-3 \(not there\): It died running/);
  assert.match((await scene.run("status")).stdout, /\ng-3 +10\.0\.0\.3 +died running +- +-\n/);
  assert.equal((await forget()).status, 0);
});

Deno.test("bootstrap --force puts on record who bootstraps, and waits until it is Primary", async () => {
  await using scene = await Scene.make();
  await scene.outage();
  const before = await scene.dump();
  const force = ["--force", "--member", "g-2"];
  assertRefused(await scene.run("bootstrap"), 64, /--member is missing/);
  assertRefused(await scene.run("bootstrap", "--member", "g-2"), 77, /A cluster is on record/);
  assertRefused(await scene.run("bootstrap", "--member", "g-4"), 64, /no member "g-4"/);
  assertRefused(
    await scene.run("bootstrap", ...force, "--confirm", UUID),
    77,
    new RegExp(`g-1 is there and holds ${UUID}:10`),
  );
  await scene.session.delete("/db/members/g-1/owner");
  const dry = await scene.run("bootstrap", ...force, "--dry-run");
  assert.equal(dry.status, 0);
  assert.match(dry.stdout, new RegExp(`^Plan: g-2 bootstraps at ${UUID}:9; `));
  assert.match(dry.stdout, new RegExp(`\n  Transactions 10 to 10 of ${UUID}, which g-1 holds\n`));
  assert.match(dry.stdout, new RegExp(`\n  Whatever g-3 committed after ${UUID}:9: `));
  assertRefused(await scene.run("bootstrap", ...force), 64, /give --confirm/);
  assert.deepEqual(
    (await scene.dump()).filter((line) => !/ 2? ?$|g-1/.test(line)),
    before.filter((line) => !/ 2? ?$|g-1/.test(line)),
  );

  const late = await scene.run("bootstrap", ...force, "--confirm", UUID, "--wait", "1s");
  assertRefused(late, 69, /g-2 is not Primary after 1 s and goes on by itself: .*explain$/m);
  const { data } = await scene.session.get("/db/cluster");
  const begun = parseCluster(data);
  assert.deepEqual(
    [begun.phase, begun.by, begun.forced, begun.attempts.map(({ seqno }) => seqno)],
    ["bootstrapping", "g-2", true, [0n, 9n]],
  );
  const third = await scene.session.get("/db/members/g-3");
  assert.deepEqual(parseRecord("g-3", third.data).data, { kind: "nothing" });

  const again = scene.run("bootstrap", ...force, "--confirm", UUID, "--wait", "2m");
  const attempts = async () =>
    parseCluster((await scene.session.get("/db/cluster")).data).attempts.length;
  while (await attempts() < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  // As g-2's keeper would.
  const now = parseCluster((await scene.session.get("/db/cluster")).data);
  await scene.session.set("/db/cluster", formatCluster({ ...now, phase: "running" }));
  const node = { member: "g-2", datadirId: "d2", uuid: UUID, primary: true, http: null };
  const path = "/db/nodes/10.0.0.2";
  await scene.session.create(path, formatNode({ ...node, dataBytes: 1, since: "" }));
  const { status, stdout } = await again;
  assert.deepEqual([status, stdout.split("\n").at(-2)], [
    0,
    `g-2 is Primary, the cluster is ${UUID}`,
  ]);

  // Ctrl-C ends the waiting alone.
  await scene.session.delete(path);
  const waiting = startKeeper(
    ["bootstrap", ...force, "--confirm", UUID, "--wait", "2m", ...scene.options()],
  );
  const errors = new Response(waiting.stderr).text();
  let said = "";
  for await (const part of waiting.stdout.pipeThrough(new TextDecoderStream())) {
    if (!said.includes("waiting for it") && part.includes("waiting for it")) waiting.kill("SIGINT");
    said += part;
  }
  assert.deepEqual([(await waiting.status).code, await errors], [
    130,
    "galera-keeper: Stopped by SIGINT\n",
  ]);
  assert.equal(await attempts(), 4);

  // Another person decides otherwise meanwhile.
  const overruled = scene.run("bootstrap", ...force, "--confirm", UUID, "--wait", "2m");
  while (await attempts() < 5) await new Promise((resolve) => setTimeout(resolve, 50));
  await scene.session.create(path, formatNode({ ...node, dataBytes: 1, since: "" }));
  await scene.session.set("/db/cluster", formatCluster({ ...now, by: "g-1" }));
  assert.match((await overruled).stdout, /\ng-1 bootstraps now: that was decided since\n$/);
});

Deno.test("bootstrap without --force begins the very first cluster where all have reported", async () => {
  await using scene = await Scene.make();
  await scene.session.ensurePath("/db/nodes");
  await scene.member(recordOf("g-1", { kind: "nothing" }));
  await scene.member(recordOf("g-2", { kind: "standalone" }));
  assertRefused(
    await scene.run("bootstrap", "--member", "g-1"),
    77,
    /g-1 would wait: g-2 holds the only data and begins the cluster/,
  );
  const done = await scene.run("bootstrap", "--member", "g-2", "--wait", "1s");
  assert.match(
    done.stdout,
    /^Plan: g-2 begins the cluster, .* all members: g-1, g-2\nNothing is/,
  );
  const { by, phase, uuid } = parseCluster((await scene.session.get("/db/cluster")).data);
  assert.deepEqual([by, phase, uuid], ["g-2", "bootstrapping", null]);
});

Deno.test("pause and resume say who did and since when; status and explain show it first", async () => {
  await using scene = await Scene.make();
  await scene.outage();
  assert.equal((await scene.run("resume")).stdout, "Nothing was paused\n");
  const paused = await scene.run("pause");
  assert.deepEqual([paused.status, paused.stderr], [0, ""]);
  assert.match(paused.stdout, /^Paused: .*`galera-keeper resume`/);
  const who = `since \\S+Z by ann@${Deno.hostname()}`;
  const again = await scene.run("pause");
  assert.deepEqual(again.status, 0);
  assert.match(again.stdout, new RegExp(`^It was paused before, ${who}\n$`));
  assert.match((await scene.run("explain")).stdout, new RegExp(`^Paused ${who}: `));
  const shown = await scene.run("status");
  assert.equal(shown.status, 2);
  assert.match(
    shown.stdout,
    new RegExp(`^No primary component: keepers are paused; .*\nPaused ${who}: `),
  );
  assert.match((await scene.run("explain")).stdout, /\ng-1 would wait \(rule 0\): Paused since /);
  assert.match((await scene.run("status")).stdout, /\nA person is needed: g-3 died running /);
  const forced = await scene.run("bootstrap", "--force", "--member=g-1", "--confirm", UUID);
  assert.equal(forced.status, 0, forced.stderr);
  assert.match(
    forced.stdout,
    /\nAll starts are paused .*: g-1 bootstraps after `galera-keeper resume`/,
  );
  const resumed = await scene.run("resume");
  assert.deepEqual([resumed.status, resumed.stderr], [0, ""]);
  assert.match(resumed.stdout, new RegExp(`^Resumed: it was paused ${who}\n$`));
  assert.equal(await scene.session.exists("/db/control/pause"), null);
});

Deno.test("no ZooKeeper, nobody on record and ephemeral records are each one line", async () => {
  await using scene = await Scene.make();
  const commands = [
    ["explain"],
    ["forget", "g-1"],
    ["bootstrap", "--member=g-1"],
    ["pause"],
    ["resume"],
  ] as const;
  for (const [command, ...args] of commands) {
    assertRefused(await scene.run(command, ...args), 69, /^galera-keeper: No member has reported/);
  }
  assert.equal(await scene.session.exists("/db"), null);
  const nowhere = await keeper(["explain", "--zookeeper", "127.13.4.8:1", "--root", "/db"]);
  assertRefused(nowhere, 69, /Cannot reach ZooKeeper at 127\.13\.4\.8:1 in 10 s/);

  await scene.session.ensurePath("/db/members");
  await scene.session.ensurePath("/db/nodes");
  const own = formatRecord(recordOf("g-1", DIED));
  await scene.session.create("/db/members/g-1", own, { mode: "ephemeral" });
  assertRefused(
    await scene.run("forget", "g-1"),
    77,
    /Storage is ephemeral: the record of g-1 goes with its keeper's session/,
  );
});

Deno.test("whoever may not write is told so", async () => {
  await using scene = await Scene.make({ digest: TEST_DIGEST });
  await scene.outage();
  const before = await scene.dump();
  for (const [command, ...args] of [["forget", "g-3", "--confirm", UUID], ["pause"]] as const) {
    assertRefused(
      await scene.run(command, ...args),
      78,
      /ZooKeeper refuses what galera-keeper needs: .*; give the --zookeeper-digest-file that /,
    );
  }
  assert.deepEqual(await scene.dump(), before);
  const env = { GALERA_KEEPER_ZOOKEEPER_DIGEST: TEST_DIGEST };
  const done = await keeper(["pause", ...scene.options()], { env });
  assert.deepEqual([done.status, done.stderr], [0, ""]);
});

Deno.test("on a terminal the UUID is typed, and Ctrl-C ends the question", async () => {
  await using scene = await Scene.make();
  await scene.outage();
  const before = await scene.dump();
  const onTerminal = async (...answers: readonly (() => Promise<string> | string)[]) => {
    const words = [...keeperCommand(), "forget", "g-3", ...scene.options()];
    const line = words.map((word) => `'${word}'`).join(" ");
    const process = new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", line, "/dev/null"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const input = process.stdin.getWriter();
    let text = "";
    let answered = 0;
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      const answer = answers[answered];
      if (answer === undefined || text.split("to go on: ").length - 1 <= answered) continue;
      answered++;
      await input.write(new TextEncoder().encode(await answer()));
    }
    await input.close();
    const { code } = await process.status;
    return { code, text: text.replaceAll("\r\n", "\n") };
  };
  const interrupted = await onTerminal(() => "\x03");
  assert.match(interrupted.text, /Stopped by SIGINT/);
  assert.equal(interrupted.code, 130);
  const wrong = await onTerminal(() => "yes\n");
  assert.match(wrong.text, /Not confirmed, nothing was written: "yes" was given, /);
  assert.equal(wrong.code, 64);
  assert.deepEqual(await scene.dump(), before);

  // What it rests on changes while the person reads: all of it is shown and asked again.
  const right = await onTerminal(async () => {
    await scene.session.set("/db/members/g-1", formatRecord(recordOf("g-1", at(12n))));
    return `${UUID}\n`;
  }, () => `${UUID}\n`);
  assert.match(
    right.text,
    /after \S+:10: [^]*\nWhat is on record has changed meanwhile\n[^]* after \S+:12: /,
  );
  assert.match(right.text, /\ng-3 is forgotten\n$/);
  assert.equal(right.code, 0);
});
