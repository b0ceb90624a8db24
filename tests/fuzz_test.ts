/**
 * Anything at all thrown at every parser of ours: a value comes of it, or the parser's own error in one
 * plain line. A failure prints its seed and the smallest input that shows it.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePosition, PositionError } from "../lib/cluster/position.ts";
import { parseGrastate, parseRecoveredPosition } from "../lib/cluster/position.ts";
import { runCommandLine } from "../lib/cli.ts";
import type { OptionDefinition } from "../lib/command.ts";
import { COMMANDS } from "../lib/commands/all.ts";
import { ConfigError, KeeperError } from "../lib/errors.ts";
import { askMember, askStatus } from "../lib/http.ts";
import { readArguments } from "../lib/mariadb/arguments.ts";
import { ComponentReader } from "../lib/mariadb/garbd.ts";
import { IDENTITY_FILE, readIdentity } from "../lib/mariadb/identity.ts";
import { checkProviderOptions } from "../lib/mariadb/option_file.ts";
import { Output, parseLine } from "../lib/mariadb/output.ts";
import { TlsHints } from "../lib/mariadb/tls_hints.ts";
import { TransferLog } from "../lib/mariadb/transfer_log.ts";
import { parseMembership, parseStatus, withoutPort } from "../lib/mariadb/wsrep.ts";
import { parseAcl } from "../lib/settings/acl.ts";
import { escaped, hasObeyed, oneLine, shown } from "../lib/settings/shown.ts";
import { parseProviderOptions } from "../lib/settings/options.ts";
import * as values from "../lib/settings/values.ts";
import { ValueError } from "../lib/settings/values.ts";
import { readInitialisation } from "../lib/settings/variables.ts";
import { readAclFile, readZooKeeperTls } from "../lib/settings/zookeeper_files.ts";
import { HostListError, parseHosts } from "../lib/zookeeper/hosts.ts";
import * as znodes from "../lib/znodes.ts";
import { ZnodeError } from "../lib/znodes.ts";
import {
  assertPlain,
  type ErrorClass,
  givesValueOrError,
  jsonLike,
  longTexts,
  textLike,
} from "./fuzz.ts";

const UUID = "6c821ecc-2be9-11f0-9d25-7a3b5e1f2c3d";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A parser of texts: what it takes, and its own errors; none where it takes anything. */
type Target = readonly [
  name: string,
  parse: (text: string) => unknown,
  examples: readonly string[],
  errors: readonly ErrorClass[],
];

const GRASTATE = `# GALERA saved state\nversion: 2.1\nuuid:    ${UUID}\nseqno:   12\n` +
  "safe_to_bootstrap: 1\n";
const RECOVERED = `2026-01-02  3:04:05 0 [Note] WSREP: Recovered position: ${UUID}:12,0-1-2\n`;
const SERVER_LINES = [
  "2026-01-02  3:04:05 0 [Note] WSREP: Member 1.0 (two) requested state transfer from '*any*'. " +
  "Selected 0.0 (one)(SYNCED) as donor.",
  "260102  3:04:05 [ERROR] mysqld got signal 6 ;",
  "2026-01-02 03:04:05.678  INFO: New COMPONENT: primary = yes, bootstrap = no, my_idx = 2, memb_num = 3",
  "WSREP_SST: [INFO] rsync SST started on joiner (20260102 03:04:05.678)",
  "WSREP: 0.0 (one): State transfer to 1.0 (two) complete.",
  "WSREP: Receiving IST... 43.0% (12/28 events) complete.",
  "WSREP: Prepared IST receiver for 4-8, listening at: ssl://127.0.0.1:4568",
  `STATE EXCHANGE: got state msg: ${UUID} from 1 (two)`,
  `Quorum results:\n\tcomponent  = PRIMARY,\n\tgroup UUID = ${UUID}`,
  "WSREP: Failed to establish connection: certificate verify failed: x",
];
const PROVIDER_OPTIONS = [
  "gcache.size=1G;gcs.fc_limit=64",
  "evs.send_window = 4",
  "pc.bootstrap=1",
];

