/**
 * Who bootstraps: the rules of the design, in their order. Pure and total: the same view gives the
 * same decision, and every decision says why in one sentence.
 */
import { explainBranch, leftBehindBy } from "./attempts.ts";
import {
  allReported,
  EMPTY_ALL,
  inDoubt,
  isOnRecord,
  newestGone,
  noCopy,
  recordFirst,
  wayOn,
} from "./doubt.ts";
import { elect, weigh } from "./elect.ts";
import { comparePositions, formatPosition, isKnown, type Position } from "./position.ts";
import { describeHeld } from "./record.ts";
import { and, bootstrap, force, forget, isMine, join, nameOf, wait, waitFor } from "./say.ts";
import type { Attempt, Cluster, Decision, Registered, View } from "./view.ts";

/**
 * What this member does next. To be asked under the start-up lock, with a view that was read while
 * the lock was held.
 */
export function decide(view: View): Decision {
  if (view.paused !== null) {
    return wait(0, `Paused ${view.paused}`, { person: "Let all go on: `galera-keeper resume`." });
  }
  if (view.cluster.kind === "unreadable") {
    return wait(0, `The znode of the cluster cannot be read: ${view.cluster.problem}`, {
      person: "Look at the znode `cluster` and delete it if it is not galera-keeper's: " +
        "running members write it anew, stopped ones report again.",
    });
  }
  const cluster = view.cluster.kind === "known" ? view.cluster.cluster : null;
  const decision = joinOrHeal(view, cluster) ?? unfinished(view, cluster) ??
    forced(view, cluster) ?? stranger(view, cluster) ?? first(view, cluster) ??
    again(view, cluster);
  return decision.kind === "bootstrap" && !isOnRecord(view) ? recordFirst(view) : decision;
}

/** Rules 1 and 2: registered members, those that answer first. */
function joinOrHeal(view: View, cluster: Cluster | null): Decision | null {
  const primary = view.registered.filter(({ answer }) => answer.kind === "primary");
  if (primary.length > 0) {
    return cluster === null ? notOnRecord(primary) : joinWhatRuns(view, cluster, primary);
  }
  const healing = view.registered.filter(({ answer }) => answer.kind === "not-primary");
  if (healing.length > 0) {
    const what = healing.length === 1
      ? "runs but is not Primary: it heals or stops"
      : "run but are not Primary: they heal or stop";
    const adopted = names(healing.filter(({ isAdopted }) => isAdopted));
    return wait(2, `${list(healing)} ${what}`, {
      waitsFor: names(healing),
      // Where nobody else is Primary its view has lost its quorum, and its keeper does not stop it.
      person: adopted.length === 0
        ? null
        : `Stop mariadbd of ${
          and(adopted)
        }, which galera-keeper did not start, where no member is ` +
          "Primary any more, and start galera-keeper run in its place.",
    });
  }
  const odd = view.registered[0];
  return odd === undefined
    ? null
    : wait(2, oddity(odd), { waitsFor: names([odd]), person: mend(odd) });
}

/** What a person can do about a registration that says nothing; null where it may pass by itself. */
function mend({ address, name, answer }: Registered): string | null {
  switch (answer.kind) {
    case "foreign":
      return `Stop what runs at ${address}, or delete the znode nodes/${address}.`;
    case "mute":
      return `Start ${name} again with --http: whoever joins asks it whether it is Primary.`;
    default: // An answer that does not fit is an old registration's: it goes with its session.
      return null;
  }
}

function notOnRecord(primary: readonly Registered[]): Decision {
  const what = primary.length === 1 ? "is Primary and has" : "are Primary and have";
  return wait(1, `${list(primary)} ${what} not put the cluster on record yet`, {
    waitsFor: names(primary),
  });
}

