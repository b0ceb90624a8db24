/** The files that say how ZooKeeper knows us and who else may do what there. */

import { ConfigError } from "../errors.ts";
import { type AccessRule, ALL_RIGHTS, parseAcl } from "./acl.ts";
import { ValueError } from "./values.ts";
import { readSecretFile, type ReadTextFile } from "./variables.ts";

/** Certificates for a connection to ZooKeeper; all PEM. */
export interface ZooKeeperTls {
  /** Authorities to trust besides the system's. */
  readonly caCerts: readonly string[];
  /** Our own, where ZooKeeper asks for one. */
  readonly cert?: string;
  /** Its key. Secret. */
  readonly key?: string;
}

/**
 * Reads `--zookeeper-acl-file`; null without one.
 *
 * @param hasDigest We have a digest: all rights for its owner go without saying.
 * @param hasCertificate We have a certificate, which ZooKeeper may know us by.
 * @throws {ConfigError} It cannot be read, a line is wrong, or we would lock ourselves out.
 */
export function readAclFile(
  file: string | null,
  hasDigest: boolean,
  hasCertificate: boolean,
  readTextFile: ReadTextFile,
): readonly AccessRule[] | null {
  if (file === null) return null;
  const text = readSecretFile("--zookeeper-acl-file", file, readTextFile);
  const refuse = (why: string, cause?: unknown) =>
    new ConfigError(`The file "${file}" that --zookeeper-acl-file names: ${why}`, { cause });
  let rules: readonly AccessRule[];
  try {
    rules = parseAcl(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw refuse(error.message, error);
  }
  if (hasDigest) return rules;
  if (rules.some(({ scheme }) => scheme === "auth") && !hasCertificate) {
    throw refuse("auth::cdrwa is nobody without --zookeeper-digest-file or a certificate of ours");
  }
  if (!rules.some(({ rights }) => rights.length === ALL_RIGHTS.length)) {
    throw refuse(
      "nobody has all rights, we neither: give --zookeeper-digest-file, or a rule that we fit " +
        `with ${ALL_RIGHTS}, as ip:10.0.0.0/8:${ALL_RIGHTS}`,
    );
  }
  return rules;
}

/**
 * Reads `--zookeeper-tls-dir`; null without one.
 * @throws {ConfigError} A file is missing, cannot be read, or does not hold what its name says.
 */
export function readZooKeeperTls(
  directory: string | null,
  readTextFile: ReadTextFile,
): ZooKeeperTls | null {
  if (directory === null) return null;
  const read = (name: string, what: string, sign: RegExp) => {
    const path = `${directory}/${name}`;
    const text = readSecretFile("--zookeeper-tls-dir", path, readTextFile);
    if (sign.test(text)) return text;
    throw new ConfigError(`The file "${path}" of --zookeeper-tls-dir holds no ${what} in PEM`);
  };
  const certificate = /-----BEGIN CERTIFICATE-----/;
  const caCerts = [read("ca.pem", "certificate", certificate)];
  const has = (name: string) => {
    try {
      readTextFile(`${directory}/${name}`);
      return true;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound);
    }
  };
  // A server that asks for none is content with what it shows itself.
  if (!has("cert.pem") && !has("key.pem")) return { caCerts };
  return {
    caCerts,
    cert: read("cert.pem", "certificate", certificate),
    key: read(
      "key.pem",
      "private key without a passphrase",
      /-----BEGIN (?!ENCRYPTED)(?:[A-Z]+ )?PRIVATE KEY-----(?!\s*Proc-Type)/,
    ),
  };
}
