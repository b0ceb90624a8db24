// needs: zookeeper galera tls
/** Wrong input to `run`: one clear line, the status, nothing changed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Authority } from "../certificates.ts";
import { anyServer } from "../zookeeper/server.ts";
import { give, Place, run, theLine } from "./place.ts";

/** One wrong start. */
interface Wrong {
  readonly name: string;
  readonly options?: readonly string[];
  readonly mariadbd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Made before the start; what it gives is put among the options. */
  readonly prepare?: (place: Place) => Promise<readonly string[] | void>;
  readonly status: number;
  readonly says: RegExp;
}

const COMMAND_LINE: readonly Wrong[] = [
  {
    name: "an unknown option",
    options: ["--prot=3307"],
    status: 64,
    says: /^Unknown option '--prot' \(did you mean --port\?\): see galera-keeper run --help$/,
  },
  {
    name: "an operand",
    options: ["start"],
    status: 64,
    says: /^Unexpected argument "start" for run \(mariadbd's options go after --\): see /,
  },
  {
    name: "no host list",
    options: ["--zookeeper=zk-1:2181,:2181"],
    status: 64,
    says: /^--zookeeper is "zk-1:2181,:2181": expected HOST:PORT\[,/,
  },
  {
    name: "a host list with a wrong port",
    options: ["--zookeeper=zk-1:66000"],
    status: 64,
    says: /^--zookeeper is "zk-1:66000": expected HOST:PORT/,
  },
  {
    name: "a port out of range",
    options: ["--port=65536"],
    status: 64,
    says: /^--port is "65536": expected a port from 1 to 65535$/,
  },
  {
    name: "a port out of range in a variable",
    env: { GALERA_KEEPER_PORT: "tcp://10.0.0.1:3306" },
    status: 78,
    says: /^GALERA_KEEPER_PORT is "tcp:\/\/10.0.0.1:3306": expected a port/,
  },
  {
    name: "a size of none",
    options: ["--size=0"],
    status: 64,
    says: /^--size is "0": expected a number of members from 1 to 128$/,
  },
  {
    name: "an address that is not ours",
    options: ["--address=192.0.2.1"],
    status: 78,
    says: /^--address 192\.0\.2\.1 is not an address of this machine: it has /,
  },
  {
    name: "an address to listen on that is not ours",
    options: ["--bind=192.0.2.1"],
    status: 78,
    says: /^--bind 192\.0\.2\.1 is not an address of this machine: it has /,
  },
  {
    name: "a variable and its file",
    env: { MARIADB_ROOT_PASSWORD: "secret", MARIADB_ROOT_PASSWORD_FILE: "/run/secrets/root" },
    status: 78,
    says: /^Both MARIADB_ROOT_PASSWORD and MARIADB_ROOT_PASSWORD_FILE are given: give one of them$/,
  },
  {
    name: "a file of a variable that is not there",
    env: { MARIADB_ROOT_PASSWORD_FILE: "/nonexistent/root" },
    status: 78,
    says: /^Cannot read the file "\/nonexistent\/root" that MARIADB_ROOT_PASSWORD_FILE names: /,
  },
  {
    name: "an option of mariadbd that the keeper decides on",
    mariadbd: ["--wsrep-new-cluster"],
    status: 78,
    says: /wsrep.new.cluster/,
  },
];

const GRASTATE = "# GALERA saved state\nversion: 2.1\n" +
  "uuid:    6b1c1f36-5d2c-11ef-9d3a-0242ac120002\nseqno:   42\nsafe_to_bootstrap: 1\n";

/** A datadir that looks like a cluster's, with this grastate.dat. */
function grastate(text: string): (place: Place) => Promise<void> {
  return async ({ datadir }) => {
    await Deno.mkdir(join(datadir, "mysql"));
    await Deno.writeTextFile(join(datadir, "mysql", "user.frm"), "");
    await Deno.writeTextFile(join(datadir, "ibdata1"), "");
    await Deno.writeTextFile(join(datadir, "grastate.dat"), text);
    await give(datadir);
  };
}

const CORRUPT =
  /^Cannot tell what the datadir holds as ".*\/data\/grastate\.dat" is (corrupt|empty): /;

const DATADIR: readonly Wrong[] = [
  {
    name: "a missing datadir",
    options: ["--datadir=/nonexistent/data"],
    status: 69,
    says:
      /^The datadir "\/nonexistent\/data" is missing: create it, or name another with --datadir$/,
  },
  {
    name: "a datadir that is a file",
    prepare: async (place) => [`--datadir=${await place.file("file", "")}`],
    status: 78,
    says: /^The datadir ".*\/file" is no folder: name one with --datadir$/,
  },
  {
    name: "a datadir behind a file",
    prepare: async (place) => [`--datadir=${await place.file("file", "")}/data`],
    status: 78,
    says: /^The datadir ".*\/file\/data" cannot be used: .*--datadir$/,
  },
  {
    name: "somebody else's datadir",
    prepare: async ({ datadir }) => {
      await Deno.writeTextFile(join(datadir, "letter.txt"), "");
      await run("chown", "-R", "root:root", datadir);
    },
    status: 78,
    says: /^The datadir ".*\/data" is not ours: mysql \(\d+\) may not write to it, .*--datadir$/,
  },
  {
    name: "a datadir with somebody else's data in it",
    prepare: async (place) => {
      await grastate(GRASTATE)(place);
      await run("chown", "-R", "root:root", join(place.datadir, "mysql"));
    },
    status: 78,
    says: /^The datadir ".*\/data" holds data of another user's: "mysql" is owned by 0, .*--user$/,
  },
  {
    name: "a read-only datadir",
    prepare: ({ datadir }) => Deno.chmod(datadir, 0o555),
    status: 78,
    says: /^The datadir ".*\/data" .*(read-only|may not write).*/,
  },
  {
    name: "a grastate.dat of something else",
    prepare: grastate("Galera is a town in Spain\n"),
    status: 78,
    says: CORRUPT,
  },
  {
    name: "a grastate.dat cut off in its UUID",
    prepare: grastate(GRASTATE.slice(0, 60)),
    status: 78,
    says: CORRUPT,
  },
  {
    name: "a grastate.dat cut off before its seqno",
    prepare: grastate(GRASTATE.slice(0, GRASTATE.indexOf("seqno"))),
    status: 78,
    says: CORRUPT,
  },
  {
    name: "a grastate.dat of zeros",
    prepare: grastate("\0".repeat(100)),
    status: 78,
    says: CORRUPT,
  },
  {
    name: "an empty grastate.dat beside data",
    prepare: grastate(""),
    status: 78,
    says: CORRUPT,
  },
  {
    name: "a file of ours in the datadir that holds something else",
    prepare: ({ datadir }) => Deno.writeTextFile(join(datadir, "galera-keeper.json"), "{}"),
    status: 78,
    says: /^".*\/galera-keeper\.json" does not say which datadir this is: .*, remove that file$/,
  },
];

/** Listens where a member wants to, for as long as the test takes. */
const taken: Disposable[] = [];
function take(port: number): (place: Place) => Promise<void> {
  return ({ address }) => {
    const listener = Deno.listen({ hostname: address, port });
    taken.push(listener);
    return Promise.resolve();
  };
}

const MACHINE: readonly Wrong[] = [
  {
    name: "a provider library that is not there",
    options: ["--provider=/nonexistent/libgalera_smm.so"],
    status: 78,
    says: /^Galera's library is not there: --provider says "\/nonexistent\/libgalera_smm.so"/,
  },
  {
    name: "a system's user that is not there",
    options: ["--user=nobody-knows"],
    status: 78,
    says: /^The system has no user "nobody-knows": create it, or name another with --user$/,
  },
  {
    name: "a port for clients that is taken",
    prepare: take(3306),
    status: 69,
    says: /^The port for clients is taken: something listens on [\d.]+:3306; stop it, or use /,
  },
  {
    name: "a port for Galera that is taken",
    prepare: take(4567),
    status: 69,
    says: /^The port for Galera is taken: something listens on [\d.]+:4567; stop it, or use /,
  },
  {
    name: "a port for HTTP that is taken",
    prepare: take(8008),
    status: 69,
    says: /^Cannot serve HTTP on [\d.]+:8008: .*; give another --http HOST:PORT$/,
  },
  {
    name: "a folder for the socket that cannot be made",
    prepare: async (place) => [`--socket=${await place.file("file", "")}/mysqld.sock`],
    status: 78,
    says: /^The socket's folder ".*\/file" is no folder; name another socket with --socket$/,
  },
  {
    name: "a folder for the socket that is somebody else's",
    prepare: async (place) => {
      await run("chown", "root:root", join(place.folder, "run"));
    },
    status: 78,
    says: /^The socket's folder ".*\/run" is not ours: mysql may not write to it; name another /,
  },
  {
    name: "a socket that is taken",
    prepare: (place) => {
      taken.push(Deno.listen({ transport: "unix", path: place.socket }));
      return Promise.resolve();
    },
    status: 69,
    says: /^The socket ".*\/mysqld\.sock" is taken: another server answers there; stop it, or /,
  },
];

const ACCESS: readonly Wrong[] = [
  {
    name: "certificates that are not there",
    options: ["--tls-dir=/nonexistent"],
    status: 78,
    says: /^Cannot read "\/nonexistent\/key\.pem": it is not there; --tls-dir needs ca\.pem, cert/,
  },
  {
    name: "a certificate that has expired",
    prepare: async (place) => {
      await using authority = await Authority.make();
      const folder = await authority.issue("old", { days: [-9, -2] });
      for (const name of ["ca.pem", "cert.pem", "key.pem"]) {
        await place.file(name, await Deno.readTextFile(join(folder, name)), 0o600);
      }
      return [`--tls-dir=${place.folder}`];
    },
    status: 78,
    says:
      /^The certificate ".*\/cert\.pem" of --tls-dir has expired, at \d{4}-.*: put another there$/,
  },
  {
    name: "an access list that locks us out",
    prepare: async (place) => [
      `--zookeeper-acl-file=${await place.file("acl", "world:anyone:r\n")}`,
    ],
    status: 78,
    says: /^The file ".*\/acl" that --zookeeper-acl-file names: nobody has all rights, we neither/,
  },
];

for (
  const [what, table] of [
    ["the command line", COMMAND_LINE],
    ["the datadir", DATADIR],
    ["the machine", MACHINE],
    ["certificates and access lists", ACCESS],
  ] as const
) {
  Deno.test(`run refuses what is wrong with ${what}, and changes nothing`, async (t) => {
    await using server = await anyServer();
    for (const wrong of table) {
      await t.step(wrong.name, async () => {
        await using place = await Place.make(server.hosts);
        try {
          const more = await wrong.prepare?.(place) ?? [];
          const before = await place.look();
          const process = place.start(
            place.args([...wrong.options ?? [], ...more], wrong.mariadbd),
            wrong.env,
          );
          const finished = await process.finished;
          assert.match(theLine(finished), wrong.says);
          assert.equal(finished.status, wrong.status);
          assert.equal(finished.stdout, "");
          assert.deepEqual(await place.look(), before);
        } finally {
          for (const one of taken.splice(0)) one[Symbol.dispose]();
          await Deno.chmod(place.datadir, 0o755);
        }
      });
    }
  });
}

Deno.test("run refuses znodes of another owner's, by their name, and leaves them as they are", async () => {
  await using server = await anyServer();
  await using place = await Place.make(server.hosts);
  place.digest = "other:owner-9d1c";
  {
    await using session = await place.session(place.digest);
    await session.ensurePath(place.root);
  }
  const { znodes } = await place.look();
  const env = { GALERA_KEEPER_ZOOKEEPER_DIGEST: "me:mine-27af" };
  const finished = await place.start(place.args(), env).finished;
  assert.match(
    theLine(finished),
    /^ZooKeeper refuses what galera-keeper needs: Cannot create "\/test-.*": its ACL does not allow it .*; give the --zookeeper-digest-file that the members have$/,
  );
  assert.equal(finished.status, 78);
  assert.deepEqual((await place.look()).znodes, znodes);
});
