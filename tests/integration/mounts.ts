/** A place where files of the machine are others: a mount namespace, which goes with its processes. */

/**
 * What starts a program where some files or folders are replaced; for a member's place.
 *
 * @param replaced What is to be seen in whose place, by path; both have to be there.
 */
export function replacing(replaced: Readonly<Record<string, string>>): readonly string[] {
  const pairs = Object.entries(replaced);
  const mounts = pairs.map((_, at) => `mount --bind "$${2 * at + 2}" "$${2 * at + 1}"`);
  const script = [...mounts, `shift ${2 * pairs.length}`, 'exec "$@"'].join(" && ");
  return ["unshare", "--mount", "--", "sh", "-c", script, "sh", ...pairs.flat()];
}

/** Addresses that no other test has. */
export function addresses(count: number): readonly string[] {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  const network = `127.${200 + byte() % 40}.${byte()}`;
  return Array.from({ length: count }, (_, index) => `${network}.${index + 1}`);
}
