/** What the manifest of the members has to agree on with the program. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { runCommandLine } from "../../lib/cli.ts";
import { RUN } from "../../lib/commands/run.ts";
import { buildRunConfig, type RunConfig } from "../../lib/config.ts";
import type { Readiness } from "../../lib/health.ts";
import { serveHttp } from "../../lib/http.ts";
import { listeners } from "../../lib/mariadb/option_file.ts";
import type { RunOptions } from "../../lib/settings/options.ts";
import { asPeer, type Checks, DNS, passages, sharedChecks, tcp } from "./checks.ts";
import { type Manifest, named } from "./manifests.ts";
import { bytesOf, hostnamesOf, type Pods, podsOf } from "./pods.ts";
import { inRepository } from "./promtool.ts";

const NAME = "galera";
const POD_IP = "10.244.1.7";

/** What `run` makes of a pod's environment, arguments, secrets and addresses. */
interface Told {
  readonly config: RunConfig;
  /** Variables that nobody asked for. */
  readonly unread: readonly string[];
  /** Files that were read. */
  readonly files: readonly string[];
}

/** Takes the image's entrypoint and the manifest through the real command line. */
async function whatRunIsTold(pods: Pods): Promise<Told> {
  const { entrypoint } = await readDockerfile();
  const read = new Set<string>();
  const env = new Proxy(pods.env, {
    get(target, name, receiver) {
      if (typeof name === "string") read.add(name);
      return Reflect.get(target, name, receiver);
    },
  });
  const files: string[] = [];
  const machine = {
    hostname: () => `${pods.name}-0`,
    interfaces: () => [
      { name: "lo", address: "127.0.0.1" },
      { name: "eth0", address: POD_IP },
    ],
    uid: () => pods.spec.securityContext?.runAsUser ?? 0,
    readTextFile: (path: string) => {
      files.push(path);
      return "secret\n";
    },
  };
  let config: RunConfig | undefined;
  const command = {
    ...RUN,
    action(options: RunOptions, { rest }: { rest: readonly string[] | null }) {
      config = buildRunConfig(options, rest, env, machine);
      return Promise.resolve(0);
    },
  };
  const words = [...entrypoint.slice(1), ...pods.container.args ?? []];
  await runCommandLine(words, { commands: [command], version: "0", env, print: () => {} });
  assert.ok(config !== undefined);
  return { config, files, unread: Object.keys(pods.env).filter((name) => !read.has(name)) };
}

async function readDockerfile() {
  const text = await Deno.readTextFile(inRepository("Dockerfile"));
  const last = (word: string) => [...text.matchAll(RegExp(`^${word} (.*)$`, "gm"))].at(-1)?.[1];
  const entrypoint: readonly string[] = JSON.parse(last("ENTRYPOINT") ?? "");
  const exposed = (last("EXPOSE") ?? "").split(" ").filter((port) => !port.endsWith("/udp"));
  return { entrypoint, exposed: exposed.map(Number) };
}

/** Ports of other members', and of all who ask how a member is. */
function portsOf(config: RunConfig) {
  assert.ok(config.http !== null);
  const all = listeners(config, { kind: "join" });
  const clients = all.filter(({ what }) => what === "clients").map(({ port }) => port);
  const http = config.http.port;
  const members = [...all.map(({ port }) => port).filter((port) => !clients.includes(port)), http];
  return { clients, http, members };
}

type MemberCheck = (pods: Pods, told: Told, manifests: readonly Manifest[]) => unknown;

