/** What the manifest of the ZooKeeper servers has to agree on with itself. */
import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import { asPeer, type Checks, DNS, passages, sharedChecks, tcp } from "./checks.ts";
import { type Manifest, named } from "./manifests.ts";
import { bytesOf, hostnamesOf, type Pods, podsOf } from "./pods.ts";

const NAME = "zookeeper";

/** The script that starts a server. */
export function startScriptOf({ container }: Pods): string {
  const [shell, flags, script = "", ...rest] = container.command ?? [];
  assert.deepEqual([shell, flags, rest], ["bash", "-euc", []]);
  return script;
}

/** The words of a probe, to be run by the shell. */
export function probeScriptOf(
  { container }: Pods,
  name: "startupProbe" | "livenessProbe" | "readinessProbe",
): string {
  const [shell, flags, script = "", ...rest] = container[name]?.exec?.command ?? [];
  assert.deepEqual([shell, flags, rest], ["bash", "-c", []]);
  return script;
}

/** A server's configuration: values by name, the servers by number, and the file's name. */
function configurationOf(pods: Pods, manifests: readonly Manifest[]) {
  const volume = pods.spec.volumes?.find(({ configMap }) => configMap !== undefined);
  const { data = {} } = named(manifests, "ConfigMap", volume?.configMap?.name ?? "");
  const [[file = "", text = ""] = [], ...others] = Object.entries(data);
  assert.deepEqual(others, []);
  const path = `${pods.mounts.get(volume?.name ?? "")}/${file}`;
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const all = new Map(lines.map((line) => {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    return [name, value];
  }));
  const servers = [...all].filter(([name]) => name.startsWith("server."));
  return { path, values: all, servers: servers.map(([name, at]) => `${name}=${at}`) };
}

type ServerCheck = (pods: Pods, manifests: readonly Manifest[]) => unknown;

const SERVER_CHECKS: Readonly<Record<string, ServerCheck>> = {
  "each server is in the configuration by its pod's name; a single one stands alone"(
    pods,
    manifests,
  ) {
    const { values, servers } = configurationOf(pods, manifests);
    const port = (name: string) => pods.ports.get(name);
    const wanted = hostnamesOf(pods).map((host, ordinal) =>
      `server.${ordinal + 1}=${host}:${port("quorum")}:${port("election")};${port("client")}`
    );
    if (pods.replicas === 1) {
      assert.deepEqual(servers, []);
      assert.equal(values.get("clientPort"), `${port("client")}`);
    } else {
      assert.ok(pods.replicas % 2 === 1);
      assert.deepEqual(servers, wanted);
      assert.equal(values.get("quorumListenOnAllIPs"), "true");
    }
    assert.equal(values.get("autopurge.purgeInterval"), "1");
    assert.equal(values.get("admin.enableServer"), "false");
  },

  "the data are on the volume"(pods, manifests) {
    const { values } = configurationOf(pods, manifests);
    assert.equal(values.get("dataDir"), pods.mounts.get("data"));
    assert.equal(values.get("dataLogDir"), undefined);
  },

  "the words of the probes are answered"(pods, manifests) {
    const { values } = configurationOf(pods, manifests);
    const words = values.get("4lw.commands.whitelist")?.split(",") ?? [];
    for (const name of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
      const script = probeScriptOf(pods, name);
      assert.ok(script.includes(`/dev/tcp/127.0.0.1/${pods.ports.get("client")} `));
      assert.ok(words.includes(/printf (\w{4}) /.exec(script)?.[1] ?? ""), script);
    }
  },

  async "a server has the number of its pod, the configuration, and half of the memory as its heap"(
    pods,
    manifests,
  ) {
    const { path, values } = configurationOf(pods, manifests);
    const data = values.get("dataDir") ?? "";
    const [memory] = pods.container.env?.filter(({ valueFrom }) => valueFrom !== undefined) ?? [];
    assert.deepEqual(memory?.valueFrom, {
      resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" },
    });
    const limit = bytesOf(pods.container.resources?.limits?.["memory"]) / 2 ** 20;
    const folder = await Deno.makeTempDir();
    try {
      const stub = '#!/bin/sh\necho "$@" "$SERVER_JVMFLAGS"\n';
      await Deno.writeTextFile(`${folder}/zkServer.sh`, stub, { mode: 0o755 });
      for (let ordinal = 0; ordinal < pods.replicas; ordinal++) {
        const { success, stdout, stderr } = await new Deno.Command("bash", {
          args: ["-euc", startScriptOf(pods).replaceAll(`${data}/`, `${folder}/`)],
          clearEnv: true,
          env: {
            PATH: `${folder}:${Deno.env.get("PATH")}`,
            HOSTNAME: `${pods.name}-${ordinal}`,
            ...pods.env,
            [memory.name]: `${limit}`,
          },
        }).output();
        assert.ok(success, new TextDecoder().decode(stderr));
        const heap = `-Xms${limit / 2}m -Xmx${limit / 2}m`;
        assert.equal(new TextDecoder().decode(stdout), `start-foreground ${path} ${heap}\n`);
        assert.equal(await Deno.readTextFile(`${folder}/myid`), `${ordinal + 1}\n`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assert.equal(dirname(path), pods.mounts.get("config"));
    assert.equal(basename(path), "zoo.cfg");
  },

  "the network lets members in, and the servers to each other"(pods, manifests) {
    const policy = named(manifests, "NetworkPolicy", pods.name);
    const port = (name: string) => pods.ports.get(name) ?? 0;
    const among = { [asPeer(pods)]: tcp([port("quorum"), port("election")]) };
    assert.deepEqual(passages(policy, "ingress"), {
      [asPeer(podsOf(manifests, "galera"))]: tcp([port("client")]),
      ...among,
    });
    assert.deepEqual(passages(policy, "egress"), { ...among, ...DNS });
  },
};

/** All of them. */
export const ZOOKEEPER_CHECKS: Checks = {
  ...sharedChecks(NAME),
  ...Object.fromEntries(
    Object.entries(SERVER_CHECKS).map(([what, check]) => [
      what,
      (manifests: readonly Manifest[]) => check(podsOf(manifests, NAME), manifests) as void,
    ]),
  ),
};
