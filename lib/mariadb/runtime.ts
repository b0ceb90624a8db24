/** A folder of ours while a server runs: its option file and private sockets. */
import { UnavailableError } from "../errors.ts";
import { type Owner, remove, writeAtomically } from "./files.ts";

/** What its name begins with; a server whose option file is in such a folder was a keeper's. */
export const RUNTIME_PREFIX = "galera-keeper-";

/** Such a folder: the account that mariadbd runs as may enter it, nobody else but root. */
export class RuntimeFolder {
  readonly path: string;
  readonly #owner: Owner;

  private constructor(path: string, owner: Owner) {
    this.path = path;
    this.#owner = owner;
  }

  /** Makes one. @throws {UnavailableError} It can be made nowhere. */
  static async make(owner: Owner): Promise<RuntimeFolder> {
    let cause: unknown;
    // /run is in memory and root's; a container's may be read-only, or we may not be root.
    for (const dir of owner === null ? [undefined] : ["/run", undefined]) {
      try {
        const path = await Deno.makeTempDir({ prefix: RUNTIME_PREFIX, ...(dir && { dir }) });
        if (owner !== null) await Deno.chown(path, owner.uid, owner.gid);
        return new RuntimeFolder(path, owner);
      } catch (error) {
        cause = error;
      }
    }
    throw new UnavailableError(
      `Cannot make a temporary folder: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }

  /** Writes a file that only the account reads. @returns Its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await writeAtomically(path, text, 0o600, this.#owner);
    return path;
  }

  /** Takes it away with all in it. */
  async remove(): Promise<void> {
    await remove(this.path);
  }
}