const TARGETS: readonly Target[] = [
  ["parseGrastate", parseGrastate, [GRASTATE], [PositionError]],
  ["parseRecoveredPosition", parseRecoveredPosition, [RECOVERED], [PositionError]],
  ["parsePosition", parsePosition, [`${UUID}:12`], [PositionError]],
  ["parseHosts", parseHosts, ["zk-1:2181,[::1]:2182,zk/galera/a"], [HostListError]],
  ["parseProviderOptions", parseProviderOptions, PROVIDER_OPTIONS, [ValueError]],
  [
    "checkProviderOptions",
    (text) => checkProviderOptions(parseProviderOptions(text), null, null),
    PROVIDER_OPTIONS,
    [ValueError, ConfigError],
  ],
  [
    "checkProviderOptions of any name",
    (text) => checkProviderOptions({ [text]: text }, "127.0.0.1", null),
    PROVIDER_OPTIONS,
    [ConfigError],
  ],
  ["parseAcl", parseAcl, ["# x\nworld:anyone:r\nip:10.0.0.0/8:rw\nauth::cdrwa\n"], [ValueError]],
  [
    "readAclFile",
    (text) => readAclFile("/acl", true, false, () => text),
    ["world:anyone:r"],
    [ConfigError],
  ],
  [
    "readZooKeeperTls",
    (text) => readZooKeeperTls("/tls", () => text),
    ["-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"],
    [ConfigError],
  ],
  ["readArguments", (text) => readArguments(["mariadbd", text]), ["--max-connections=5"], [
    KeeperError,
  ]],
  [
    "readInitialisation",
    (text) =>
      readInitialisation(
        { MARIADB_USER: text, MARIADB_PASSWORD: text, MYSQL_ROOT_HOST: text },
        String,
      ),
    ["app", "root"],
    [ConfigError],
  ],
  [
    "readInitialisation from files",
    (text) =>
      readInitialisation(
        { MARIADB_ROOT_PASSWORD_FILE: text, MARIADB_RANDOM_ROOT_PASSWORD: text },
        () => {
          throw new Deno.errors.NotFound(
            `No such file or directory (os error 2): readfile '${text}'`,
          );
        },
      ),
    ["/run/secrets/root"],
    [ConfigError],
  ],
  ["parseRecord", (text) => znodes.parseRecord("m", bytes(text)), ["{}"], [ZnodeError]],
  ["parseLine", parseLine, SERVER_LINES, []],
  ["withoutPort", withoutPort, ["192.0.2.7:3306", "[fd00::7]:3306"], []],
  [
    "TransferLog",
    (text) => {
      const log = new TransferLog("two");
      for (const line of [...SERVER_LINES, text, ...text.split("\n")]) log.notice(line, false);
      return log.current;
    },
    SERVER_LINES,
    [],
  ],
  [
    "TlsHints",
    (text) => new TlsHints(true, (hint) => assert(!hasObeyed(hint))).take(text),
    SERVER_LINES,
    [],
  ],
  [
    "ComponentReader",
    (text) => {
      const reader = new ComponentReader();
      for (const line of [...SERVER_LINES, ...text.split("\n")]) reader.take(parseLine(line).text);
      return reader.component;
    },
    SERVER_LINES,
    [],
  ],
  [
    "parseStatus",
    (text) => parseStatus([["wsrep_last_committed", text], [text, text]]),
    ["12"],
    [],
  ],
  ["parseMembership", (text) => parseMembership([[text, text]]), ["192.0.2.7:3306"], []],
  [
    "shown values",
    (text) => {
      for (const one of [shown(text), escaped(text), oneLine(text)]) assert(!hasObeyed(one));
    },
    ["a\tb", "x\x1b[2J"],
    [],
  ],
  ...Object.entries(values).filter(([name, parse]) =>
    name.startsWith("parse") && parse.length === 1
  )
    .map(([name, parse]): Target => [
      name,
      parse as (text: string) => unknown,
      ["10.0.0.1:3306", "1.5m", "/a/b", "galera-1", "on"],
      [ValueError],
    ]),
];

