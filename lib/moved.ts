/**
 * A member whose address is no longer its machine's: a container gets another one where its network is
 * taken away and given back. Nobody reaches its server by the old one, and Galera aborts where it cannot
 * listen there.
 */
import { type Machine, type RunConfig, THIS_MACHINE } from "./config.ts";
import type { Told } from "./drain.ts";
import { KeeperError } from "./errors.ts";
import { keep } from "./keeper.ts";
import { logger } from "./log.ts";
import type { ExitStatus } from "./mariadb/database.ts";
import type { Member } from "./member.ts";
import { isOurs } from "./settings/address.ts";
import type { Clock } from "./world.ts";

const log = logger("run");

/** What a member's life depends on besides its settings. */
export interface Life {
  readonly told: Told;
  /** Gives the settings as they would be now. */
  readonly configure: () => RunConfig;
}

/**
 * Keeps a member, as `keep()` does, as long as its address is its machine's.
 *
 * @returns The settings to start again with where it is not; else as `keep()`.
 */
export async function keepUntilMoved(
  member: Member,
  config: RunConfig,
  { told, configure }: Life,
): Promise<ExitStatus | RunConfig | null> {
  const moved = new AbortController();
  const ended = new AbortController();
  let next: RunConfig | null = null;
  let said = "";
  const look = () =>
    movedTo(config, configure, THIS_MACHINE, (problem) => {
      if (problem === said) return;
      said = problem;
      if (problem !== "") log.warn("Others no longer reach this member: {problem}", { problem });
    });
  untilMoved({
    look,
    maySettle: async () => await member.connected?.isPaused() === false,
    graceMs: config.zookeeper.sessionTimeoutMs,
    clock: member.world.clock,
  }, ended.signal).then((found) => {
    next = found;
    sayMoved(member, config, found);
    moved.abort(new Error("This member has another address now"));
  }, () => {});
  try {
    const either = (signal: AbortSignal) => AbortSignal.any([signal, moved.signal]);
    const status = await keep(member, { signal: either(told.signal), again: either(told.again) });
    if (told.signal.aborted || next !== null) return told.signal.aborted ? status : next;
    // Galera aborts where it cannot listen for an IST by the address that it was given.
    next = status === null ? null : look();
    if (next !== null) sayMoved(member, config, next);
    return next ?? status;
  } finally {
    ended.abort();
  }
}

function sayMoved({ progress }: Member, { address }: RunConfig, next: RunConfig): void {
  const what = `This machine had the address ${address} and has ${next.address} now`;
  progress.note(what);
  log.warn("{what}: starting again with it", { what });
}

/**
 * The settings with another address, where ours is no longer this machine's and there is another to be had.
 *
 * @param tell Told each time why there is none where ours is gone; nothing where it is not, or there is.
 */
export function movedTo(
  { address }: Pick<RunConfig, "address">,
  configure: () => RunConfig,
  machine: Pick<Machine, "interfaces">,
  tell: (problem: string) => void,
): RunConfig | null {
  try {
    const next = isOurs(address, machine.interfaces()) ? null : configure();
    tell("");
    return next;
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    tell(error.message);
    return null;
  }
}

/** What the watch needs from outside. */
export interface Watched<Next> {
  /** What to go on with where the address is gone and there is another; null otherwise. */
  look(): Next | null;
  /** Whether ZooKeeper is reached now, and nobody had all starts and stops pause. */
  maySettle(): Promise<boolean>;
  /** How long that has to last, in milliseconds: longer than a connection outlives its address. */
  readonly graceMs: number;
  readonly clock: Clock;
}

/** Between two looks, in milliseconds. */
const LOOK_MS = 1000;

/**
 * Waits until the address has gone for good, there is another one, and ZooKeeper is reached by that: one
 * that reaches nobody is no reason to stop a server that runs.
 *
 * @returns What to go on with.
 * @throws The signal's reason.
 */
export async function untilMoved<Next>(
  { look, maySettle, graceMs, clock }: Watched<Next>,
  signal: AbortSignal,
): Promise<Next> {
  let sinceMs: number | null = null;
  for (;;) {
    await clock.sleep(LOOK_MS, signal);
    const next = look();
    if (next === null || !await maySettle().catch(() => false)) {
      sinceMs = null;
      continue;
    }
    sinceMs ??= clock.nowMs();
    if (clock.nowMs() - sinceMs >= graceMs) return next;
  }
}
