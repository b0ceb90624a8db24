/** Rule 7: what keeps an election from being safe, and what a person can do about it. */
import { type Bar, bestLeft, type Evidence } from "./elect.ts";
import { formatPosition } from "./position.ts";
import { and, force, forget, isMine, nameOf, type Rest, wait } from "./say.ts";
import type { Cluster, Decision, View } from "./view.ts";

/** What keeps an election from being safe; null when nothing does. */
export function inDoubt(view: View, cluster: Cluster | null, evidence: Evidence): Decision | null {
  const unreadable = evidence.unreadable[0];
  if (unreadable !== undefined) {
    return wait(7, `The record of ${unreadable.name} cannot be read: ${unreadable.problem}`, {
      person: `Look at the znode members/${unreadable.name} and delete it if it is not ` +
        "galera-keeper's: a running keeper writes it anew.",
    });
  }
  if (evidence.running.length > 0) return wait(7, ...whoRuns(evidence, view));
  if (evidence.unknown.length > 0) {
    return wait(
      7,
      `How far ${and(evidence.unknown)}'s data goes is not known, and it may be newest`,
      {
        waitsFor: evidence.unknown,
        person: "Give back the datadir whose position can be read" + orGoOn(evidence),
      },
    );
  }
  if (evidence.uuids.length > 1) {
    return wait(7, `Members hold data of different clusters: ${evidence.uuids.join(", ")}`, {
      person: choice(
        view,
        evidence,
        (one) =>
          "Decide which cluster it is to be and have the member that holds most of it bootstrap, " +
          `${one}: ${force("NAME")}. The others then say what to do.`,
      ),
    });
  }
  if (evidence.diverged) {
    return wait(
      7,
      "No cluster is on record, and the copies tell of different bootstraps: which came last is " +
        "not known",
      {
        person: choice(
          view,
          evidence,
          (one) => `Decide whose copy the cluster goes on with, ${one}: ${force("NAME")}.`,
        ),
      },
    );
  }
  const { held } = view.self;
  // Where it is known how many there are, all of them say more than one file: a copy that was once the
  // last to leave says so for good, also after a person had the others go on without it.
  const safe = held.kind === "at" && held.safeToBootstrap && view.size === null;
  const known = cluster !== null && (view.storage === "persistent" || isMine(view, cluster));
  if (!known && !safe) {
    const complete = allReported(view, 7);
    if (complete !== null) return complete;
  }
  return null;
}

/** What a person does who may choose a copy, given who holds one; where nobody does, there is no choice. */
function choice(
  view: View,
  { candidates }: Evidence,
  say: (one: string) => string,
): string {
  const others = view.records.filter((seen) => seen.kind === "record")
    .filter(({ record: { insteadCopy } }) => insteadCopy !== null).map(nameOf);
  const names = [...candidates.map(({ name }) => name), ...others].sort();
  return names.length === 0
    ? `Give a member the datadir that it had, or begin anew: ${EMPTY_ALL}.`
    : say(`one of ${and(names)}`);
}

/** A wait for as many members as `--size` says; null when that many have reported. */
export function allReported(view: View, rule: 5 | 7): Decision | null {
  const why = view.cluster.kind === "none"
    ? "No cluster is on record"
    : rule === 5
    ? "Storage is ephemeral and nobody of the cluster on record is left"
    : "Storage is ephemeral, so the members on record may not be all";
  if (view.size === null) {
    return wait(rule, `${why}, and --size does not say how many members it has`, {
      person: "Start the members with --size N, N being how many the cluster has; or, where all " +
        "have reported, say which one begins: `galera-keeper bootstrap --member NAME`.",
    });
  }
  const reported = view.records.map(nameOf);
  if (reported.length >= view.size) return null;
  const who = reported.length === 0 ? "" : `: ${reported.join(", ")}`;
  const count = `${reported.length} of ${view.size} members have reported`;
  return wait(rule, `${why}, and ${count}${who}`, {});
}

/** A datadir that an SST tore would bring the same wait again. */
export const EMPTY_ALL = "empty the datadirs of all members and delete the znodes below the root";

/** No record speaks of a copy that is a part of the cluster's history. */
export function noCopy(cluster: Cluster | null): Decision {
  const why = cluster === null
    ? "An SST was cut off, so there was a cluster, and no member holds a copy of it"
    : "A cluster is on record and no member holds a copy of it";
  return wait(7, why, {
    person: `Give a member the datadir or a backup of the cluster, or begin anew: ${EMPTY_ALL}.`,
  });
}

