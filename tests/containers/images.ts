/**
 * The images that tests run. No registry is needed: the base of all is Debian's own, made by
 * debootstrap; images/ has what stands in for the official ones; a member is our Dockerfile, unchanged, on
 * that, with the compiled binary in place of its build stage.
 *
 * Each is tagged by a hash of what it is made of, and kept for the next run.
 */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { ROOT } from "../../.ci/root.ts";
import { run } from "../integration/place.ts";
import { STDERR } from "../../lib/machine/terminal.ts";
import { LABEL, podman, tryPodman } from "./podman.ts";

const REPOSITORY = "localhost/galera-keeper-test";
const SUITE = "bookworm";
const FOLDER = `${ROOT}/tests/containers/images`;

/** Two test files at a time may want the same image. Where images are kept, one builds at a time. */
const LOCK = "/var/lib/containers/galera-keeper-test.lock";

/** Text by file name. */
type Files = Readonly<Record<string, string>>;

/** What stands in for the official image of MariaDB. */
export function mariadbImage(): Promise<string> {
  return onDebian("mariadb");
}

/** What stands in for the official image of ZooKeeper. */
export function zookeeperImage(): Promise<string> {
  return onDebian("zookeeper");
}

/** A machine with systemd on which that was run. @param install Shell commands, as they stand in the README. */
export function machineImage(install: string): Promise<string> {
  return onDebian("machine", { INSTALL: install });
}

/**
 * Our image: the Dockerfile on {@link mariadbImage}, with the binary.
 *
 * @param release Another one is another image, as after a new release.
 */
export async function memberImage(release = "test"): Promise<string> {
  const base = await mariadbImage();
  const program = await requireBinary();
  const dockerfile = await Deno.readTextFile(`${ROOT}/Dockerfile`);
  const hash = hashOf(base, dockerfile, release, await Deno.readFile(program));
  return await ensure(`${REPOSITORY}/member:${hash}`, async (tag) => {
    const build = await Deno.makeTempDir({ prefix: "gk-build-" });
    try {
      const [, path = ""] = /^COPY --from=build (\S+) /m.exec(dockerfile) ?? [];
      const place = join(build, path);
      await Deno.mkdir(join(place, ".."), { recursive: true });
      await Deno.copyFile(program, place);
      await Deno.chmod(place, 0o755);
      const stage = ["--build-context", `build=${build}`];
      const args = ["--build-arg", `BASE=${base}`, "--build-arg", `REVISION=${release}`];
      await podman(...BUILD, ...stage, ...args, "--tag", tag, ROOT);
    } finally {
      await Deno.remove(build, { recursive: true });
    }
  });
}

/** `docker` as the format, since OCI's own knows no HEALTHCHECK. */
const BUILD = [
  ...["build", "--quiet", "--format", "docker", "--network", "host"],
  ...["--label", LABEL, "--pull=never"],
];

async function onDebian(
  name: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const debian = await debianImage();
  const given = { DEBIAN: debian, ...more };
  const files = await readAll(`${FOLDER}/${name}`);
  const hash = hashOf(debian, JSON.stringify(files), ...Object.values(more));
  return await ensure(`${REPOSITORY}/${name}:${hash}`, async (tag) => {
    const args = Object.entries(given).flatMap((
      [key, value],
    ) => ["--build-arg", `${key}=${value}`]);
    await podman(...BUILD, ...args, "--tag", tag, `${FOLDER}/${name}`);
  });
}

async function readAll(folder: string): Promise<Files> {
  const files: Record<string, string> = {};
  for await (const { name } of Deno.readDir(folder)) {
    files[name] = await Deno.readTextFile(`${folder}/${name}`);
  }
  return Object.fromEntries(Object.entries(files).sort());
}

