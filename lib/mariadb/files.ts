/** Files in a datadir: written so that a crash leaves the old one or the new one. */

/** Whose a file is to be; null: ours, as it is. */
export type Owner = { readonly uid: number; readonly gid: number } | null;

/** Writes a file through a temporary one beside it: all or nothing, also in a power cut. */
export async function writeAtomically(
  path: string,
  text: string,
  mode: number,
  owner: Owner,
): Promise<void> {
  const temporary = `${path}.new`;
  await remove(temporary);
  {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode });
    await file.write(new TextEncoder().encode(text));
    await file.sync();
  }
  await Deno.chmod(temporary, mode); // Whatever the umask says.
  if (owner !== null) await Deno.chown(temporary, owner.uid, owner.gid);
  await Deno.rename(temporary, path);
  await syncFolder(path.slice(0, path.lastIndexOf("/")) || "/");
}

/** Makes sure that what was created, renamed or removed in a folder stays so in a power cut. */
export async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

/** Removes a file or a folder with all in it, if it is there. */
export async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The text of a file; null where there is none. */
export async function readTextIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
