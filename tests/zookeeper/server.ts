/** Real ZooKeeper servers for tests: on loopback, on free ports, gone with the test. */

import { once } from "node:events";
import { ZooKeeperClient } from "../../lib/zookeeper/client.ts";
import { freePort, type ServerOptions, ZooKeeperServer } from "../../lib/zookeeper/server.ts";
import { Session, type SessionOptions } from "../../lib/zookeeper/session.ts";

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
    const address = options.address ?? randomAddress(network);
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

/** The owner of what a test makes with an owner at all: by it all is removed in the end. */
export const TEST_DIGEST = "keeper:secret";

/** A place of the test's own in an ensemble that it does not stop. */
export interface TestRoot extends AsyncDisposable {
  /** The servers, "address:port,…", without the root. */
  readonly hosts: string;
  /** The znode that all sessions of `connect()` have as their chroot. */
  readonly root: string;
  /** A session of its own, ended with the test. */
  connect(options?: Partial<SessionOptions>): Promise<Session>;
}

/**
 * A place for a test that needs any server: on those of ZOOKEEPER_HOSTS where that is set, else on a
 * server of its own.
 */
export async function anyServer(
  options: Parameters<typeof startServers>[0] = {},
): Promise<TestRoot> {
  const given = Deno.env.get("ZOOKEEPER_HOSTS");
  const own = given ? undefined : await startServers(options);
  const hosts = given || own!.hosts;
  const root = `/test-${crypto.randomUUID()}`;
  const sessions: Session[] = [];
  const open = async (options: SessionOptions) => {
    const session = await Session.connect(options);
    sessions.push(session);
    return session;
  };
  return {
    hosts,
    root,
    connect: (options = {}) =>
      open({ hosts, chroot: root, makeChroot: true, sessionTimeoutMs: 10_000, ...options }),
    async [Symbol.asyncDispose]() {
      await Promise.all(sessions.map((session) => session.close()));
      if (own === undefined) {
        const digest = TEST_DIGEST;
        await using all = await Session.connect({ hosts, sessionTimeoutMs: 10_000, digest });
        await all.deleteRecursive(root);
      }
      await own?.[Symbol.asyncDispose]();
    },
  };
}

/** Ends a session as its expiry does: a second connection takes it over by its id and password. */
export async function expire(session: Session, hosts: string): Promise<void> {
  const { client_id, client_password } = session.client.native;
  const other = new ZooKeeperClient({
    connect: hosts,
    timeout: 10_000,
    client_id,
    client_password,
  });
  const connected = once(other, "connect");
  other.init({});
  await connected;
  const closed = once(other, "close");
  other.close();
  await closed;
}

/** Waits until a condition holds, looking every few milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
