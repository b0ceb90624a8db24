/** One container of a stage: it goes with that, or earlier where a test takes it away. */
import type { MemberStatus } from "../../lib/progress.ts";
import { type Ended, podman, printed, tryPodman, until } from "./podman.ts";

/** Root's password in all members that are not given another. */
export const ROOT_PASSWORD = "Root's own, 1";

/** A container. */
export class Container {
  /** As podman knows it. */
  readonly id: string;
  /** As the others on its network know it. */
  readonly name: string;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  /** Runs a program in it. @returns What it printed. @throws It failed. */
  exec(...command: readonly string[]): Promise<string> {
    return podman("exec", this.id, ...command);
  }

  /** Runs a program in it, however it ends. */
  tryExec(...command: readonly string[]): Promise<Ended> {
    return tryPodman(["exec", this.id, ...command]);
  }

  /** Runs statements as root in the member's MariaDB. @returns Its rows, a line each, fields between tabs. */
  async sql(statements: string, password = ROOT_PASSWORD): Promise<string> {
    const args = ["exec", "--interactive", "--env", "MYSQL_PWD", this.id];
    const client = ["mariadb", "--user=root", "--batch", "--skip-column-names"];
    const all = [...args, ...client];
    return printed(all, await tryPodman(all, { env: { MYSQL_PWD: password }, input: statements }));
  }

  /** Its address on the stage's network; another one after a start. */
  async address(): Promise<string> {
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    return await podman("inspect", "--format", format, this.id);
  }

  /** What podman says of its state. */
  async state(): Promise<ContainerState> {
    return JSON.parse(await podman("inspect", "--format", "{{json .State}}", this.id));
  }

  /** A part of what podman says of it, by a template. */
  async inspected(format: string): Promise<string> {
    return await podman("container", "inspect", "--format", format, this.id);
  }

  /** All that podman says of it. */
  async inspect(): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await podman("container", "inspect", this.id))[0];
  }

  /** What it has written to both outputs. */
  async logs(): Promise<string> {
    const { stdout, stderr } = await tryPodman(["logs", this.id]);
    return `${stdout}${stderr}`;
  }

  async start(): Promise<void> {
    await podman("start", this.id);
  }

  /** Stops it in order. @param seconds Its grace; then it is killed. */
  async stop(seconds = 120): Promise<void> {
    await podman("stop", "--time", `${seconds}`, this.id);
  }

  /** As a power cut ends it, or by another signal, after which it may go on. */
  async kill(signal = "KILL"): Promise<void> {
    await podman("kill", "--signal", signal, this.id);
  }

  /** Stops all its processes where they are, by the cgroup's freezer. */
  async freeze(): Promise<void> {
    await podman("pause", this.id);
  }

  /** They go on. */
  async thaw(): Promise<void> {
    await podman("unpause", this.id);
  }

  /** Waits until it has ended. @returns Its exit status. */
  async untilExited(): Promise<number> {
    const { ExitCode } = await until(`${this.name} has ended`, async () => {
      const state = await this.state();
      return !state.Running && state;
    });
    return ExitCode;
  }

  /**
   * Waits until `galera-keeper status` in it begins so: a member that is ready may still be a donor.
   *
   * @throws It never did; with what it said last.
   */
  async untilTold(first: string): Promise<void> {
    let said = "";
    const isSo = async () => {
      said = (await this.tryExec("galera-keeper", "status")).stdout;
      return said.startsWith(first);
    };
    await until(`${this.name} is told "${first}"`, isSo).catch((cause) => {
      throw new Error(`${cause.message}; but: ${said}`, { cause });
    });
  }

  /** Takes it away with what it left but for its named volumes, running or not. */
  async remove(): Promise<void> {
    await podman("rm", "--force", "--time", "0", "--volumes", this.id);
  }

  /** What a member's `/status` says; null while nobody answers. */
  async status(): Promise<MemberStatus | null> {
    try {
      const response = await fetch(`http://${await this.address()}:8008/status`, {
        headers: { connection: "close" },
        signal: AbortSignal.timeout(5000),
      });
      return await response.json();
    } catch {
      return null;
    }
  }

  /** Waits until a member's `/status` is as asked for. @throws It ended first, or never was. */
  async untilStatus(
    what: string,
    isSo: (status: MemberStatus) => boolean,
  ): Promise<MemberStatus> {
    try {
      return await until(`${this.name}: ${what}`, async () => {
        const status = await this.status();
        if (status !== null && isSo(status)) return status;
        const { Running, ExitCode } = await this.state();
        if (!Running) throw new Error(`${this.name} ended with status ${ExitCode}`);
        return null;
      });
    } catch (cause) {
      const lines = (await this.logs()).split("\n").slice(-30).join("\n");
      const message = cause instanceof Error ? cause.message : cause;
      throw new Error(`${message}; its log ends:\n${lines}`, { cause });
    }
  }

  /** Waits until a member serves: registered, Primary and Synced. */
  async untilReady(): Promise<MemberStatus> {
    return await this.untilStatus(
      "ready",
      ({ stage, primary, synced }) => stage === "registered" && primary && synced,
    );
  }
}

/** Of podman's `.State`, what tests look at. */
export interface ContainerState {
  readonly Running: boolean;
  readonly ExitCode: number;
  readonly Pid: number;
  readonly OOMKilled: boolean;
}
