import assert from "node:assert/strict";
import { parseAcl } from "../../lib/settings/acl.ts";
import { ValueError } from "../../lib/settings/values.ts";

const HASH = "gvAb0mBIFlQ8ojBShrTFGKFKBtA=";

Deno.test("parseAcl() reads a rule a line, and comments", () => {
  const text = `# Who may see\n\n  world:anyone:r\r\nip:10.0.0.0/8:rw\nip:fd00::/64:r\n` +
    `digest:super:${HASH}:cdrwa\nsasl:user@REALM:r\nx509:CN=zk:O=me:cr\nauth::awrdc\n`;
  assert.deepEqual(parseAcl(text), [
    { scheme: "world", id: "anyone", rights: "r" },
    { scheme: "ip", id: "10.0.0.0/8", rights: "rw" },
    { scheme: "ip", id: "fd00::/64", rights: "r" },
    { scheme: "digest", id: `super:${HASH}`, rights: "cdrwa" },
    { scheme: "sasl", id: "user@REALM", rights: "r" },
    { scheme: "x509", id: "CN=zk:O=me", rights: "cr" },
    { scheme: "auth", id: "", rights: "awrdc" },
  ]);
  assert.deepEqual(parseAcl(""), []);
});

Deno.test("parseAcl() says what is wrong in which line, and nothing of a digest", () => {
  const table: readonly (readonly [text: string, said: RegExp])[] = [
    ["anyone", /^line 1: expected scheme:id:rights, the scheme one of world, ip, digest/],
    ["\n#\nuser:pass", /^line 3: expected scheme:id:rights/],
    ["host:db:r", /^line 1: expected scheme:id:rights/],
    ["toString:x:r", /expected scheme:id:rights/],
    ["world:all:r", /^line 1, "world:all:r": expected world:anyone:RIGHTS$/],
    ["world:anyone:", /expected rights, each once/],
    ["world:anyone:rr", /expected rights, each once/],
    ["world:anyone:x", /expected rights, each once/],
    ["world:anyone:CDRWA", /expected rights, each once/],
    ["ip:10.0.0.0/33:r", /^line 1, "ip:10\.0\.0\.0\/33:r": expected ip:ADDRESS/],
    ["ip:ten:r", /expected ip:ADDRESS/],
    ["digest:me:hunter2:r", /^line 1: expected digest:USER:HASH:RIGHTS .*, not the password$/],
    ["auth:me:cdrwa", /expected auth::cdrwa, which is whoever creates$/],
    ["auth::r", /all of them for ourselves$/],
    ["sasl::r", /expected sasl:NAME:RIGHTS$/],
    ["world:anyone:r\nworld:anyone:w", /^line 2 is about somebody that a line above is about/],
    ["ip:\x1b[2J:r", /^line 1, "ip:\\u001b\[2J:r": expected/],
    ["me:hunter2:cdrwa", /^line 1: expected scheme/],
    [Array.from({ length: 51 }, (_, n) => `ip:10.0.0.${n}:r`).join("\n"), /^it has more than 50/],
  ];
  for (const [text, said] of table) {
    assert.throws(() => parseAcl(text), (error) => {
      assert(error instanceof ValueError, `${text}: ${error}`);
      assert.match(error.message, said, text);
      assert(!error.message.includes("hunter2"));
      return true;
    });
  }
});
