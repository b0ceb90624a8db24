/**
 * What a person asked of all members, a restart in turn or a stop of all: whose turn it is, and when a
 * turn may be taken. Pure. Each change is a function from what is on record to what is on record next,
 * null where there is nothing to change, so that it may be tried again whatever became of the first try.
 */
import { comparePositions, isKnown, type Position } from "./position.ts";
import { and, nameOf } from "./say.ts";
import type { Answer, SeenRecord } from "./view.ts";

/** What may be asked for. */
export type RequestKind = "restart" | "stop";

/** `control/requests/current`: what a person asked for, and how far it is. */
export interface Request {
  /** Random: no two are the same. */
  readonly id: string;
  readonly kind: RequestKind;
  /** Who asked, for people. */
  readonly by: string;
  /** When, ISO 8601, for people. */
  readonly since: string;
  /** In their order. */
  readonly members: readonly string[];
  /** A person agreed that nobody serves meanwhile. */
  readonly outage: boolean;
  readonly done: readonly string[];
  readonly current: Turn | null;
  /** Where it stands still until a person has it go on. */
  readonly failed: { readonly member: string; readonly why: string } | null;
  /** Who took it back and when, in a few words; null where nobody did. */
  readonly canceled: string | null;
}

/** The turn that a member has begun. */
export interface Turn {
  readonly member: string;
  /**
   * The id that its datadir had then. There is another one before each start, so that whoever comes up
   * with another one has been started again since, by whichever keeper.
   */
  readonly datadirId: string;
  readonly state: "stopping" | "starting";
}

/** Changes a request; null where there is nothing to change. */
export type Change = (request: Request) => Request | null;

/** Nothing more comes of it. */
export function isOver(request: Request): boolean {
  return request.canceled !== null || isDone(request);
}

/** All that were asked have done it. */
export function isDone({ members, done }: Request): boolean {
  return members.every((name) => done.includes(name));
}

/** Whose turn it is; null where it is over or stands still. */
export function nextOf(request: Request): string | null {
  if (isOver(request) || request.failed !== null) return null;
  return request.current?.member ??
    request.members.find((name) => !request.done.includes(name)) ?? null;
}

/** A member that runs and is registered, or was. */
export interface Runner {
  readonly member: string;
  readonly datadirId: string;
}

/** What a request has a member do that runs. */
export type Duty =
  | "none"
  /** A stop of all is for it, too. */
  | "enlist"
  /** It is to stop. */
  | "turn"
  /** It has been started again and is registered. */
  | "complete";

/**
 * What a request has a member do that runs.
 *
 * @param isPaused A pause holds a restart; a stop of all lasts as long as the pause that it came with.
 */
export function dutyOf(request: Request | null, self: Runner, isPaused: boolean): Duty {
  if (request === null || request.canceled !== null) return "none";
  const { kind, members, done, current } = request;
  if (kind === "stop") {
    if (!isPaused) return "none";
    if (!members.includes(self.member) || done.includes(self.member)) return "enlist";
    return nextOf(request) === self.member ? "turn" : "none";
  }
  if (nextOf(request) !== self.member) return "none";
  if (current !== null && current.datadirId !== self.datadirId) return "complete";
  return isPaused ? "none" : "turn";
}

/** A member that runs while all are stopped has its turn before those that are left. */
export function enlist({ member }: Runner): Change {
  return (request) => {
    const { kind, members, done, current, canceled } = request;
    const isIn = members.includes(member) && !done.includes(member);
    if (kind !== "stop" || canceled !== null || isIn) return null;
    const others = members.filter((name) => name !== member);
    const isPast = (name: string) => done.includes(name) || name === current?.member;
    return {
      ...request,
      members: [...others.filter(isPast), member, ...others.filter((name) => !isPast(name))],
      done: done.filter((name) => name !== member),
    };
  };
}

/** A member takes its turn: whatever comes, it is known that it was to be stopped. */
export function begin({ member, datadirId }: Runner): Change {
  return (request) => {
    if (nextOf(request) !== member || request.current !== null) return null;
    return { ...request, current: { member, datadirId, state: "stopping" } };
  };
}

/** Its server has stopped; where it restarts, it starts next. */
export function stopped(member: string): Change {
  return (request) => {
    const { current, kind, canceled } = request;
    const isTheirs = kind === "restart" && canceled === null && current?.member === member;
    if (!isTheirs || current.state === "starting") return null;
    return { ...request, current: { ...current, state: "starting" } };
  };
}

/** It is registered again with a server that was started since its turn began. */
export function complete({ member, datadirId }: Runner): Change {
  return (request) => {
    const { kind, current, failed, canceled } = request;
    if (kind !== "restart" || failed !== null || canceled !== null) return null;
    if (current?.member !== member || current.datadirId === datadirId) return null;
    return { ...request, done: [...request.done, member], current: null };
  };
}

/** It runs no server and its position is on record, while all are stopped. */
export function settleStop(member: string): Change {
  return (request) => {
    const { kind, members, done, current, canceled } = request;
    if (kind !== "stop" || canceled !== null) return null;
    if (!members.includes(member) || done.includes(member)) return null;
    return {
      ...request,
      done: [...done, member],
      current: current?.member === member ? null : current,
    };
  };
}

/** What was begun came to nothing: nobody else has a turn until a person has it go on. */
export function fail(member: string, why: string): Change {
  return (request) => {
    if (request.kind !== "restart" || nextOf(request) !== member) return null;
    return { ...request, failed: { member, why: shorten(why) } };
  };
}

