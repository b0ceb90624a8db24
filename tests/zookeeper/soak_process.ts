/**
 * Opens and closes sessions, or does operations, and says what it held of memory meanwhile.
 * Usage: deno run -A --v8-flags=--expose-gc soak_process.ts sessions|operations COUNT HOST:PORT.
 * Writes a line of JSON: a list of samples.
 */

import assert from "node:assert/strict";
import type { NativeZooKeeper } from "../../lib/zookeeper/addon.ts";
import { CODE } from "../../lib/zookeeper/constants.ts";
import { freshPath, Opened } from "./opened.ts";

/** What a process holds: memory in MiB, live objects and buffers in MiB, open files. */
export interface Held {
  readonly resident: number;
  readonly live: number;
  readonly files: number;
}

const MIB = 2 ** 20;
const SAMPLES = 20;

function held(): Held {
  const collectGarbage = (globalThis as { gc?: () => void }).gc;
  assert.ok(collectGarbage !== undefined, "run it with --v8-flags=--expose-gc");
  collectGarbage();
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return {
    resident: rss / MIB,
    live: (heapUsed + external) / MIB,
    files: [...Deno.readDirSync("/proc/self/fd")].length,
  };
}

async function openAndClose(hosts: string, ids: Set<string>, index: number): Promise<void> {
  const opened = await Opened.open(hosts);
  ids.add(opened.zk.client_id as unknown as string);
  // Some are closed with requests under way.
  if (index % 3 === 0) opened.zk.native.a_sync("/", () => {});
  assert.equal(await opened.close(), 0);
}

async function sessions(hosts: string, count: number): Promise<Held[]> {
  const ids = new Set<string>();
  const samples: Held[] = [];
  for (let i = 0; i < count; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, j) => openAndClose(hosts, ids, i + j)));
    if ((i + 10) % (count / SAMPLES) === 0) samples.push(held());
  }
  assert.equal(ids.size, count);
  return samples;
}

/** Does one operation of a mix; every one must succeed. */
function operate(native: NativeZooKeeper, root: string, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (rc: number) => rc === CODE.ZOK ? resolve() : reject(new Error(`code ${rc}`));
    // Every watch that one leaves another of the same eight sets off.
    const own = `${root}/${Math.floor(index / 8) % 100}`;
    const data = "x".repeat(index % 300);
    const rc = [
      () => native.a_set(own, data, -1, done),
      () => native.a_get(own, false, done),
      () => native.aw_get(own, () => {}, done),
      () => native.a_exists(own, true, done),
      () => native.a_get_children2(root, false, done),
      () => native.aw_get_children(root, () => {}, done),
      () =>
        native.a_create(`${root}/e-`, data, 3, (rc, _error, path) => {
          if (rc !== CODE.ZOK) return done(rc);
          native.a_delete_(path, -1, done);
        }),
      () => native.a_multi([{ op: "set", path: own, data }, { op: "check", path: root }], done),
    ][index % 8]!();
    if (rc !== CODE.ZOK) done(rc);
  });
}

async function operations(hosts: string, count: number): Promise<Held[]> {
  await using opened = await Opened.open(hosts, { timeout: 30_000 });
  const { native } = opened.zk;
  // Else the events that it writes down grow.
  opened.zk.removeAllListeners("changed");
  const root = freshPath();
  await opened.zk.create(root, "", 0);
  for (let i = 0; i < 100; i++) await opened.zk.create(`${root}/${i}`, "", 0);
  const samples: Held[] = [];
  for (let done = 0; done < count; done += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => operate(native, root, done + i)));
    if ((done + 500) % (count / SAMPLES) === 0) samples.push(held());
  }
  return samples;
}

if (import.meta.main) {
  const [what, count, hosts] = Deno.args as [string, string, string];
  const samples = await (what === "sessions" ? sessions : operations)(hosts, Number(count));
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(samples)}\n`));
}
