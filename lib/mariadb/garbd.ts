/** Galera's arbitrator, `garbd`: its option file, what it says of itself, its process. */
import type { Logger } from "@logtape/logtape";
import type { Component } from "../cluster/arbitrate.ts";
import { ConfigError } from "../errors.ts";
import type { TlsFiles } from "./certificates.ts";
import { type Child, startChild } from "./child.ts";
import type { ExitStatus } from "./database.ts";
import { bracketed, GALERA_PORT, providerOptions } from "./option_file.ts";
import { requireFree } from "./preparation.ts";
import { type Account, findAccount, findProgram } from "./programs.ts";
import { RuntimeFolder } from "./runtime.ts";
import { TlsHints } from "./tls_hints.ts";

/** All that an arbitrator's `garbd` is told. */
export interface GarbdSettings {
  /** Its name in the group. */
  readonly member: string;
  /** The cluster's name: `wsrep_cluster_name` of the members. */
  readonly clusterName: string;
  /** The IP address that others reach us by, without brackets. */
  readonly address: string;
  /** It listens on this IP address alone; null: on all. */
  readonly bind: string | null;
  /** The system's user that it runs as, where we are root; null: as ourselves. */
  readonly user: string | null;
  /** Galera's options by name, over ours. */
  readonly providerOptions: Readonly<Record<string, string>>;
  /** The certificates, as the members have them; null or left out: no TLS. */
  readonly tls?: TlsFiles | null;
}

/** A `garbd` that was started. */
export interface Garbd {
  readonly pid: number;
  /** Settles when it has exited; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** The component it is in; null before the first. */
  readonly component: Component | null;
  /** SIGTERM, on which it leaves the group in order; SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<ExitStatus>;
}

/** Galera's options that garbd knows: it exits on any other, such as a member's `gcache.size`. */
const GROUP_OPTION = /^(?:base_|evs\.|gcomm\.|gcs\.|gmcast\.|pc\.|protonet\.|socket\.)/;

/**
 * Writes the option file for one start.
 *
 * @param members The addresses of members that are in; at least one.
 * @param folder Where it may write.
 * @throws {ConfigError} An option of the user's cannot be passed on.
 */
export function garbdOptions(
  settings: GarbdSettings,
  members: readonly string[],
  folder: string,
): string {
  if (members.length === 0) {
    throw new Error("An arbitrator needs members: without one it would start another cluster");
  }
  const options = providerOptions(settings).split(";").filter((one) => GROUP_OPTION.test(one));
  const comment = options.find((one) => one.includes("#"));
  if (comment !== undefined) {
    throw new ConfigError(`--provider-options has ${comment}: garbd takes # for a comment`);
  }
  return [
    `group=${settings.clusterName}`,
    `name=${settings.member}`,
    `address=gcomm://${members.map(bracketed).join(",")}`,
    `options=${options.join(";")}`,
    `workdir=${folder}`,
    "",
  ].join("\n");
}

/**
 * Reads from its log in which component a garbd is. It has no SQL to ask by; these lines are written
 * by Galera's group communication at each change, before anything else sees it (gcs_group.cpp,
 * gcs_state_msg.cpp). A component counts as primary once its state exchange says so, with the UUID.
 */
export class ComponentReader {
  #component: Component | null = null;
  /** The component that a state exchange is about. */
  #size = 0;
  #names = new Map<number, string>();
  /** Whether the lines are of "Quorum results", and what they have said. */
  #results: { readonly isPrimary: boolean } | null = null;

  get component(): Component | null {
    return this.#component;
  }

