import assert from "node:assert/strict";
import fc from "fast-check";
import { type LoggedTransfer, TransferLog } from "../../lib/mariadb/transfer_log.ts";

const REQUEST =
  "WSREP: Member 1.0 (node-2) requested state transfer from '*any*'. Selected 0.0 (node-1)(SYNCED) as donor.";
const script = (method: string, role: string, more = "") =>
  `WSREP: Running: 'wsrep_sst_${method} --role '${role}' --address '127.12.90.2:4444' --progress 0${more} --mysqld-args --x'`;
const WHOLE = "WSREP: Prepared IST receiver for 0-12, listening at: tcp://127.12.90.2:4568";
const PART = "WSREP: Prepared IST receiver for 13-20015, listening at: tcp://127.12.90.2:4568";
const SENT = "WSREP: 0.0 (node-1): State transfer to 1.0 (node-2) complete.";
const RECEIVED = "WSREP: 1.0 (node-2): State transfer from 0.0 (node-1) complete.";
const OFFER =
  "WSREP: async IST sender starting to serve tcp://127.12.90.2:4568 sending 13-20015, preload starts from 19971";
const BYPASS = " --bypass";

/** What a member has seen after some lines; those that begin with `!` are errors. */
function after(member: string, ...lines: readonly string[]): LoggedTransfer | null {
  const log = new TransferLog(member);
  for (const line of lines) log.notice(line.replace(/^!/, ""), line.startsWith("!"));
  return log.current;
}

const joins = (...lines: readonly string[]) =>
  after("node-2", script("rsync", "joiner"), WHOLE, REQUEST, ...lines);

Deno.test("TransferLog follows the SST of a joiner", () => {
  const begun: LoggedTransfer = {
    number: 1,
    kind: "SST",
    role: "joiner",
    peer: "node-1",
    method: "rsync",
    seqnos: null,
    received: 0,
    phase: null,
    hasEnded: false,
    failure: null,
  };
  assert.equal(after("node-2", script("rsync", "joiner"), WHOLE), null);
  assert.deepEqual(joins(), begun);
  assert.deepEqual(joins(SENT), begun, "the donor's own end is not the joiner's");
  const phases: readonly (readonly [string, string])[] = [
    ["WSREP_SST: Preparing the backup at /d/.sst", "preparing"],
    ["WSREP_SST: Moving the backup to /d", "moving"],
    ["WSREP: SST received", "starting on it"],
    ["WSREP: Receiving IST: 20003 writesets, seqnos 13-20015", "catching up"],
  ];
  for (const [line, phase] of phases) assert.equal(joins(line)?.phase, phase);
  assert.equal(joins("WSREP: SST received: 6c821ecc:12")?.phase, null);
  assert.deepEqual(joins("WSREP: SST received", RECEIVED), { ...begun, hasEnded: true });
});

Deno.test("TransferLog follows the IST of a joiner", () => {
  const join = (...lines: readonly string[]) =>
    after("node-2", script("rsync", "joiner"), PART, REQUEST, ...lines);
  const begins = "WSREP: Receiving IST: 20003 writesets, seqnos 14-20015";
  const seen = join();
  assert.deepEqual([seen?.kind, seen?.seqnos], ["IST", { first: 13, last: 20015 }]);
  assert.deepEqual(join(begins)?.seqnos, { first: 14, last: 20015 });
  assert.equal(
    join(begins, "WSREP: Receiving IST... 12.5% (2500/20003 events) complete.")?.received,
    2500,
  );
  assert.equal(join(begins, SENT)?.hasEnded, false);
  assert.equal(join(begins, RECEIVED)?.hasEnded, true);
});

Deno.test("TransferLog sees that an SST follows where an IST was wished for", () => {
  const log = new TransferLog("node-2");
  for (const line of [script("mariabackup", "joiner"), PART, REQUEST]) log.notice(line, false);
  assert.equal(log.current?.kind, "IST");
  log.notice("WSREP_SST: Proceeding with SST", false);
  assert.deepEqual([log.current?.kind, log.current?.seqnos], ["SST", null]);
  const other = new TransferLog("node-2");
  for (const line of [PART, REQUEST]) other.notice(line, false);
  other.isSst();
  assert.equal(other.current?.kind, "SST");
});

Deno.test("TransferLog follows the SST of a donor", () => {
  const donate = (...lines: readonly string[]) =>
    after("node-1", REQUEST, OFFER, script("mariabackup", "donor"), ...lines);
  assert.equal(after("node-1", REQUEST, OFFER), null, "for what is not known yet");
  const begun = donate();
  assert.deepEqual(
    [begun?.kind, begun?.role, begun?.peer, begun?.method, begun?.seqnos],
    ["SST", "donor", "node-2", "mariabackup", null],
  );
  assert.equal(donate("WSREP: Flushing tables for SST...")?.phase, "flushing tables");
  assert.equal(donate("WSREP: Flushing tables for SST...", "WSREP: Tables flushed.")?.phase, null);
  const waits = "WSREP_SST: Sleeping before data transfer for SST";
  assert.equal(donate(waits)?.phase, "waiting for the joiner");
  assert.equal(
    donate(waits, "WSREP_SST: Streaming the backup to joiner at 127.12.90.2:4444")?.phase,
    null,
  );
  assert.equal(donate(SENT)?.hasEnded, true);
});

