// needs: zookeeper
/** `restart` and `stop` on a real ensemble, whose keepers the test plays by hand. */
import assert from "node:assert/strict";
import {
  begin,
  type Change,
  complete,
  failStart,
  type Request,
  settleStop,
  stopped,
} from "../../lib/cluster/requests.ts";
import type { MemberRecord } from "../../lib/cluster/view.ts";
import { Progress } from "../../lib/progress.ts";
import { Requests } from "../../lib/requests.ts";
import { formatCluster, formatNode, formatRecord } from "../../lib/znodes.ts";
import type { Session } from "../../lib/zookeeper/session.ts";
import { SYNCED } from "../simulation/wsrep_status.ts";
import { type Finished, keeper, startKeeper } from "../keeper.ts";
import { anyServer, type TestRoot } from "../zookeeper/server.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const NOW = "2026-01-02T03:04:05Z";

/** A member that says over HTTP that it serves. */
class Serving implements AsyncDisposable {
  readonly name: string;
  readonly http: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(name: string) {
    const progress = new Progress(name, `10.0.0.${name.at(-1)}`, () => NOW);
    progress.identify({ datadirId: `d-${name}` });
    progress.observe({ ...SYNCED, clusterUuid: UUID, lastCommitted: 42n });
    progress.ready();
    this.name = name;
    this.#server = Deno.serve(
      { hostname: "127.13.5.9", port: 0, onListen: () => {} },
      () => Response.json(progress.status),
    );
    this.http = `127.13.5.9:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Members that are registered, below `/db`. */
class Scene implements AsyncDisposable {
  readonly #place: TestRoot;
  readonly session: Session;
  readonly requests: Requests;
  readonly #members: readonly Serving[];

  private constructor(place: TestRoot, session: Session, members: readonly Serving[]) {
    this.#place = place;
    this.session = session;
    this.requests = new Requests(session, "/db");
    this.#members = members;
  }

  static async make(...names: readonly string[]): Promise<Scene> {
    const place = await anyServer({ network: "127.13" });
    const session = await place.connect({});
    const scene = new Scene(place, session, names.map((name) => new Serving(name)));
    await session.create(
      "/db/cluster",
      formatCluster({
        phase: "running",
        uuid: UUID,
        by: "g-1",
        attempt: "a1",
        attempts: [{ attempt: "a1", by: "g-1", uuid: UUID, seqno: 0n, from: null }],
        forced: false,
      }),
      { makePath: true },
    );
    await session.ensurePath("/db/nodes");
    for (const member of scene.#members) await scene.#register(member);
    return scene;
  }

  async #register({ name, http }: Serving): Promise<void> {
    const address = `10.0.0.${name.at(-1)}`;
    const record: MemberRecord = {
      name,
      serverId: 1,
      address,
      datadirId: `d-${name}`,
      data: { kind: "running", uuid: UUID, starting: false, floor: null },
      instead: null,
      insteadCopy: null,
      lineage: [],
      http,
    };
    await this.session.create(`/db/members/${name}`, formatRecord(record), { makePath: true });
    await this.session.create(`/db/members/${name}/owner`, "", { mode: "ephemeral" });
    const node = {
      member: name,
      datadirId: `d-${name}`,
      uuid: UUID,
      primary: true,
      http,
      dataBytes: 1,
      since: NOW,
    };
    await this.session.create(`/db/nodes/${address}`, formatNode(node), { mode: "ephemeral" });
  }

  options(): readonly string[] {
    return ["--zookeeper", `${this.#place.hosts}${this.#place.root}`, "--root", "/db"];
  }

  run(...args: readonly string[]): Promise<Finished> {
    return keeper([...args, ...this.options()], { env: { USER: "ann" } });
  }

  start(...args: readonly string[]): Deno.ChildProcess {
    return startKeeper([...args, ...this.options()], { env: { USER: "ann" } });
  }

  /** Waits, by a watch, until what is asked is so. */
  async until(holds: (request: Request) => boolean): Promise<Request> {
    for (;;) {
      const watches = new AbortController();
      const { changed } = await this.requests.watch(watches.signal);
      const request = (await this.requests.read())?.request ?? null;
      if (request !== null && holds(request)) {
        watches.abort();
        return request;
      }
      await changed;
    }
  }

  /** Waits until somebody asks. @param before The id of what was asked before. */
  asked(before = ""): Promise<Request> {
    return this.until(({ id }) => id !== before);
  }

  /** What keepers do. */
  async change(...changes: readonly Change[]): Promise<void> {
    for (const change of changes) await this.requests.change(change);
  }

