/** What the database's side of a member is told. Types only. */

import type { TlsFiles } from "./certificates.ts";

/** What a datadir that is initialised gets. */
export interface InitialisationSettings {
  /** Also what we log in with; null: by the unix socket, as the system's user. Secret. */
  readonly rootPassword: string | null;
  /** Make a password up for root, kept in a file that only the system's user reads. */
  readonly hasRandomRootPassword: boolean;
  readonly allowsEmptyRootPassword: boolean;
  /** From where root may log in besides localhost; null: from anywhere, if it has a password. */
  readonly rootHost: string | null;
  /** A database to create. */
  readonly database: string | null;
  /** A user to create, with all rights on that database. */
  readonly user: string | null;
  /** That user's password. Secret. */
  readonly password: string | null;
}

/** All that a database is told. */
export interface DatabaseSettings {
  /** false: its servers are plain ones, Galera's library and the SST's programs are not needed. */
  readonly isWsrepOn?: boolean;
  /** Absolute, without a slash at its end. */
  readonly datadir: string;
  /** The unix socket's path. */
  readonly socket: string;
  /** The system's user that mariadbd runs as, where we are root; null: as ourselves. */
  readonly user: string | null;
  /** The member's name; Galera's node name. */
  readonly member: string;
  /** The IP address that others reach us by, without brackets. */
  readonly address: string;
  /** Every listener on this IP address alone; null: on all. */
  readonly bind: string | null;
  /** The port for clients. */
  readonly port: number;
  readonly clusterName: string;
  readonly sstMethod: "rsync" | "mariabackup";
  /** Galera's library; null: to be found. */
  readonly provider: string | null;
  /** Galera's options by name, over ours. */
  readonly providerOptions: Readonly<Record<string, string>>;
  /** The certificates for Galera, IST and SST; null or left out: no TLS between members. */
  readonly tls?: TlsFiles | null;
  /** Options for mariadbd as on its command line. */
  readonly extraArguments: readonly string[];
  readonly initialisation: InitialisationSettings;
  /** Where the official image's users put files that fill a new database. */
  readonly initFolder?: string;
}
