/** Paths of znodes: which are valid, and how a chroot is put before them. */

/**
 * Says whether a path is valid, by the rules of the C client: absolute, no empty part, no part that
 * is `.` or `..`, no control characters, no slash at the end.
 *
 * @param sequential The server appends a number: the last part may be empty or dots.
 */
export function isValidPath(path: string, sequential = false): boolean {
  const length = path.length;
  if (length === 0 || path.charCodeAt(0) !== SLASH) return false;
  if (length === 1) return true;
  let partBegins = 1;
  for (let i = 1; i <= length; i++) {
    const atEnd = i === length;
    const unit = atEnd ? SLASH : path.charCodeAt(i);
    if (unit < 0x1f) return false;
    if (unit !== SLASH) continue;
    if (!(atEnd && sequential) && !isValidPart(path, partBegins, i)) return false;
    partBegins = i + 1;
  }
  return true;
}

const SLASH = 0x2f;
const DOT = 0x2e;

function isValidPart(path: string, begin: number, end: number): boolean {
  const length = end - begin;
  if (length === 0) return false;
  if (length > 2 || path.charCodeAt(begin) !== DOT) return true;
  return length === 2 && path.charCodeAt(begin + 1) !== DOT;
}

/**
 * Puts the chroot (empty for none) before a path.
 *
 * @param sequential The server appends a number: to "/" it must come below the chroot, not beside it.
 */
export function withChroot(chroot: string, path: string, sequential = false): string {
  if (chroot === "") return path;
  return path === "/" && !sequential ? chroot : chroot + path;
}

/** Takes the chroot (empty for none) off a path that the server gave; others stay as they are. */
export function withoutChroot(chroot: string, path: string): string {
  if (chroot === "" || !path.startsWith(chroot)) return path;
  if (path.length === chroot.length) return "/";
  return path.charCodeAt(chroot.length) === SLASH ? path.slice(chroot.length) : path;
}
