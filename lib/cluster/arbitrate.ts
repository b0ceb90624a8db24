/** What an arbitrator does with its `garbd`: a third vote that holds no data. Pure. */
import { and } from "./say.ts";
import type { ClusterOnRecord, Registered } from "./view.ts";

/** The component of the group that a `garbd` is in, as it says itself. */
export interface Component {
  readonly primary: boolean;
  /** The cluster's UUID; null where it is not Primary. */
  readonly uuid: string | null;
  /** How many are in it, arbitrators too. */
  readonly size: number;
  /** Their names, as far as they are known; empty where it is not Primary. */
  readonly names: readonly string[];
}

/** The bootstrap that a `garbd` was started for. */
export interface Followed {
  readonly uuid: string;
  readonly attempt: string;
}

/** A `garbd` that runs. */
export interface RunningGarbd {
  readonly follows: Followed;
  /** Null before its first component. */
  readonly component: Component | null;
  /** How long it has not been in a primary component; 0 where it is in one. */
  readonly withoutPrimaryMs: number;
}

/** All that it rests on. */
export interface ArbitrationView {
  /** Null while there is no connection to the ensemble: then nothing is started. */
  readonly registry: {
    /** Who had all starts pause and since when, in a few words; null where nobody did. */
    readonly paused: string | null;
    readonly cluster: ClusterOnRecord;
    /** A member has the start-up lock, or waits for it. */
    readonly isStarting: boolean;
    /** What registered members say; nobody is asked, and it is empty, while `garbd` votes. */
    readonly registered: readonly Registered[];
  } | null;
  /** The names of all arbitrators that were last seen registered, one's own too. */
  readonly arbitrators: readonly string[];
  readonly garbd: RunningGarbd | null;
  /** How long a start has been put off for a member's, in milliseconds. */
  readonly putOffMs: number;
  /** How long it may be put off, in milliseconds. */
  readonly courtesyMs: number;
  /** How long `garbd` is left alone without a primary component while members have one. */
  readonly patienceMs: number;
}

/** What it does next, with the reason in one plain sentence. */
export type Arbitration =
  | {
    readonly kind: "start";
    readonly reason: string;
    /** The addresses of members that answer. */
    readonly members: readonly string[];
    readonly follows: Followed;
  }
  /** It could start, but lets a member go first. */
  | { readonly kind: "put-off"; readonly reason: string }
  /** Stops `garbd`, to decide afresh. */
  | { readonly kind: "stop"; readonly reason: string }
  /** Leaves `garbd` as it is. */
  | { readonly kind: "stay"; readonly reason: string }
  /** There is no `garbd`, nor a reason for one. */
  | { readonly kind: "wait"; readonly reason: string };

/** What an arbitrator does next. Total. */
export function arbitrate(view: ArbitrationView): Arbitration {
  const paused = view.registry?.paused ?? null;
  if (paused !== null) {
    // All have stopped: whoever bootstraps after the pause finds nobody who still is Primary.
    if (isLeftAlone(view)) return { kind: "stop", reason: LEFT_ALONE };
    return { kind: view.garbd === null ? "wait" : "stay", reason: `Paused ${paused}` };
  }
  return view.garbd === null ? begin(view) : goOn(view, view.garbd);
}

function begin({ registry, putOffMs, courtesyMs }: ArbitrationView): Arbitration {
  const wait = (reason: string): Arbitration => ({ kind: "wait", reason });
  if (registry === null) return wait("There is no connection to ZooKeeper");
  const { cluster, registered, isStarting } = registry;
  if (cluster.kind === "none") return wait("No cluster is on record yet");
  if (cluster.kind === "unreadable") return wait(`The cluster is not readable: ${cluster.problem}`);
  const { phase, by, uuid, attempt } = cluster.cluster;
  if (phase !== "running" || uuid === null) return wait(`${by} bootstraps the cluster`);
  if (registered.length === 0) return wait("No member is registered");
  const answering = registered.filter(({ answer }) => answer.kind === "primary");
  if (answering.length === 0) return wait("No registered member answers and is Primary");
  // Two that join a group at one moment make each other's join take 5 to 10 s longer.
  if (isStarting && putOffMs < courtesyMs) {
    return { kind: "put-off", reason: "A member starts, and goes first" };
  }
  return {
    kind: "start",
    reason: `${and(answering.map(nameOf))} ${
      answering.length === 1 ? "answers and is" : "answer and are"
    } Primary`,
    members: answering.map(({ address }) => address),
    follows: { uuid, attempt },
  };
}

function goOn(view: ArbitrationView, garbd: RunningGarbd): Arbitration {
  const { registry, patienceMs } = view;
  const { follows, component, withoutPrimaryMs } = garbd;
  const stop = (reason: string): Arbitration => ({ kind: "stop", reason });
  const stay = (reason: string): Arbitration => ({ kind: "stay", reason });
  if (component?.primary) {
    if (isLeftAlone(view)) return stop(LEFT_ALONE);
    if (component.uuid !== follows.uuid) {
      return stop(`It is in the cluster ${component.uuid}, on record is ${follows.uuid}`);
    }
  }
  if (registry === null) return stay("There is no connection to ZooKeeper: garbd is left alone");
  const { cluster, registered } = registry;
  if (cluster.kind === "known") {
    const { attempt, uuid } = cluster.cluster;
    if (attempt !== follows.attempt) return stop("Another attempt is on record");
    if (uuid !== follows.uuid) return stop(`Another cluster is on record: ${uuid}`);
  }
  // With a member in it, also when none is registered: members whose sessions are lost serve on.
  if (component?.primary) return stay("It votes in the primary component");
  if (registered.length === 0) return stop("No member is registered any more");
  const elsewhere = registered.filter(({ answer }) => answer.kind === "primary");
  if (elsewhere.length > 0 && withoutPrimaryMs >= patienceMs) {
    return stop(`It does not come back to the primary component of ${and(elsewhere.map(nameOf))}`);
  }
  return stay(
    component === null
      ? "It connects to the members"
      : "It is not in a primary component: Galera heals, or its members decide afresh",
  );
}

/**
 * The members in a component, with data, by name.
 *
 * @param arbitrators Those that are registered; a member may be called as one of them.
 */
export function membersIn(
  { names }: Component,
  arbitrators: readonly string[],
): readonly string[] {
  const left = [...names];
  for (const name of arbitrators) {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

const LEFT_ALONE = "The last member has left the primary component";

/**
 * The last member has left the component in order, and the rest stays Primary. A member that bootstraps
 * makes another primary component, and of two that meet Galera aborts one ("older overrides").
 */
function isLeftAlone({ garbd, arbitrators }: ArbitrationView): boolean {
  const component = garbd?.component;
  return component?.primary === true &&
    (component.size <= 1 || onlyArbitrators(component, arbitrators));
}

/** Whether all in it are known, and none is a member. */
function onlyArbitrators(component: Component, arbitrators: readonly string[]): boolean {
  return component.names.length === component.size &&
    membersIn(component, arbitrators).length === 0;
}

function nameOf({ name, address }: Registered): string {
  return name ?? address;
}