Deno.test("TransferLog follows the IST of a donor until all is sent", () => {
  const donate = (...lines: readonly string[]) =>
    after("node-1", REQUEST, OFFER, script("rsync", "donor", BYPASS), ...lines);
  const begun = donate();
  assert.deepEqual([begun?.kind, begun?.seqnos], ["IST", { first: 13, last: 20015 }]);
  const later = after("node-1", REQUEST, script("rsync", "donor", BYPASS));
  assert.equal(later?.seqnos, null);
  assert.deepEqual(after("node-1", REQUEST, script("rsync", "donor", BYPASS), OFFER), begun);
  assert.deepEqual(
    after(
      "node-1",
      REQUEST,
      OFFER,
      script("rsync", "donor"),
      SENT,
      REQUEST,
      script("rsync", "donor", BYPASS),
    )
      ?.seqnos,
    null,
    "the offer of another time",
  );
  // The script is done at once; what is sent, is sent by the server.
  assert.equal(donate(SENT)?.hasEnded, false);
  assert.deepEqual(
    [donate(SENT, "WSREP: async IST sender served")].map((one) => [one?.hasEnded, one?.failure]),
    [[true, null]],
  );
  const failed = "WSREP: async IST sender failed to serve tcp://127.12.90.2:4568: ist send failed";
  assert.match(donate(failed)?.failure ?? "", /^async IST sender failed to serve/);
});

Deno.test("TransferLog leaves alone what is between others", () => {
  const lines = [REQUEST, SENT, RECEIVED];
  assert.equal(after("node-3", ...lines), null);
  const other = REQUEST.replace("node-2", "node-3").replace("node-1", "node-4");
  assert.equal(joins(other)?.number, 1);
  assert.equal(
    joins(SENT.replace("complete.", "failed: Broken pipe").replace("node-1", "node-3"))
      ?.hasEnded,
    false,
  );
});

const ERROR = "!WSREP_SST: ";
const FAILED = "failed: Invalid argument";
const FAILURES: readonly (readonly [string, LoggedTransfer | null, string])[] = [
  [
    "what the script says",
    joins(
      `${ERROR}Error while getting data from donor node: exit codes: 1 0`,
      RECEIVED.replace("complete.", FAILED),
    ),
    "Error while getting data from donor node: exit codes: 1 0",
  ],
  [
    "no decoration, no cleaning up",
    joins(
      `${ERROR}******** FATAL ERROR *******`,
      `${ERROR}*****`,
      `${ERROR}Cleanup after exit with status: 2`,
      RECEIVED.replace("complete.", FAILED),
    ),
    "FATAL ERROR",
  ],
  [
    "Galera's word where the script says nothing",
    joins(RECEIVED.replace("complete.", FAILED)),
    "Invalid argument",
  ],
  [
    "that the donor failed, whatever followed from it",
    joins(`${ERROR}xtrabackup_checkpoints missing`, SENT.replace("complete.", FAILED)),
    "node-1 cannot send it (Invalid argument), and says why in its log",
  ],
];
for (const [what, transfer, failure] of FAILURES) {
  Deno.test(`TransferLog says why it failed: ${what}`, () => {
    assert.deepEqual([transfer?.hasEnded, transfer?.failure], [true, failure]);
  });
}

Deno.test("TransferLog says why we ended it, over what the script says of that", () => {
  const log = new TransferLog("node-1");
  for (const line of [REQUEST, script("mariabackup", "donor")]) log.notice(line, false);
  log.abandon("node-2 has left");
  log.notice("WSREP_SST: Cleanup after exit with status: 3", true);
  log.notice(SENT.replace("complete.", FAILED), false);
  assert.deepEqual([log.current?.hasEnded, log.current?.failure], [true, "node-2 has left"]);
});

Deno.test("TransferLog begins anew with each transfer, and takes the server's end for a failure", () => {
  const log = new TransferLog("node-2");
  for (const line of [WHOLE, REQUEST]) log.notice(line, false);
  log.exited();
  assert.equal(log.current?.failure, "mariadbd has exited");
  for (const line of [WHOLE, REQUEST]) log.notice(line, false);
  assert.deepEqual([log.current?.number, log.current?.failure], [2, null]);
  log.notice(RECEIVED, false);
  log.exited();
  log.abandon("too late");
  assert.equal(log.current?.failure, null);
});

Deno.test("TransferLog takes any lines in any order, and what has ended stays so", () => {
  const known = [
    REQUEST,
    REQUEST.replace("node-2", "node-1").replace("(node-1)(", "(node-2)("),
    ...["joiner", "donor"].map((role) => script("mariabackup", role)),
    script("rsync", "donor", BYPASS),
    WHOLE,
    PART,
    OFFER,
    SENT,
    RECEIVED,
    RECEIVED.replace("complete.", FAILED),
    "WSREP_SST: Proceeding with SST",
    "WSREP_SST: Sleeping before data transfer for SST",
    "WSREP: Receiving IST: 20003 writesets, seqnos 14-20015",
    "WSREP: Receiving IST... 12.5% (2500/20003 events) complete.",
    "WSREP: async IST sender served",
  ];
  const line = fc.oneof(fc.constantFrom(...known), fc.string());
  fc.assert(fc.property(fc.array(fc.tuple(line, fc.boolean())), (lines) => {
    const log = new TransferLog("node-2");
    let before: LoggedTransfer | null = null;
    for (const [text, isError] of lines) {
      log.notice(text, isError);
      const now = log.current;
      if (before !== null) {
        assert.ok(now !== null && now.number >= before.number);
        if (before.hasEnded && now.number === before.number) assert.deepEqual(now, before);
      }
      if (now !== null) {
        assert.ok(now.hasEnded || now.failure === null, "it fails only in the end");
        assert.ok(now.kind === "IST" || now.seqnos === null);
      }
      before = now;
    }
  }));
});