function joinWhatRuns(view: View, cluster: Cluster, primary: readonly Registered[]): Decision {
  const { held, attempt } = view.self;
  const refuse = (why: string) =>
    wait(1, `Cannot join without losing what this datadir holds, as ${why}`, {
      person: "Save what is needed of this datadir, empty it, and start this member again: " +
        "it then joins by SST.",
    });
  if (cluster.phase === "bootstrapping" || cluster.uuid === null) {
    return wait(1, `${list(primary)} runs and the bootstrap by ${cluster.by} is not finished yet`, {
      waitsFor: names(primary),
    });
  }
  if (held.kind === "standalone") {
    return refuse("it holds a database that never was in a cluster");
  }
  if (held.kind === "at") {
    if (held.position.uuid !== cluster.uuid) {
      return refuse(
        `it belongs to another cluster: its UUID is ${held.position.uuid}, ` +
          `the cluster's is ${cluster.uuid}`,
      );
    }
    const copy = { position: held.position, attempt };
    const later = leftBehindBy(copy, cluster.attempts);
    if (later !== null) return refuse(explainBranch(copy, later));
  }
  const donors = primary.map(({ address }) => address);
  const what = primary.length === 1 ? "answers and is Primary" : "answer and are Primary";
  return join(`${list(primary)} ${what}`, donors);
}

/** Rule 3, its first half: an unfinished bootstrap by another; nothing takes it over by a timeout. */
function unfinished(view: View, cluster: Cluster | null): Decision | null {
  if (cluster?.phase !== "bootstrapping" || cluster.by === view.self.name) return null;
  // With ephemeral storage the record goes with its member, and with it all that it bootstrapped.
  const gone = view.storage === "ephemeral" &&
    !view.records.some((seen) => nameOf(seen) === cluster.by);
  if (gone) return null;
  // A first bootstrap had nothing to go on with, so whoever is there can begin as well.
  const otherwise = cluster.uuid === null ? force(view.self.name) : wayOn(weigh(view, cluster));
  const rest = waitFor(view, cluster.by, otherwise);
  return wait(
    3,
    rest.person === null
      ? `${cluster.by} is bootstrapping the cluster`
      : `${cluster.by} began a bootstrap, did not finish it and has not come back`,
    rest,
  );
}

/** Rule 3, its second half, where a person said so: no other member's data counts. */
function forced(view: View, cluster: Cluster | null): Decision | null {
  const begun = cluster?.attempts.at(-1);
  if (cluster === null || begun === undefined || !cluster.forced || !isMine(view, cluster)) {
    return null;
  }
  const { held, attempt } = view.self;
  if (begun.uuid === null) {
    return held.kind === "at" || held.kind === "torn" ? null : bootstrap(
      5,
      "A person had this member begin a new cluster, whatever the others hold",
    );
  }
  const begin = { uuid: begun.uuid, seqno: begun.seqno };
  const goesOn = held.kind === "at" && isKnown(held.position) &&
    held.position.uuid === begin.uuid && comparePositions(held.position, begin) >= 0 &&
    (isWhatWasChosen(held.position, attempt, begun) ||
      leftBehindBy({ position: held.position, attempt }, cluster.attempts) === null);
  if (goesOn) {
    return bootstrap(
      6,
      `A person had this member bootstrap at ${formatPosition(begin)}, whatever the others hold`,
    );
  }
  return wait(
    3,
    `A person had this member bootstrap at ${formatPosition(begin)}, and its datadir now holds ` +
      describeHeld(held),
    { person: `Give this member the datadir that it had, or ${chooseAgain(view, begin.uuid)}.` },
  );
}

/** Who was chosen lost what it was chosen for. The others may be on branches that were left behind. */
function chooseAgain(view: View, uuid: string): string {
  const holders = view.records.filter((seen) => seen.kind === "record")
    .filter(({ record: { data, instead } }) =>
      data.kind === "at" && instead === null && data.copy.position.uuid === uuid
    ).map(nameOf);
  return holders.length === 0
    ? `begin anew: ${EMPTY_ALL}`
    : `choose again, of ${and(holders)}: ${force("NAME")}`;
}

/** Where a copy does not say what it followed, the history says nothing of it: only that it is the one. */
function isWhatWasChosen(position: Position, attempt: string | null, begun: Attempt): boolean {
  return position.seqno === begun.seqno && attempt === begun.from;
}

