// needs: arbitrator
import assert from "node:assert/strict";
import { ARBITRATE } from "../../lib/commands/arbitrate.ts";
import { RUN_OPTIONS } from "../../lib/settings/options.ts";
import { keeper, startKeeper } from "../keeper.ts";

const ARGS = ["arbitrate", "--member=arb", "--address=127.0.0.1", "--log-format=text"];
/** Where nobody listens. */
const NOWHERE = "--zookeeper=127.0.0.1:1";

Deno.test("arbitrate has options of run alone, read as run reads them", () => {
  for (const { flags, parse } of ARBITRATE.options) {
    const same = RUN_OPTIONS.find((option) => option.flags === flags);
    assert.ok(same !== undefined && same.parse === parse, flags);
  }
});

Deno.test("arbitrate says in one line what it cannot start with", async () => {
  const table: [readonly string[], Record<string, string>, number, RegExp][] = [
    [
      [],
      { PATH: "/nowhere" },
      69,
      /^galera-keeper: Program not found: garbd; install Debian's package galera-arbitrator-4\n$/,
    ],
    [["--user=nobody-here"], {}, 78, /the system has no user "nobody-here"/i],
    [["--user=root"], {}, 78, /garbd must not run as root/],
    [["--provider-options=pc.bootstrap=yes"], {}, 78, /pc\.bootstrap=yes: it would let two/],
    [["--provider-options=socket.ssl_key=/a#b"], {}, 78, /garbd takes # for a comment/],
    [["--bind=192.0.2.7"], {}, 78, /--bind/],
    [["--size=3"], {}, 64, /--size/],
    [["--", "--port=1"], {}, 64, /arbitrate takes nothing after --/],
  ];
  for (const [more, env, status, line] of table) {
    if (Deno.uid() !== 0 && more[0]?.startsWith("--user")) continue;
    const finished = await keeper([...ARGS, NOWHERE, ...more], { env });
    assert.equal(finished.status, status, finished.stderr);
    assert.match(finished.stderr, line);
    assert.equal(finished.stderr.trimEnd().split("\n").length, 1, finished.stderr);
  }
});

Deno.test("arbitrate waits for ZooKeeper, and ends in order when it is told to", async () => {
  const child = startKeeper([...ARGS, NOWHERE, "--http=off"]);
  const decoder = new TextDecoder();
  let text = "";
  let isTold = false;
  for await (const bytes of child.stderr) {
    text += decoder.decode(bytes, { stream: true });
    if (isTold || !/no connection to ZooKeeper/.test(text)) continue;
    child.kill("SIGTERM");
    isTold = true;
  }
  await child.stdout.cancel();
  const { code, signal } = await child.status;
  assert.deepEqual([code, signal], [0, null], text);
  assert.match(text, /SIGTERM: stopping\n$/);
});