/** A bare Debian 12, from where this machine's own packages come from. */
async function debianImage(): Promise<string> {
  const sources = await aptSources();
  const proxies = await aptProxies();
  const packages = ["ca-certificates"];
  const hash = hashOf(SUITE, sources.join("\n"), proxies, packages.join());
  return await ensure(`${REPOSITORY}/debian:${hash}`, async (tag) => {
    const folder = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "gk-debian-" });
    try {
      const root = join(folder, "root");
      const [, mirror = "http://deb.debian.org/debian"] = sources[0]?.split(" ") ?? [];
      const include = `--include=${packages.join()}`;
      await run("debootstrap", "--variant=minbase", include, SUITE, root, mirror);
      await Deno.writeTextFile(join(root, "etc/apt/sources.list"), `${sources.join("\n")}\n`);
      await Deno.writeTextFile(join(root, "etc/apt/apt.conf.d/99machine"), proxies);
      const tar = join(folder, "debian.tar");
      const exclude = ["--exclude=./var/cache/apt/archives/*", "--exclude=./var/lib/apt/lists/*"];
      await run("tar", "--create", "--file", tar, ...exclude, "--directory", root, ".");
      await podman("import", "--quiet", "--change", `LABEL ${LABEL}=`, tar, tag);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** This machine's mirrors of Debian 12 as lines of a sources.list; the well-known ones where it is another system. */
async function aptSources(): Promise<readonly string[]> {
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const lines = await run("apt-get", "indextargets", "--format", format, "Created-By: Packages")
    .catch(() => "");
  const official = new RegExp(`^\\S+/debian(?:-security)?/? ${SUITE}(?:-updates|-security)? main$`);
  const found = [...new Set(lines.split("\n"))].filter((line) => official.test(line));
  const main = found.filter((line) => line.endsWith(` ${SUITE} main`));
  if (main.length === 0) return [`deb http://deb.debian.org/debian ${SUITE} main`];
  return [...main, ...found.filter((line) => !main.includes(line))].map((line) => `deb ${line}`);
}

/** How this machine's apt reaches them. */
async function aptProxies(): Promise<string> {
  const lines = (await run("apt-config", "dump").catch(() => "")).split("\n");
  return lines.filter((line) => /^Acquire::https?::(?:[^"]*::)?Proxy "[^"]/.test(line)).join("\n");
}

/** Makes sure that an image is there. @returns Its tag. */
async function ensure(tag: string, build: (tag: string) => Promise<void>): Promise<string> {
  if (await isThere(tag)) return tag;
  using lock = await Deno.open(LOCK, { create: true, write: true });
  await lock.lock(true);
  if (await isThere(tag)) return tag;
  STDERR.write(`Building ${tag} …\n`);
  await build(tag);
  return tag;
}

async function isThere(tag: string): Promise<boolean> {
  return (await tryPodman(["image", "exists", tag])).status === 0;
}

function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(createHash("sha256").update(part).digest());
  return hash.digest("hex").slice(0, 16);
}

/**
 * The compiled binary: the one that is named by GALERA_KEEPER_BINARY, dist/galera-keeper, or one that is
 * made now.
 *
 * @throws {Error} None can be made here, with why.
 */
export async function requireBinary(): Promise<string> {
  const named = Deno.env.get("GALERA_KEEPER_BINARY");
  const path = resolve(ROOT, named || "dist/galera-keeper");
  const stat = await Deno.stat(path).catch(() => null);
  if (stat !== null) return path;
  if (named) throw new Error(`GALERA_KEEPER_BINARY names "${named}", which is not there`);
  using lock = await Deno.open(LOCK, { create: true, write: true });
  await lock.lock(true);
  if (await Deno.stat(path).catch(() => null) === null) {
    await run(Deno.execPath(), "task", "--cwd", ROOT, "build");
  }
  return path;
}

/** Says in one line where the binary is not what the sources are any more: what is tested is the binary. */
export async function sayWhereStale(binary: string): Promise<void> {
  const made = (await Deno.stat(binary)).mtime ?? new Date();
  const newer = await newerThan(made, `${ROOT}/lib`) ?? await newerThan(made, `${ROOT}/main.ts`);
  if (newer === null || Deno.env.get("GALERA_KEEPER_BINARY")) return;
  const path = newer.slice(ROOT.length + 1);
  STDERR.write(`dist/galera-keeper is older than ${path}: deno task build makes it anew\n`);
}

async function newerThan(time: Date, path: string): Promise<string | null> {
  const { isDirectory, mtime } = await Deno.stat(path);
  if (!isDirectory) return mtime !== null && mtime > time ? path : null;
  for await (const { name } of Deno.readDir(path)) {
    const found = await newerThan(time, `${path}/${name}`);
    if (found !== null) return found;
  }
  return null;
}
