/** What this machine needs besides this program: Debian's packages, found and installed. */

import { existsSync } from "node:fs";
import { ConfigError, UnavailableError } from "../errors.ts";
import { missingPackages as missingForZooKeeper } from "../zookeeper/server.ts";
import { runProgram } from "./children.ts";

/** Says whether a file is there. */
export type Exists = (path: string) => boolean;

/** What something is needed for. */
export type Need =
  /** A ZooKeeper server of our own. */
  | "zookeeper"
  /** A member: MariaDB with Galera, and what an SST by rsync needs. */
  | "galera"
  /** What an SST by mariabackup needs besides. */
  | "mariabackup"
  /** An arbitrator. */
  | "arbitrator"
  /** What TLS between members needs besides. */
  | "tls"
  /** What our tests are measured against. */
  | "kazoo"
  /** What makes the time of day jump in our tests. */
  | "faketime"
  /** What checks our metrics and alerts, `promtool`. */
  | "prometheus"
  /** What renders our overlays: tests/k8s/kubectl.ts fetches it, as Debian's is too old. */
  | "kubectl"
  /** What checks the README's unit, `systemd-analyze`. */
  | "systemd"
  /** What our tests in containers run on. */
  | "podman";

const PROGRAM_FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];
const PROVIDERS = [
  "/usr/lib/galera/libgalera_smm.so",
  "/usr/lib/galera-4/libgalera_smm.so",
  "/usr/lib64/galera-4/libgalera_smm.so",
];
const FAKETIME = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((triplet) => `/usr/lib/${triplet}/faketime/libfaketimeMT.so.1`);
const KAZOO = "/usr/lib/python3/dist-packages/kazoo/client.py";

/** For each need: Debian's package, and the files of which one shows that it is there. */
const REQUIREMENTS: Readonly<
  Record<Exclude<Need, "zookeeper">, Record<string, readonly string[]>>
> = {
  galera: {
    "mariadb-server": programPaths("mariadbd"),
    "galera-4": PROVIDERS,
    "rsync": programPaths("rsync"),
    // wsrep_sst_rsync looks with it whether the joiner's port is open yet.
    "lsof": programPaths("lsof"),
    "iproute2": programPaths("ss"),
    // Which processes still work in a datadir: Deno itself may not look.
    "procps": programPaths("ps"),
  },
  mariabackup: {
    "mariadb-backup": programPaths("mariabackup"),
    "socat": programPaths("socat"),
  },
  arbitrator: { "galera-arbitrator-4": programPaths("garbd") },
  tls: { "openssl": programPaths("openssl"), "stunnel4": programPaths("stunnel") },
  kazoo: { "python3-kazoo": [KAZOO] },
  faketime: { "libfaketime": FAKETIME },
  prometheus: { "prometheus": programPaths("promtool") },
  kubectl: {},
  systemd: { "systemd": programPaths("systemd-analyze") },
  podman: {
    "podman": programPaths("podman"),
    "buildah": programPaths("buildah"),
    "runc": programPaths("runc"),
    "netavark": ["/usr/lib/podman/netavark"],
    // Names in a network of containers.
    "aardvark-dns": ["/usr/lib/podman/aardvark-dns"],
    // Process 1 of a pod.
    "catatonit": programPaths("catatonit"),
    "nftables": programPaths("nft"),
    "iptables": programPaths("iptables"),
    "fuse-overlayfs": programPaths("fuse-overlayfs"),
    "debootstrap": programPaths("debootstrap"),
    // What the README has for Docker's own.
    "podman-compose": programPaths("podman-compose"),
  },
};

function programPaths(name: string): readonly string[] {
  return PROGRAM_FOLDERS.map((folder) => `${folder}/${name}`);
}

/** Debian's packages that are missing here. */
export function missingPackages(
  needs: readonly Need[],
  exists: Exists = existsSync,
): readonly string[] {
  const missing = needs.flatMap((need) =>
    need === "zookeeper" ? missingForZooKeeper(exists) : Object.entries(REQUIREMENTS[need])
      .filter(([, paths]) => !paths.some(exists))
      .map(([name]) => name)
  );
  return [...new Set(missing)];
}

