// needs: tls
import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../lib/errors.ts";
import {
  checkCertificates,
  describeEnd,
  isKeyOpenToAll,
  readEnd,
  tlsFilesIn,
} from "../../lib/mariadb/certificates.ts";
import { watchCertificates } from "../../lib/mariadb/certificate_watch.ts";
import { findAccount } from "../../lib/mariadb/programs.ts";
import { getLogger } from "@logtape/logtape";
import { Authority } from "../certificates.ts";

/** Someone who is not root, where we are. */
const USER = Deno.uid() === 0 ? "nobody" : null;
const check = async (folder: string) =>
  await checkCertificates(tlsFilesIn(folder), await findAccount(USER));

/** The one line that a folder is refused with. */
async function refusal(folder: string): Promise<string> {
  const error = await check(folder).then(() => assert.fail(`${folder} was taken`), (why) => why);
  assert(error instanceof ConfigError, `${error}`);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f]/.test(error.message), error.message);
  return error.message.replaceAll(folder, "DIR");
}

Deno.test("checkCertificates() takes what belongs together, and says when the first of it ends", async () => {
  await using authority = await Authority.make();
  const owner = { owner: USER ?? "root" };
  const kinds: Record<string, readonly string[]> = {
    ec: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    p521: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ed25519: ["-algorithm", "ed25519"],
  };
  for (const [name, algorithm] of Object.entries(kinds)) {
    const folder = await authority.issue(name, { ...owner, algorithm, days: [-2, 40] });
    const { isSoon, text } = describeEnd(await check(folder));
    assert.match(text, /^The certificates of --tls-dir end at \d{4}-.*Z, 39 days left$/);
    assert.equal(isSoon, false);
  }
  const soon = await authority.issue("soon", { ...owner, days: [-2, 12] });
  const { isSoon, text } = describeEnd(await check(soon));
  assert.match(text, /, 11 days left: put others there$/);
  assert.equal(isSoon, true);
  // An authority that ends first ends all.
  const beyond = await authority.issue("beyond", { ...owner, days: [-1, 4000] });
  const days = ((await check(beyond)).getTime() - Date.now()) / 86_400_000;
  assert(days > 363 && days < 366, `${days}`);
});

Deno.test("checkCertificates() takes a chain, and several authorities while members change theirs", async () => {
  await using authority = await Authority.make();
  await using other = await Authority.make();
  const owner = { owner: USER ?? "root" };
  const leaf = await authority.issue("leaf", owner);
  const ca = await Deno.readTextFile(join(leaf, "ca.pem"));
  const both = await Deno.readTextFile(join(other.folder, "ca.pem")) + "\n" + ca;
  await Deno.writeTextFile(join(leaf, "ca.pem"), `Some words of people's\n${both}`);
  await check(leaf);

  // An authority in between stands behind our own certificate.
  await authority.issue("between", {
    extensions: ["basicConstraints=critical,CA:true", "keyUsage=keyCertSign"],
  });
  const key = join(leaf, "key.pem");
  const between = join(authority.folder, "between");
  await authority.openssl("req", "-new", "-key", key, "-subj", "/CN=leaf", "-out", "leaf.csr");
  await authority.openssl(
    ...["x509", "-req", "-in", "leaf.csr", "-CA", join(between, "cert.pem")],
    ...["-CAkey", join(between, "key.pem"), "-CAcreateserial", "-days", "9"],
    ...["-out", join(leaf, "cert.pem")],
  );
  assert.match(
    await refusal(leaf),
    /does not come from "DIR\/ca\.pem": unable to get local issuer/,
  );
  await Deno.writeTextFile(
    join(leaf, "cert.pem"),
    await Deno.readTextFile(join(leaf, "cert.pem")) +
      await Deno.readTextFile(join(between, "cert.pem")),
  );
  await check(leaf);
});

