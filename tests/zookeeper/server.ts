/** Real ZooKeeper servers for tests: on loopback, on free ports, gone with the test. */

import { type ServerOptions, ZooKeeperServer } from "../../lib/zookeeper/server.ts";
import { freePort } from "../../lib/zookeeper/server.ts";

/** A server, or an ensemble of some, that a test may stop, kill and start again. */
export interface TestServers extends AsyncDisposable {
  /** Where clients reach all of them, "address:port,…". */
  readonly hosts: string;
  /** The server now in this place; it is another object after a restart. */
  readonly servers: readonly ZooKeeperServer[];
  /** Starts the server in this place again, with the same data and port. */
  restart(index?: number): Promise<void>;
}

/** A loopback address that hardly anybody else uses, so that its ports stay free over a restart. */
function randomAddress(network: string): string {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  return `${network}.${byte()}.${byte()}`;
}

/**
 * Starts servers of the test's own.
 *
 * @param options How each is to run, and how many: more than one are an ensemble.
 */
export async function startServers(
  { count = 1, network = "127.11", ...options }:
    & Partial<ServerOptions>
    & { readonly count?: number; readonly network?: string } = {},
): Promise<TestServers> {
  const dataDir = await Deno.makeTempDir({ prefix: "zookeeper-" });
  const places = Array.from({ length: count }, (_, index) => {
    const address = randomAddress(network);
    const port = freePort(address);
    return { id: index + 1, address, port, peers: `${address}:${port + 1}:${port + 2}` };
  });
  const peers = new Map(places.map(({ id, peers }) => [id, peers]));
  const start = ({ id, address, port }: typeof places[number]) =>
    ZooKeeperServer.start({
      // A test loses nothing in a power cut, and the disk is not what it looks at.
      durable: false,
      ...options,
      address,
      port,
      dataDir: `${dataDir}/${id}`,
      ...(count > 1 ? { ensemble: { id, servers: peers } } : {}),
    });
  const remove = () => Deno.remove(dataDir, { recursive: true });
  const started = await Promise.allSettled(places.map(start));
  const servers = started.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await Promise.all(servers.map((server) => server.kill()));
    await remove();
    throw failed.reason;
  }
  return {
    hosts: places.map(({ address, port }) => `${address}:${port}`).join(),
    servers,
    async restart(index = 0) {
      servers[index] = await start(places[index]!);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.kill()));
      await remove();
    },
  };
}
