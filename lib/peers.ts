/** Asks registered members, and judges what they say. */
import type { Answer, Registered } from "./cluster/view.ts";
import type { NodeChild } from "./snapshot.ts";
import type { Registry } from "./registry.ts";
import type { Node } from "./znodes.ts";
import type { PeerStatus, World } from "./world.ts";

/** Who asks: not to be taken for somebody else. */
export interface Asking {
  readonly member: string;
  readonly address: string;
  /** The cluster's UUID on record; null where there is none yet. */
  readonly clusterUuid: string | null;
}

/** Asks every registered member but oneself. Never rejects but for the signal's reason. */
export async function askAll(
  nodes: readonly NodeChild[],
  asking: Asking,
  ask: World["ask"],
  signal: AbortSignal,
): Promise<readonly Registered[]> {
  const others = nodes.filter(({ address, node }) =>
    node === null ? address !== asking.address : node.member !== asking.member
  );
  return await Promise.all(others.map(async ({ address, node }): Promise<Registered> => {
    const { answer } = await askNode(node, asking.clusterUuid, ask, signal);
    const adopted = node?.adopted !== undefined && { isAdopted: true };
    return { address, name: node?.member ?? null, answer, ...adopted };
  }));
}

/**
 * Asks one registered member.
 *
 * @param node What is registered; null where it is not one of ours.
 * @returns What its answer amounts to, and what it said, where it did. Never rejects but for the
 *   signal's reason.
 */
export async function askNode(
  node: Node | null,
  clusterUuid: string | null,
  ask: World["ask"],
  signal: AbortSignal,
): Promise<{ readonly answer: Answer; readonly status: PeerStatus | null }> {
  if (node === null) return { answer: { kind: "foreign" }, status: null };
  if (node.http === null) return { answer: { kind: "mute" }, status: null };
  try {
    const status = await ask(node.http, signal);
    return { answer: judge(node, status, clusterUuid), status };
  } catch (error) {
    signal.throwIfAborted();
    const problem = error instanceof Error ? error.message : String(error);
    return { answer: { kind: "silent", problem }, status: null };
  }
}

/**
 * What an answer amounts to. Only the same member with the same datadir, Primary in the cluster on
 * record, counts as one that answers.
 */
export function judge(
  registered: { readonly member: string; readonly datadirId: string },
  status: PeerStatus,
  clusterUuid: string | null,
): Answer {
  if (status.member !== registered.member) {
    return { kind: "mismatch", problem: `${status.member} answers there` };
  }
  if (status.datadirId !== registered.datadirId) {
    return { kind: "mismatch", problem: "it answers with another datadir" };
  }
  if (!status.primary) return { kind: "not-primary" };
  if (clusterUuid !== null && status.uuid !== clusterUuid) {
    return {
      kind: "mismatch",
      problem: `it answers with the cluster UUID ${status.uuid}, on record is ${clusterUuid}`,
    };
  }
  return { kind: "primary" };
}

/**
 * Whether a member other than this one is registered as Primary: read once, and again only after
 * something on record has changed or the session is another one, as ZooKeeper is never polled.
 */
export class OtherPrimary implements Disposable {
  readonly #self: string;
  #known: { readonly registry: Registry; readonly is: boolean } | null = null;
  #watching = new AbortController();

  /** @param self This member's name. */
  constructor(self: string) {
    this.#self = self;
  }

  /** @throws What the session says, when it cannot be read. */
  async isThere(registry: Registry): Promise<boolean> {
    if (this.#known?.registry === registry) return this.#known.is;
    this.forget();
    const watching = this.#watching;
    const { nodes, changed } = await registry.observe(watching.signal);
    const is = nodes.some(({ node }) =>
      node !== null && node.primary && node.member !== this.#self
    );
    this.#known = { registry, is };
    const stale = () => {
      if (!watching.signal.aborted) this.#known = null;
    };
    changed.then(stale, stale);
    return is;
  }

  /** Takes the watches back; the next question reads again. */
  forget(): void {
    this.#known = null;
    this.#watching.abort();
    this.#watching = new AbortController();
  }

  [Symbol.dispose](): void {
    this.forget();
  }
}