const MEMBER_CHECKS: Readonly<Record<string, MemberCheck>> = {
  "every variable of a member is read, and the entrypoint is that of the image"(pods, told) {
    assert.deepEqual(told.unread, []);
    assert.equal(pods.container.command, undefined);
    assert.deepEqual(told.config.extraArguments, pods.container.args);
  },

  "a member has its pod's name and address, and as many others as there are pods"(
    pods,
    { config },
  ) {
    assert.equal(config.member, `${pods.name}-0`);
    assert.equal(config.address, POD_IP);
    assert.equal(config.bind, null);
    assert.equal(config.size, pods.replicas);
  },

  "the members know the ZooKeeper servers by their names"(_, { config }, manifests) {
    const zookeeper = podsOf(manifests, "zookeeper");
    const port = zookeeper.ports.get("client");
    const hosts = hostnamesOf(zookeeper).map((hostname) => ({ hostname, port }));
    assert.deepEqual(config.zookeeper.hosts, hosts);
  },

  async "the ports are those that a member listens on, and the image names"(pods, { config }) {
    const { clients, members } = portsOf(config);
    const all = [...clients, ...members].toSorted();
    assert.deepEqual([...pods.ports.values()].toSorted(), all);
    assert.deepEqual((await readDockerfile()).exposed.toSorted(), all);
    assert.deepEqual(pods.ports.get("mysql"), config.port);
    assert.deepEqual(pods.ports.get("http"), config.http?.port);
  },

  "clients have a Service of the members that are ready"(_, { config }, manifests) {
    const { spec } = named(manifests, "Service", "galera-client");
    assert.deepEqual(spec?.ports?.map(({ port }) => port), portsOf(config).clients);
    assert.equal(spec?.clusterIP, undefined);
    assert.equal(spec?.publishNotReadyAddresses, undefined);
  },

  "the mounts are the folders that a member writes to, and its secrets"(pods, told) {
    const { datadir, socket } = told.config;
    assert.ok(told.files.length > 0);
    const folders = new Set([datadir, dirname(socket), "/tmp", ...told.files.map(dirname)]);
    assert.deepEqual([...pods.mounts.values()].toSorted(), [...folders].toSorted());
    assert.equal(pods.env["TMPDIR"], undefined);
    const isKept =
      pods.set.volumeClaimTemplates?.some(({ metadata }) =>
        pods.mounts.get(metadata?.name ?? "") === datadir
      ) ?? false;
    assert.equal(told.config.storage, isKept ? "persistent" : "ephemeral");
  },

  async "the secrets are those that the README makes, and nobody else's to read"(pods, told) {
    const volume = pods.spec.volumes?.find(({ secret }) => secret !== undefined);
    const { secretName = "", defaultMode } = volume?.secret ?? {};
    const mount = pods.container.volumeMounts?.find(({ name }) => name === volume?.name);
    assert.equal(mount?.readOnly, true);
    assert.equal(defaultMode, 0o440);
    const keys = told.files.map((path) => {
      assert.equal(dirname(path), mount.mountPath);
      return path.slice(mount.mountPath.length + 1);
    });
    const readme = await Deno.readTextFile(inRepository("README.md"));
    const command = `kubectl create secret generic ${secretName} `;
    const [, made = ""] = readme.replaceAll("\\\n", "").split(command);
    const [line = ""] = made.split("\n");
    const literals = [...line.matchAll(/--from-literal=([\w-]+)=/g)].map(([, key]) => key);
    assert.deepEqual(literals.toSorted(), keys.toSorted());
  },

  async "the probes, and Prometheus, ask what a member answers"(pods, { config }) {
    const { startupProbe, livenessProbe, readinessProbe } = pods.container;
    const asked: (Readiness | "live")[] = [];
    const verdict = { isOk: true, text: "" };
    await using server = serveHttp({ host: "127.0.0.1", port: 0 }, {
      status: () => ({}),
      live: () => (asked.push("live"), verdict),
      ready: (how) => (asked.push(how), verdict),
      metrics: { contentType: "text/plain", text: () => Promise.resolve("metrics") },
    });
    const ask = async (path: string | undefined) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      const text = await response.text();
      assert.equal(response.status, 200, path);
      return text;
    };
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      assert.equal(probe?.httpGet?.port, "http");
      await ask(probe?.httpGet?.path);
    }
    // A donor by rsync stands still.
    const donor = config.sstMethod === "mariabackup";
    assert.deepEqual(asked, ["live", "live", { donor }]);
    const { annotations } = pods;
    assert.equal(annotations["prometheus.io/scrape"], "true");
    assert.equal(annotations["prometheus.io/port"], `${config.http?.port}`);
    assert.equal(await ask(annotations["prometheus.io/path"]), "metrics");
  },

  "the grace period holds the drain, the shutdown, and what is written then"(pods, { config }) {
    const graceMs = (pods.spec.terminationGracePeriodSeconds ?? 0) * 1000;
    assert.ok(graceMs >= config.drainMs + config.stopTimeoutMs + 30_000);
    // A large buffer pool is written out in it.
    assert.ok(config.stopTimeoutMs >= 5 * 60_000);
  },

  "the network lets through what the program listens on, and no more"(pods, { config }, manifests) {
    const policy = named(manifests, "NetworkPolicy", pods.name);
    const { clients, members, http } = portsOf(config);
    assert.deepEqual(passages(policy, "ingress"), {
      "galera-client=true": tcp(clients),
      [asPeer(pods)]: tcp(members),
      "anywhere app.kubernetes.io/name=prometheus": tcp([http]),
    });
    const ensemble = [...new Set(config.zookeeper.hosts.map(({ port }) => port))];
    assert.deepEqual(passages(policy, "egress"), {
      [asPeer(pods)]: tcp(members),
      [asPeer(podsOf(manifests, "zookeeper"))]: tcp(ensemble),
      ...DNS,
    });
  },

  "the buffer pool fits the memory, and Galera's cache the volume"(pods, { config }) {
    const [, pool] = /^--innodb-buffer-pool-size=(.*)$/.exec(config.extraArguments.join("\n")) ??
      [];
    const memory = bytesOf(pods.container.resources?.limits?.["memory"]);
    assert.ok(bytesOf(pool) <= 0.65 * memory);
    const [claim] = pods.set.volumeClaimTemplates ?? [];
    if (claim === undefined) return;
    const volume = bytesOf(claim.spec?.resources?.requests?.["storage"]);
    assert.ok(bytesOf(config.providerOptions["gcache.size"]) <= volume / 10);
  },
};

/** All of them. */
export const GALERA_CHECKS: Checks = {
  ...sharedChecks(NAME),
  ...Object.fromEntries(
    Object.entries(MEMBER_CHECKS).map(([what, check]) => [
      what,
      async (manifests: readonly Manifest[]) => {
        const pods = podsOf(manifests, NAME);
        await check(pods, await whatRunIsTold(pods), manifests);
      },
    ]),
  ),
};