/** Nobody reaches the bar. */
export function newestGone(evidence: Evidence, bar: Bar): Decision {
  const { name, copy, branch } = bar;
  const position = formatPosition(copy.position);
  if (branch === "unknown") {
    return wait(
      7,
      `${name}'s copy at ${position} may be newest, and its datadir does not say which bootstrap ` +
        "it followed",
      {
        waitsFor: [name],
        // What its keeper can act on is not gone over: it bootstraps, or is emptied first.
        person: bar.isThere
          ? `Have ${name} bootstrap: ${
            force(name)
          }, or save what is needed of its datadir, empty ` +
            "it, and start it again."
          : `Save what is needed of the datadir of ${name}${orGoOn(evidence)}`,
      },
    );
  }
  return wait(7, `The newest copy known, ${position}, was ${name}'s and is no longer there`, {
    person: `Give ${name} the datadir that it had${orGoOn(evidence)}`,
    waitsFor: [name],
  });
}

const RECORD_FIRST =
  "This member's record does not say what its datadir holds: it is to record again";

/**
 * Nobody bootstraps on a record that is not true, or is not there. Where the datadir was exchanged
 * for another after a person had chosen this member, recording again would say the same for ever.
 */
export function recordFirst({ self: { name }, records }: View): Decision {
  const own = records.find((seen) => nameOf(seen) === name);
  if (own?.kind !== "record" || own.record.instead === null) {
    return wait(7, RECORD_FIRST, { waitsFor: [name] });
  }
  const { instead, insteadCopy } = own.record;
  const otherwise = insteadCopy === null
    ? `begin anew: ${EMPTY_ALL}`
    : `go on with this one: ${force(name)}`;
  return wait(7, `This member was to bootstrap, and its datadir now holds ${instead}`, {
    person: `Give ${name} the datadir that it had, or ${otherwise}.`,
  });
}

/** Whether one's own record says what the datadir holds. */
export function isOnRecord({ self: { name, held }, records }: View): boolean {
  const own = records.find((seen) => nameOf(seen) === name);
  if (own?.kind !== "record" || own.record.instead !== null) return false;
  const { data } = own.record;
  switch (data.kind) {
    case "nothing":
      return held.kind === "empty" || held.kind === "fresh";
    case "at":
      return held.kind === "at" &&
        formatPosition(held.position) === formatPosition(data.copy.position);
    case "standalone":
    case "torn":
    case "running":
      return held.kind === data.kind;
  }
}

type Running = Evidence["running"][number];

/** How a sentence for a person ends where one may go on without what is lost. */
function orGoOn(evidence: Evidence): string {
  return bestLeft(evidence) === null
    ? `, or, where no copy is left, begin anew: ${EMPTY_ALL}.`
    : `, or go on without what only it held: ${wayOn(evidence)}.`;
}

/** What has the cluster go on with what is left. */
export function wayOn(evidence: Evidence): string {
  const best = bestLeft(evidence);
  if (best === null) return EMPTY_ALL;
  return best.present ? force(best.name) : `start ${best.name} again and ${force(best.name)}`;
}

function whoRuns(evidence: Evidence, view: View): [string, Rest] {
  const running: readonly Running[] = evidence.running;
  const lost = running.find(({ record }) => record.instead !== null);
  const one = lost ?? running.find(({ present }) => !present) ?? running[0]!;
  const name = one.record.name;
  const self = name === view.self.name;
  if (one.record.instead !== null) {
    return [
      `${self ? "This member" : name} died running and its data may be newest, and its datadir ` +
      `now holds ${one.record.instead}`,
      {
        waitsFor: self ? [] : [name],
        person: `Give ${name} the datadir that it had${orGoOn(evidence)}`,
      },
    ];
  }
  if (self) return [RECORD_FIRST, { waitsFor: [name] }];
  const waitsFor = running.map(({ record }) => record.name);
  const gone = running.filter(({ present }) => !present).map(({ record }) => record.name);
  if (one.present) return [`${name} runs and is not registered yet`, { waitsFor }];
  return [`${name} died running and has not come back; its data may be newest`, {
    waitsFor,
    person: `Start ${name} again, or, if it is gone for good, go on without it: ${
      forget(...gone)
    }.`,
  }];
}
