/** Whether a server that others started can be adopted as it is, and as what it was told to be. */
import { namesOf } from "./adoptions.ts";
import type { InView } from "./cluster/adopt.ts";
import { ConfigError, UnavailableError } from "./errors.ts";
import type { ServerFacts, WsrepStatus } from "./mariadb/database.ts";
import { isMemberName } from "./settings/values.ts";

/** What `run` would be told, and what others are told of us. */
export interface Wanted {
  readonly member: string;
  readonly clusterName: string;
  readonly address: string;
}

/** Where members look for Galera that are told an address alone. */
const GALERA_PORT = 4567;

/**
 * Makes sure of it.
 *
 * @throws {UnavailableError} It is not Primary, Synced and open to clients, or runs without Galera.
 * @throws {ConfigError} `run` with these settings would not be this member.
 */
export function requireAdoptable(facts: ServerFacts, wanted: Wanted): void {
  if (!facts.isWsrepOn) {
    throw new UnavailableError(
      "The mariadbd that runs is in no cluster: Galera is off (wsrep_on, wsrep_provider); stop it and " +
        "start galera-keeper run",
    );
  }
  const problem = problemOf(facts.status);
  if (problem !== null) {
    throw new UnavailableError(
      `The mariadbd that runs ${problem}: what is adopted is Primary, Synced and open to clients`,
    );
  }
  requireSame(facts, wanted);
  requireView(facts);
}

function problemOf(status: WsrepStatus | null): string | null {
  if (status === null) return "does not say how it is";
  if (!status.primary) return "is not Primary";
  if (!status.synced) return `is not Synced but ${status.localStateComment || status.localState}`;
  if (!status.ready || !status.letsClientsIn) return "lets no clients in";
  return status.readOnly ? "is read_only" : null;
}

function requireSame(facts: ServerFacts, { member, clusterName, address }: Wanted): void {
  if (facts.nodeName !== member) {
    throw new ConfigError(
      `The member is to be "${member}", and mariadbd calls itself "${facts.nodeName}" ` +
        `(wsrep_node_name): give --member ${facts.nodeName}, here and to galera-keeper run`,
    );
  }
  if (facts.clusterName !== clusterName) {
    throw new ConfigError(
      `The cluster is to be "${clusterName}", and mariadbd calls it "${facts.clusterName}" ` +
        `(wsrep_cluster_name): give --cluster-name ${facts.clusterName}, here and to galera-keeper run`,
    );
  }
  const [, host = "", port = ""] =
    /^(?:\w+:\/\/)?\[?([^\]]*?)\]?:(\d+)$/.exec(facts.listenAddress) ??
      [];
  if (Number(port) === GALERA_PORT && ["0.0.0.0", "::", address].includes(host)) return;
  throw new ConfigError(
    `Others look for Galera at ${address}, port ${GALERA_PORT}, and mariadbd listens on ` +
      `"${facts.listenAddress}" (gmcast.listen_addr): give the --address that it listens on`,
  );
}

/** A record is kept under each name: what cannot be told apart, or not be written, is not adopted. */
function requireView({ inView, nodeName }: ServerFacts): void {
  const members = inView.filter(({ address }) => address !== "");
  const own = members.some(({ name }) => name === nodeName);
  if (!own) {
    throw new UnavailableError(
      `mariadbd does not say who is in its Galera view: "${nodeName}" is not, or has no address ` +
        "(wsrep_node_incoming_address), or our login may not read mysql.wsrep_cluster_members",
    );
  }
  const problem = problemOfNames(members);
  if (problem !== null) throw new ConfigError(problem);
}

/** Why not every member of a Galera view can be put on record, one sentence; null where each can. */
export function problemOfNames(view: readonly InView[]): string | null {
  const names = namesOf(view.filter(({ address }) => address !== ""));
  const odd = names.find((name) => !isMemberName(name));
  if (odd !== undefined) {
    return `A member of the Galera view is called "${odd}", which no member can be: give it another ` +
      "wsrep_node_name, of letters, digits, dots, dashes and underscores";
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined
    ? null
    : `Two members of the Galera view are called "${twice}": give each its own wsrep_node_name`;
}
