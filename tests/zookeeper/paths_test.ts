import assert from "node:assert/strict";
import fc from "fast-check";
import { isValidPath, withChroot, withoutChroot } from "../../lib/zookeeper/paths.ts";

Deno.test("isValidPath() follows its truth table", () => {
  // path, valid, valid when the server appends a number
  const table: readonly (readonly [string, boolean, boolean])[] = [
    ["/", true, true],
    ["/a", true, true],
    ["/a/b", true, true],
    ["/a.b/..c/d../.e/...", true, true],
    ["/käse/日本", true, true],
    ["", false, false],
    ["a", false, false],
    ["a/b", false, false],
    ["//", false, false],
    ["/a/", false, true],
    ["//a", false, false],
    ["/a//b", false, false],
    ["/.", false, true],
    ["/..", false, true],
    ["/a/.", false, true],
    ["/a/..", false, true],
    ["/./a", false, false],
    ["/a/../b", false, false],
    ["/a\u0000", false, false],
    ["/a\u0001b", false, false],
    ["/a\nb", false, false],
    ["/a\u001f", true, true],
  ];
  for (const [path, plain, sequential] of table) {
    assert.equal(isValidPath(path), plain, JSON.stringify(path));
    assert.equal(isValidPath(path, true), sequential, `sequential ${JSON.stringify(path)}`);
  }
});

Deno.test("withChroot() and withoutChroot() follow their truth table", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["", "/", "/"],
    ["", "/a", "/a"],
    ["/r", "/", "/r"],
    ["/r", "/a", "/r/a"],
    ["/r/s", "/a/b", "/r/s/a/b"],
  ];
  for (const [chroot, client, server] of table) {
    assert.equal(withChroot(chroot, client), server);
    assert.equal(withoutChroot(chroot, server), client);
  }
});

Deno.test("withChroot() puts a numbered child of the root below the chroot", () => {
  assert.equal(withChroot("/r", "/", true), "/r/");
  assert.equal(withChroot("", "/", true), "/");
});

Deno.test("withoutChroot() leaves paths that are not below it", () => {
  for (const path of ["/zookeeper/config", "/rx", "/", "", "/s/r"]) {
    assert.equal(withoutChroot("/r", path), path);
  }
});

Deno.test("withoutChroot() takes off what withChroot() put before", () => {
  const part = fc.stringMatching(/^[a-z.]{1,3}$/);
  const path = fc.array(part, { minLength: 1 }).map((parts) => `/${parts.join("/")}`);
  fc.assert(fc.property(path, path, (chroot, path) => {
    assert.equal(withoutChroot(chroot, withChroot(chroot, path)), path);
  }));
});
