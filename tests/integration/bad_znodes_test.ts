// needs: zookeeper galera
/** What `run` does where our znodes hold something else, or another keeper is in its place. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { anyServer } from "../zookeeper/server.ts";
import { Place, theLine } from "./place.ts";

/** A znode of ours with something else in it. */
interface Junk {
  readonly name: string;
  readonly path: string;
  readonly data: string;
  /** What it says that it waits for. */
  readonly says: RegExp;
  readonly needsPerson: boolean;
}

const TABLE: readonly Junk[] = [
  {
    name: "text in cluster",
    path: "/cluster",
    data: "galera",
    says:
      /^Waiting: The znode of the cluster cannot be read: .*\/cluster: it holds "galera" where /,
    needsPerson: true,
  },
  {
    name: "nothing in cluster",
    path: "/cluster",
    data: "",
    says: /^Waiting: The znode of the cluster cannot be read: .*\/cluster: it holds nothing where /,
    needsPerson: true,
  },
  {
    name: "a cluster of a version to come",
    path: "/cluster",
    data: '{"v":2,"phase":"running"}',
    says: /^Waiting: The znode of the cluster cannot be read: .*\/cluster: v: /,
    needsPerson: true,
  },
  {
    name: "a lab's member in nodes, which runs or does not",
    path: "/nodes/10.1.2.3",
    data: "",
    says: /^Waiting: 10\.1\.2\.3 is registered, though not by galera-keeper: /,
    needsPerson: true,
  },
  {
    name: "text in the own record",
    path: "/members/alice",
    data: "alice",
    says:
      /^Waiting, a person is needed: .*\/members\/alice: it holds "alice" where JSON was expected/,
    needsPerson: true,
  },
  {
    name: "a record of another member that cannot be read",
    path: "/members/bob",
    data: "bob",
    says: /^Waiting: .*bob/,
    needsPerson: true,
  },
];

Deno.test("run waits where a znode of ours holds something else, and leaves it", async (t) => {
  await using server = await anyServer();
  for (const { name, path, data, says, needsPerson } of TABLE) {
    await t.step(name, async () => {
      await using place = await Place.make(server.hosts);
      await place.put(path, data);
      const process = place.start(place.args());
      const status = await place.untilStage(process, "waiting");
      assert.match(String(status.doing), says);
      const { person } = status.decision as { person?: string } ?? {};
      assert.equal(typeof (person ?? status.doing) === "string", needsPerson);
      process.kill("SIGTERM");
      const finished = await process.finished;
      assert.equal(finished.status, 0, finished.stderr);
      const { znodes, files } = await place.look();
      assert.equal(znodes[place.root + path], data);
      // Its own record and what it decided may be there, too.
      const own = ["/members/alice", "/members/bob", "/decisions", "/decisions/alice"].map((one) =>
        place.root + one
      );
      const expected = ["", "/bootstrap", "/members", "/nodes", path].map((one) =>
        place.root + one
      );
      assert.deepEqual(
        Object.keys(znodes).filter((one) => !own.includes(one)).toSorted(),
        [...new Set(expected)].filter((one) => !own.includes(one)).toSorted(),
      );
      // Its id, which its record names, and nothing else.
      assert.deepEqual(
        files.map((line) => line.split(": ")[0]).filter((file) => file!.includes("/data/")),
        [join(place.datadir, "galera-keeper.json")],
      );
    });
  }
});

Deno.test("run starts once what was wrong with cluster has been mended", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  await place.put("/cluster", "galera");
  const process = place.start(place.args());
  await place.untilStage(process, "waiting");
  {
    await using session = await place.session();
    await session.delete(`${place.root}/cluster`);
  }
  await place.untilStage(process, "registered");
  process.kill("SIGTERM");
  assert.equal((await process.finished).status, 0);
});

Deno.test("run refuses a member's name, an address and a datadir that another keeper has", async (t) => {
  await using server = await anyServer();
  await using one = await Place.make(server.hosts);
  const first = one.start(one.args());
  await one.untilStage(first, "registered");
  const before = (await one.look()).znodes;

  await t.step("the name, after one session timeout", async () => {
    await using other = await Place.make(server.hosts, one.root);
    const startedMs = performance.now();
    const finished = await other.start(other.args()).finished;
    assert.match(
      theLine(finished),
      /^Another keeper speaks for the member alice: .*\/members\/alice\/owner is there: stop it /,
    );
    assert.equal(finished.status, 69);
    assert(performance.now() - startedMs >= 4000, "It did not wait for one session timeout");
  });

  await t.step("the datadir", async () => {
    await using other = await Place.make(server.hosts, one.root);
    const args = other.args([`--datadir=${one.datadir}`, "--member=bob"]);
    const finished = await other.start(args).finished;
    assert.match(
      theLine(finished),
      /^The datadir ".*" belongs to another galera-keeper that runs: stop it, or name another /,
    );
    assert.equal(finished.status, 69);
  });

  await t.step("the address", async () => {
    await using other = await Place.make(server.hosts, one.root);
    const args = other.args([
      `--address=${one.address}`,
      `--bind=${one.address}`,
      `--http=${one.address}:8009`,
      "--member=bob",
    ]);
    const finished = await other.start(args).finished;
    assert.match(theLine(finished), /^The port for clients is taken: something listens on /);
    assert.equal(finished.status, 69);
  });

  const after = (await one.look()).znodes;
  // A member of that other name, on a taken address, kept a list of its own.
  const bob = [`${one.root}/decisions/bob`, `${one.root}/members/bob`];
  const ofOthers = Object.entries(after).filter(([path]) => !bob.includes(path));
  assert.deepEqual(Object.fromEntries(ofOthers), before);
  assert.equal((await one.status())?.stage, "registered");
  first.kill("SIGTERM");
  assert.equal((await first.finished).status, 0);
});
