/**
 * Process 1 is handed every process of its container whose parent has ended: an SST script's, those of
 * `kubectl exec`. Each stays a zombie until somebody takes its status, and Deno takes those of its own
 * children alone. By FFI to waitid(2), as nothing else reaches them.
 */

import { existsSync } from "node:fs";
import type { Logger } from "@logtape/logtape";
import { isOwnChild, whenStatusTaken } from "./children.ts";

/** libc where Debian, Ubuntu and Red Hat have it; deno.json permits these and no others. */
const LIBRARIES = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
];

/** A look besides those that signals cause, in milliseconds: of signals that come at once one is heard. */
const LOOK_EVERY_MS = 10_000;

// linux/wait.h
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
/** Of `siginfo_t` on 64-bit machines (asm-generic/siginfo.h), amd64 and arm64 among them. */
const SIGINFO_BYTES = 128;
const SI_PID_AT = 16;

/** Takes the status of a zombie, or looks at one: waitid(2). @returns 0, or -1 where there is no child. */
type WaitId = (
  idType: number,
  id: number,
  info: Uint8Array<ArrayBuffer>,
  options: number,
) => number;

/**
 * Takes the statuses of orphans from now on, where we are process 1.
 *
 * @param log Where it cannot: one warning, and they stay zombies.
 */
export function reapOrphans(log: Logger): Disposable {
  if (Deno.pid !== 1) return { [Symbol.dispose]() {} };
  let waitId: WaitId;
  try {
    waitId = openWaitId();
  } catch (error) {
    log.warn(
      "As process 1 we cannot take the statuses of orphaned processes, so each stays a zombie: " +
        "{problem}; start us with an init in front, as docker run --init does",
      { problem: error instanceof Error ? error.message : error },
    );
    return { [Symbol.dispose]() {} };
  }
  const reap = () => reapAll(waitId, isOwnChild);
  Deno.addSignalListener("SIGCHLD", reap);
  const timer = setInterval(reap, LOOK_EVERY_MS);
  whenStatusTaken(reap);
  reap();
  return {
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGCHLD", reap);
      clearInterval(timer);
      whenStatusTaken(() => {});
    },
  };
}

/** @throws {Error} It cannot be opened. */
function openWaitId(): WaitId {
  let problem: unknown = new Error(`none of ${LIBRARIES.join(", ")} is there`);
  for (const path of LIBRARIES.filter((one) => existsSync(one))) {
    try {
      // A machine may have that of another architecture, too.
      return Deno.dlopen(path, {
        waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
      }).symbols.waitid;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/**
 * Takes the statuses of all zombies that are not our own, up to the first that is: the kernel shows
 * one at a time, and whoever started that one has yet to take its status.
 *
 * @returns How many there were.
 */
export function reapAll(waitId: WaitId, isOwn: (pid: number) => boolean): number {
  const info = new Uint8Array(SIGINFO_BYTES);
  const fields = new DataView(info.buffer);
  const isLittleEndian = true;
  for (let count = 0;; count++) {
    info.fill(0);
    if (waitId(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) !== 0) return count;
    const pid = fields.getInt32(SI_PID_AT, isLittleEndian);
    if (pid === 0 || isOwn(pid)) return count;
    if (waitId(P_PID, pid, info, WEXITED | WNOHANG) !== 0) return count;
  }
}
