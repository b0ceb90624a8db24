/** What the tests of full outages share: steps, rows, what is on record, what Galera wrote. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Decision, MemberRecord } from "../../lib/cluster/view.ts";
import { readGrastate, writeGrastate } from "../../lib/mariadb/grastate.ts";
import type { MemberStatus } from "../../lib/progress.ts";
import { readSnapshot, type Snapshot } from "../../lib/snapshot.ts";
import type { TestServers } from "../zookeeper/server.ts";
import type { MemberOptions, TestCluster, TestMember } from "./harness.ts";

/** Steps that stand on each other: after one that failed the others are not tried. */
export function inOrder(
  t: Deno.TestContext,
): (name: string, body: () => Promise<void>) => Promise<void> {
  return async (name, body) => {
    if (!await t.step(name, body)) throw new Error(`The steps after "${name}" stand on it`);
  };
}

/** Starts all members of a new cluster, with a table of rows. @returns Its UUID. */
export async function startNew(cluster: TestCluster, options: MemberOptions = {}): Promise<string> {
  for (const member of cluster.members) member.start({ size: cluster.members.length, ...options });
  const statuses = await untilAllRegistered(cluster.members);
  const [first] = cluster.members;
  await first!.query("CREATE DATABASE app");
  await first!.query("CREATE TABLE app.t (id INT PRIMARY KEY)");
  return statuses[0]!.uuid!;
}

/** Waits for all; they are of one cluster. */
export async function untilAllRegistered(
  members: readonly TestMember[],
): Promise<readonly MemberStatus[]> {
  const statuses = await Promise.all(members.map((member) => member.untilRegistered()));
  const uuid = statuses[0]!.uuid;
  assert.deepEqual(statuses.map((status) => status.uuid), statuses.map(() => uuid));
  return statuses;
}

/** Inserts a row, acknowledged. */
export async function insert(member: TestMember, id: number): Promise<void> {
  await member.query(`INSERT INTO app.t VALUES (${id})`);
}

/** The rows that a member has, once it has all that was acknowledged so far. */
export async function idsOn(member: TestMember): Promise<Set<number>> {
  const rows = await member.query("SET STATEMENT wsrep_sync_wait = 1 FOR SELECT id FROM app.t");
  return new Set(rows.map(({ id }) => Number(id)));
}

/** All members have all rows that were acknowledged. */
export async function assertNothingLost(
  members: readonly TestMember[],
  acknowledged: readonly number[],
): Promise<void> {
  for (const member of members) {
    const ids = await idsOn(member);
    assert.deepEqual(acknowledged.filter((id) => !ids.has(id)), [], `lost on ${member.name}`);
  }
}

/** A decision to wait. */
export type Wait = Extract<Decision, { readonly kind: "wait" }>;

/** Waits until a member has decided to wait, for what is wanted. */
export async function untilWaiting(
  member: TestMember,
  what: string,
  isWanted: (wait: Wait) => boolean,
): Promise<Wait> {
  const { decision } = await member.until(
    what,
    ({ stage, decision }) => stage === "waiting" && decision?.kind === "wait" && isWanted(decision),
  );
  return decision as Wait;
}

/** Waits until a member waits for another one and for nobody else, for that reason. */
export async function untilWaitingFor(
  member: TestMember,
  { name }: TestMember,
  why = /(?:)/,
): Promise<Wait> {
  return await untilWaiting(
    member,
    `waiting for ${name}, ${why}`,
    ({ waitsFor, reason }) => waitsFor.length === 1 && waitsFor[0] === name && why.test(reason),
  );
}

/** All that is on record now. */
export async function onRecord(cluster: TestCluster): Promise<Snapshot> {
  await using session = await cluster.session();
  const watches = new AbortController();
  try {
    return await readSnapshot(session, cluster.root, watches.signal);
  } finally {
    watches.abort();
  }
}

/** What is on record of one member; undefined where there is nothing. */
export async function recordOf(
  cluster: TestCluster,
  { name }: TestMember,
): Promise<MemberRecord | undefined> {
  const { records } = await onRecord(cluster);
  return records.flatMap((seen) => seen.kind === "record" ? [seen.record] : [])
    .find((record) => record.name === name);
}

/** Who bootstrapped so far, oldest first. */
export async function bootstraps(cluster: TestCluster): Promise<readonly string[]> {
  const { cluster: known } = await onRecord(cluster);
  return known.kind === "known" ? known.cluster.attempts.map(({ by }) => by) : [];
}

/** What Galera's own file says: whether its member was the last to leave. */
export async function isSafe({ datadir }: TestMember): Promise<boolean> {
  const grastate = await readGrastate(datadir);
  return typeof grastate === "object" && grastate.safeToBootstrap;
}

/** Galera's files say of all of them that they were the last to leave, and whom they saw last. */
export async function claimToBeLast(members: readonly TestMember[]): Promise<void> {
  for (const { datadir } of members) {
    const grastate = await readGrastate(datadir);
    assert(typeof grastate === "object");
    const { uid, gid } = await Deno.stat(datadir);
    const owner = { uid: uid!, gid: gid! };
    await writeGrastate(datadir, { ...grastate, safeToBootstrap: true }, owner);
  }
}

/** Puts files into a datadir, as others may have left them there. */
export async function leave(
  { datadir }: TestMember,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const { uid, gid } = await Deno.stat(datadir);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(datadir, name), text);
    await Deno.chown(join(datadir, name), uid, gid);
  }
}

/** A disk is lost: the datadir is there and empty. */
export async function empty({ datadir }: TestMember): Promise<void> {
  for await (const { name } of Deno.readDir(datadir)) {
    await Deno.remove(join(datadir, name), { recursive: true });
  }
}

/** Kills a server and starts it again without anything that it held. */
export async function emptyEnsemble(servers: TestServers): Promise<void> {
  const [server] = servers.servers;
  await server!.kill();
  await Deno.remove(`${server!.options.dataDir}/version-2`, { recursive: true });
  await servers.restart();
}

/** What a member has logged since; to be made before it starts. */
export function logSince(member: TestMember): () => string {
  const from = member.log.length;
  return () => member.log.slice(from);
}

/**
 * Fails where the log of one start does not tell of a join by IST alone, from the position that the
 * datadir had. (An SST's script runs then, too: it says which of the two it was.)
 */
export function assertJoinedByIst(log: string): void {
  const said = log.split("\n").filter((line) => /[IS]ST|initial position/.test(line)).join("\n");
  const [, seqno] = /Loading provider .* initial position: [0-9a-f-]{36}:(\d+)$/m.exec(said) ?? [];
  assert(seqno, `It was started without its position:\n${said}`);
  assert.match(said, new RegExp(`Receiving IST: \\d+ writesets, seqnos ${BigInt(seqno) + 1n}-`));
  assert.doesNotMatch(said, SST_COMPLETED);
}

/** Fails where the log of one start does not tell of an SST. */
export function assertJoinedBySst(log: string): void {
  assert.match(log.split("\n").filter((line) => /[IS]ST/.test(line)).join("\n"), SST_COMPLETED);
}

const SST_COMPLETED = /WSREP_SST: rsync SST completed on joiner/;
