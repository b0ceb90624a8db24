/** What mariadb-backup complained of in a log file of its own, which SST scripts only point at. */

/** `mariadb-backup finished with error: 1. Check syslog or '/d/mariabackup.backup.log' for details`. */
const POINTER = /[.,]? ?Check syslog or '([^']+)' for details\.?/;
/** Its last lines say why it gave up. */
const TAIL_BYTES = 16_384;

/** Puts the reason itself into a sentence that only says where it is. Unchanged where it is not there. */
export async function withReason(failure: string): Promise<string> {
  const [pointer, path] = POINTER.exec(failure) ?? [];
  if (pointer === undefined || path === undefined) return failure;
  const reason = lastComplaint(await readTail(path).catch(() => ""));
  return reason === null ? failure : failure.replace(pointer, () => `: ${reason}`);
}

/** The last line that is an error, without thread and time; null where none is. */
export function lastComplaint(text: string): string | null {
  const lines = text.split("\n").map((line) =>
    line.replace(/^(?:\[\d+\] )?(?:FATAL ERROR: )?(?:\d{4}-\d\d-\d\d +\d+:\d\d:\d\d )?/, "").trim()
  );
  return lines.findLast((line) => /\b(?:error|failed|denied|cannot|can't)\b/i.test(line)) ?? null;
}

async function readTail(path: string): Promise<string> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
  return await new Response(file.readable).text();
}
