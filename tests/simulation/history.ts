/** Histories of clusters as trees of transactions: a branch shows, where two seqnos would look alike. */

/** One transaction, and with it all before it. */
export interface Txn {
  readonly uuid: string;
  readonly seqno: bigint;
  readonly parent: Txn | null;
  /** Where it came from, for people. */
  readonly by: string;
  /** Whether a client's commit, or a change of the view, which takes a seqno too. */
  readonly kind: "commit" | "view";
}

/** The transaction after another; the first of a new history where there is none. */
export function next(parent: Txn | null, uuid: string, by: string, kind: Txn["kind"]): Txn {
  return { uuid, seqno: (parent?.seqno ?? 0n) + 1n, parent, by, kind };
}

/** Whether a history that ends in `head` holds a transaction. */
export function holds(head: Txn | null, txn: Txn): boolean {
  let at = head;
  while (at !== null && at.seqno > txn.seqno) at = at.parent;
  return at === txn;
}

/** All transactions of a history, the last one first. */
export function* transactions(head: Txn | null): Generator<Txn> {
  for (let at = head; at !== null; at = at.parent) yield at;
}
