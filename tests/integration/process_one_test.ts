// needs: zookeeper galera
/**
 * The program as process 1: how it ends, by the README's table of exit statuses, and what signals do.
 * The kernel lets no signal end a process 1 that does not listen to it, so each status here is one that
 * the program chose.
 */
import assert from "node:assert/strict";
import { IDENTITY_FILE } from "../../lib/mariadb/identity.ts";
import { anyServer } from "../zookeeper/server.ts";
import { startKeeper } from "../keeper.ts";
import { pause, Place, type Process, run } from "./place.ts";
import {
  AS_PROCESS_ONE,
  canBeProcessOne,
  mariadbdUnder,
  processOneOf,
  runInside,
  untilListening,
  untilNoZombies,
} from "./process_one.ts";
import { noting, wrap } from "./wrapper.ts";

const STOPS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;
const KILLS = [["SIGKILL", 137], ["SIGSEGV", 139], ["SIGABRT", 134]] as const;
const options = { ignore: !canBeProcessOne() };

/** The program as process 1 of a place. */
interface First {
  readonly process: Process;
  /** Its own process, in front of which `unshare` waits. */
  readonly pid: number;
  kill(signal: Deno.Signal): void;
}

async function start(
  place: Place,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<First> {
  const process = place.start(args, env, AS_PROCESS_ONE);
  const pid = await processOneOf(process.pid);
  return { process, pid, kill: (signal) => Deno.kill(pid, signal) };
}

/** A member whose starts failed waits before the next; what is shown here are the ends. */
async function forgetFailedStarts(place: Place): Promise<void> {
  const path = `${place.datadir}/${IDENTITY_FILE}`;
  const { failedStarts: _, ...identity } = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify(identity));
}

/** How it ended: an exit status of its own, not a signal. */
async function statusOf({ process }: First, says?: RegExp): Promise<number> {
  const { status, signal, stderr } = await process.finished;
  assert.equal(signal, null, stderr);
  if (says !== undefined) assert.match(stderr, says);
  return status;
}

/** Sends a signal again and again until it has ended, from when it listens to the last instant. */
async function signalUntilItEnds(first: First, signal: Deno.Signal): Promise<void> {
  let hasEnded = false;
  first.process.finished.then(() => hasEnded = true);
  await untilListening(first.pid);
  while (!hasEnded) {
    try {
      first.kill(signal);
    } catch {
      // It has ended.
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Hundreds, as `kubectl exec` leaves them: their parent ends before they do. */
async function leaveOrphans({ pid }: First): Promise<void> {
  const script = "for i in $(seq 200); do (sh -c 'exit 3' & sleep 0.01 &); done";
  await runInside(pid, "sh", "-c", script);
}

/** Signals that end nothing, after which it still answers. */
async function sendHarmless(place: Place, first: First): Promise<void> {
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE"] as const) first.kill(signal);
  assert.notEqual(await place.status(), null);
}

Deno.test("process 1 that cannot begin ends with the status that says why", options, async (t) => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  const rows: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [0, /^$/, ["--version"]],
    [64, /Unknown option '--prot'/, ["run", "--prot", "5"]],
    [69, /The datadir "\/nonexistent" is missing/, place.args(["--datadir=/nonexistent"])],
    [78, /--address 203\.0\.113\.9 is not an address/, place.args(["--address=203.0.113.9"])],
  ];
  for (const [status, says, args] of rows) {
    await t.step(`${status}: galera-keeper ${args.slice(0, 2).join(" ")} …`, async () => {
      assert.equal(await statusOf(await start(place, args), says), status);
    });
  }
  for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGQUIT", 131]] as const) {
    await t.step(`${status}: ${signal} before a command is done`, async () => {
      const first = await start(place, ["pause", `--zookeeper=${place.address}:2181`]);
      await signalUntilItEnds(first, signal);
      assert.equal(await statusOf(first), status);
    });
  }
});