/** The one command that installs packages. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install --yes --no-install-recommends ${packages.join(" ")}`;
}

/** How `ensureInstalled()` may go about it. */
export interface InstallOptions {
  /** Install what is missing, where we are root. */
  readonly install: boolean;
  /** Called before anything is installed; false calls it off. */
  readonly confirm: (packages: readonly string[]) => boolean;
  /** Says what is done, in lines. */
  readonly say: (line: string) => void;
  /** Says whether a file is there; on this machine by default. */
  readonly exists?: Exists;
  /** Who we are; 0 is root. */
  readonly uid?: number | null;
}

/**
 * Makes sure that everything needed is on this machine.
 *
 * @throws {UnavailableError} Something is missing and may not be, or could not be, installed; the
 *   message has the command that installs it.
 */
export async function ensureInstalled(
  needs: readonly Need[],
  { install, confirm, say, exists = existsSync, uid = Deno.uid() }: InstallOptions,
): Promise<void> {
  const missing = missingPackages(needs, exists);
  if (missing.length === 0) return;
  const byHand = `as root: ${installCommand(missing)}`;
  if (!install) {
    throw new UnavailableError(`Missing on this machine: ${missing.join(", ")}; ${byHand}`);
  }
  if (uid !== 0) {
    throw new UnavailableError(
      `Cannot install ${missing.join(", ")} as only root may; ${byHand}`,
    );
  }
  if (!confirm(missing)) {
    throw new UnavailableError(`Not installed: ${missing.join(", ")}; ${byHand}`);
  }
  say(`Installing ${missing.join(", ")} with apt-get …`);
  const startedMs = performance.now();
  await installPackages(missing, say);
  const left = missingPackages(needs, exists);
  if (left.length > 0) {
    throw new UnavailableError(
      `apt-get installed ${left.join(", ")}, but not where we look for it`,
    );
  }
  say(`Installed in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
}

async function installPackages(packages: readonly string[], say: (line: string) => void) {
  const withoutServices = keepServicesStopped();
  try {
    // The lists of packages may be fresh: then there is no need to wait for new ones.
    if ((await aptGet("install", ...INSTALL_OPTIONS, ...packages)).success) return;
    say("Updating the lists of packages …");
    const update = await aptGet("update");
    if (!update.success) throw failed("update", update.lastLines);
    const install = await aptGet("install", ...INSTALL_OPTIONS, ...packages);
    if (!install.success) throw failed(`install ${packages.join(" ")}`, install.lastLines);
  } finally {
    withoutServices();
  }
}

const INSTALL_OPTIONS = ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];

function failed(what: string, lastLines: string): UnavailableError {
  return new UnavailableError(`apt-get ${what} failed: ${lastLines}`);
}

async function aptGet(
  ...args: readonly string[]
): Promise<{ readonly success: boolean; readonly lastLines: string }> {
  try {
    const { success, stderr, stdout } = await runProgram("apt-get", {
      args: ["-qq", ...args],
      env: { DEBIAN_FRONTEND: "noninteractive" },
    });
    const text = new TextDecoder().decode(stderr) || new TextDecoder().decode(stdout);
    const lastLines = text.split("\n").filter((line) => line.trim() !== "").slice(-2).join(" | ");
    return { success, lastLines };
  } catch (cause) {
    throw new ConfigError("Cannot install packages as this machine has no apt-get: do it by hand", {
      cause,
    });
  }
}

const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Debian starts services as it installs them, unless this file forbids it (invoke-rc.d(8)). We want
 * the programs, not a second database on port 3306.
 *
 * @returns Undoes it.
 */
function keepServicesStopped(): () => void {
  if (existsSync(POLICY)) return () => {};
  Deno.writeTextFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  return () => Deno.removeSync(POLICY);
}
