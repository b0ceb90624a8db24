/** A ZooKeeper server that speaks TLS alone and asks clients for a certificate. */

import { join } from "node:path";
import { findInstallation, freePort } from "../../lib/zookeeper/server.ts";

const ADDRESS = "127.10.0.4";
/** Debian's manifest of the server leaves out what TLS needs of netty. */
const CODEC_JAR = "/usr/share/java/netty-codec.jar";

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args: [...args], cwd }).output();
  if (code !== 0) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Makes a certificate's authority and two certificates of it: files `NAME.pem` and `NAME.key`. */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: readonly string[]) => run("openssl", args, folder);
  const key = (name: string) =>
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name);
  await key("ca.key");
  await openssl(
    ...["req", "-x509", "-new", "-key", "ca.key", "-days", "2", "-subj", "/CN=test CA"],
    ...["-addext", "keyUsage=critical,keyCertSign", "-out", "ca.pem"],
  );
  await Deno.writeTextFile(
    join(folder, "extensions"),
    `subjectAltName=IP:${ADDRESS}\nbasicConstraints=CA:false\n` +
      "extendedKeyUsage=serverAuth,clientAuth\n",
  );
  for (const name of ["server", "client"]) {
    await key(`${name}.key`);
    await openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", "request");
    await openssl(
      ...["x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"],
      ...["-CAcreateserial", "-extfile", "extensions", "-out", `${name}.pem`],
    );
  }
}

function configuration(folder: string, port: number): string {
  return `tickTime=250
dataDir=${folder}/data
secureClientPort=${port}
secureClientPortAddress=${ADDRESS}
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
ssl.keyStore.location=${folder}/store.pem
ssl.keyStore.type=PEM
ssl.trustStore.location=${folder}/ca.pem
ssl.trustStore.type=PEM
ssl.clientAuth=need
admin.enableServer=false
`;
}

/** A server with what clients need to reach it. */
export class TlsServer implements AsyncDisposable {
  /** Where it listens, "address:port". */
  readonly hosts: string;
  /** The authority that signed the server's certificate. */
  readonly ca: string;
  /** A certificate that it takes from clients, and its key. */
  readonly client: { readonly cert: string; readonly key: string };
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(folder: string, port: number, child: Deno.ChildProcess) {
    const read = (name: string) => Deno.readTextFileSync(join(folder, name));
    this.hosts = `${ADDRESS}:${port}`;
    this.ca = read("ca.pem");
    this.client = { cert: read("client.pem"), key: read("client.key") };
    this.#folder = folder;
    this.#child = child;
  }

  /** Starts one, and waits until it takes connections. */
  static async start(): Promise<TlsServer> {
    const folder = await Deno.makeTempDir({ prefix: "zookeeper-tls-" });
    await makeCertificates(folder);
    const store = ["server.key", "server.pem"].map((name) =>
      Deno.readTextFileSync(join(folder, name))
    );
    await Deno.writeTextFile(join(folder, "store.pem"), store.join(""));
    const port = freePort(ADDRESS);
    await Deno.writeTextFile(join(folder, "zoo.cfg"), configuration(folder, port));
    const { java, classPath } = findInstallation();
    const child = new Deno.Command("setpriv", {
      args: [
        ...[
          "--pdeathsig",
          "KILL",
          java,
          "-Xmx128m",
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        ],
        ...["-cp", `${classPath}:${CODEC_JAR}`],
        ...["org.apache.zookeeper.server.quorum.QuorumPeerMain", join(folder, "zoo.cfg")],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new TlsServer(folder, port, child);
    for (let tries = 0;; tries++) {
      try {
        (await Deno.connect({ hostname: ADDRESS, port })).close();
        return server;
      } catch (error) {
        if (tries === 600) {
          await server[Symbol.asyncDispose]();
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Ends it and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
