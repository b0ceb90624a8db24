/** An arbitrator's life, the real code on virtual time. Each test runs with several seeds: other delays. */
import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { formatArbitrator } from "../../lib/znodes.ts";
import { type Actor, Stage, UUID } from "../arbitrator_stage.ts";

const HOUR_MS = 3_600_000;

function scenario(name: string, play: (stage: Stage) => Promise<void>): void {
  Deno.test(`keepArbitrator() ${name}`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await play(new Stage(seed)).catch((cause) => {
        throw new Error(`seed ${seed}`, { cause });
      });
    }
  });
}

/** Two members and an arbitrator that votes with them. */
async function voting(stage: Stage): Promise<Actor> {
  stage.cluster("a1");
  stage.member(1);
  stage.member(2);
  const one = stage.start();
  await stage.until("a garbd", () => one.garbds.length > 0);
  one.garbd.joins("g-1", "g-2");
  await stage.until("it is registered as such", () => stage.onRecord()?.primary === true);
  assert.deepEqual(stage.onRecord()?.members, ["g-1", "g-2"]);
  await stage.pass(5000);
  return one;
}

async function stopped(stage: Stage, one: Actor): Promise<void> {
  const wasStopped = one.garbd.isStopped;
  one.stop();
  if (wasStopped) await stage.until("it is not registered", () => stage.onRecord() === null);
  await stage.until("garbd is told", () => one.garbd.isStopped);
  assert.equal(stage.onRecord(), null, "it is not registered any more when garbd is told to leave");
  await stage.until("its end", () => one.end !== null);
  assert.deepEqual(one.end, { error: null });
  assert(stage.ended.has(one.session!.sessionId));
}

scenario("says of itself what it does", async (stage) => {
  const one = stage.start();
  const { arbitrator } = one;
  assert.deepEqual({ ...arbitrator.status, since: "" }, {
    v: 1,
    arbitrator: "arb",
    address: "10.0.0.7",
    votes: false,
    members: [],
    uuid: null,
    since: "",
    session: "none",
    doing: "Connecting to ZooKeeper",
  });
  stage.cluster("a1");
  stage.member(1);
  stage.member(2);
  await stage.until("a garbd", () => one.garbds.length > 0);
  one.garbd.joins("g-1", "g-2");
  await stage.until("it is registered as such", () => stage.onRecord()?.primary === true);
  const { votes, members, uuid, session } = arbitrator.status;
  assert.deepEqual([votes, members, uuid, session], [true, ["g-1", "g-2"], UUID, "connected"]);
  one.garbd.loses();
  assert.equal(arbitrator.status.votes, false);
  await stopped(stage, one);
});

scenario("waits for members that are Primary, and follows them", async (stage) => {
  const one = stage.start();
  await stage.until("it is registered", () => stage.onRecord() !== null);
  assert.deepEqual({ ...stage.onRecord(), since: "" }, {
    name: "arb",
    address: "10.0.0.7",
    uuid: null,
    attempt: null,
    primary: false,
    members: [],
    since: "",
  });
  stage.cluster("a1", "bootstrapping");
  await stage.pass(10_000);
  stage.cluster("a1");
  stage.member(1, false);
  await stage.pass(10_000);
  assert.equal(one.garbds.length, 0);
  stage.member(1);
  await stage.until("a garbd", () => one.garbds.length > 0);
  assert.deepEqual(one.garbd.members, ["10.0.0.1"]);
  await stage.until("it says whom it follows", () => stage.onRecord()?.attempt === "a1");
  assert.equal(stage.onRecord()?.primary, false);
  const { since } = stage.onRecord()!;
  one.garbd.joins("g-1");
  await stage.until("it votes", () => stage.onRecord()?.primary === true);
  assert.equal(stage.onRecord()?.uuid, UUID);
  assert.notEqual(stage.onRecord()?.since, since);
  await stopped(stage, one);
  assert.equal(one.garbd.isStopped, true);
});

scenario("starts garbd again after it has exited, later and later", async (stage) => {
  const one = await voting(stage);
  const starts: number[] = [];
  for (let number = 1; number <= 8; number++) {
    one.garbd.exits();
    const before = stage.time.nowMs;
    await stage.until("another", () => one.garbds.length > number);
    assert.equal(stage.onRecord()?.primary, false);
    starts.push(Math.round((stage.time.nowMs - before) / 1000));
  }
  assert.deepEqual(starts, [1, 2, 4, 8, 16, 30, 30, 30]);
  // One that votes has made it: the next is started soon.
  one.garbd.joins("g-1", "g-2");
  await stage.until("it votes", () => stage.onRecord()?.primary === true);
  one.garbd.exits();
  await stage.pass(1500);
  assert.equal(one.garbds.length, 10);
  await stopped(stage, one);
});

scenario("goes on where garbd cannot be started for a while", async (stage) => {
  const one = await voting(stage);
  stage.spawnFails = new UnavailableError("Program not found: garbd");
  one.garbd.exits();
  await stage.pass(60_000);
  assert.equal(one.end, null);
  stage.spawnFails = null;
  await stage.until("another", () => one.garbds.length === 2);
  await stopped(stage, one);
});

