/** The certificates of `--tls-dir`: where they are, whether they will do, and until when. */
import { X509Certificate } from "node:crypto";
import { ConfigError } from "../errors.ts";
import { runProgram } from "../machine/children.ts";
import { type Account, findProgram, searchPath } from "./programs.ts";

/** The paths of an authority's certificate, ours, and its key; all PEM. */
export interface TlsFiles {
  /** What signed the members' certificates: one or several. */
  readonly ca: string;
  /** Ours, and behind it those between it and the authority. */
  readonly cert: string;
  /** Its private key. What is in it is read by openssl and MariaDB alone. */
  readonly key: string;
}

/** The files of a `--tls-dir`. */
export function tlsFilesIn(directory: string): TlsFiles {
  return {
    ca: `${directory}/ca.pem`,
    cert: `${directory}/cert.pem`,
    key: `${directory}/key.pem`,
  };
}

/** How many days before their end certificates are warned of. */
const WARN_DAYS = 30;
const DAY_MS = 24 * 3600 * 1000;
/** Nobody's certificates are longer. */
const LONGEST_FILE_BYTES = 1 << 20;

/**
 * Looks at all that Galera and the SST's scripts will find wrong, before anything is started.
 *
 * As Galera and its scripts do it: by OpenSSL, a chain from `cert.pem` to a certificate in `ca.pem`, good
 * for servers and for clients, as a member is both (Galera's gu_asio.cpp; `verify_ca_matches_cert` and
 * `verify_cert_matches_key` of wsrep_sst_common). The name in it does not matter to either.
 *
 * @param account Who reads the files besides us.
 * @returns When the first of them ends.
 * @throws {ConfigError} Something is wrong with a file.
 * @throws {import("../errors.ts").UnavailableError} There is no openssl.
 */
export async function checkCertificates(files: TlsFiles, account: Account): Promise<Date> {
  const key = await readText(files.key);
  const ends = await readEnd(files);
  for (const path of [files.ca, files.cert, files.key]) await requireReadable(path, account);
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    throw new ConfigError(
      `The key "${files.key}" of --tls-dir has a passphrase, which nobody types at a start: ` +
        "take it off with openssl pkey, and have MariaDB's user alone read it",
    );
  }
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(key)) {
    throw new ConfigError(`The file "${files.key}" of --tls-dir holds no private key in PEM`);
  }
  const publicKeys = await Promise.all([
    openssl("pkey", "-in", files.key, "-pubout", "-passin", "pass:"),
    openssl("x509", "-in", files.cert, "-pubkey", "-noout"),
  ]);
  if (publicKeys[0].status !== 0) {
    throw new ConfigError(`The key "${files.key}" of --tls-dir is broken: openssl cannot read it`);
  }
  if (publicKeys[0].stdout !== publicKeys[1].stdout) {
    throw new ConfigError(
      `The key "${files.key}" of --tls-dir is not that of the certificate "${files.cert}": ` +
        "put the two there that belong together",
    );
  }
  for (const purpose of ["sslserver", "sslclient"]) await requireChain(files, purpose);
  return ends;
}

/** Whether anyone may read the key: what is in a container's volume may be meant so. */
export async function isKeyOpenToAll({ key }: TlsFiles): Promise<boolean> {
  return (((await Deno.stat(key)).mode ?? 0) & 0o004) !== 0;
}

/**
 * When the first of the certificates ends that a connection needs: ours, those between, and the last
 * one of the authorities, as old ones stay in `ca.pem` while members change theirs one by one.
 *
 * @throws {ConfigError} A file cannot be read, holds none, or one of ours has ended or not begun.
 */
export async function readEnd({ ca, cert }: TlsFiles): Promise<Date> {
  const authorities = certificatesIn(ca, await readText(ca));
  const own = certificatesIn(cert, await readText(cert));
  const nowMs = Date.now();
  for (const { validFromDate } of own) {
    if (validFromDate.getTime() <= nowMs) continue;
    throw new ConfigError(
      `The certificate "${cert}" of --tls-dir begins at ${iso(validFromDate)}, and it is ` +
        `${iso(new Date(nowMs))}: set the clock right, or make another`,
    );
  }
  const ends = (all: readonly X509Certificate[]) =>
    all.map(({ validToDate }) => validToDate.getTime());
  const ownEndMs = Math.min(...ends(own));
  if (ownEndMs <= nowMs) {
    throw new ConfigError(
      `The certificate "${cert}" of --tls-dir has expired, at ${iso(new Date(ownEndMs))}: put ` +
        "another there",
    );
  }
  return new Date(Math.min(ownEndMs, Math.max(...ends(authorities))));
}

