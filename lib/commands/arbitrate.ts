/** `galera-keeper arbitrate`: Galera's arbitrator as a third voter of a two-node cluster. */

import { Arbitrator, ARBITRATOR_TIMING, keepArbitrator } from "../arbitrator/arbitrator.ts";
import type { CommandDefinition, Environment } from "../command.ts";
import {
  buildAddresses,
  buildHttpConfig,
  buildLogConfig,
  buildTls,
  buildZooKeeperConfig,
  type HttpConfig,
  memberFromHostname,
  THIS_MACHINE,
  type ZooKeeperConfig,
} from "../config.ts";
import { EXIT } from "../errors.ts";
import { askStatus } from "../http.ts";
import { logger, startLog } from "../log.ts";
import { REAL_CLOCK } from "../machine/clock.ts";
import { reapOrphans } from "../machine/reaper.ts";
import { stopSignals } from "../machine/signals.ts";
import { watchCertificates } from "../mariadb/certificate_watch.ts";
import { type GarbdSettings, GarbdStarter } from "../mariadb/garbd.ts";
import { checkProviderOptions } from "../mariadb/option_file.ts";
import {
  DEFAULT_HTTP_PORT,
  LOG_OPTIONS,
  optionOfRun,
  type RunOptions,
  ZOOKEEPER_OPTIONS,
} from "../settings/options.ts";
import { serveArbitrator } from "../served.ts";
import { openSession } from "../zookeeper_session.ts";

type ArbitrateOptions =
  & Pick<
    RunOptions,
    "member" | "clusterName" | "address" | "interface" | "network" | "bind" | "http"
  >
  & Pick<RunOptions, "user" | "providerOptions" | "tlsDir">
  & Parameters<typeof buildZooKeeperConfig>[0]
  & Parameters<typeof buildLogConfig>[0];

/** `galera-keeper arbitrate` */
export const ARBITRATE: CommandDefinition = {
  name: "arbitrate",
  summary: "be a third voter of two members, without data",
  group: "Members:",
  description:
    "Waits until members found through ZooKeeper are Primary and runs garbd beside them, " +
    "so that of two members one that is left stays Primary. It holds no data and no member waits " +
    "for it. Run it on a third machine, with --cluster-name and --provider-options as the members.",
  options: [
    ...ZOOKEEPER_OPTIONS,
    optionOfRun("--member <name>", { description: "this arbitrator's name, its own for good" }),
    optionOfRun("--cluster-name <name>"),
    optionOfRun("--address <ip>"),
    optionOfRun("--interface <name>"),
    optionOfRun("--network <cidr>"),
    optionOfRun("--bind <ip>", { description: "listen on this address alone" }),
    optionOfRun("--http <host:port>", {
      defaultText: `port ${DEFAULT_HTTP_PORT} where garbd listens`,
    }),
    optionOfRun("--user <name>", {
      description: "the system's user that garbd runs as, where we are root",
      default: "nobody",
    }),
    optionOfRun("--provider-options <options>", {
      description: 'Galera\'s options, "name=value;…"; those that only members know are left out',
    }),
    optionOfRun("--tls-dir <directory>", {
      description: "TLS to the members: a folder with ca.pem, cert.pem and key.pem",
    }),
    ...LOG_OPTIONS,
  ],
  examples: [
    ["galera-keeper arbitrate --zookeeper zk-1,zk-2,zk-3", "beside two members"],
  ],
  action(options: ArbitrateOptions, { env }) {
    return run(options, env);
  },
};

async function run(options: ArbitrateOptions, env: Environment): Promise<number> {
  const { zookeeper, garbd, http } = buildSettings(options, env);
  const digestPassword = zookeeper.digest?.replace(/^[^:]*:/, "") ?? null;
  startLog(buildLogConfig(options, [digestPassword]));
  const log = logger("arbitrate");
  // To garbd a SIGHUP would be the end, and it has no log file of its own.
  using stop = stopSignals((name, isAgain) => {
    if (!isAgain) log.info("{name}: stopping", { name });
  }, () => log.info("SIGHUP: garbd has nothing to open anew"));
  using _reaper = reapOrphans(log);
  const starter = new GarbdStarter(garbd, logger());
  await starter.requirePrograms();
  const { tls = null, user } = garbd;
  await using _certificates = tls === null
    ? null
    : await watchCertificates({ files: tls, user, program: "garbd", log: logger("tls") });
  const arbitrator = new Arbitrator(
    { name: garbd.member, address: garbd.address, root: zookeeper.root },
    {
      connect: (signal, onWaiting) =>
        openSession(zookeeper, { makeChroot: true, signal, onWaiting }),
      ask: askStatus,
      clock: REAL_CLOCK,
      requirePort: () => starter.requirePort(),
      spawn: (members, onChange) => starter.spawn(members, onChange),
    },
    ARBITRATOR_TIMING,
  );
  await using _server = serveArbitrator(http, () => arbitrator.status, options.clusterName);
  await keepArbitrator(arbitrator, stop.signal);
  return EXIT.ok;
}

/** Looks at all settings together. @throws {import("../errors.ts").ConfigError} They contradict. */
function buildSettings(
  options: ArbitrateOptions,
  env: Environment,
): {
  readonly zookeeper: ZooKeeperConfig;
  readonly garbd: GarbdSettings;
  readonly http: HttpConfig | null;
} {
  const { member, clusterName, user, providerOptions = {} } = options;
  const { address, bind } = buildAddresses(options, THIS_MACHINE);
  const tls = buildTls(options);
  checkProviderOptions(providerOptions, bind, tls);
  return {
    zookeeper: buildZooKeeperConfig(options, env),
    http: buildHttpConfig(options, address, bind),
    garbd: {
      member: member ?? memberFromHostname(THIS_MACHINE.hostname()),
      clusterName,
      address,
      bind,
      user: THIS_MACHINE.uid() === 0 ? user : null,
      providerOptions,
      tls,
    },
  };
}