/** As `fail`, for a start that did not make it: before its turn a member's starts are its own affair. */
export function failStart(member: string, why: string): Change {
  return (request) => request.current?.member === member ? fail(member, why)(request) : null;
}

/** A person has it go on. */
export function goOn(request: Request): Request | null {
  return isOver(request) || request.failed === null ? null : { ...request, failed: null };
}

/** A person takes it back. @param by Who and when, in a few words. */
export function cancel(by: string): Change {
  return (request) => isOver(request) ? null : { ...request, canceled: by };
}

/** What a znode or a log line says may be as long as it likes; a request stays small. */
function shorten(why: string): string {
  const line = why.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return line.length > 1000 ? `${line.slice(0, 1000)}…` : line;
}

/** A registered member other than oneself, as it is now. */
export interface Other {
  /** Null where it is not one of ours. */
  readonly name: string | null;
  readonly answer: Answer;
  /** It says that it is Synced; for one that offers no HTTP, that it was when it registered. */
  readonly synced: boolean;
  /** What is on record of it. */
  readonly primary: boolean;
  /** Others started its server: no turn can stop it. */
  readonly isAdopted?: boolean;
}

/** What it takes to tell whether a member may be stopped and started again now. */
export interface TurnSight {
  /** Whether its own server is Primary. */
  readonly primary: boolean;
  readonly others: readonly Other[];
  readonly records: readonly SeenRecord[];
}

/**
 * Why a member is not to be stopped now for its restart; null where it may: one that leaves in order
 * takes its vote along, so that the rest keeps its quorum, and somebody Synced has to stay that serves
 * and that it can join.
 */
export function whyNotNow(
  { members, outage }: Pick<Request, "members" | "outage">,
  self: string,
  { primary, others, records }: TurnSight,
): string | null {
  if (!primary) return `${self} is itself in no primary component`;
  const missing = members.filter((name) =>
    name !== self && !others.some((other) => other.name === name)
  );
  if (missing.length > 0) {
    return `${and(missing)} ${missing.length > 1 ? "are" : "is"} not registered`;
  }
  const ours = others.filter(({ name }) => name !== null);
  for (const other of ours) {
    const problem = problemOf(other);
    if (problem !== null) return `${other.name} ${problem}`;
  }
  if (ours.some(isServing)) return null;
  if (!outage) {
    return ours.length > 0
      ? `nobody else is Synced: ${and(ours.map(({ name }) => name!))}`
      : "no other member is registered, nobody would serve meanwhile";
  }
  // Alone it would have to bootstrap afterwards, and would wait for whoever may hold newer data.
  const unknown = records.filter((seen) =>
    nameOf(seen) !== self && (seen.kind === "unreadable" || seen.record.data.kind === "running")
  ).map(nameOf);
  return unknown.length === 0
    ? null
    : `${self} would not come up again without ${and(unknown)}, of which it is not known what it ` +
      `holds: start it, or \`galera-keeper forget ${unknown[0]}\``;
}

function isServing({ answer, primary, synced }: Other): boolean {
  return (answer.kind === "primary" || (answer.kind === "mute" && primary)) && synced;
}

function problemOf({ answer, primary }: Other): string | null {
  switch (answer.kind) {
    case "primary":
    case "foreign":
      return null;
    case "mute":
      return primary ? null : "is not Primary";
    case "not-primary":
      return "is not Primary";
    case "silent":
      return `does not answer: ${answer.problem}`;
    case "mismatch":
      return `is not who is registered: ${answer.problem}`;
  }
}

/** A member that is asked to stop, as it is now. */
export interface Stopping {
  readonly name: string;
  readonly primary: boolean;
  readonly synced: boolean;
  /** How far its data goes; null where it does not say. */
  readonly position: Position | null;
}

/**
 * The order to stop in: the last one alone is known to hold all. So those without a primary component
 * come first, then those that are not Synced; where nobody has a primary component, the most
 * advanced comes last.
 */
export function orderToStop(members: readonly Stopping[]): readonly string[] {
  const uuids = new Set(members.map(({ position }) => position?.uuid));
  const isOneHistory = uuids.size === 1 &&
    members.every(({ position }) => position !== null && isKnown(position));
  const byName = (a: Stopping, b: Stopping) => a.name < b.name ? -1 : 1;
  return members.toSorted((a, b) =>
    Number(a.primary) - Number(b.primary) ||
    Number(a.synced) - Number(b.synced) ||
    (isOneHistory && !a.primary && a.position !== null && b.position !== null
      ? comparePositions(a.position, b.position)
      : 0) ||
    byName(a, b)
  ).map(({ name }) => name);
}

/** What a request comes to now, in a sentence for people. */
export function describeRequest(request: Request): string {
  const { kind, by, since, members, done, current, failed, canceled } = request;
  const what = kind === "restart" ? "Restart in turn" : "Stop of all";
  const head = `${what}, asked for by ${by} since ${since}`;
  const count = `${done.length} of ${members.length} done`;
  if (canceled !== null) return `${head}: taken back ${canceled}, ${count}`;
  if (isDone(request)) return `${head}: done`;
  if (failed !== null) {
    return `${head}: stands still, ${count}, as ${failed.member} failed: ${failed.why}; ` +
      "`galera-keeper restart --resume` has it go on, `galera-keeper restart --cancel` takes it back";
  }
  const back = kind === "restart" ? "restart --cancel" : "resume";
  const state = current === null
    ? `waiting for ${nextOf(request)} to begin`
    : `${current.member} is ${current.state}`;
  return `${head}: ${count}, ${state}; \`galera-keeper ${back}\` takes it back`;
}
