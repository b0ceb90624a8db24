/** Reads a second: our session and npm:zookeeper's class in Deno, kazoo, the package's addon in Node. */

import config from "../../deno.json" with { type: "json" };
import { Session } from "../../lib/zookeeper/session.ts";
import { compete, type Contestant, type Figures, median } from "./contest.ts";
import { type Bench, perSecond, type Row, rowOf } from "./report.ts";
import { run, type Spawned } from "./scratch.ts";
import { bench, PYTHON } from "./places.ts";

const PATH = "/bench-reads";
const ROUNDS = 15;
/** Short turns: what slows the machine for a second then slows all. */
const TURN_MS = 400;
/** The version that we use ourselves. */
const ADDON = config.imports.zookeeper.replace(/^npm:/, "");
const AIM = { kind: "at least", value: 2 } as const;
const OURS = { session: "our session", package: "npm:zookeeper in Deno" } as const;
const THEIRS = { kazoo: "kazoo", addon: "npm:zookeeper in Node" } as const;

/** Measures reads, one after the other and 100 at a time. */
export async function measureReads(place: Bench): Promise<readonly Row[]> {
  const { scratch, hosts } = place;
  await writeZnode(hosts);
  const readers = new Map<string, Spawned>();
  const deno = (how: string) => ["run", "--quiet", "--allow-all", bench("our_reads.ts"), how];
  readers.set(OURS.session, scratch.spawn(Deno.execPath(), [...deno("session"), hosts, PATH]));
  readers.set(OURS.package, scratch.spawn(Deno.execPath(), [...deno("package"), hosts, PATH]));
  readers.set(THEIRS.kazoo, scratch.spawn(PYTHON, [bench("kazoo_reads.py"), hosts, PATH]));
  const folder = await installAddon(place);
  if (folder !== null) {
    const args = [bench("addon_reads.mjs"), folder, hosts, PATH];
    readers.set(THEIRS.addon, scratch.spawn("node", args));
  }
  for (const reader of readers.values()) await reader.line();
  const rows: Row[] = [];
  for (
    const [how, title] of [
      ["sequential", "Reads, one after the other"],
      ["pipelined", "Reads, 100 at a time"],
    ] as const
  ) {
    place.say(`${title} …`);
    const contestants = [...readers].map(([name, reader]): Contestant => ({
      name,
      measure: async () => {
        await reader.tell(`${how} ${TURN_MS}`);
        return Number(await reader.line());
      },
    }));
    const figures = await compete(contestants, {
      rounds: place.rounds ?? ROUNDS,
      warmUpRounds: 3,
    });
    rows.push(...rowsOf(title, figures));
  }
  for (const reader of readers.values()) await scratch.stop(reader);
  return rows;
}

/** As much as one of our records holds. */
async function writeZnode(hosts: string): Promise<void> {
  await using session = await Session.connect({ hosts, sessionTimeoutMs: 30_000 });
  await session.create(PATH, "x".repeat(200));
}

/** Ours, both ways, against the faster of the others. */
function rowsOf(title: string, figures: Figures): readonly Row[] {
  const middle = (name: string) => median(figures.get(name) ?? [0]);
  const [fastest = THEIRS.kazoo, ...slower] = Object.values(THEIRS)
    .filter((name) => figures.has(name))
    .toSorted((one, other) => middle(other) - middle(one));
  const row = (ours: string, theirs: string, aim: Row["aim"]) =>
    rowOf(`${title}: ${ours}`, figures, { ours, theirs, aim, format: perSecond });
  return Object.values(OURS).flatMap((ours) => [
    row(ours, fastest, AIM),
    ...slower.map((theirs) => row(ours, theirs, null)),
  ]);
}

/** Installs the package in Node, which builds its addon; null, and says why, where that fails. */
async function installAddon(place: Bench): Promise<string | null> {
  place.say("Installing npm:zookeeper for Node: its addon is compiled …");
  const folder = await place.scratch.makeFolder("addon");
  await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true }\n');
  try {
    await run("npm", ["install", "--silent", "--no-audit", "--no-fund", ADDON], { cwd: folder });
    await run("node", ["-e", 'require("zookeeper")'], { cwd: folder });
    return folder;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    place.lack(
      `npm:zookeeper's addon in Node was not measured, it needs node, npm, make, cmake, g++ and ` +
        `python3: ${why.replaceAll(/\s+/g, " ")}`,
    );
    return null;
  }
}