Deno.test("process 1 told to stop before it serves exits 0", options, async (t) => {
  await using server = await anyServer();
  for (const signal of STOPS) {
    await t.step(`${signal} while no ZooKeeper is there`, async () => {
      await using place = await Place.make(server.hosts);
      const first = await start(place, place.args([`--zookeeper=${place.address}:2181`]));
      await place.untilStage(first.process, "connecting");
      await sendHarmless(place, first);
      first.kill(signal);
      assert.equal(await statusOf(first, new RegExp(`${signal}: stopping`)), 0);
    });

    await t.step(`${signal} while it waits for the lock`, async () => {
      await using place = await Place.make(server.hosts);
      await using session = await place.session();
      const lock = `${place.root}/bootstrap/${"0".repeat(32)}__lock__0000000000`;
      await session.ensurePath(`${place.root}/bootstrap`);
      await session.create(lock, "another", { mode: "ephemeral" });
      const first = await start(place, place.args());
      await place.untilStage(first.process, "locking");
      await sendHarmless(place, first);
      first.kill(signal);
      assert.equal(await statusOf(first), 0);
    });
  }

  await t.step("SIGTERM again and again until it has ended", async () => {
    await using place = await Place.make(server.hosts);
    const first = await start(place, place.args(["--size=2"]));
    await place.untilStage(first.process, "waiting");
    await signalUntilItEnds(first, "SIGTERM");
    assert.equal(await statusOf(first), 0);
  });

  await t.step("with nobody left who reads its log", async () => {
    await using place = await Place.make(server.hosts);
    const child = startKeeper(place.args(["--size=2"]), { within: AS_PROCESS_ONE });
    await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
    const pid = await processOneOf(child.pid);
    while ((await place.status())?.stage !== "waiting") await pause(50);
    Deno.kill(pid, "SIGTERM");
    const { code, signal } = await child.status;
    assert.deepEqual([code, signal], [0, null]);
  });
});

Deno.test("arbitrate and up as process 1 stop in order, too", options, async (t) => {
  await using server = await anyServer();
  await t.step("arbitrate, which waits for members", async () => {
    await using place = await Place.make(server.hosts);
    const { address, root } = place;
    const ensemble = [`--zookeeper=${server.hosts}`, `--root=${root}`];
    const network = [`--address=${address}`, `--bind=${address}`];
    const args = ["arbitrate", ...ensemble, ...network, "--log-format=text"];
    const first = await start(place, args);
    await first.process.untilSaid(/No cluster is on record yet/);
    first.kill("SIGHUP");
    await first.process.untilSaid(/SIGHUP: garbd has nothing/);
    first.kill("SIGTERM");
    assert.equal(await statusOf(first, /SIGTERM: stopping/), 0);
  });

  await t.step("up, of a ZooKeeper alone", async () => {
    await using place = await Place.make(server.hosts);
    const data = `--data=${place.folder}/up`;
    const first = await start(place, ["up", "--nodes=0", data, `--base-address=${place.address}`]);
    await first.process.untilSaid(/Ctrl-C stops/);
    await runInside(first.pid, "sh", "-c", "(sh -c 'exit 3' & sleep 0.01 &)");
    await untilNoZombies(first.pid);
    first.kill("SIGQUIT");
    assert.equal(await statusOf(first), 0);
  });
});

