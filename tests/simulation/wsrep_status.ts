/** What a member of a cluster that rests says of its load. */
import type { WsrepStatus } from "../../lib/mariadb/database.ts";

/** Nothing waits, nobody was held up. */
export const AT_REST = {
  letsClientsIn: true,
  readOnly: false,
  flowControlPaused: 0,
  flowControlPausedSeconds: 0,
  flowControlSent: 0,
  flowControlReceived: 0,
  receiveQueue: 0,
  sendQueue: 0,
  certificationFailures: 0,
  aborts: 0,
} satisfies Partial<WsrepStatus>;

/** Synced in a cluster of three that rests. */
export const SYNCED: WsrepStatus = {
  primary: true,
  ready: true,
  connected: true,
  synced: true,
  localState: 4,
  localStateComment: "Synced",
  clusterUuid: "6b1c1f36-5d2c-11ef-9d3a-0242ac120002",
  lastCommitted: 7n,
  clusterSize: 3,
  ...AT_REST,
};
