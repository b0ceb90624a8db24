import assert from "node:assert/strict";
import { askAll, judge } from "../lib/peers.ts";
import type { PeerStatus } from "../lib/world.ts";

const U = "00000000-0000-0000-0000-000000000001";
const V = "00000000-0000-0000-0000-000000000002";
const registered = { member: "galera-2", datadirId: "d2" };
const good: PeerStatus = {
  member: "galera-2",
  datadirId: "d2",
  uuid: U,
  primary: true,
  synced: true,
};

for (
  const [what, change, cluster, expected] of [
    ["the same member, Primary", {}, U, "primary"],
    ["Primary, no cluster on record yet", {}, null, "primary"],
    ["not Primary", { primary: false }, U, "not-primary"],
    ["not Primary and without a UUID", { primary: false, uuid: null }, U, "not-primary"],
    ["another member", { member: "galera-9" }, U, "mismatch"],
    ["another datadir", { datadirId: "d9" }, U, "mismatch"],
    ["no datadir", { datadirId: null }, U, "mismatch"],
    ["another cluster", { uuid: V }, U, "mismatch"],
    ["no UUID though Primary", { uuid: null }, U, "mismatch"],
  ] as const
) {
  Deno.test(`judge() takes ${what} for ${expected}`, () => {
    assert.equal(judge(registered, { ...good, ...change }, cluster).kind, expected);
  });
}

const node = (member: string, http: string | null = "h") => ({
  member,
  datadirId: "d2",
  uuid: U,
  primary: true,
  http,
  dataBytes: 0,
  since: "",
});
const asking = { member: "galera-1", address: "10.0.0.1", clusterUuid: U };

Deno.test("askAll() asks the others, not oneself", async () => {
  const asked: string[] = [];
  const answers = await askAll(
    [
      { address: "10.0.0.1", node: node("galera-1", "one") },
      { address: "10.0.0.2", node: node("galera-2", "two") },
      { address: "10.0.0.3", node: node("galera-3", "three") },
      { address: "10.0.0.4", node: null },
      { address: "10.0.0.5", node: node("galera-5", null) },
    ],
    asking,
    (http) => {
      asked.push(http);
      if (http === "three") return Promise.reject(new Error("no answer in 2 s"));
      return Promise.resolve(good);
    },
    new AbortController().signal,
  );
  assert.deepEqual(asked, ["two", "three"]);
  assert.deepEqual(answers.map(({ answer }) => answer.kind), [
    "primary",
    "silent",
    "foreign",
    "mute",
  ]);
});

Deno.test("askAll() rejects with the signal's reason", async () => {
  const reason = new Error("told to stop");
  await assert.rejects(
    askAll(
      [{ address: "10.0.0.2", node: node("galera-2") }],
      asking,
      () => Promise.reject(new Error("aborted")),
      AbortSignal.abort(reason),
    ),
    reason,
  );
});
