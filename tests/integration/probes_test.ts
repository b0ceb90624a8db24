// needs: zookeeper galera prometheus
/** What real members tell those that probe, measure and balance them. */
import assert from "node:assert/strict";
import { promtool } from "../k8s/promtool.ts";
import { keeper } from "../keeper.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestCluster, type TestMember } from "./harness.ts";
import { until } from "./load.ts";
import { inOrder } from "./outage.ts";

interface Told {
  readonly status: number;
  readonly text: string;
}

async function ask({ address }: TestMember, path: string): Promise<Told> {
  const response = await fetch(`http://${address}:8008${path}`, {
    headers: { connection: "close" },
  });
  return { status: response.status, text: await response.text() };
}

async function untilStatus(member: TestMember, path: string, status: number): Promise<string> {
  let told: Told = { status: 0, text: "" };
  await until(`${path} of ${member.name} is ${status}`, async () => {
    told = await ask(member, path);
    return told.status === status;
  });
  return told.text;
}

/** A page's samples by name and labels, without our prefix. */
async function metricsOf(member: TestMember): Promise<Map<string, number>> {
  const { text } = await ask(member, "/metrics");
  const lines = text.split("\n").filter((line) => /^\w/.test(line));
  return new Map(lines.map((line) => {
    const [, name = "", value] = /^(.*) (\S+)$/.exec(line) ?? [];
    return [name.replace(/^galera_keeper_/, ""), Number(value)];
  }));
}

/** Asks without end whether a member lives, while it starts. */
class LifeWatch implements AsyncDisposable {
  readonly #asking: Promise<void>;
  readonly told: Told[] = [];
  #isOver = false;

  constructor(member: TestMember) {
    this.#asking = this.#ask(member);
  }

  async #ask(member: TestMember): Promise<void> {
    while (!this.#isOver) {
      const told = await ask(member, "/livez").catch(() => null);
      if (told !== null) this.told.push(told);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#asking;
  }
}

const SYNCED = "MariaDB Cluster Node is synced.\r\n";

async function health(member: TestMember, ...options: string[]): Promise<[number, string]> {
  const { status, stdout } = await keeper(["health", `--bind=${member.address}`, ...options]);
  return [status, stdout];
}