/** How long certificates last yet, in a sentence, and whether it is time for others. */
export function describeEnd(end: Date): { readonly text: string; readonly isSoon: boolean } {
  const days = Math.floor((end.getTime() - Date.now()) / DAY_MS);
  const isSoon = days < WARN_DAYS;
  const left = days < 0 ? "that is over" : days === 1 ? "1 day left" : `${days} days left`;
  return {
    text: `The certificates of --tls-dir end at ${iso(end)}, ${left}${
      isSoon ? ": put others there" : ""
    }`,
    isSoon,
  };
}

function iso(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

async function readText(path: string): Promise<string> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) throw new ConfigError(`"${path}" of --tls-dir is no file`);
    if (size > LONGEST_FILE_BYTES) throw new ConfigError(`"${path}" of --tls-dir is no PEM file`);
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const why = cause instanceof Deno.errors.NotFound
      ? "it is not there"
      : cause instanceof Deno.errors.PermissionDenied
      ? "we may not"
      : cause instanceof Error
      ? cause.message.replace(/:.*/s, "")
      : String(cause);
    throw new ConfigError(
      `Cannot read "${path}": ${why}; --tls-dir needs ca.pem, cert.pem and key.pem`,
      { cause },
    );
  }
}

/** The certificates in a file. @throws {ConfigError} None, or one that is broken. */
function certificatesIn(path: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    throw new ConfigError(`The file "${path}" of --tls-dir holds no certificate in PEM`);
  }
  return blocks.map((block) => {
    try {
      const certificate = new X509Certificate(block);
      if (Number.isNaN(certificate.validToDate.getTime())) throw new Error("no end");
      return certificate;
    } catch (cause) {
      throw new ConfigError(`The file "${path}" of --tls-dir holds a broken certificate`, {
        cause,
      });
    }
  });
}

/** By asking the system as that account: modes alone do not know of folders above and of ACLs. */
async function requireReadable(path: string, account: Account): Promise<void> {
  if (!account.isOther || await may(account, "-r", path)) return;
  const { mode } = await Deno.stat(path);
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  if (!await may(account, "-x", folder)) {
    throw new ConfigError(
      `${account.name} may not enter the folder "${folder}" of --tls-dir: ` +
        `chmod a+x ${folder} and the folders above, or name another with --user`,
    );
  }
  throw new ConfigError(
    `${account.name} may not read "${path}" of --tls-dir, of mode ${
      ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0")
    }: chown ${account.name} ${path}, or name another user with --user`,
  );
}

async function may(account: Account, flag: "-r" | "-x", path: string): Promise<boolean> {
  const program = await findProgram(["setpriv"], "util-linux");
  const test = await findProgram(["test"], "coreutils");
  const identity = [`--reuid=${account.name}`, `--regid=${account.gid}`, "--init-groups"];
  return (await runProgram(program, { args: [...identity, "--", test, flag, path] })).success;
}

async function requireChain({ ca, cert }: TlsFiles, purpose: string): Promise<void> {
  const flags = ["-purpose", purpose, "-CAfile", ca, "-untrusted", cert];
  const { status, stdout, stderr } = await openssl("verify", ...flags, cert);
  if (status === 0) return;
  const [, why] = /^error \d+ at \d+ depth lookup: *(.{1,200})$/m.exec(stderr + stdout) ?? [];
  throw new ConfigError(
    `The certificate "${cert}" of --tls-dir does not come from "${ca}": ` +
      `${why ?? "openssl verify fails"} (openssl verify -purpose ${purpose})`,
  );
}

async function openssl(...args: readonly string[]) {
  const program = await findProgram(["openssl"], "openssl");
  const { code, stdout, stderr } = await runProgram(program, {
    args: [...args],
    clearEnv: true,
    // The authorities that the system trusts are none of Galera's.
    env: { PATH: searchPath(), SSL_CERT_DIR: "/nonexistent", SSL_CERT_FILE: "/nonexistent" },
  });
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
