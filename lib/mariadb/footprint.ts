/** How many bytes an SST of a datadir will copy. */

/** Folders at the top that rsync's script leaves alone (wsrep_sst_rsync: its FILTER and its find). */
const RSYNC_LEAVES = /^(?:lost\+found|\.zfs|\.snapshot)$/;
/** … and the files there that it takes. */
const RSYNC_TAKES = /^(?:ibdata.*|ib_logfile0|undo.*|aria_log_control|aria_log\..*)$/;
/** Files that mariadb-backup copies; of the redo log only what is new, by and by. */
const BACKUP_TAKES =
  /^(?:ibdata.*|undo\d+|aria_log.*)$|\.(?:ibd|MYD|MYI|MAD|MAI|MRG|CSM|CSV|frm|par|opt|ARM|ARZ)$/;

/**
 * Bytes that the scripts of an SST will copy from a datadir as it is now. What is written meanwhile
 * comes on top, and InnoDB's files that are kept elsewhere.
 *
 * @param method Its `wsrep_sst_method`.
 */
export async function footprint(datadir: string, method: string): Promise<number> {
  return method.startsWith("rsync")
    ? await sizeOf(
      datadir,
      ({ name, isDirectory }, isTop) =>
        !isTop || (isDirectory ? !RSYNC_LEAVES.test(name) : RSYNC_TAKES.test(name)),
    )
    : await sizeOf(
      datadir,
      ({ name, isDirectory }) =>
        isDirectory ? !/^(?:lost\+found|\.sst)$/.test(name) : BACKUP_TAKES.test(name),
    );
}

async function sizeOf(
  folder: string,
  takes: (entry: Deno.DirEntry, isTop: boolean) => boolean,
  isTop = true,
): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(folder)) {
    if (!takes(entry, isTop)) continue;
    const path = `${folder}/${entry.name}`;
    bytes += await (entry.isDirectory ? sizeOf(path, takes, false) : fileSize(path)).catch(
      // A table may be dropped meanwhile.
      (error) => {
        if (error instanceof Deno.errors.NotFound) return 0;
        throw error;
      },
    );
  }
  return bytes;
}

async function fileSize(path: string): Promise<number> {
  const { isFile, size } = await Deno.stat(path);
  return isFile ? size : 0;
}