scenario("starts garbd anew for another attempt, once members of it answer", async (stage) => {
  const one = await voting(stage);
  stage.leaves(1);
  stage.leaves(2);
  await stage.pass(5000);
  assert.equal(one.garbd.isStopped, false, "it votes with members whose registrations are lost");
  stage.cluster("a2", "bootstrapping");
  await stage.until("the old one stops", () => one.garbd.isStopped);
  await stage.until("it says so", () => stage.onRecord()?.attempt === null);
  stage.cluster("a2");
  stage.member(2);
  await stage.until("a new one", () => one.garbds.length === 2);
  assert.deepEqual(one.garbd.members, ["10.0.0.2"]);
  one.garbd.joins("g-2");
  await stage.until("it votes", () => stage.onRecord()?.primary === true);
  assert.equal(stage.onRecord()?.attempt, "a2");
  await stopped(stage, one);
});

scenario("stops a garbd that is left alone as Primary, also without ZooKeeper", async (stage) => {
  const one = await voting(stage);
  one.link.set(false);
  await stage.until("it is cut off", () => one.session?.state === "suspended");
  one.garbd.joins("g-1");
  await stage.pass(1000);
  assert.equal(one.garbd.isStopped, false);
  one.garbd.joins();
  await stage.until("it stops", () => one.garbd.isStopped, 1000);
  await stage.pass(60_000);
  assert.equal(one.garbds.length, 1);
  one.link.set(true);
  await stage.until("another", () => one.garbds.length === 2);
  await stopped(stage, one);
});

scenario("stops a garbd that is left alone while another has its name", async (stage) => {
  const one = await voting(stage);
  const node = stage.onRecord()!;
  stage.remove("/mariadb/arbitrators/arb");
  stage.put("/mariadb/arbitrators/arb", formatArbitrator(node));
  await stage.pass(60_000);
  assert.deepEqual([one.garbd.isStopped, one.end], [false, null]);
  one.garbd.joins();
  await stage.until("it stops", () => one.garbd.isStopped, 5000);
  stage.remove("/mariadb/arbitrators/arb");
  await stage.until("another", () => one.garbds.length === 2);
  await stopped(stage, one);
});

scenario("stops a garbd that is not Primary when no member is registered", async (stage) => {
  const one = await voting(stage);
  one.garbd.loses();
  stage.member(1, false);
  stage.member(2, false);
  await stage.pass(HOUR_MS);
  assert.equal(one.garbd.isStopped, false, "Galera heals while members are there");
  stage.leaves(1);
  stage.leaves(2);
  await stage.until("it stops", () => one.garbd.isStopped);
  await stage.pass(HOUR_MS);
  assert.equal(one.garbds.length, 1);
  await stopped(stage, one);
});

scenario("starts a garbd anew that does not come back to the members", async (stage) => {
  const one = await voting(stage);
  await stage.pass(HOUR_MS);
  one.garbd.loses();
  await stage.pass(30_000);
  one.garbd.joins("g-1", "g-2");
  await stage.pass(1000);
  one.garbd.loses();
  await stage.pass(44_000);
  assert.equal(one.garbd.isStopped, false);
  await stage.until("another", () => one.garbds.length === 2);
  await stopped(stage, one);
});

scenario(
  "has no vote in another cluster of the same name, nor hurries back to it",
  async (stage) => {
    const one = await voting(stage);
    one.garbd.exits();
    for (let number = 2; number <= 8; number++) {
      await stage.until("another", () => one.garbds.length === number);
      one.garbd.joinsCluster(UUID.replace("6", "7"), "x-1");
      await stage.until("it stops", () => one.garbd.isStopped);
      assert.equal(stage.onRecord()?.primary, false);
    }
    const before = stage.time.nowMs;
    await stage.until("another", () => one.garbds.length === 9);
    assert(stage.time.nowMs - before >= 30_000);
    await stopped(stage, one);
  },
);

scenario("starts nothing for what is no more when members have answered", async (stage) => {
  stage.answerMs = 1000;
  stage.cluster("a1");
  const one = stage.start();
  await stage.pass(5000);
  stage.member(1);
  await stage.pass(500);
  assert.equal(one.asked.members, 1);
  stage.cluster("a2", "bootstrapping");
  await stage.pass(60_000);
  assert.equal(one.garbds.length, 0);
  stage.cluster("a2");
  await stage.until("a garbd", () => one.garbds.length === 1);
  await stopped(stage, one);
});

