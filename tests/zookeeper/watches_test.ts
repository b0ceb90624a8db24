import assert from "node:assert/strict";
import { EVENT, WATCHER_TYPE } from "../../lib/zookeeper/constants.ts";
import { type Watcher, type WatchKind, WatchTable } from "../../lib/zookeeper/watches.ts";

const { created, deleted, changed, child } = EVENT;

/** A table with one watcher of each kind on /a, by the kind's name, and how to see who is called. */
function oneOfEach() {
  const table = new WatchTable();
  const names = new Map<Watcher, string>();
  const add = (kind: WatchKind, path: string, name: string) => {
    const watcher: Watcher = () => {};
    names.set(watcher, name);
    table.add(kind, path, watcher);
    return watcher;
  };
  for (const kind of ["data", "exist", "child", "persistent", "persistentRecursive"] as const) {
    add(kind, "/a", kind);
  }
  const take = (type: number, path: string) =>
    table.take(type, path).map((watcher) => names.get(watcher));
  return { table, add, take };
}

Deno.test("WatchTable.take() gives the watchers that an event is for", () => {
  const table: readonly (readonly [number, string, readonly string[]])[] = [
    [created, "/a", ["exist", "data", "persistent", "persistentRecursive"]],
    [changed, "/a", ["exist", "data", "persistent", "persistentRecursive"]],
    [deleted, "/a", ["child", "exist", "data", "persistent", "persistentRecursive"]],
    [child, "/a", ["child", "persistent"]],
    [created, "/a/b/c", ["persistentRecursive"]],
    [child, "/a/b", []],
    [created, "/ab", []],
    [changed, "/", []],
    [changed, "", []],
    [EVENT.session, "/a", []],
    [EVENT.notWatching, "/a", []],
    [99, "/a", []],
  ];
  for (const [type, path, expected] of table) {
    assert.deepEqual(oneOfEach().take(type, path), expected, `${type} ${path}`);
  }
});

Deno.test("WatchTable.take() gives one-shot watchers once, others each time", () => {
  const { take } = oneOfEach();
  assert.deepEqual(take(child, "/a"), ["child", "persistent"]);
  assert.deepEqual(take(child, "/a"), ["persistent"]);
  assert.deepEqual(take(deleted, "/a"), ["exist", "data", "persistent", "persistentRecursive"]);
  assert.deepEqual(take(deleted, "/a"), ["persistent", "persistentRecursive"]);
});

Deno.test("WatchTable.take() finds a recursive watcher on the root", () => {
  const { add, take } = oneOfEach();
  add("persistentRecursive", "/", "root");
  assert.deepEqual(take(created, "/x"), ["root"]);
  assert.deepEqual(take(created, "/a/x"), ["persistentRecursive", "root"]);
  assert.deepEqual(take(changed, "/"), ["root"]);
});

Deno.test("WatchTable calls a watcher as often as it was added, the shared one once and last", () => {
  const shared: Watcher = () => {};
  const own: Watcher = () => {};
  const table = new WatchTable(shared);
  for (const watcher of [shared, own, shared, own]) table.add("data", "/a", watcher);
  table.add("child", "/a", shared);
  assert.deepEqual(table.all(), [own, own]);
  assert.deepEqual(table.take(deleted, "/a"), [own, own, shared]);
});

Deno.test("WatchTable.remove() takes off one watcher or all of a type", () => {
  const { table, add, take } = oneOfEach();
  const extra = add("data", "/a", "extra");
  assert.equal(table.remove("/a", WATCHER_TYPE.any, extra), true);
  assert.equal(table.remove("/a", WATCHER_TYPE.any, extra), false);
  assert.equal(table.remove("/b", WATCHER_TYPE.any), false);
  assert.equal(table.remove("/a", WATCHER_TYPE.children), true);
  assert.deepEqual(take(child, "/a"), ["persistent"]);
  assert.equal(table.remove("/a", WATCHER_TYPE.data), true);
  assert.deepEqual(take(changed, "/a"), ["persistent", "persistentRecursive"]);
  assert.equal(table.remove("/a", WATCHER_TYPE.any), true);
  assert.deepEqual(table.all(), []);
});

Deno.test("WatchTable.setAgain() names each path once, in requests that stay small", () => {
  const { table, add } = oneOfEach();
  add("data", "/a", "again");
  assert.deepEqual(table.setAgain(7n), [{
    relativeZxid: 7n,
    data: ["/a"],
    exist: ["/a"],
    child: ["/a"],
    persistent: ["/a"],
    persistentRecursive: ["/a"],
  }]);
  const many = new WatchTable();
  const paths = Array.from({ length: 3000 }, (_, i) => `/${String(i).padStart(99, "0")}`);
  for (const path of paths) many.add("child", path, () => {});
  const requests = many.setAgain(1n);
  assert.deepEqual(requests.flatMap((request) => request.child), paths);
  assert.equal(requests.length, 3);
  for (const request of requests) {
    assert.ok(request.child.join("").length <= 128 * 1024);
    assert.equal(request.persistent, undefined, "a server of 3.4 knows no SetWatches2");
  }
});

Deno.test("WatchTable.setAgain() gives nothing where nobody watches", () => {
  const { table } = oneOfEach();
  table.clear();
  assert.deepEqual(table.setAgain(1n), []);
});
