/**
 * Who bootstraps: the rules of the design, in their order. Pure and total: the same view gives the
 * same decision, and every decision says why in one sentence.
 */
import { explainBranch, leftBehindBy } from "./attempts.ts";
import { elect, type Evidence, weigh } from "./elect.ts";
import { formatPosition } from "./position.ts";
import type { Cluster, Decision, Registered, View } from "./view.ts";

/**
 * What this member does next. To be asked under the start-up lock, with a view that was read while
 * the lock was held.
 */
export function decide(view: View): Decision {
  if (view.cluster.kind === "unreadable") {
    return wait(0, `The znode of the cluster cannot be read: ${view.cluster.problem}`, {
      person: "Look at the znode `cluster` and delete it if it is not galera-keeper's: " +
        "running members write it anew, stopped ones report again.",
    });
  }
  const cluster = view.cluster.kind === "known" ? view.cluster.cluster : null;
  return joinOrHeal(view, cluster) ?? unfinished(view, cluster) ?? stranger(view, cluster) ??
    first(view, cluster) ?? again(view, cluster);
}

/** Rules 1 and 2: registered members, those that answer first. */
function joinOrHeal(view: View, cluster: Cluster | null): Decision | null {
  const primary = view.registered.filter(({ answer }) => answer.kind === "primary");
  if (primary.length > 0) {
    return cluster === null ? notOnRecord(primary) : join(view, cluster, primary);
  }
  const healing = view.registered.filter(({ answer }) => answer.kind === "not-primary");
  if (healing.length > 0) {
    return wait(2, `${list(healing)} runs but is not Primary: it heals or stops`, {
      waitsFor: names(healing),
    });
  }
  const odd = view.registered[0];
  return odd === undefined ? null : wait(2, oddity(odd), {
    waitsFor: names([odd]),
    ...(odd.answer.kind === "foreign" &&
      { person: `Stop what runs at ${odd.address}, or delete the znode nodes/${odd.address}.` }),
  });
}

function notOnRecord(primary: readonly Registered[]): Decision {
  return wait(1, `${list(primary)} is Primary and has not put the cluster on record yet`, {
    waitsFor: names(primary),
  });
}

