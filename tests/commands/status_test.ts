// needs: zookeeper
import assert from "node:assert/strict";
import * as v from "valibot";
import { Progress } from "../../lib/progress.ts";
import type { StatusReport } from "../../lib/operator/status.ts";
import {
  formatArbitrator,
  formatCluster,
  formatDecisions,
  formatNode,
  formatRecord,
  type Noted,
} from "../../lib/znodes.ts";
import { Lock } from "../../lib/zookeeper/lock.ts";
import { keeper, keeperCommand, startKeeper } from "../keeper.ts";
import { statusSchema } from "../operator/status_schema.ts";
import { freePort } from "../../lib/zookeeper/server.ts";
import { anyServer } from "../zookeeper/server.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";

const SERVES = {
  stage: "registered",
  answers: true,
  letsClientsIn: true,
  primary: true,
  synced: true,
  localState: 4,
  seqno: "77",
  uuid: UUID,
} as const;

Deno.test("status shows cluster, lock and members, in text and in JSON", async () => {
  await using place = await anyServer({ network: "127.13" });
  const session = await place.connect();
  const at = ["--zookeeper", `${place.hosts}${place.root}`, "--root", "/db"];
  const none = await keeper(["status", ...at]);
  assert.deepEqual([none.status, none.stderr], [2, ""]);
  assert.equal(
    none.stdout,
    "No primary component: no member has reported yet\nCluster: none yet\nStart-up lock: free\n",
  );

  const progress = new Progress("g-1", "127.13.4.1", () => "2026-01-01T00:00:00Z");
  progress.identify({ datadirId: "d", serverId: 1 });
  await using http = Deno.serve(
    { hostname: "127.13.4.1", port: 0, onListen: () => {} },
    () => Response.json({ ...progress.status, ...SERVES }),
  );
  const [address, other] = ["127.13.4.1", "127.13.4.2"];
  const data = { kind: "running", uuid: UUID, starting: false, floor: null } as const;
  const bare = { instead: null, insteadCopy: null, lineage: [], http: null };
  const own = { name: "g-1", serverId: 1, address, datadirId: "d", data, ...bare };
  const node = { member: "g-1", datadirId: "d", uuid: UUID, primary: true, dataBytes: 1 };
  const since = "2026-01-02T03:04:05Z";
  const registered = { ...node, http: `${address}:${http.addr.port}`, since };
  const attempts = [{ attempt: "a", by: "g-1", uuid: UUID, seqno: 0n, from: null }];
  const begun = { by: "g-1", attempt: "a", attempts, forced: false };
  const cluster = { phase: "running", uuid: UUID, ...begun } as const;
  await session.create("/db/cluster", formatCluster(cluster), { makePath: true });
  await session.create("/db/members/g-1", formatRecord(own), { makePath: true });
  await session.create(`/db/nodes/${address}`, formatNode(registered), { makePath: true });
  await session.create(`/db/nodes/${other}`, "", { makePath: true });
  const arbitrator = { name: "arb", address: "127.13.4.3", uuid: UUID, attempt: "a" };
  await session.create(
    "/db/arbitrators/arb",
    formatArbitrator({ ...arbitrator, primary: true, members: ["g-1"], since }),
    { makePath: true },
  );
  await session.create("/db/arbitrators/strange", "junk");
  const lock = new Lock(session, "/db/bootstrap", { name: "g-2" });
  await using _held = await lock.acquire();

  const { status, stdout } = await keeper(["status", "--json", ...at]);
  // The lab's member is of unknown position.
  assert.equal(status, 1);
  const report: StatusReport = JSON.parse(stdout);
  assert.deepEqual(v.parse(statusSchema, report), report);
  assert.deepEqual(report.cluster, { kind: "known", phase: "running", uuid: UUID, by: "g-1" });
  assert.deepEqual(report.lock, { holder: "g-2", waiting: [] });
  assert.deepEqual(
    report.members.map((
      { name, address, serverId, position, registeredSince },
    ) => [name, address, serverId, position, registeredSince]),
    [
      ["g-1", address, 1, `${UUID}:77`, since],
      [null, other, null, "not known", null],
    ],
  );
  assert.deepEqual(report.arbitrators, [{ ...arbitrator, primary: true, members: ["g-1"], since }]);
  const text = await keeper(["status", ...at]);
  assert.match(text.stdout, /^Degraded: 127\.13\.4\.2 not one of ours \(1 of 2 Synced\)\n/);
  assert.match(text.stdout, new RegExp(`\nCluster: ${UUID}, running, bootstrapped by g-1\n`));
  assert.match(text.stdout, /\ng-1 +127\.13\.4\.1 +Synced +77 +2026-01-01T00:00:00Z\n/);
  assert.match(
    text.stdout,
    /\nArbitrator: arb, 127\.13\.4\.3, votes since .*, with g-1\n/,
  );
});

