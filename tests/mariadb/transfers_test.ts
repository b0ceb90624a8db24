import assert from "node:assert/strict";
import { copiedData } from "../../lib/mariadb/transfers.ts";

/** A process of an SST and what it has written: to anything, to files. */
type Row = readonly [command: string, all: number];

function copied(rows: readonly Row[]): number {
  const processes = rows.map(([command], index) => ({
    pid: index + 10,
    parent: 1,
    session: 1,
    command,
  }));
  return copiedData(
    processes,
    new Map(rows.map(([, all], index) => [index + 10, { all, toFiles: 0 }])),
  );
}

const rsyncScript = (role: string) => `bash /usr//bin/wsrep_sst_rsync --role ${role} --address x`;
const backupScript = (role: string) =>
  `bash /usr//bin/wsrep_sst_mariabackup --role ${role} --address x`;

// As they were seen on real servers, numbers made short.
const TABLE: readonly (readonly [string, readonly Row[], number])[] = [
  ["nothing yet", [], 0],
  [
    "a joiner by rsync: the daemon, which counts for those that have ended, and those that go on",
    [
      ["sh -c wsrep_sst_rsync --role 'joiner' --address 'x'", 0],
      [rsyncScript("joiner"), 31],
      ["rsync --daemon --no-detach --port 4444", 80_000],
      ["rsync --daemon --no-detach --port 4444", 50],
      ["sleep 1", 0],
    ],
    80_050,
  ],
  [
    "a donor by rsync: the script and xargs, which count for those that have ended",
    [
      ["sh -c wsrep_sst_rsync --role 'donor' --address 'x'", 0],
      [rsyncScript("donor"), 70_000],
      ["xargs -I{} -0 -P 2 rsync --owner", 4000],
      ["rsync --owner --group /data/./d/ rsync://x", 300],
    ],
    74_300,
  ],
  [
    "a joiner by mariabackup: what is written to files, once",
    [
      [backupScript("joiner"), 900],
      ["socat -u TCP-LISTEN:4444 stdio", 81_000],
      ["zstd -d", 90_000],
      ["/usr//bin/mbstream -x", 89_000],
    ],
    89_000,
  ],
  [
    "a joiner by mariabackup that prepares",
    [[backupScript("joiner"), 900], ["/usr//bin/mariadb-backup --prepare", 5000]],
    0,
  ],
  [
    "a donor by mariabackup: what is read, before it is compressed",
    [
      [backupScript("donor"), 900],
      ["/usr//bin/mariadb-backup --backup --stream=mbstream", 89_000],
      ["zstd", 40_000],
      ["socat -u stdio TCP:x", 40_000],
    ],
    89_000,
  ],
];
for (const [what, rows, bytes] of TABLE) {
  Deno.test(`copiedData() counts ${what}`, () => assert.equal(copied(rows), bytes));
}
