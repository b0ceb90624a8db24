/** Looks at the certificates of `--tls-dir` at the start and then once a day. */
import type { Logger } from "@logtape/logtape";
import { REAL_CLOCK } from "../machine/clock.ts";
import { checkCertificates, describeEnd, isKeyOpenToAll, type TlsFiles } from "./certificates.ts";
import { findAccount } from "./programs.ts";

/** Between two looks, in milliseconds: certificates are renewed days before their end. */
const LOOK_EVERY_MS = 24 * 3600 * 1000;

/** What is told of certificates. */
export interface CertificateOptions {
  readonly files: TlsFiles;
  /** The system's user that reads them besides us, where we are root. */
  readonly user: string | null;
  /** What runs as that user, in a message. */
  readonly program: string;
  readonly log: Logger;
  /** Told when they end, ISO 8601: at once, and again where that has changed. */
  readonly onEnd?: (end: string) => void;
  /** Has what runs take those that were put in place of its own. Gives whether it has. */
  readonly onRenewed?: () => Promise<boolean>;
  /** Between two looks; a day by default. */
  readonly lookEveryMs?: number;
}

/**
 * Makes sure that the certificates will do, and looks at their end from then on. What is wrong with
 * those that take their place is a warning: a server that runs goes on with the old ones.
 *
 * @returns Disposing of it ends the looks; none is under way then.
 * @throws {import("../errors.ts").KeeperError} They will not do; as `checkCertificates()`.
 */
export async function watchCertificates(options: CertificateOptions): Promise<AsyncDisposable> {
  const { files, user, program, log, onEnd = () => {}, lookEveryMs = LOOK_EVERY_MS } = options;
  const { onRenewed = () => Promise.resolve(false) } = options;
  const say = (end: Date) => {
    onEnd(end.toISOString());
    const { text, isSoon } = describeEnd(end);
    log[isSoon ? "warn" : "info"]("{text}", { text });
  };
  const account = await findAccount(user, program);
  say(await checkCertificates(files, account));
  let used = await textOf(files);
  if (await isKeyOpenToAll(files)) {
    log.warn('Anyone may read the key "{key}" of --tls-dir: chmod o= {key}', { key: files.key });
  }
  const ended = new AbortController();
  const look = async () => {
    for (;;) {
      await REAL_CLOCK.sleep(lookEveryMs, ended.signal);
      try {
        say(await checkCertificates(files, account));
        const found = await textOf(files);
        if (found !== used && await onRenewed()) {
          used = found;
          log.info("New connections use the certificates that were put into --tls-dir");
        }
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        log.warn("{problem}; what runs goes on with those it has", { problem });
      }
    }
  };
  const looking = look().catch(() => {});
  return {
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await looking;
    },
  };
}

/** What is public of them. */
async function textOf({ ca, cert }: TlsFiles): Promise<string> {
  return await Deno.readTextFile(ca) + await Deno.readTextFile(cert);
}