Deno.test("checkCertificates() refuses what would fail later, each in one line", async () => {
  await using authority = await Authority.make();
  await using other = await Authority.make();
  const owner = { owner: USER ?? "root" };
  const read = (folder: string, name: string) => Deno.readTextFile(join(folder, name));
  const good = await authority.issue("good", owner);
  const stranger = await other.issue("stranger", owner);
  const table: readonly (readonly [
    name: string,
    change: (folder: string) => Promise<unknown>,
    said: RegExp,
  ])[] = [
    [
      "no-key",
      (folder) => Deno.remove(join(folder, "key.pem")),
      /^Cannot read "DIR\/key\.pem": it is not there; --tls-dir needs ca\.pem, cert\.pem and key\.pem$/,
    ],
    [
      "no-ca",
      (folder) => Deno.remove(join(folder, "ca.pem")),
      /^Cannot read "DIR\/ca\.pem": it is not there/,
    ],
    [
      "no-file",
      async (folder) => {
        await Deno.remove(join(folder, "cert.pem"));
        await Deno.mkdir(join(folder, "cert.pem"));
      },
      /^"DIR\/cert\.pem" of --tls-dir is no file$/,
    ],
    [
      "huge",
      (folder) => Deno.truncate(join(folder, "cert.pem"), 1 << 30),
      /^"DIR\/cert\.pem" of --tls-dir is no PEM file$/,
    ],
    [
      "words",
      (folder) => Deno.writeTextFile(join(folder, "cert.pem"), "\x1b[2Jwords\n"),
      /^The file "DIR\/cert\.pem" of --tls-dir holds no certificate in PEM$/,
    ],
    [
      "broken",
      async (folder) =>
        await Deno.writeTextFile(
          join(folder, "ca.pem"),
          (await read(folder, "ca.pem")).replace(/\nM[^\n]*\n/, "\nAAAA\n"),
        ),
      /^The file "DIR\/ca\.pem" of --tls-dir holds a broken certificate$/,
    ],
    [
      "no-key-in-it",
      async (folder) =>
        await Deno.writeTextFile(join(folder, "key.pem"), await read(folder, "cert.pem")),
      /^The file "DIR\/key\.pem" of --tls-dir holds no private key in PEM$/,
    ],
    [
      "broken-key",
      (folder) =>
        Deno.writeTextFile(
          join(folder, "key.pem"),
          "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ),
      /^The key "DIR\/key\.pem" of --tls-dir is broken: openssl cannot read it$/,
    ],
    [
      "passphrase",
      (folder) =>
        authority.openssl(
          ...["pkcs8", "-topk8", "-passout", "pass:words", "-in", join(good, "key.pem")],
          ...["-out", join(folder, "key.pem")],
        ),
      /^The key "DIR\/key\.pem" of --tls-dir has a passphrase.* take it off with openssl pkey/,
    ],
    [
      "another-key",
      (folder) => Deno.copyFile(join(stranger, "key.pem"), join(folder, "key.pem")),
      /^The key "DIR\/key\.pem" of --tls-dir is not that of the certificate "DIR\/cert\.pem"/,
    ],
    [
      "another-authority",
      (folder) => Deno.copyFile(join(stranger, "ca.pem"), join(folder, "ca.pem")),
      /^The certificate "DIR\/cert\.pem" of --tls-dir does not come from "DIR\/ca\.pem": .*openssl/,
    ],
  ];
  for (const [name, change, said] of table) {
    const folder = await authority.issue(name, owner);
    await change(folder);
    assert.match(await refusal(folder), said, name);
  }
  const expired = await authority.issue("expired", { ...owner, days: [-9, -1] });
  assert.match(
    await refusal(expired),
    /^The certificate "DIR\/cert\.pem" .* has expired, at \d{4}-/,
  );
  const early = await authority.issue("early", { ...owner, days: [2, 9] });
  assert.match(await refusal(early), / begins at \d{4}-.*: set the clock right, or make another$/);
  const serverOnly = await authority.issue("server-only", {
    ...owner,
    extensions: ["extendedKeyUsage=serverAuth"],
  });
  assert.match(
    await refusal(serverOnly),
    /certificate purpose \(openssl verify -purpose sslclient/,
  );
  assert.match(
    await refusal(join(good, "nothing")),
    /^Cannot read "DIR\/key\.pem": it is not there/,
  );
});

Deno.test({
  name: "checkCertificates() asks whether MariaDB's user may read the files",
  ignore: USER === null, // Where we are not root that user is ourselves.
  async fn() {
    await using authority = await Authority.make();
    const folder = await authority.issue("mine", { owner: USER! });
    await check(folder);
    assert.equal(await isKeyOpenToAll(tlsFilesIn(folder)), false);
    const key = join(folder, "key.pem");
    await Deno.chown(key, 0, 0);
    assert.equal(
      await refusal(folder),
      'nobody may not read "DIR/key.pem" of --tls-dir, of mode 0600: chown nobody DIR/key.pem, ' +
        "or name another user with --user",
    );
    await Deno.chmod(key, 0o644);
    await check(folder);
    assert.equal(await isKeyOpenToAll(tlsFilesIn(folder)), true);
    await Deno.chmod(folder, 0o700);
    assert.match(
      await refusal(folder),
      /^nobody may not enter the folder "DIR" of --tls-dir: chmod/,
    );
  },
});

Deno.test("watchCertificates() follows the files, and outlives bad ones", async () => {
  await using authority = await Authority.make();
  const files = tlsFilesIn(await authority.issue("first", { owner: USER ?? "root" }));
  const next = tlsFilesIn(await authority.issue("next", { days: [-1, 77] }));
  const ends: string[] = [];
  let told = Promise.withResolvers<void>();
  const renewals: string[] = [];
  const renewed = Promise.withResolvers<void>();
  await using _watch = await watchCertificates({
    ...{ files, user: USER, program: "mariadbd", log: getLogger(["test"]), lookEveryMs: 10 },
    onEnd: (end) => {
      ends.push(end);
      told.resolve();
    },
    // It does not answer the first time.
    onRenewed: () => {
      const isFirst = renewals.length === 0;
      renewals.push(ends.at(-1)!);
      if (!isFirst) renewed.resolve();
      return Promise.resolve(!isFirst);
    },
  });
  assert.equal(ends[0], (await readEnd(files)).toISOString());
  await Deno.writeTextFile(files.cert, "nothing");
  await Deno.copyFile(next.key, files.key);
  await Deno.copyFile(next.cert, files.cert);
  const wanted = (await readEnd(next)).toISOString();
  while (ends.at(-1) !== wanted) {
    told = Promise.withResolvers();
    await told.promise;
  }
  assert.notEqual(ends[0], wanted);
  await renewed.promise;
  told = Promise.withResolvers();
  await told.promise;
  assert.deepEqual(renewals, [wanted, wanted]);
});