  /** Takes the next line, without time and level. @returns Whether the component is another. */
  take(text: string): boolean {
    const [, primary, size] = /^New COMPONENT: primary = (yes|no),.* memb_num = (\d+)/.exec(text) ??
      [];
    if (primary !== undefined) {
      this.#size = Number(size);
      this.#names.clear();
      return primary === "no" && this.#isNotPrimary();
    }
    if (/^(?:New|Received) SELF-LEAVE/.test(text)) {
      this.#size = 0;
      return this.#isNotPrimary();
    }
    const [, index, name] = /^STATE EXCHANGE: got state msg: \S+ from (\d+) \((.*)\)$/.exec(text) ??
      [];
    if (index !== undefined && name !== undefined) this.#names.set(Number(index), name);
    if (text === "Quorum results:") this.#results = { isPrimary: false };
    else if (this.#results !== null && text.startsWith("\t")) return this.#takeResult(text);
    else this.#results = null;
    return false;
  }

  #takeResult(text: string): boolean {
    const [, name, value] = /^\t([\w .]{1,40}?) {0,40}= ([^,]*),?$/.exec(text) ?? [];
    if (name === "component") {
      this.#results = { isPrimary: value === "PRIMARY" };
      return value !== "PRIMARY" && this.#isNotPrimary();
    }
    if (name !== "group UUID" || value === undefined || !this.#results?.isPrimary) return false;
    this.#results = null;
    const names = [...this.#names.values()];
    return this.#become({ primary: true, uuid: value.toLowerCase(), size: this.#size, names });
  }

  #isNotPrimary(): boolean {
    return this.#become({ primary: false, uuid: null, size: this.#size, names: [] });
  }

  #become(component: Component): boolean {
    const before = JSON.stringify(this.#component);
    this.#component = component;
    return JSON.stringify(component) !== before;
  }
}

/** The `garbd` of this machine. */
export class GarbdStarter {
  readonly #settings: GarbdSettings;
  readonly #log: Logger;

  /** @param log Ours; what garbd says goes to its child `garbd`. */
  constructor(settings: GarbdSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /**
   * Makes sure that one could be started, before anything is written anywhere.
   *
   * @throws {import("../errors.ts").UnavailableError} A program is missing.
   * @throws {ConfigError} There is no such user, or an option cannot be passed on.
   */
  async requirePrograms(): Promise<void> {
    await findProgram(["garbd"], "galera-arbitrator-4");
    await findProgram(["setpriv"], "util-linux");
    await findProgram(["ps"], "procps");
    await findAccount(this.#settings.user, "garbd");
    garbdOptions(this.#settings, [this.#settings.address], "/");
  }

  /** @throws {import("../errors.ts").UnavailableError} Something listens where it would. */
  requirePort(): void {
    const { bind, address, providerOptions } = this.#settings;
    if ("gmcast.listen_addr" in providerOptions) return;
    const host = bind ?? (address.includes(":") ? "::" : "0.0.0.0");
    requireFree([{ host, port: GALERA_PORT, what: "Galera" }]);
  }

  /**
   * Starts one.
   *
   * @param members The addresses of members that are in; at least one.
   * @param onChange Called when it is in another component.
   * @throws {import("../errors.ts").KeeperError} It cannot be started.
   */
  async spawn(members: readonly string[], onChange: () => void): Promise<Garbd> {
    const account = await findAccount(this.#settings.user, "garbd");
    const program = await findProgram(["garbd"], "galera-arbitrator-4");
    const owner = account.isOther ? account : null;
    const runtime = await RuntimeFolder.make(runtimeKey(this.#settings), owner);
    try {
      const text = garbdOptions(this.#settings, members, runtime.temporary);
      const file = await runtime.write("garbd.cfg", text);
      return this.#start(program, file, account, runtime, onChange);
    } catch (error) {
      await runtime.remove();
      throw error;
    }
  }

  #start(
    program: string,
    file: string,
    account: Account,
    runtime: RuntimeFolder,
    onChange: () => void,
  ): Garbd {
    const reader = new ComponentReader();
    const { tls = null } = this.#settings;
    const hints = new TlsHints(tls !== null, (hint) => this.#log.warn("{hint}", { hint }));
    const child = startChild({
      program,
      args: ["--cfg", file],
      account,
      env: runtime.env,
      log: this.#log.getChild("garbd"),
      onLine: ({ text }) => {
        // As a member writes it, less the word before it.
        hints.take(`WSREP: ${text}`);
        if (reader.take(text)) onChange();
      },
    });
    const exited = child.exited.then(async (status) => {
      await runtime.remove().catch((error) => this.#log.warn("Not cleaned up: {error}", { error }));
      return status;
    });
    return {
      pid: child.pid,
      exited,
      get component() {
        return reader.component;
      },
      stop: (graceMs) => stop(child, exited, graceMs),
    };
  }
}

/** What the folder of its option file is called by: two cannot listen on one address. */
export function runtimeKey({ address, member }: Pick<GarbdSettings, "address" | "member">): string {
  return `arbitrator ${member} ${address}`;
}

async function stop(child: Child, exited: Promise<ExitStatus>, graceMs: number) {
  child.signal("SIGTERM");
  const timer = setTimeout(() => child.signal("SIGKILL"), graceMs);
  try {
    return await exited;
  } finally {
    clearTimeout(timer);
  }
}