Deno.test("status asks members where ZooKeeper does not answer, and says whom it can ask", async () => {
  const port = freePort("127.13.4.7");
  const at = ["--zookeeper", `127.13.4.7:${port}`];
  const progress = new Progress("g-1", "127.13.4.7", () => "2026-01-01T00:00:00Z");
  await using http = Deno.serve(
    { hostname: "127.13.4.7", port: 0, onListen: () => {} },
    () => Response.json({ ...progress.status, ...SERVES }),
  );
  const answers = `127.13.4.7:${http.addr.port}`;
  const silent = `127.13.4.7:${freePort("127.13.4.7")}`;
  const [shown, nobody, unasked] = await Promise.all([
    keeper(["status", ...at, "--members", `${answers},${silent}`]),
    keeper(["status", ...at, "--members", silent]),
    keeper(["status", ...at]),
  ]);
  assert.deepEqual([shown.status, shown.stderr], [1, ""]);
  assert.match(
    shown.stdout,
    /^Degraded: ZooKeeper does not answer; 127\.13\.4\.7:\d+ no answer \(1 of 2 Synced\)\n/,
  );
  assert.match(
    shown.stdout,
    /\nZooKeeper does not answer: Cannot reach ZooKeeper at 127\.13\.4\.7/,
  );
  assert.match(shown.stdout, /\ng-1 +127\.13\.4\.7 +Synced +77 /);

  assert.equal(nobody.status, 69);
  assert.match(
    nobody.stderr,
    /^galera-keeper: Cannot reach ZooKeeper .*; no member answers either: /,
  );
  assert.equal(unasked.status, 69);
  assert.match(unasked.stderr, /; to ask the members themselves give --members HOST,…\n$/);
  const wrong = await keeper(["status", "--members", "g-1:x"]);
  assert.equal(wrong.status, 64);
});

Deno.test("status --watch and log --follow show what changes, and end with 0 at Ctrl-C", async () => {
  await using place = await anyServer({ network: "127.13" });
  const session = await place.connect();
  const at = ["--zookeeper", `${place.hosts}${place.root}`, "--root", "/db"];
  const told = (reason: string) => [
    { at: "2026-01-02T03:04:05.678Z", kind: "event", rule: null, reason, person: null } as const,
  ];
  await session.create("/db/decisions/g-1", formatDecisions(told("Started")), { makePath: true });
  for (
    const [args, first, change, next, another, last] of [
      [
        ["status", "--watch"],
        /Start-up lock: free\n\n/,
        async () => {
          await session.ensurePath("/db/nodes");
          await session.create("/db/members/g-1", "junk", { makePath: true });
        },
        /g-1 record not readable/,
        async () => {
          await session.create("/db/members/g-2", "junk");
        },
        /g-2 record not readable/,
      ],
      [
        ["log", "--follow"],
        /g-1 {2}Started\n/,
        async () => {
          await session.create("/db/decisions/g-2", formatDecisions(told("Stopped")));
        },
        /Z {2}g-2 {2}Stopped\n/,
        async () => {
          await session.set("/db/decisions/g-1", formatDecisions(told("Registered")));
        },
        /Z {2}g-1 {2}Registered\n/,
      ],
    ] as const
  ) {
    const child = startKeeper([...args, ...at]);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (expected: RegExp) => {
      while (!expected.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`It ended before ${expected}: ${text}`);
        text += value;
      }
    };
    await until(first);
    await change();
    await until(next);
    await another();
    await until(last);
    child.kill("SIGINT");
    assert.equal((await child.status).code, 0, args.join(" "));
    await reader.cancel();
    assert.equal(await new Response(child.stderr).text(), "");
  }
});

