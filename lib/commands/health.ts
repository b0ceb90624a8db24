/** `galera-keeper health`: asks the keeper on this machine how it is, for images without curl. */

import type { CommandDefinition } from "../command.ts";
import { buildAddresses, buildHttpConfig, THIS_MACHINE } from "../config.ts";
import { ConfigError, EXIT } from "../errors.ts";
import { STDOUT } from "../machine/terminal.ts";
import { isWildcard } from "../settings/address.ts";
import { optionOfRun, type RunOptions } from "../settings/options.ts";
import { formatHostPort } from "../settings/values.ts";

interface HealthOptions
  extends Pick<RunOptions, "http" | "bind" | "address" | "interface" | "network"> {
  readonly ready?: boolean;
  readonly donorOk?: boolean;
}

/** Whoever runs a probe ends it sooner, as a rule. */
const ANSWER_MS = 5000;

/** `galera-keeper health [--ready] [--donor-ok]` */
export const HEALTH: CommandDefinition = {
  name: "health",
  summary: "ask the keeper on this machine whether it lives, or is ready",
  group: "Members:",
  description: "Asks /livez, or /readyz, and prints what it says: the exit status is 0 where all " +
    "is well, else 1. It asks where run listens with the same options or variables.",
  options: [
    { flags: "--ready", description: "ask whether clients are to be sent here" },
    { flags: "--donor-ok", description: "the same, where a member that donates will do" },
    ...["--address <ip>", "--interface <name>", "--network <cidr>", "--bind <ip>"].map((flags) =>
      optionOfRun(flags)
    ),
    optionOfRun("--http <host:port>"),
  ],
  examples: [
    ["galera-keeper health", "a container's health check, or a liveness probe"],
    ["galera-keeper health --ready", "a readiness probe"],
  ],
  action: (options: HealthOptions) => health(options),
};

async function health(options: HealthOptions): Promise<number> {
  const path = options.donorOk ? "/readyz?donor=ok" : options.ready ? "/readyz" : "/livez";
  const at = whereToAsk(options);
  try {
    const response = await fetch(`http://${at}${path}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: "error",
    });
    const text = (await response.text()).trim();
    STDOUT.write(`${text === "" ? `HTTP ${response.status}` : text.replaceAll("\r\n", "\n")}\n`);
    return response.ok ? EXIT.ok : EXIT.unwell;
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    const why = isLate ? `no answer in ${ANSWER_MS / 1000} s` : "the connection is refused";
    STDOUT.write(`Cannot ask the keeper at ${at}: ${why}\n`);
    return EXIT.unwell;
  }
}

/** Where `run` listens with these options, `host:port`. @throws {ConfigError} Nowhere. */
export function whereToAsk(
  options: HealthOptions,
  machine: Parameters<typeof buildAddresses>[1] = THIS_MACHINE,
): string {
  const { address, bind } = buildAddresses(options, machine);
  const http = buildHttpConfig(options, address, bind);
  if (http === null) throw new ConfigError("There is nobody to ask as --http is off");
  const { host, port } = http;
  const asked = !isWildcard(host) ? host : host.includes(":") ? "::1" : "127.0.0.1";
  return formatHostPort({ host: asked, port });
}
