/** Certificates for tests, made by openssl in a folder that goes with them. */
import { join } from "node:path";

/** What a certificate is to be. */
export interface CertificateOptions {
  /** IP addresses in it. */
  readonly addresses?: readonly string[];
  /** Days from now at which it begins and ends. */
  readonly days?: readonly [begins: number, ends: number];
  /** Its key, as `openssl genpkey` takes it. */
  readonly algorithm?: readonly string[];
  /** Lines of an extensions file. */
  readonly extensions?: readonly string[];
  /** Whose the key is to be. */
  readonly owner?: string;
}

const EC = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

/** An authority, and folders for `--tls-dir` with certificates of it. */
export class Authority implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Authority> {
    const folder = await Deno.makeTempDir({ prefix: "gk-tls-" });
    await Deno.chmod(folder, 0o755);
    const authority = new Authority(folder);
    await authority.openssl("genpkey", ...EC, "-out", "ca.key");
    await authority.openssl(
      ...["req", "-x509", "-new", "-key", "ca.key", "-days", "365", "-subj", "/CN=test authority"],
      ...["-addext", "keyUsage=critical,keyCertSign", "-out", "ca.pem"],
    );
    return authority;
  }

  /** Makes a folder with ca.pem, cert.pem, key.pem. @returns Its path. */
  async issue(name: string, options: CertificateOptions = {}): Promise<string> {
    const { addresses = [], days = [-1, 365], algorithm = EC, extensions = [], owner } = options;
    const folder = join(this.folder, name);
    await Deno.mkdir(folder);
    const key = join(folder, "key.pem");
    await this.openssl("genpkey", ...algorithm, "-out", key);
    await this.openssl("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    const names = addresses.length === 0
      ? []
      : [`subjectAltName=${addresses.map((ip) => `IP:${ip}`).join(",")}`];
    await Deno.writeTextFile(
      join(this.folder, `${name}.ext`),
      ["basicConstraints=CA:false", ...names, ...extensions, ""].join("\n"),
    );
    // `openssl ca` alone takes a beginning.
    await Deno.writeTextFile(join(this.folder, `${name}.index`), "");
    await Deno.writeTextFile(
      join(this.folder, `${name}.cnf`),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${name}.index\nnew_certs_dir=.\nrand_serial=yes\n` +
        "default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n",
    );
    const [begins, ends] = days.map((day) =>
      new Date(Date.now() + day * 24 * 3600 * 1000).toISOString()
        .replaceAll(/[-:T]|\.\d+/g, "")
    );
    await this.openssl(
      ...["ca", "-batch", "-notext", "-config", `${name}.cnf`, "-extfile", `${name}.ext`],
      ...["-cert", "ca.pem", "-keyfile", "ca.key", "-in", `${name}.csr`],
      ...["-startdate", begins!, "-enddate", ends!, "-out", join(folder, "cert.pem")],
    );
    await Deno.copyFile(join(this.folder, "ca.pem"), join(folder, "ca.pem"));
    await Deno.chmod(key, 0o600);
    if (owner !== undefined && Deno.uid() === 0) await run("chown", [owner, key], folder);
    return folder;
  }

  /** Runs openssl in its folder. */
  openssl(...args: readonly string[]): Promise<void> {
    return run("openssl", args, this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], cwd }).output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
