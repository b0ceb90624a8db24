/** From three empty datadirs to three members: ours, mariadbds started by hand, and the lab's way. */

import { compete, type Contestant } from "./contest.ts";
import {
  initialise,
  initialiseCommand,
  makePlaces,
  type Place,
  PROVIDER_OPTIONS,
  SMALL,
  untilSynced,
  writeOptions,
} from "./members.ts";
import { bench, keeperFromSource, PYTHON } from "./places.ts";
import { type Bench, type Row, rowOf, seconds } from "./report.ts";
import type { Scratch, Spawned } from "./scratch.ts";
import { NoNodeError } from "../../lib/zookeeper/errors.ts";
import { Session } from "../../lib/zookeeper/session.ts";

const ROUNDS = 5;
const AIM = { kind: "at most", value: 1.1 } as const;
const BY_HAND = "mariadbds by hand";
const LAB = "the lab's way";
const SOURCE = "from source";
const BINARY = "the binary";

/** Measures the start of three members. */
export async function measureStart(place: Bench): Promise<readonly Row[]> {
  const { scratch, hosts, say, binary } = place;
  await using session = await Session.connect({ hosts, sessionTimeoutMs: 30_000 });
  const ours = new Map([[SOURCE, keeperFromSource()]]);
  if (binary !== null) ours.set(BINARY, [binary]);
  const contestants: readonly Contestant[] = [
    { name: BY_HAND, measure: () => byHand(scratch) },
    { name: LAB, measure: () => labsWay(scratch, session, hosts) },
    ...[...ours].map(([name, command]) => ({
      name,
      measure: () => galeraKeeper(scratch, session, hosts, command),
    })),
  ];
  say("Three members from empty datadirs …");
  const figures = await compete(contestants, {
    rounds: place.rounds ?? ROUNDS,
    // The first reads the programs from the disk for all.
    warmUpRounds: 1,
    onFigure: (name, figure, round) => say(`  round ${round + 1}, ${name}: ${seconds(figure)}`),
  });
  const row = (name: string, theirs: string, aim: Row["aim"]) =>
    rowOf(`Three empty datadirs to three Synced members: ${name}`, figures, {
      ours: name,
      theirs,
      aim,
      format: seconds,
    });
  return [...ours.keys()].flatMap((name) => [row(name, BY_HAND, AIM), row(name, LAB, null)]);
}

/**
 * The time of `work` on three new places, in seconds. What it started is stopped afterwards, in
 * order, and the places are removed.
 */
async function timed(
  scratch: Scratch,
  work: (places: readonly Place[], started: Spawned[]) => Promise<void>,
): Promise<number> {
  const started: Spawned[] = [];
  const name = crypto.randomUUID();
  const places = await makePlaces(scratch, name);
  for (const place of places) await writeOptions(place);
  try {
    const from = performance.now();
    await work(places, started);
    return (performance.now() - from) / 1000;
  } catch (error) {
    const said = started.map((one) => one.rest().split("\n").slice(-15).join("\n")).join("\n--\n");
    throw new Error(`A start failed; the processes said:\n${said}`, { cause: error });
  } finally {
    for (const one of started.toReversed()) await scratch.stop(one);
    await scratch.removeFolder(name);
  }
}

/** One after the other, each at the instant the one before is Synced. */
function byHand(scratch: Scratch): Promise<number> {
  return timed(scratch, async (places, started) => {
    for (const [index, place] of places.entries()) {
      if (index === 0) await initialise(place);
      const others = places.slice(0, index).map(({ address }) => address);
      const how = index === 0
        ? "--wsrep-new-cluster"
        : `--wsrep-cluster-address=gcomm://${others.join(",")}`;
      const server = scratch.spawn("mariadbd", [`--defaults-file=${place.optionFile}`, how]);
      started.push(server);
      await untilSynced(place, server);
    }
  });
}

/** Three scripts at once. */
function labsWay(scratch: Scratch, session: Session, hosts: string): Promise<number> {
  const root = `/lab-${crypto.randomUUID()}`;
  return timed(scratch, async (places, started) => {
    started.push(...places.map((place) => {
      const { address, socket, optionFile } = place;
      const args = [hosts, root, address, socket, optionFile, ...initialiseCommand(place)];
      return scratch.spawn(PYTHON, [bench("lab.py"), ...args]);
    }));
    await untilRegistered(session, root, places, started);
  });
}

/** Three `run`s at once. */
function galeraKeeper(
  scratch: Scratch,
  session: Session,
  hosts: string,
  [program, ...before]: readonly [string, ...string[]],
): Promise<number> {
  const root = `/ours-${crypto.randomUUID()}`;
  return timed(scratch, async (places, started) => {
    started.push(
      ...places.map((place) =>
        scratch.spawn(program, [...before, ...runArguments(place, hosts, root), "--", ...SMALL])
      ),
    );
    await untilRegistered(session, root, places, started);
  });
}

/** How often an instant is looked for: what it is measured in is seconds. */
const POLL_MS = 20;

/** Waits until all are in the registry, and makes sure that each is Synced. */
async function untilRegistered(
  session: Session,
  root: string,
  places: readonly Place[],
  started: readonly Spawned[],
): Promise<void> {
  while (await countChildren(session, `${root}/nodes`) < places.length) {
    if (started.some(({ hasEnded }) => hasEnded())) throw new Error("A process ended early");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await Promise.all(places.map((place, index) => untilSynced(place, started[index]!)));
}

async function countChildren(session: Session, path: string): Promise<number> {
  try {
    return (await session.children(path)).children.length;
  } catch (error) {
    if (error instanceof NoNodeError) return 0;
    throw error;
  }
}

/** The arguments of `run` for a place, but for mariadbd's own. */
export function runArguments(
  place: Place,
  hosts: string,
  root: string,
  size = 3,
): readonly string[] {
  return [
    "run",
    `--zookeeper=${hosts}`,
    `--root=${root}`,
    `--size=${size}`,
    "--drain=0s",
    `--member=${place.name}`,
    `--address=${place.address}`,
    `--bind=${place.address}`,
    `--datadir=${place.datadir}`,
    `--socket=${place.socket}`,
    `--provider-options=${PROVIDER_OPTIONS}`,
    "--log-format=json",
  ];
}