Deno.test(
  "process 1 ends as its mariadbd does, and 0 where it was told to stop",
  options,
  async (t) => {
    await using server = await anyServer();
    await using place = await Place.make(server.hosts);
    const args = place.args(["--drain=0s"], [`--general-log-file=${place.folder}/run/general.log`]);
    const serve = async () => {
      const first = await start(place, args);
      await place.untilStage(first.process, "registered");
      return first;
    };

    const endings = [["exit 0", 0], ["exit 1", 1], ["exit 7", 7]] as const;
    const killed = KILLS.map(([signal, status]) =>
      [`kill -${signal.slice(3)} $$`, status] as const
    );
    for (const [script, status] of [...endings, ...killed]) {
      await t.step(`${status}: mariadbd does "${script}" while it starts`, async () => {
        const PATH = await wrap(
          place.folder,
          "mariadbd",
          noting(`case "$purpose" in bootstrap) ${script};; esac`),
        );
        const first = await start(place, args, { PATH });
        assert.equal(await statusOf(first, /mariadbd has exited /), status);
        await forgetFailedStarts(place);
      });
    }

    for (const [signal, status] of KILLS) {
      await t.step(`${status}: mariadbd is ended by ${signal} while it serves`, async () => {
        const first = await serve();
        Deno.kill(await mariadbdUnder(first.pid), signal);
        assert.equal(await statusOf(first, new RegExp(`mariadbd has exited by ${signal}`)), status);
        await forgetFailedStarts(place);
      });
    }

    await t.step("0: mariadbd shuts down by itself while it serves", async () => {
      const first = await serve();
      await run("mariadb", "--no-defaults", `--socket=${place.socket}`, "-e", "SHUTDOWN");
      assert.equal(await statusOf(first, /mariadbd has exited by itself, with status 0/), 0);
      await forgetFailedStarts(place);
    });

    for (const signal of STOPS) {
      await t.step(`0: ${signal} while it serves, and again and again`, async () => {
        const first = await serve();
        await sendHarmless(place, first);
        await first.process.untilSaid(/SIGHUP: passed on to mariadbd/);
        await signalUntilItEnds(first, signal);
        assert.equal(await statusOf(first, new RegExp(`${signal}: stopping`)), 0);
      });
    }

    await t.step("77: what is refused as the member is alive", async () => {
      const first = await serve();
      const ensemble = [`--zookeeper=${server.hosts}`, `--root=${place.root}`];
      assert.equal(await statusOf(await start(place, ["forget", "alice", ...ensemble])), 77);
      first.kill("SIGTERM");
      assert.equal(await statusOf(first), 0);
    });

    await t.step(
      "orphans of others are gone, and SIGHUP has mariadbd open its logs anew",
      async () => {
        const first = await serve();
        const log = `${place.folder}/run/general.log`;
        const socket = `--socket=${place.socket}`;
        await run("mariadb", "--no-defaults", socket, "-e", "SET GLOBAL general_log = ON");
        await Deno.rename(log, `${log}.1`);
        first.kill("SIGHUP");
        while (await Deno.lstat(log).then(() => false, () => true)) await pause(20);
        // As kubectl exec leaves them: their parent ends before they do.
        const orphans = "for i in $(seq 200); do (sh -c 'exit 3' & sleep 0.01 &); done";
        await runInside(first.pid, "sh", "-c", orphans);
        await untilNoZombies(first.pid);
        first.kill("SIGTERM");
        assert.equal(await statusOf(first), 0);
      },
    );
  },
);

Deno.test(
  "orphans in the midst of an SST leave no zombie, and the SST is none the worse",
  options,
  async () => {
    await using server = await anyServer();
    await using alice = await Place.make(server.hosts);
    await using bob = await Place.make(server.hosts, alice.root);
    const donor = await start(alice, alice.args(["--drain=0s"]));
    await alice.untilStage(donor.process, "registered");
    const joiner = await start(bob, bob.args(["--member=bob", "--drain=0s"]));
    await joiner.process.untilSaid(/requested state transfer from .* Selected /);
    // Both keepers ask ps and others how far it is, all the while: statuses of children of their own.
    await Promise.all([leaveOrphans(donor), leaveOrphans(joiner)]);
    await bob.untilStage(joiner.process, "registered");
    for (const { pid } of [donor, joiner]) {
      await untilNoZombies(pid);
      // Nothing lives on either: those that the scripts started have ended with them.
      const left = async () =>
        (await runInside(pid, "ps", "-e", "-o", "comm=")).split("\n").filter((name) => name !== "");
      // The keeper, its server, the server's guard, and the ps that looks.
      for (let tries = 0; (await left()).length > 4; tries++) {
        assert.ok(tries < 300, `${await left()}`);
        await pause(100);
      }
      assert.ok((await left()).includes("mariadbd"));
    }
    joiner.kill("SIGTERM");
    assert.equal(await statusOf(joiner), 0);
    donor.kill("SIGTERM");
    assert.equal(await statusOf(donor), 0);
  },
);