/** Rule 4: this datadir is not of this cluster. */
function stranger(view: View, cluster: Cluster | null): Decision | null {
  const { held } = view.self;
  if (cluster === null || (view.storage === "ephemeral" && weigh(view, null).empty)) return null;
  // A first bootstrap of mine that did not finish has no UUID yet: what I hold is what it made.
  if (isMine(view, cluster) && cluster.uuid === null) return null;
  const person = "Give this member the datadir that it had, or save what is needed of this one, " +
    "empty it, and start this member again.";
  if (held.kind === "standalone") {
    return wait(4, "This datadir never was in a cluster, and a cluster is on record", { person });
  }
  if (held.kind === "at" && cluster.uuid !== null && held.position.uuid !== cluster.uuid) {
    return wait(
      4,
      `This datadir belongs to another cluster: its UUID is ${held.position.uuid}, ` +
        `the cluster's is ${cluster.uuid}`,
      { person },
    );
  }
  return null;
}

/** Rule 5: the first bootstrap of a new cluster. */
function first(view: View, cluster: Cluster | null): Decision | null {
  const mine = isMine(view, cluster) && cluster?.uuid === null;
  if (cluster !== null && !mine && view.storage === "persistent") return null;
  const evidence = weigh(view, null);
  if (!evidence.empty || view.self.held.kind === "at" || view.self.held.kind === "torn") {
    return null;
  }
  if (mine) return bootstrap(5, "This member goes on with the first bootstrap that it began");
  const complete = allReported(view, 5);
  if (complete !== null) return complete;
  const standalone = evidence.standalone;
  if (standalone.length > 1) {
    return wait(5, `${and(standalone)} each hold a database that never was in a cluster`, {
      person: "Decide whose data the cluster begins with, save and empty the datadirs of the " +
        "others, and start those again.",
    });
  }
  const chosen = standalone[0];
  if (chosen !== undefined && chosen !== view.self.name) {
    return wait(
      5,
      `${chosen} holds the only data and begins the cluster`,
      waitFor(view, chosen, forget(chosen)),
    );
  }
  return bootstrap(
    5,
    `All members have reported (${view.records.length} of ${view.size}) and ` +
      (chosen === undefined
        ? "none holds data: this one begins a new cluster"
        : "only this one holds data: it begins the cluster"),
  );
}

/** Rules 6 and 7: a full outage. The most advanced copy bootstraps, where it is known which that is. */
function again(view: View, cluster: Cluster | null): Decision {
  const evidence = weigh(view, cluster);
  const doubt = inDoubt(view, cluster, evidence);
  if (doubt !== null) return doubt;
  if (evidence.bar === null) return noCopy(cluster);
  const mine = isMine(view, cluster);
  const elected = elect(evidence, view.self.name, mine);
  if (elected === null) return newestGone(evidence, evidence.bar);
  const position = formatPosition(elected.copy.position);
  if (elected.name === view.self.name) {
    return bootstrap(6, `This member's copy at ${position} is the most advanced on record`);
  }
  if (mine) {
    // The other one waits for the bootstrap that is on record: without a person neither would move.
    return wait(
      3,
      `This member's unfinished bootstrap cannot go on, as only ${elected.name} holds the most ` +
        `advanced copy, at ${position}`,
      {
        person: "Give this member the datadir that it began with, or have the other one " +
          `bootstrap: ${force(elected.name)}.`,
      },
    );
  }
  const what = elected.present ? "bootstraps" : "has not come back";
  return wait(
    6,
    `${elected.name} ${what}: its copy at ${position} is the most advanced`,
    waitFor(view, elected.name, forget(elected.name)),
  );
}

function names(registered: readonly Registered[]): string[] {
  return registered.map(({ name, address }) => name ?? address);
}

function list(registered: readonly Registered[]): string {
  return and(names(registered));
}

function oddity({ address, name, answer }: Registered): string {
  switch (answer.kind) {
    case "silent":
      return `${
        name ?? address
      } is registered and does not answer at ${address}: ${answer.problem}`;
    case "mismatch":
      return `${name ?? address} is registered at ${address}, and ${answer.problem}`;
    case "foreign":
      return `${address} is registered, though not by galera-keeper: its position is not known`;
    case "mute":
      return `${name} is registered and serves no HTTP (--http off): how it is, nobody can ask`;
    case "primary":
    case "not-primary":
      return `${name ?? address} is registered`;
  }
}
