/** A position in a cluster's history: which cluster, and how many transactions of it. */
export interface Position {
  /** The cluster's UUID, lower case. */
  readonly uuid: string;
  /** How many write sets of that history are in; -1n or more. */
  readonly seqno: bigint;
}