Deno.test("fuzz: every parser of a text gives a value or its own error, in one plain line", () => {
  for (const [name, parse, examples, errors] of TARGETS) {
    fc.assert(
      fc.property(textLike(examples), (text) => {
        givesValueOrError(name, () => parse(text), errors);
      }),
      { numRuns: 400 },
    );
  }
});

Deno.test("fuzz: no parser takes its time over a megabyte", () => {
  for (const [name, parse, examples, errors] of TARGETS) {
    for (const text of longTexts(examples)) givesValueOrError(name, () => parse(text), errors);
  }
});

Deno.test("fuzz: every option of every command takes a value or says in one plain line why not", async () => {
  const flags = new Map<string, OptionDefinition>();
  for (const { options } of COMMANDS) for (const option of options) flags.set(option.flags, option);
  const parsed = [...flags.values()].filter(({ flags, parse }) => parse && flags.includes("<"));
  assert(parsed.length > 30);
  const commands = COMMANDS.map((command) => ({ ...command, action: () => Promise.resolve(0) }));
  for (const option of parsed) {
    const [, long = ""] = /(--[\w-]+)/.exec(option.flags) ?? [];
    const owner = COMMANDS.find(({ options }) => options.includes(option))!.name;
    const given = fc.sample(
      textLike(["127.0.0.1:8008", "5m", "/a", "x=1", "galera-1=present", "off", "3"]),
      60,
    );
    for (const text of given) {
      const options = { commands, version: "0", env: {}, print: () => {} };
      try {
        await runCommandLine([owner, `${long}=${text}`], options);
      } catch (error) {
        assertPlain(`${long}=${JSON.stringify(text)}`, error, [KeeperError]);
      }
    }
  }
});

const RECORD = {
  v: 1,
  serverId: 1,
  address: "192.0.2.1",
  datadirId: "d",
  data: {
    kind: "at",
    copy: { position: { uuid: UUID, seqno: "7" }, attempt: null },
    safeToBootstrap: true,
  },
  instead: null,
  lineage: [{ attempt: "a", by: "m", uuid: UUID, seqno: "0", from: null }],
};
const CLUSTER = {
  ...{ v: 1, phase: "running", uuid: UUID, by: "m", attempt: "a", forced: false },
  attempts: RECORD.lineage,
};
const NODE = {
  ...{ v: 1, member: "m", datadirId: "d", uuid: UUID, primary: true, http: "192.0.2.1:8008" },
  ...{ dataBytes: 5, since: "2026-01-02T03:04:05.678Z" },
};
const ARBITRATOR = {
  ...{ v: 1, name: "arb", address: "192.0.2.9", uuid: UUID, attempt: "a", primary: true },
  ...{ members: ["m"], since: "2026-01-02T03:04:05.678Z" },
};
const PAUSE = { v: 1, by: "root@host", since: "2026-01-02T03:04:05.678Z" };
const DECISIONS = {
  v: 1,
  entries: [{ at: PAUSE.since, kind: "wait", rule: 7, reason: "because", person: null }],
};
const REQUEST = {
  ...{ v: 1, id: "r", kind: "restart", by: "root@host", since: PAUSE.since, outage: false },
  ...{ members: ["m", "n"], done: ["m"], failed: null, canceled: null },
  current: { member: "n", datadirId: "d", state: "stopping" },
};

