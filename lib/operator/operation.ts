/** What the operator's commands share: a session, the members by name, a confirmed plan. */

import type { Scene } from "../cluster/dry_run.ts";
import type { Plan, Refusal, Sight } from "../cluster/operate.ts";
import { nameOf } from "../cluster/say.ts";
import type { Environment, OptionDefinition } from "../command.ts";
import { buildLogConfig, buildZooKeeperConfig } from "../config.ts";
import { RefusedError, UnavailableError, UsageError } from "../errors.ts";
import { startLog } from "../log.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { askLine, STDOUT } from "../machine/terminal.ts";
import { Operator } from "./operator.ts";
import { readScene, type SeenScene } from "./scene.ts";
import type { LogOptions, ZooKeeperOptions } from "../settings/options.ts";
import { askStatus } from "../http.ts";
import type { Ensemble } from "../zookeeper/ensemble.ts";
import { ConnectionLossError, SessionExpiredError, ZooKeeperError } from "../zookeeper/errors.ts";
import { refusedByZooKeeper } from "../refusal.ts";
import { suggestionFor } from "./suggestion.ts";
import { ZnodeError } from "../znodes.ts";
import { openSession } from "../zookeeper_session.ts";

/** Who types, and when: for people, nothing rests on it. */
export function askerOf(
  { SUDO_USER, USER, LOGNAME }: Environment,
): { readonly by: string; readonly since: string } {
  const user = SUDO_USER || USER || LOGNAME || `uid ${Deno.uid() ?? "unknown"}`;
  return { by: `${user}@${Deno.hostname()}`, since: REAL_CLOCK.now().replace(/\.\d+Z$/, "Z") };
}

/** How long to wait for ZooKeeper: whoever asks wants an answer. */
const PATIENCE_MS = 10_000;
/** How often a plan is made anew where what it rests on has changed. */
const TRIES = 5;

/** Where an operator's command works. */
export interface Ground {
  readonly ensemble: Ensemble;
  /** Empty for `/`. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/**
 * Opens a session for one command.
 *
 * @param patienceMs How long to wait for ZooKeeper at most, in milliseconds.
 * @throws {UnavailableError} ZooKeeper cannot be reached, or not any more.
 * @throws {ConfigError} ZooKeeper refuses what the command does.
 */
export async function withSession<T>(
  options: ZooKeeperOptions & LogOptions,
  env: Environment,
  signal: AbortSignal,
  body: (ground: Ground) => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  startLog(buildLogConfig(options));
  const config = buildZooKeeperConfig(options, env);
  await using ensemble = await openSession(config, { signal, patienceMs });
  try {
    return await body({ ensemble, root: config.root, signal });
  } catch (cause) {
    throw refusalOf(cause);
  }
}

/** What ZooKeeper answered, as an error that a person can act on; any other error as it is. */
export function refusalOf(cause: unknown): unknown {
  if (cause instanceof ConnectionLossError || cause instanceof SessionExpiredError) {
    return new UnavailableError(`ZooKeeper does not answer any more: ${cause.message}`, { cause });
  }
  if (cause instanceof ZnodeError) {
    return new RefusedError(
      `Refused for a znode that is none of galera-keeper's: ${cause.message}`,
      {
        cause,
      },
    );
  }
  return cause instanceof ZooKeeperError ? refusedByZooKeeper(cause) : cause;
}

/**
 * Reads all that is on record.
 *
 * @throws {UnavailableError} Nobody has ever reported below the root.
 */
export async function readMembers({ ensemble, root, signal }: Ground): Promise<SeenScene> {
  const scene = await readScene(ensemble, root, signal);
  if (scene.sight.records.length > 0) return scene;
  throw new UnavailableError(
    `No member has reported below ${root || "/"} yet: start one, or give the --root that they have`,
  );
}

/** Makes sure that a member is on record. @throws {UsageError} It is not. */
export function requireMember({ sight }: Scene, member: string): void {
  requireKnown(member, sight.records.map(nameOf));
}

/** Makes sure that a name is one of those that are known. @throws {UsageError} It is not. */
export function requireKnown(member: string, names: readonly string[]): void {
  if (names.includes(member)) return;
  throw new UsageError(
    `There is no member "${member}" on record${suggestionFor(member, names)}: known are ` +
      names.join(", "),
  );
}

/** The options of a command that writes a plan. */
export interface PlanOptions {
  readonly confirm?: string;
  readonly dryRun?: boolean;
}

/** The options that go with `PlanOptions`. */
export const PLAN_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--confirm <uuid>",
    description:
      "the cluster's UUID (a member's name where there is none yet), instead of typing " +
      "it: whoever has it has looked",
  },
  { flags: "--dry-run", description: "say what would be done, and do nothing" },
];

/** What is to be done, and for whom. */
export interface Order {
  readonly member: string;
  /** Also where nothing is known to be lost. */
  readonly alwaysConfirm: boolean;
  plan(sight: Sight): Plan | Refusal;
}

/**
 * Says what is planned and what may be lost by it, has it confirmed, and writes it, all or nothing; does
 * so anew where what it rests on has changed meanwhile.
 *
 * @returns What was written; null for a dry run.
 * @throws {RefusedError} It cannot be done. @throws {UsageError} It is not confirmed.
 */
export async function giveOrder(
  ground: Ground,
  order: Order,
  options: PlanOptions,
): Promise<Plan | null> {
  const { ensemble, root, signal } = ground;
  let shown = "";
  for (let tries = 0; tries < TRIES; tries++) {
    const scene = await readMembers(ground);
    requireMember(scene, order.member);
    const plan = order.plan(scene.sight);
    if (plan.kind === "refused") throw new RefusedError(plan.reason);
    const text = describePlan(plan);
    if (text !== shown) {
      if (shown !== "") STDOUT.write("What is on record has changed meanwhile\n");
      STDOUT.write(text);
      shown = text;
      if (options.dryRun) return null;
      await confirm(order, plan, options.confirm, signal);
    }
    const operator = new Operator(ensemble, root, askStatus);
    if (scene.reading !== null && await operator.carryOut(plan, scene.reading)) return plan;
  }
  throw new UnavailableError(
    "What is on record changes while it is read, and nothing was written: try again",
  );
}

function describePlan({ outcome, losses }: Plan): string {
  const lost = losses.length === 0
    ? ["Nothing is known that may be lost"]
    : ["May be lost:", ...losses.map((loss) => `  ${loss}`)];
  return [`Plan: ${outcome}`, ...lost].map((line) => `${line}\n`).join("");
}

/** @throws {UsageError} It is not confirmed. */
async function confirm(
  { member, alwaysConfirm }: Order,
  { uuid, losses }: Plan,
  given: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const expected = uuid ?? member;
  const what = uuid === null ? "the member's name" : "the cluster's UUID";
  const isNeeded = losses.length > 0 || (alwaysConfirm && uuid !== null);
  if (!isNeeded && given === undefined) return;
  if (given === undefined && !Deno.stdin.isTerminal()) {
    throw new UsageError(`This is to be confirmed by ${what}: give --confirm ${expected}`);
  }
  const typed = given ?? await askLine(`Type ${what} to go on: `, signal);
  if (typed.trim().toLowerCase() === expected.toLowerCase()) return;
  throw new UsageError(
    `Not confirmed, nothing was written: "${typed}" was given, ${what} is ${expected}`,
  );
}