scenario("lets a member that starts go first, for a while", async (stage) => {
  const [lock, contender] = ["/mariadb/bootstrap", "/mariadb/bootstrap/x__lock__0000000001"];
  stage.put(lock, "");
  stage.put(contender, "g-2");
  stage.cluster("a1");
  stage.member(1);
  const one = stage.start();
  await stage.pass(10_000);
  assert.equal(one.garbds.length, 0);
  stage.remove(contender);
  await stage.until("a garbd", () => one.garbds.length === 1, 1000);
  one.garbd.joins("g-1");
  await stage.pass(5000);
  stage.put(contender, "g-2");
  await stage.pass(1000);
  const { ensemble } = one.asked;
  for (let times = 0; times < 10; times++) {
    stage.remove(contender);
    stage.put(contender, "g-2");
    await stage.pass(1000);
  }
  assert.equal(one.asked.ensemble, ensemble, "while it votes, the lock is none of its business");
  stage.cluster("a2");
  await stage.pass(10_000);
  assert.deepEqual([one.garbds.length, one.garbd.isStopped], [1, true]);
  stage.remove(contender);
  await stage.until("a garbd", () => one.garbds.length === 2, 1000);
  one.garbd.joins("g-1");
  await stage.pass(5000);
  stage.put(contender, "g-2");
  // An SST may take hours.
  one.garbd.exits();
  await stage.pass(10_000);
  assert.equal(one.garbds.length, 2);
  await stage.pass(10_000);
  assert.equal(one.garbds.length, 3);
  await stopped(stage, one);
});

scenario("registers again whenever all is deleted", async (stage) => {
  const one = stage.start();
  for (let times = 0; times < 60; times++) {
    await stage.pass(times);
    stage.ensemble.deleteBelow("/mariadb");
  }
  await stage.until("it is registered", () => stage.onRecord() !== null);
  stage.cluster("a1");
  stage.member(1);
  await stage.until("a garbd", () => one.garbds.length === 1);
  one.garbd.joins("g-1");
  await stage.pass(5000);
  stage.remove("/mariadb/arbitrators/arb");
  await stage.until("it is registered again", () => stage.onRecord()?.primary === true);
  await stopped(stage, one);
});

scenario("leaves garbd alone while ZooKeeper is away, and registers again", async (stage) => {
  const one = await voting(stage);
  const first = one.session;
  first?.expire();
  await stage.until("another session", () => one.session !== first && stage.onRecord() !== null);
  assert.equal(stage.onRecord()?.primary, true);
  stage.ensemble.stop();
  await stage.pass(HOUR_MS);
  stage.ensemble.start("nothing");
  stage.put("/mariadb", "");
  await stage.until("it is registered", () => stage.onRecord() !== null);
  await stage.pass(60_000);
  // Somebody deletes all by hand.
  stage.ensemble.deleteBelow("/mariadb");
  await stage.until("it is registered again", () => stage.onRecord() !== null);
  assert.deepEqual([one.garbds.length, one.garbd.isStopped], [1, false]);
  await stopped(stage, one);
});

scenario(
  "asks neither ZooKeeper nor members while it votes, and no ZooKeeper in vain",
  async (stage) => {
    const one = await voting(stage);
    const before = { ...one.asked };
    await stage.pass(HOUR_MS);
    assert.deepEqual(one.asked, before);
    stage.member(2);
    await stage.pass(10_000);
    assert.equal(one.asked.members, before.members, "it looks, and need not ask");
    // Cut off from the members, with nothing new in ZooKeeper.
    stage.answers.clear();
    one.garbd.exits();
    await stage.pass(10_000);
    const { ensemble, members } = one.asked;
    await stage.pass(HOUR_MS);
    assert.equal(one.asked.ensemble, ensemble);
    assert(one.asked.members - members > 1000, "a healed link changes no znode");
    stage.member(1);
    await stage.until("another", () => one.garbds.length === 2);
    await stopped(stage, one);
  },
);

scenario("refuses a name that is taken, after a session timeout", async (stage) => {
  const one = await voting(stage);
  const other = stage.start();
  const beganMs = stage.time.nowMs;
  await stage.until("it is refused", () => other.end !== null);
  assert(other.end?.error instanceof UnavailableError);
  assert.match(
    other.end.error.message,
    /^Another arbitrator is registered as arb: .*arb is there: stop it first$/,
  );
  assert(stage.time.nowMs - beganMs >= 10_000);
  assert.equal(other.garbds.length, 0);
  assert.equal(stage.onRecord()?.primary, true);
  // Where the other one dies meanwhile, it takes its place.
  const third = stage.start();
  await stage.pass(1000);
  one.process.kill();
  await stage.until("it takes over", () => third.garbds.length === 1);
  assert.equal(third.end, null);
  await stopped(stage, third);
});

scenario("stops only garbds of its own, whatever is on record of others", async (stage) => {
  const one = await voting(stage);
  const of = { address: "10.0.0.8", uuid: UUID, attempt: "a1", primary: true };
  const other = formatArbitrator({ ...of, name: "g-1", members: ["g-1", "g-2"], since: "" });
  stage.put("/mariadb/arbitrators/g-1", other);
  stage.member(1);
  await stage.pass(10_000);
  assert.equal(one.garbd.isStopped, false);
  // Two arbitrators are left, and no member.
  stage.leaves(2);
  one.garbd.joins("g-1");
  await stage.until("it stops", () => one.garbd.isStopped);
  await stopped(stage, one);
});