Deno.test("log merges the lists of all members and warns of one that cannot be read", async () => {
  await using place = await anyServer({ network: "127.13" });
  const session = await place.connect();
  const at = ["--zookeeper", `${place.hosts}${place.root}`, "--root", "/db"];
  const none = await keeper(["log", ...at]);
  assert.deepEqual([none.status, none.stdout], [0, "No member has decided anything yet\n"]);
  const told = (second: number, reason: string) => ({
    at: `2026-01-02T03:04:0${second}.000Z`,
    kind: "event" as const,
    rule: null,
    reason,
    person: null,
  });
  const list = (...entries: readonly Noted[]) => formatDecisions(entries);
  await session.create("/db/decisions/g-1", list(told(1, "one"), told(4, "four")), {
    makePath: true,
  });
  const waits = { ...told(2, "two"), kind: "wait" as const, rule: 7, person: "Start g-1." };
  await session.create("/db/decisions/g-2", list(waits, told(3, "three")));
  await session.create("/db/decisions/g-3", "junk");
  const shown = await keeper(["log", ...at, "--log-format=text"]);
  assert.equal(shown.status, 0);
  assert.match(shown.stderr, /The decisions of g-3 cannot be read: it holds "junk" where JSON/);
  assert.equal(
    shown.stdout,
    `2026-01-02T03:04:01Z  g-1  one
2026-01-02T03:04:02Z  g-2  wait (rule 7): two. A person is needed: Start g-1.
2026-01-02T03:04:03Z  g-2  three
2026-01-02T03:04:04Z  g-1  four
`,
  );
  const some = await keeper(["log", ...at, "--member=g-2", "-n", "1", "--json"], {
    // In a container it says who this is, not whom to look at.
    env: { GALERA_KEEPER_MEMBER: "g-1" },
  });
  assert.deepEqual(JSON.parse(some.stdout), {
    v: 1,
    entries: [{ member: "g-2", ...told(3, "three") }],
  });
  const all = await keeper(["log", ...at, "--json"], { env: { GALERA_KEEPER_MEMBER: "g-1" } });
  assert.equal(JSON.parse(all.stdout).entries.length, 4);
  const unknown = await keeper(["log", ...at, "--member=g-9"]);
  assert.equal(unknown.status, 64);
  assert.match(unknown.stderr, /There is no member "g-9" on record.*: known are g-1, g-2, g-3\n$/);
});

Deno.test("status --watch on a terminal keeps to its width, is drawn over, and has colours unless told", async () => {
  await using place = await anyServer({ network: "127.13" });
  const session = await place.connect();
  await session.ensurePath("/db/nodes");
  await session.create("/db/members/galera-keeper-member-1", "junk", { makePath: true });
  const shownOn = async (env: Record<string, string>) => {
    const words = [...keeperCommand(), "status", "--watch"];
    const at = ["--zookeeper", `${place.hosts}${place.root}`, "--root", "/db"];
    const line = [...words, ...at].map((word) => `'${word}'`).join(" ");
    // Ctrl-C is for all on the terminal: a shell that waits would end by it, too.
    const process = new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", `stty cols 40 rows 24; exec ${line}`, "/dev/null"],
      env: { TERM: "xterm", NO_COLOR: "", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const input = process.stdin.getWriter();
    let text = "";
    let isOver = false;
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (isOver || !text.includes("\x1b[J")) continue;
      isOver = true;
      await input.write(new Uint8Array([3]));
    }
    await input.close();
    return { code: (await process.status).code, text };
  };
  const { code, text } = await shownOn({});
  assert.equal(code, 0);
  assert.ok(text.includes("\x1b[2J\x1b[H\x1b[31mNo primary component:"), text);
  const plain = await shownOn({ NO_COLOR: "1" });
  assert.ok(plain.text.includes("\x1b[2J\x1b[HNo primary component:"), plain.text);
  const screen = plain.text.slice(plain.text.indexOf("\x1b[H") + 3).split("\x1b[J")[0]!;
  const lines = screen.split("\x1b[K\r\n");
  assert.ok(lines.length > 6 && lines.every((line) => line.length <= 40), lines.join("\n"));
  assert.ok((await shownOn({ TERM: "dumb" })).text.includes("\x1b[HNo primary component:"));
});
