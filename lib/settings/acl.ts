/** Reads who may do what with our znodes: `--zookeeper-acl-file`. Pure. */

import { isIP } from "node:net";
import { shown } from "./shown.ts";
import { ValueError } from "./values.ts";

/** One line: who, and what they may. */
export interface AccessRule {
  readonly scheme: string;
  readonly id: string;
  /** ZooKeeper's rights, as letters of `cdrwa`. */
  readonly rights: string;
}

/** All rights: create, delete, read, write, admin. */
export const ALL_RIGHTS = "cdrwa";
/** More would only slow ZooKeeper down: the list is in each znode. */
const MOST_RULES = 50;

/** For each scheme, whether an id is one, and what it should be. */
const SCHEMES: Readonly<Record<string, readonly [isId: (id: string) => boolean, rule: string]>> = {
  world: [(id) => id === "anyone", "world:anyone:RIGHTS"],
  ip: [isNetwork, "ip:ADDRESS[/BITS]:RIGHTS, as in ip:10.0.0.0/8:r"],
  // Nothing of a wrong one may be said: it may be a password.
  digest: [
    (id) => /^[^:\s]+:[A-Za-z0-9+/]{27}=$/.test(id),
    "digest:USER:HASH:RIGHTS with the hash of ZooKeeper's DigestAuthenticationProvider, not the password",
  ],
  auth: [(id) => id === "", "auth::cdrwa, which is whoever creates"],
  sasl: [isName, "sasl:NAME:RIGHTS"],
  x509: [isName, "x509:SUBJECT:RIGHTS"],
};

/**
 * Reads a rule a line, `scheme:id:rights`; empty lines, and those that begin with `#`, are left out.
 *
 * The schemes are ZooKeeper's own (its Programmer's Guide, "Builtin ACL Schemes").
 * @throws {ValueError} The first mistake, with its line.
 */
export function parseAcl(text: string): readonly AccessRule[] {
  const rules: AccessRule[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const rule = parseRule(line, index + 1);
    if (rules.some(({ scheme, id }) => scheme === rule.scheme && id === rule.id)) {
      throw new ValueError(`line ${index + 1} is about somebody that a line above is about, too`);
    }
    rules.push(rule);
    if (rules.length > MOST_RULES) throw new ValueError(`it has more than ${MOST_RULES} rules`);
  }
  return rules;
}

function parseRule(line: string, number: number): AccessRule {
  const [, scheme = "", id = "", rights = ""] = /^([^:]*):(.*):([^:]*)$/.exec(line) ?? [];
  const [isId, rule] = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme]! : [];
  const isPublic = isId !== undefined && scheme !== "digest";
  const where = isPublic ? `line ${number}, ${shown(line)}` : `line ${number}`;
  if (isId === undefined) {
    const schemes = Object.keys(SCHEMES).join(", ");
    throw new ValueError(`${where}: expected scheme:id:rights, the scheme one of ${schemes}`);
  }
  if (!isId(id)) throw new ValueError(`${where}: expected ${rule}`);
  const isRights = /^[cdrwa]{1,5}$/.test(rights) && new Set(rights).size === rights.length;
  if (!isRights || (scheme === "auth" && rights.length < ALL_RIGHTS.length)) {
    throw new ValueError(
      `${where}: expected rights, each once: c(reate) d(elete) r(ead) w(rite) a(dmin)` +
        (scheme === "auth" ? ", all of them for ourselves" : ""),
    );
  }
  return { scheme, id, rights };
}

function isNetwork(id: string): boolean {
  const [, address = "", bits] = /^([0-9A-Fa-f.:]{2,45})(?:\/(\d{1,3}))?$/.exec(id) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}

function isName(id: string): boolean {
  // deno-lint-ignore no-control-regex
  return id !== "" && id.length <= 1000 && !/[\x00-\x1f\x7f-\x9f]/.test(id);
}
