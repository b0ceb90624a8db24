/** Folders of ours while a server runs: its option file, its temporary files. */
import { UnavailableError } from "../errors.ts";
import { type Owner, remove, writeAtomically } from "./files.ts";

/** What its name begins with; a server whose option file is in such a folder was a keeper's. */
export const RUNTIME_PREFIX = "galera-keeper-";

/** Such folders: the account that mariadbd runs as may enter them, nobody else but root. */
export class RuntimeFolder {
  readonly path: string;
  /**
   * For temporary files: a mariadbd that starts removes all `#sql…` files of its temporary folder,
   * those of another server that runs, too.
   */
  readonly temporary: string;
  readonly #owner: Owner;

  private constructor(path: string, temporary: string, owner: Owner) {
    this.path = path;
    this.temporary = temporary;
    this.#owner = owner;
  }

  /** The environment that makes a program use the folder for temporary files, unless told otherwise. */
  get env(): Readonly<Record<string, string>> {
    return { TMPDIR: this.temporary };
  }

  /**
   * Makes them, anew if a keeper that was killed left them behind.
   *
   * @param datadir Held by us: the folders' names come from it.
   * @throws {UnavailableError} They can be made nowhere.
   */
  static async make(datadir: string, owner: Owner): Promise<RuntimeFolder> {
    const name = `${RUNTIME_PREFIX}${await shortHash(datadir)}`;
    const temporary = Deno.env.get("TMPDIR") || "/tmp";
    // /run is in memory and root's; a container's may be read-only, or we may not be root.
    const path =
      (owner === null ? null : await makeFolder("/run", name, owner).catch(() => null)) ??
        await makeFolder(temporary, name, owner);
    return new RuntimeFolder(path, await makeFolder(temporary, `${name}-tmp`, owner), owner);
  }

  /**
   * Takes away what a keeper that was killed left behind, whose server is no more: the next start may
   * be long in coming.
   *
   * @param datadir Held by us.
   */
  static async clear(datadir: string): Promise<void> {
    const name = `${RUNTIME_PREFIX}${await shortHash(datadir)}`;
    const temporary = Deno.env.get("TMPDIR") || "/tmp";
    for (const path of [`/run/${name}`, `${temporary}/${name}`, `${temporary}/${name}-tmp`]) {
      // Somebody else's, who has taken the name, is left to them.
      await remove(path).catch(() => {});
    }
  }

  /** Writes a file that only the account reads. @returns Its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await writeAtomically(path, text, 0o600, this.#owner);
    return path;
  }

  /** Takes them away with all in them. */
  async remove(): Promise<void> {
    await remove(this.path);
    await remove(this.temporary);
  }
}

/** In a folder that is everyone's, somebody else may have taken the name: then another will do. */
async function makeFolder(parent: string, name: string, owner: Owner): Promise<string> {
  try {
    const path = await makeNamed(`${parent}/${name}`) ??
      await Deno.makeTempDir({ dir: parent, prefix: `${name}-` });
    if (owner !== null) await Deno.chown(path, owner.uid, owner.gid);
    return path;
  } catch (cause) {
    throw new UnavailableError(
      `Cannot make a temporary folder: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

async function makeNamed(path: string): Promise<string | null> {
  try {
    await remove(path);
    await Deno.mkdir(path, { mode: 0o700 });
    return path;
  } catch {
    return null;
  }
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest).slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