Deno.test("fuzz: every znode's content gives a value or ZnodeError, in one plain line", () => {
  const parsers = [
    (data: Uint8Array) => znodes.parseRecord("m", data),
    ...[znodes.parseCluster, znodes.parseNode, znodes.parseArbitrator, znodes.parsePause],
    ...[znodes.parseDecisions, znodes.parseRequest],
  ];
  const examples = [RECORD, CLUSTER, NODE, ARBITRATOR, PAUSE, DECISIONS, REQUEST];
  const own = [0, 1, 2, 3, 4, 5, 6].map((n) => parsers[n]!(bytes(JSON.stringify(examples[n]))));
  assert(own.every((value) => value !== null && !`${value}`.includes("not galera-keeper's")));
  const content = fc.oneof(
    {
      weight: 5,
      arbitrary: jsonLike(examples).map(
        bytes,
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array() },
  );
  fc.assert(
    fc.property(content, fc.constantFrom(...parsers), (data, parse) => {
      givesValueOrError(parse.name, () => assertNothingObeyed(parse(data)), [ZnodeError]);
    }),
    { numRuns: 5000 },
  );
  for (const text of longTexts([JSON.stringify(RECORD), '{"v":1,"', "[", '{"a":'])) {
    for (const parse of parsers) {
      givesValueOrError(parse.name, () => parse(bytes(text)), [ZnodeError]);
    }
  }
});

/** Nothing that was read is obeyed by a terminal; what is somebody's name may be of any letters. */
function assertNothingObeyed(value: unknown): void {
  if (typeof value === "string") assert(!hasObeyed(value), JSON.stringify(value));
  if (typeof value !== "object" || value === null) return;
  for (const child of Object.values(value)) assertNothingObeyed(child);
}

Deno.test("fuzz: the datadir's id file gives an id or ConfigError", async () => {
  const folder = await Deno.makeTempDir({ prefix: "gk-fuzz-" });
  const identity = { v: 1, datadirId: "d", attempt: "a", lineage: RECORD.lineage, failedStarts: 1 };
  try {
    await fc.assert(
      fc.asyncProperty(jsonLike([identity]), async (text) => {
        await Deno.writeTextFile(`${folder}/${IDENTITY_FILE}`, text);
        try {
          assertNothingObeyed(await readIdentity(folder));
        } catch (error) {
          assertPlain("readIdentity", error, [ConfigError]);
        }
      }),
      { numRuns: 300 },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("fuzz: whatever answers in a member's place is a status or no member, in one plain line", async () => {
  let answer: BodyInit | null = null;
  let status = 200;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(answer, { status }),
  );
  const http = `127.0.0.1:${server.addr.port}`;
  const example = {
    ...{ v: 1, member: "m", datadirId: "d", held: { kind: "empty" }, attempt: null, size: 3 },
    ...{ address: "192.0.2.1", uuid: UUID, primary: true, synced: true, stage: "registered" },
    ...{ doing: "Serving", decision: { kind: "join", rule: 1, reason: "r", donors: ["x"] } },
    ...{ seqno: "7", clusterSize: 3, serverId: 1, session: "connected", since: "", startedAt: "" },
    ...{ readyAt: null, transfer: null, lastTransfer: null },
  };
  const { signal } = new AbortController();
  const ask = async () => {
    for (const read of [askStatus, askMember]) {
      try {
        assertNothingObeyed(await read(http, signal));
      } catch (error) {
        assertPlain("ask", error, [Error]);
      }
    }
  };
  answer = JSON.stringify(example);
  assert.equal((await askMember(http, signal)).member, "m");
  await fc.assert(
    fc.asyncProperty(
      jsonLike([example]),
      fc.constantFrom(200, 200, 404, 500),
      async (text, code) => {
        answer = text;
        status = code;
        await ask();
      },
    ),
    { numRuns: 200 },
  );
  // One that never ends: it is given up long before it fills the memory.
  status = 200;
  const piece = new Uint8Array(1 << 16).fill(32);
  let sent = 0;
  answer = new ReadableStream({
    pull(controller) {
      sent += piece.length;
      controller.enqueue(piece);
    },
  });
  await assert.rejects(askMember(http, signal), /not a member's status/);
  assert(sent < 64 << 20, `${sent} bytes were read`);
});

Deno.test("fuzz: whatever a server prints, no line is lost, longer than it may be, or none of ours", async () => {
  const noLog = new Proxy({}, { get: () => () => {} });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(textLike(SERVER_LINES).map(bytes), fc.uint8Array({ maxLength: 50 }))),
      async (chunks) => {
        const lines: string[] = [];
        const output = new Output(noLog as never, ({ text }) => lines.push(text));
        output.follow(ReadableStream.from(chunks));
        await output.end(1000);
        assert(lines.every((line) => !line.includes("\n")));
        assert(output.lastErrors.length <= 5);
      },
    ),
    { numRuns: 200 },
  );
});