Deno.test("members tell probes, HAProxy and Prometheus how they are", async (t) => {
  await using servers = await startServers();
  await using cluster = await TestCluster.prepare(servers.hosts, 2);
  const [one, two] = cluster.members as [TestMember, TestMember];

  const step = inOrder(t);
  await step("one that waits for the other lives and is not ready", async () => {
    one.start({ size: 2 });
    await one.until("waiting", ({ stage }) => stage === "waiting");
    assert.match((await ask(one, "/livez")).text, /^Live: Waiting: .*1 of 2 members/);
    assert.equal((await ask(one, "/livez")).status, 200);
    const { status, text } = await ask(one, "/readyz");
    assert.equal(status, 503);
    assert.match(text, /^MariaDB Cluster Node is not synced\.\r\nWaiting: .*1 of 2 members/);
    assert.equal((await health(one))[0], 0);
    assert.equal((await health(one, "--ready"))[0], 1);
    assert.equal((await metricsOf(one)).get("mariadbd_up"), 0);
  });

  await step("both live while they start, by an SST, too, and are ready then", async () => {
    await using first = new LifeWatch(one);
    await using second = new LifeWatch(two);
    two.start({ size: 2 });
    for (const member of [one, two]) assert.equal(await untilStatus(member, "/", 200), SYNCED);
    const told = [...first.told, ...second.told];
    const texts = new Set(told.map(({ text }) => text));
    // Whichever of the two had the lock first has begun.
    assert.ok([...texts].some((text) => /^Live: Joining/.test(text)), [...texts].join(""));
    assert.deepEqual(told.filter(({ status }) => status !== 200), []);
    assert.deepEqual(await health(two, "--ready"), [0, "MariaDB Cluster Node is synced.\n"]);
  });

  await step("promtool finds nothing to say of what they measure, and it is true", async () => {
    for (const member of [one, two]) {
      await promtool(["check", "metrics"], (await ask(member, "/metrics")).text);
    }
    const pages = [await metricsOf(one), await metricsOf(two)];
    const [row] = await two.query("SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'");
    assert.equal(pages[1]!.get("last_committed_seqno"), Number(row?.["Value"]));
    const has = (name: string) => pages.find((metrics) => metrics.get(name) === 1)!;
    const begun = has('decisions_total{kind="bootstrap",rule="5"}');
    const joined = has('decisions_total{kind="join",rule="1"}');
    for (const metrics of pages) {
      for (const name of ["primary", "synced", "ready", "mariadbd_up"]) {
        assert.equal(metrics.get(name), 1, name);
      }
      assert.equal(metrics.get("cluster_size"), 2);
      assert.equal(metrics.get('stage{stage="registered"}'), 1);
      assert.equal(metrics.get('zookeeper_session{state="connected"}'), 1);
      assert.equal(metrics.get("flow_control_paused_ratio"), 0);
      assert.ok(metrics.get("start_duration_seconds")! > 0);
      assert.ok(metrics.get("lock_wait_seconds_count")! >= 1);
      assert.equal(metrics.get("lock_hold_seconds_count"), metrics.get("lock_wait_seconds_count"));
      assert.ok(metrics.get("process_resident_memory_bytes")! > 1e6);
    }
    assert.equal(begun.get('mariadbd_starts_total{how="bootstrap"}'), 1);
    assert.equal(joined.get('mariadbd_starts_total{how="join"}'), 1);
    assert.equal(joined.get('transfers_total{kind="SST",role="joiner",outcome="done"}'), 1);
    assert.equal(begun.get('transfers_total{kind="SST",role="donor",outcome="done"}'), 1);
    // Seconds it held the lock, at least as long as its SST took; and no longer than it took to start.
    assert.ok(joined.get("lock_hold_seconds_sum")! < joined.get("start_duration_seconds")!);
  });

  await step("a desynced one is ready only where donors will do", async () => {
    await two.query("SET GLOBAL wsrep_desync = ON");
    await untilStatus(two, "/", 503);
    assert.equal((await ask(two, "/readyz?donor=ok")).text, SYNCED);
    assert.equal((await health(two, "--donor-ok"))[0], 0);
    assert.equal((await metricsOf(two)).get("donor"), 1);
    await two.query("SET GLOBAL wsrep_desync = OFF");
    await untilStatus(two, "/", 200);
  });

  await step("one that rejects queries is not ready, one that only reads is", async () => {
    // Our own connection is cut by it, too, and made again.
    await two.query("SET GLOBAL wsrep_reject_queries = ALL_KILL");
    await two.until("it says so", (status) => status.answers && !status.letsClientsIn);
    const { status, text } = await ask(two, "/readyz?donor=ok");
    assert.deepEqual([status, /\r\n.*wsrep_reject_queries\r\n$/.test(text)], [503, true], text);
    await two.query("SET GLOBAL wsrep_reject_queries = NONE");
    await two.query("SET GLOBAL read_only = ON");
    await untilStatus(two, "/", 200);
    await two.until("read-only", ({ readOnly }) => readOnly);
    assert.equal((await metricsOf(two)).get("ready"), 1);
    await two.query("SET GLOBAL read_only = OFF");
  });

  await step("without ZooKeeper they live and are ready, and say that it is gone", async () => {
    await servers.servers[0]!.kill();
    await until("the session is suspended", async () => {
      return (await metricsOf(one)).get('zookeeper_session{state="connected"}') === 0;
    });
    for (const path of ["/livez", "/readyz"]) assert.equal((await ask(one, path)).status, 200);
    await servers.restart();
    await one.until("connected", ({ session }) => session === "connected");
  });

  await step("one that has stopped answers nobody, and health says so", async () => {
    await two.stop();
    await assert.rejects(ask(two, "/livez"), TypeError);
    assert.equal((await health(two))[0], 1);
  });
});

Deno.test("a plain server tells the same", async () => {
  await using cluster = await TestCluster.prepare("127.0.0.1:1", 1);
  const [one] = cluster.members as [TestMember];
  one.start({ env: { WSREP_ON: "OFF" } });
  await one.until("serving", ({ readyAt }) => readyAt !== null);
  assert.equal((await ask(one, "/readyz")).text, SYNCED);
  assert.equal((await ask(one, "/livez")).text, "Live: Serving, without Galera\r\n");
  const page = (await ask(one, "/metrics")).text;
  await promtool(["check", "metrics"], page);
  assert.match(page, /^galera_keeper_stage\{stage="plain"\} 1$/m);
  assert.equal((await one.stop()).code, 0);
});