  /** One member's whole turn. */
  restart(member: string): Promise<void> {
    const before = { member, datadirId: `d-${member}` };
    return this.change(begin(before), stopped(member), complete({ member, datadirId: "next" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) await member[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }
}

function assertRefused({ status, stderr }: Finished, expected: number, message: RegExp): void {
  assert.equal(status, expected, stderr);
  assert.match(stderr, message);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
}

async function finished(process: Deno.ChildProcess): Promise<Finished> {
  const { code, signal, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { status: code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("restart and stop say what to type where that is not clear, and write nothing", async () => {
  await using scene = await Scene.make("g-1", "g-2");
  const table: readonly [readonly string[], number, RegExp][] = [
    [["restart"], 64, /--rolling for all of them in turn, --only NAME for one/],
    [["restart", "--rolling", "--only=g-1"], 64, /--rolling and --only exclude each other/],
    [["restart", "--resume", "--yes"], 64, /--yes goes with --rolling or --only/],
    [["restart", "--only=g-11"], 64, /no member "g-11" on record .*: known are g-1, g-2/],
    [["restart", "--only=g 1"], 64, /--only/],
    [["restart", "--resume"], 77, /No restart is under way: there is nothing to go on with/],
    [["restart", "--cancel"], 77, /No restart is under way: there is nothing to take back/],
    [["stop"], 64, /Give --all: all members stop\./],
  ];
  for (const [args, status, message] of table) {
    assertRefused(await scene.run(...args), status, message);
  }
  await scene.run("pause");
  assertRefused(await scene.run("restart", "--rolling"), 77, /paused .*: `galera-keeper resume` f/);
  await scene.run("resume");
  assert.equal(await scene.requests.read(), null);
  await scene.session.create(scene.requests.path, "junk", { makePath: true });
  for (const args of [["restart", "--rolling"], ["stop", "--all"], ["restart", "--cancel"]]) {
    assertRefused(
      await scene.run(...args),
      77,
      /none of galera-keeper's: \/db\/control\/requests\/current: it holds "junk" where JSON was /,
    );
  }
});

Deno.test("restart shows each step, stands still where one fails, and goes on", async () => {
  await using scene = await Scene.make("g-2", "g-1", "g-3");
  const process = scene.start("restart", "--rolling");
  const { id, members, by } = await scene.asked();
  assert.deepEqual(members, ["g-1", "g-2", "g-3"]);
  assert.equal(by, `ann@${Deno.hostname()}`);
  assertRefused(
    await scene.run("restart", "--rolling"),
    77,
    /Refused: Restart in turn, .*: 0 of 3 done, waiting for g-1 .*`galera-keeper restart --cancel`/,
  );
  assertRefused(await scene.run("stop", "--all"), 77, /Refused: Restart in turn, /);
  await scene.restart("g-1");
  const turn = { member: "g-2", datadirId: "d-g-2" };
  await scene.change(begin(turn), stopped("g-2"), failStart("g-2", "mariadbd has exited: x"));
  const failed = await finished(process);
  assertRefused(
    failed,
    75,
    /g-2 failed, and nobody after it is touched: mariadbd has exited: x; mend it, then galera-keep/,
  );
  // Steps that come fast may be told as one: the last of each is.
  assert.match(failed.stdout, /^Asked to restart in turn: g-1, g-2, g-3\n/);
  assert.match(failed.stdout, /\ng-1 is restarted, registered and Synced \(1 of 3\)\n/);

  const resumed = scene.start("restart", "--resume");
  await scene.until(({ failed }) => failed === null);
  await scene.change(complete({ member: "g-2", datadirId: "next" }));
  await scene.restart("g-3");
  const { status, stdout, stderr } = await finished(resumed);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^It goes on: 1 of 3 done\n/);
  assert.match(stdout, /\ng-3 is restarted, registered and Synced \(3 of 3\)\nDone\n$/);

  const taken = scene.start("restart", "--only=g-3,g-1", "--only", "g-1");
  assert.deepEqual((await scene.asked(id)).members, ["g-1", "g-3"]);
  await scene.change(begin({ member: "g-1", datadirId: "d-g-1" }));
  const cancel = await scene.run("restart", "--cancel");
  assert.equal(cancel.stdout, "Taken back: 0 of 2 are done, g-1 finishes its turn\n");
  assertRefused(await finished(taken), 75, new RegExp(`Taken back by ${by} at `));
});

Deno.test("restart waits for a keeper that is not there, and may be left", async () => {
  await using scene = await Scene.make("g-1", "g-2");
  const process = scene.start("restart", "--only=g-2");
  await scene.asked();
  await scene.session.delete("/db/members/g-2/owner");
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!/\nWaiting for g-2: its keeper is not there/.test(text)) {
    const { value, done } = await reader.read();
    assert.ok(!done, text);
    text += value;
  }
  process.kill("SIGINT");
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  assert.equal((await process.status).code, 130);
  await process.stderr.cancel();
  assert.match(
    text,
    /What was asked goes on without this command: galera-keeper status shows it, /,
  );
  assert.equal((await scene.requests.read())!.request.canceled, null);
});

Deno.test("a single member restarts only where that is meant", async () => {
  await using scene = await Scene.make("g-1");
  assertRefused(
    await scene.run("restart", "--rolling"),
    77,
    /Not restarted, as no other member is registered, nobody would serve .*: give --yes where /,
  );
  const process = scene.start("restart", "--rolling", "--yes");
  assert.equal((await scene.asked()).outage, true);
  await scene.restart("g-1");
  const { status, stderr } = await finished(process);
  assert.deepEqual([status, stderr], [0, ""]);
});

Deno.test("stop --all pauses all in the same breath, says who was last, and resume ends both", async () => {
  await using scene = await Scene.make("g-1", "g-2");
  const process = scene.start("stop", "--all");
  await scene.asked();
  const paused = await scene.run("pause");
  assert.match(paused.stdout, /^It was paused before, since .*, who had all stopped: `galera-keep/);
  await scene.change(settleStop("g-1"), settleStop("g-2"));
  const { status, stdout, stderr } = await finished(process);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^Asked to stop, one after the other: g-1, g-2\n/);
  assert.match(stdout, /\nAll have stopped, g-2 last; `galera-keeper resume` starts them again\n$/);
  assert.match((await scene.run("resume")).stdout, /^Resumed: it was paused since /);
  assert.equal(await scene.requests.read(), null);
  assert.equal(await scene.session.exists("/db/control/pause"), null);

  const undone = scene.start("stop", "--all");
  await scene.asked();
  await scene.run("resume");
  assertRefused(await finished(undone), 75, /Taken back by ann@/);
});
