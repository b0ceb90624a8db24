/** The access lists of znodes, as text. */
import type { Session } from "../../lib/zookeeper/session.ts";

const LETTERS: readonly (readonly [number, string])[] = [
  [4, "c"],
  [8, "d"],
  [1, "r"],
  [2, "w"],
  [16, "a"],
];

/** `scheme:id:rights` of all znodes below one and its own, sorted, by path. */
export async function aclsBelow(
  session: Session,
  path: string,
): Promise<Map<string, readonly string[]>> {
  const all = new Map<string, readonly string[]>();
  const acl = await aclOf(session, path);
  if (acl === null) return all;
  all.set(path, acl);
  // An ephemeral may go while we look.
  const { children } = await session.children(path).catch(() => ({ children: [] }));
  for (const child of children) {
    for (const [below, rules] of await aclsBelow(session, `${path}/${child}`)) {
      all.set(below, rules);
    }
  }
  return all;
}

function aclOf(session: Session, path: string): Promise<readonly string[] | null> {
  return new Promise((resolve, reject) => {
    session.client.native.a_get_acl(path, (code, text, acl) => {
      if (code === -101) return resolve(null);
      if (code !== 0 || acl === null) return reject(new Error(`${path}: ${text}`));
      resolve(
        acl.map(({ scheme, auth, perms }) =>
          `${scheme}:${auth}:${
            LETTERS.map(([bit, letter]) => (perms & bit) === 0 ? "" : letter).join("")
          }`
        ).toSorted(),
      );
    });
  });
}
