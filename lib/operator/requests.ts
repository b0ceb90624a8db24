/** What a person asks of all members: written once, taken back, followed to its end. */
import { type Asked, type RequestSight } from "../cluster/plan_requests.ts";
import {
  cancel,
  describeRequest,
  goOn,
  isOver,
  type Other,
  type Request,
  type Stopping,
} from "../cluster/requests.ts";
import { parsePosition, PositionError } from "../cluster/position.ts";
import { RefusedError } from "../errors.ts";
import type { Stage } from "../progress.ts";
import { REQUEST, Requests } from "../requests.ts";
import { settle } from "../settle.ts";
import { PAUSE } from "../snapshot.ts";
import type { Ensemble, Operation } from "../zookeeper/ensemble.ts";
import { formatPause, formatRequest, ZnodeError } from "../znodes.ts";
import type { SeenScene } from "./scene.ts";

/** Who asks, and when: for people. */
export interface Asker {
  readonly by: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A person's hand on the request below a root. */
export class RequestDesk {
  readonly #ensemble: Ensemble;
  readonly #root: string;
  readonly requests: Requests;

  /** @param root An absolute path such as `/mariadb`; empty for `/`. */
  constructor(ensemble: Ensemble, root: string) {
    this.#ensemble = ensemble;
    this.#root = root;
    this.requests = new Requests(ensemble, root);
  }

  /** What was asked last; null where nobody ever asked. */
  async standing(): Promise<Request | null> {
    await this.#catchUp();
    return (await this.requests.read())?.request ?? null;
  }

  /**
   * Asks: all or nothing, and only where nothing else is under way. A stop of all pauses all starts in
   * the same multi, so that nobody starts before somebody lets all go on.
   *
   * @param id 32 hexadecimal digits, other ones each time.
   * @throws {RefusedError} Something else was asked meanwhile.
   */
  async ask(asked: Asked, id: string, { by, since }: Asker): Promise<Request> {
    const request: Request = {
      id,
      ...asked,
      by,
      since,
      done: [],
      current: null,
      failed: null,
      canceled: null,
    };
    await this.#ensemble.ensurePath(`${this.#root}/${REQUEST}`.replace(/\/[^/]*$/, ""));
    for (;;) {
      const before = await this.requests.read();
      if (before !== null && !isOver(before.request)) {
        if (before.request.id === id) return before.request;
        throw new RefusedError(`Refused: ${describeRequest(before.request)}`);
      }
      const { path } = this.requests;
      const data = formatRequest(request);
      const operations: Operation[] = [
        before === null
          ? { op: "create", path, data }
          : { op: "set", path, data, version: before.version },
      ];
      if (asked.kind === "stop") operations.push(await this.#pause({ by, since }));
      const isWritten = async () => (await this.requests.read())?.request.id === id;
      if (await settle(this.#ensemble, operations, isWritten)) return request;
    }
  }

  /** Also where all is paused already: whoever waits looks again, and finds that it has stopped. */
  async #pause(asker: Asker): Promise<Operation> {
    const path = `${this.#root}/${PAUSE}`;
    const data = formatPause({ ...asker, stops: true });
    const stat = await this.#ensemble.exists(path);
    return stat === null
      ? { op: "create", path, data }
      : { op: "set", path, data, version: stat.version };
  }

  /** A server that lags would say that nothing was asked, or less than was. */
  async #catchUp(): Promise<void> {
    await this.#ensemble.sync(this.requests.path);
  }

  /** Has a restart that stands still go on. @returns What is on record then; null where there is nothing. */
  async goOn(): Promise<Request | null> {
    await this.#catchUp();
    return await this.requests.change(goOn);
  }

  /** Takes that request back. @returns What is on record then; null where there is nothing. */
  async cancel(id: string, { by, since }: Asker): Promise<Request | null> {
    const takeBack = cancel(`by ${by} at ${since}`);
    await this.#catchUp();
    return await this.requests.change((now) => now.id === id ? takeBack(now) : null);
  }
}

/** What was asked last, for whoever only looks; null where nobody ever asked, or by none of ours. */
export async function readRequest(ensemble: Ensemble, root: string): Promise<Request | null> {
  try {
    return (await new Requests(ensemble, root).read())?.request ?? null;
  } catch (error) {
    if (!(error instanceof ZnodeError)) throw error;
    return null;
  }
}

/** What is seen by whoever asks. */
type Seen = Pick<SeenScene, "sight" | "statuses" | "reading">;

/** What a scene shows to whoever asks. */
export function requestSight(
  { sight, statuses, reading }: Seen,
  standing: Request | null,
): RequestSight {
  const answers = new Map(sight.registered.map(({ address, answer }) => [address, answer]));
  const registered = (reading?.snapshot.nodes ?? []).map(({ address, node }): Other => ({
    name: node?.member ?? null,
    primary: node?.primary ?? false,
    synced: node !== null && (node.http === null || statuses.get(node.member)?.synced === true),
    answer: answers.get(address) ?? { kind: "foreign" },
    isAdopted: node?.adopted !== undefined,
  }));
  return { paused: sight.paused, records: sight.records, registered, standing };
}

/** On their way to be registered: they are to stop once they are. */
const STARTING: readonly Stage[] = ["bootstrapping", "joining", "registering"];

/** What those say of themselves that are to stop. */
export function stoppingOf({ statuses, reading }: Omit<Seen, "sight">): readonly Stopping[] {
  const nodes = (reading?.snapshot.nodes ?? []).flatMap(({ node }) => node ?? []);
  const registered = nodes.map(({ member, primary }) => {
    const status = statuses.get(member);
    return {
      name: member,
      primary: status?.primary ?? primary,
      synced: status?.synced ?? primary,
      position: positionOf(status?.uuid ?? null, status?.seqno ?? null),
    };
  });
  const starting = [...statuses.values()].filter(({ member, stage }) =>
    STARTING.includes(stage) && !nodes.some((node) => node.member === member)
  );
  return [
    ...starting.map(({ member }) => ({
      name: member,
      primary: false,
      synced: false,
      position: null,
    })),
    ...registered,
  ];
}

function positionOf(uuid: string | null, seqno: string | null) {
  if (uuid === null || seqno === null) return null;
  try {
    return parsePosition(`${uuid}:${seqno}`);
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
    return null;
  }
}
