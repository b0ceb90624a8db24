/**
 * Containers by podman: how it is called where no systemd is, whether it can run here, and one container.
 * Everything that is made carries {@link LABEL}.
 */
import { join } from "node:path";
import { STDERR } from "../../lib/machine/terminal.ts";

/** The label of all that tests make; its value is the stage's prefix. */
export const LABEL = "galera-keeper-test";

/** Without systemd: cgroups by files, events in a file; a container's limits must not be over ours. */
const CONFIGURATION = `[containers]
default_ulimits=["nofile=20000:20000","nproc=32768:32768"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[network]
network_backend="netavark"
`;

let configuration: string | null = null;

/** The variables that podman is to be started with. */
export function podmanEnv(): Readonly<Record<string, string>> {
  if (configuration === null) {
    const folder = Deno.makeTempDirSync({ prefix: "gk-podman-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    configuration = join(folder, "containers.conf");
    Deno.writeTextFileSync(configuration, CONFIGURATION);
  }
  return { CONTAINERS_CONF: configuration };
}

/** How podman ended. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What else podman is started with. */
export interface PodmanOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** For its standard input; nothing by default. */
  readonly input?: string;
}

/** Runs podman, however it ends. */
export async function tryPodman(
  args: readonly string[],
  { env = {}, input }: PodmanOptions = {},
): Promise<Ended> {
  const child = new Deno.Command("podman", {
    args: [...args],
    env: { ...podmanEnv(), ...env },
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs podman. @returns What it printed, without the last line's end. @throws With what it complained of. */
export async function podman(...args: readonly string[]): Promise<string> {
  return printed(args, await tryPodman(args));
}

/** What a podman that went well printed. @throws It did not. */
export function printed(args: readonly string[], { status, stdout, stderr }: Ended): string {
  if (status === 0) return stdout.trimEnd();
  throw new Error(`podman ${args.join(" ")} ended with status ${status}:\n${stderr || stdout}`);
}

/**
 * Why containers cannot run here, tried with this machine's own files as the image; null where they
 * can.
 */
export async function whyNoContainers(): Promise<string | null> {
  const network = `gk-try-${crypto.randomUUID().slice(0, 8)}`;
  try {
    await podman("network", "create", "--label", LABEL, network);
    try {
      // :O lays a file system over it, as images do.
      await podman("run", "--rm", "--network", network, "--rootfs", "/:O", "true");
    } finally {
      await tryPodman(["network", "rm", "--force", network]);
    }
    return null;
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split("\n");
    return lines.filter((line) => line.trim() !== "").at(-1) ?? "unknown";
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How long anything may take on a machine that is busy; then something hangs. */
export const PATIENCE_MS = 240_000;

/** Asks again and again until the answer is neither null nor false. @throws It never was. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > endMs) throw new Error(`Waited in vain: ${what}`);
    await pause(200);
  }
}

/** Says in one line that and why tests are left out. */
export function sayLeftOut(why: string): void {
  STDERR.write(`Tests in containers are left out: ${why}\n`);
}