function join(view: View, cluster: Cluster, primary: readonly Registered[]): Decision {
  const { held, attempt } = view.self;
  const refuse = (why: string) =>
    wait(1, `Cannot join the cluster that runs, joining would erase this datadir: ${why}`, {
      person: "Save what is needed of this datadir, empty it, and start this member again: " +
        "it then joins by SST.",
    });
  if (cluster.phase === "bootstrapping" || cluster.uuid === null) {
    return wait(1, `${list(primary)} is Primary and has not finished its bootstrap yet`, {
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
  return { kind: "join", rule: 1, reason: `${list(primary)} answers and is Primary`, donors };
}

/** Rule 3, its first half: an unfinished bootstrap by another; nothing takes it over by a timeout. */
function unfinished(view: View, cluster: Cluster | null): Decision | null {
  if (cluster?.phase !== "bootstrapping" || cluster.by === view.self.name) return null;
  // With ephemeral storage the record goes with its member, and with it all that it bootstrapped.
  const gone = view.storage === "ephemeral" &&
    !view.records.some((seen) => nameOf(seen) === cluster.by);
  if (gone) return null;
  const waitsFor = [cluster.by];
  const present = view.records.some((seen) =>
    seen.kind === "record" && seen.record.name === cluster.by && seen.present
  );
  if (present) return wait(3, `${cluster.by} is bootstrapping the cluster`, { waitsFor });
  return wait(3, `${cluster.by} began a bootstrap, did not finish it and has not come back`, {
    waitsFor,
    person: `Start ${cluster.by} again.`,
  });
}

/** Rule 4: this datadir is not of this cluster. */
function stranger(view: View, cluster: Cluster | null): Decision | null {
  const { held } = view.self;
  if (cluster === null || (view.storage === "ephemeral" && weigh(view, null).empty)) return null;
  // A first bootstrap of mine that did not finish has no UUID yet: what I hold is what it made.
  const mine = cluster.phase === "bootstrapping" && cluster.by === view.self.name;
  if (mine && cluster.uuid === null) return null;
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
  const mine = cluster !== null && cluster.phase === "bootstrapping" &&
    cluster.by === view.self.name && cluster.uuid === null;
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
    return wait(5, `${standalone.join(" and ")} each hold a database that never was in a cluster`, {
      person: "Decide whose data the cluster begins with, save and empty the datadirs of the " +
        "others, and start those again.",
    });
  }
  const chosen = standalone[0];
  if (chosen !== undefined && chosen !== view.self.name) {
    return wait(5, `${chosen} holds the only data and begins the cluster`, { waitsFor: [chosen] });
  }
  return bootstrap(
    5,
    `All ${view.size} members have reported and ` +
      (chosen === undefined
        ? "none holds data: this one begins a new cluster"
        : "only this one holds data: it begins the cluster"),
  );
}

/** A wait for as many members as `--size` says; null when that many have reported. */
function allReported(view: View, rule: number): Decision | null {
  if (view.size === null) {
    return wait(rule, "No cluster is on record, and --size does not say how many members it has", {
      person: "Start the members with --size N, N being how many the cluster has.",
    });
  }
  const reported = view.records.map(nameOf);
  if (reported.length >= view.size) return null;
  return wait(
    rule,
    `No cluster is on record, and ${reported.length} of ${view.size} members have reported: ` +
      reported.join(", "),
    {},
  );
}

/** Rules 6 and 7: a full outage. The most advanced copy bootstraps, where it is known which that is. */
function again(view: View, cluster: Cluster | null): Decision {
  const evidence = weigh(view, cluster);
  const doubt = inDoubt(view, cluster, evidence);
  if (doubt !== null) return doubt;
  const mine = cluster?.phase === "bootstrapping" && cluster.by === view.self.name;
  const elected = elect(evidence, view.self.name, mine);
  if (elected === null) return newestGone(evidence);
  if (elected.name === view.self.name) {
    return bootstrap(
      6,
      `This member's copy at ${formatPosition(elected.copy.position)} is the most advanced of ` +
        `${evidence.candidates.length}`,
    );
  }
  return wait(
    6,
    `${elected.name} bootstraps: its copy at ${
      formatPosition(elected.copy.position)
    } is the most ` +
      "advanced",
    { waitsFor: [elected.name] },
  );
}

/** What keeps an election from being safe; null when nothing does. */
function inDoubt(view: View, cluster: Cluster | null, evidence: Evidence): Decision | null {
  const unreadable = evidence.unreadable[0];
  if (unreadable !== undefined) {
    return wait(7, `The record of ${unreadable.name} cannot be read: ${unreadable.problem}`, {
      person: `Look at the znode members/${unreadable.name} and delete it if it is not ` +
        "galera-keeper's: a running keeper writes it anew.",
    });
  }
  if (evidence.running.length > 0) return wait(7, ...whoRuns(evidence.running, view));
  if (evidence.uuids.length > 1) {
    return wait(7, `Members hold data of different clusters: ${evidence.uuids.join(", ")}`, {
      person: "Decide which cluster it is to be, save and empty the datadirs of the others, and " +
        "start those again.",
    });
  }
  const { held } = view.self;
  const safe = held.kind === "at" && held.safeToBootstrap;
  const known = cluster !== null && view.storage === "persistent";
  if (!known && !safe) {
    const complete = allReported(view, 7);
    if (complete !== null) return complete;
  }
  if (evidence.bar === null) {
    const why = cluster === null
      ? "An SST was cut off, so there was a cluster, and no member holds a copy of it"
      : "A cluster is on record and no member holds a copy of it";
    return wait(7, why, {
      person: "Give a member the datadir or a backup of the cluster, or delete the znodes below " +
        "the root to begin anew.",
    });
  }
  return null;
}

function newestGone(evidence: Evidence): Decision {
  const bar = evidence.bar;
  return wait(
    7,
    `The newest copy known, ${bar === null ? "none" : formatPosition(bar.copy.position)}, was ` +
      `${bar?.name}'s and is no longer there`,
    {
      person: `Give ${bar?.name} the datadir that it had, or accept the loss of what only it held.`,
      waitsFor: bar === null ? [] : [bar.name],
    },
  );
}

type Rest = Partial<Pick<Decision & { kind: "wait" }, "waitsFor" | "person">>;

function whoRuns(running: readonly Running[], view: View): [string, Rest] {
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
        person: `Give ${name} the datadir that it had, or accept the loss of what only it held.`,
      },
    ];
  }
  const waitsFor = running.map(({ record }) => record.name);
  if (one.present) return [`${name} runs and is not registered yet`, { waitsFor }];
  return [`${name} died running and has not come back; its data may be newest`, {
    waitsFor,
    person: `Start ${name} again.`,
  }];
}

type Running = Evidence["running"][number];

function bootstrap(rule: number, reason: string): Decision {
  return { kind: "bootstrap", rule, reason };
}

function wait(rule: number, reason: string, rest: Rest): Decision {
  return { kind: "wait", rule, reason, waitsFor: rest.waitsFor ?? [], person: rest.person ?? null };
}

function nameOf(seen: View["records"][number]): string {
  return seen.kind === "record" ? seen.record.name : seen.name;
}

function names(registered: readonly Registered[]): string[] {
  return registered.map(({ name, address }) => name ?? address);
}

function list(registered: readonly Registered[]): string {
  return names(registered).join(", ");
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
    case "primary":
    case "not-primary":
      return `${name ?? address} is registered`;
  }
}
