// needs: podman
// from source only
/** The image as its users run it: they know the variables, folders and arguments of MariaDB's official one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "../../lib/version.ts";
import { run } from "../integration/place.ts";
import { STDERR } from "../../lib/machine/terminal.ts";
import type { Container } from "./container.ts";
import { mariadbImage, memberImage } from "./images.ts";
import { podman, printed, tryPodman, until } from "./podman.ts";
import { inContainers, Stage } from "./stage.ts";

const options = await inContainers();
const SECRETS = {
  root: 'root\'s secret, 1 "x"',
  user: "user's secret, 2",
  other: "from the script, 3",
};

/** A folder of this machine that a container gets; all may read it. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array>>) {
  const path = await Deno.makeTempDir({ prefix: "gk-mounted-" });
  await Deno.chmod(path, 0o755);
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(join(path, name), bytes, { mode: 0o644 });
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** `INSERT INTO said VALUES ('xz');`, and the same of `zstd`, each packed by itself. */
const PACKED = {
  xz:
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAeSU5TRVJUIElOVE8gc2FpZCBWQUxVRVMgKCd4eicpOwAAl+zYcViDEFAAATcf6hiJPR+2830BAAAAAARZWg==",
  zst: "KLUv/QRYCQEASU5TRVJUIElOVE8gc2FpZCBWQUxVRVMgKCd6c3RkJyk7i3mO8g==",
};

/** The users of a container's processes, by program. */
async function usersIn(container: Container): Promise<ReadonlyMap<string, string>> {
  const lines = (await container.exec("ps", "-e", "-o", "comm=,uid=")).split("\n");
  return new Map(lines.map((line) => {
    const [program = "", uid = ""] = line.trim().split(/\s+/);
    return [program, uid];
  }));
}

/** What podman, the log, the processes and their environment show of a container. */
async function everythingShown(container: Container): Promise<string> {
  return [
    JSON.stringify(await container.inspect()),
    await container.logs(),
    await container.exec("ps", "-e", "-o", "args="),
    await container.exec("cat", "/proc/1/environ"),
  ].join("\n");
}

Deno.test("the image says what it is and has nothing of who built it", options, async (t) => {
  const base = await mariadbImage();
  const image = await memberImage();
  const [{ Config, Healthcheck, Size }] = JSON.parse(await podman("image", "inspect", image));
  await t.step("its entrypoint, ports, labels and health check", () => {
    assert.deepEqual(Config.Entrypoint, ["galera-keeper", "run", "--"]);
    assert.deepEqual(Config.Cmd ?? [], []);
    assert.equal(Config.StopSignal, "SIGTERM");
    assert.deepEqual(Config.Volumes, { "/var/lib/mysql": {} });
    assert.deepEqual(Healthcheck.Test, ["CMD", "galera-keeper", "health"]);
    assert.equal(Config.Labels["org.opencontainers.image.version"], VERSION);
    assert.equal(Config.Labels["org.opencontainers.image.base.name"], base);
    assert.equal(Config.Labels["org.opencontainers.image.revision"], "test");
  });

  await t.step("what it has over its base", async () => {
    const lines = printed([], await tryPodman(["diff", image, base])).split("\n");
    // `C` are folders that have something new in them.
    const added = lines.filter((line) => line.startsWith("A ")).map((line) => line.slice(2));
    assert(added.includes("/usr/local/bin/galera-keeper"));
    assert(added.some((path) => path.endsWith("/bin/rsync")), "rsync is what the base lacks");
    const other = added.filter((path) =>
      !/^\/(usr|etc|var\/lib\/(dpkg|stunnel4|systemd\/deb-systemd-helper-enabled))(\/|$)/.test(path)
    );
    assert.deepEqual(other, []);
    assert.deepEqual(added.filter((path) => /npmrc|\.ts$|apt\/lists|deno\b/.test(path)), []);
  });

  await t.step("its size", async () => {
    const [{ Size: baseSize }] = JSON.parse(await podman("image", "inspect", base));
    const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
    STDERR.write(
      `The image: ${mebibytes(Size)} MiB, of which ${mebibytes(Size - baseSize)} over its base\n`,
    );
    assert(Size - baseSize < 2 ** 20 * 150);
  });
});

Deno.test("a first member is run as the official image is", options, async (t) => {
  await using stage = await Stage.make();
  await stage.zookeepers(1);
  await using initial = await folderOf({
    "1-table.sql": "CREATE TABLE said (step VARCHAR(20) PRIMARY KEY);",
    "2-rows.sql.gz": await gzip("INSERT INTO said VALUES ('gzip');"),
    "3-script.sh": `echo "INSERT INTO said VALUES ('script');" | docker_process_sql --database=shop
      mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" --execute="
        CREATE USER other IDENTIFIED BY '${SECRETS.other}'"`,
    "4-rows.sql.xz": Uint8Array.fromBase64(PACKED.xz),
    "5-rows.sql.zst": Uint8Array.fromBase64(PACKED.zst),
    "6-notes.txt": "left out",
  });
  const root = await stage.secret("root", SECRETS.root);
  const user = await stage.secret("user", `${SECRETS.user}\n`);
  const volume = await stage.volume("galera-1");
  const member = await stage.member("galera-1", {
    size: 1,
    volume,
    env: {
      MARIADB_ROOT_PASSWORD_FILE: "/run/secrets/root",
      MYSQL_DATABASE: "shop",
      MYSQL_USER: "shopkeeper",
      MYSQL_PASSWORD_FILE: "/run/secrets/user",
    },
    args: ["mariadbd", "--max-connections=55"],
    options: [
      ...["--secret", `${root},target=root`, "--secret", `${user},target=user`],
      ...["--volume", `${initial.path}:/docker-entrypoint-initdb.d:ro`],
    ],
  });
  await member.untilReady();

  await t.step("it has what its variables and files say", async () => {
    assert.equal(
      await member.sql("SELECT step FROM shop.said ORDER BY step", SECRETS.root),
      "gzip\nscript\nxz\nzstd",
    );
    assert.equal(await member.sql("SELECT @@max_connections", SECRETS.root), "55");
    const login = ["--user=shopkeeper", "--host=galera-1", "--database=shop", "--execute=SELECT 1"];
    const args = ["exec", "--env", "MYSQL_PWD", member.id, "mariadb", ...login];
    printed(args, await tryPodman(args, { env: { MYSQL_PWD: SECRETS.user } }));
  });

  await t.step("mariadbd is mysql's, the keeper is root's", async () => {
    const users = await usersIn(member);
    assert.equal(users.get("galera-keeper"), "0");
    assert.equal(users.get("mariadbd"), "999");
  });

  await t.step("its health check tells a keeper that answers from one that does not", async () => {
    const check = ["healthcheck", "run", member.id];
    assert.equal((await tryPodman(check)).status, 0);
    await member.kill("STOP");
    try {
      assert.equal((await tryPodman(check)).status, 1);
    } finally {
      await member.kill("CONT");
    }
    await until("healthy again", async () => (await tryPodman(check)).status === 0);
  });

  await t.step("no secret is shown by anything", async () => {
    const shown = await everythingShown(member);
    for (const secret of Object.values(SECRETS)) assert(!shown.includes(secret), secret);
    const history = await podman("history", "--no-trunc", await memberImage());
    assert.doesNotMatch(history, /PASSWORD|SECRET/i);
  });

  await t.step(
    "another one on the same volume has the same data, its options in a row",
    async () => {
      await member.stop();
      assert.equal((await member.state()).ExitCode, 0);
      await member.remove();
      const again = await stage.member("galera-1", {
        size: 1,
        volume,
        env: { MARIADB_ROOT_PASSWORD: SECRETS.root },
        args: ["--max-connections=77"],
      });
      await again.untilReady();
      assert.equal(
        await again.sql("SELECT COUNT(*), @@max_connections FROM shop.said", SECRETS.root),
        "4\t77",
      );
    },
  );
});

Deno.test(
  "members without root and with nothing to write to but their data",
  options,
  async (t) => {
    await using stage = await Stage.make();
    await stage.zookeepers(1);
    await using data = await folderOf({});
    /** A folder of this machine as a volume. */
    const give = async (name: string, owner: string, mode: string): Promise<string> => {
      const path = join(data.path, name);
      await run("install", "--directory", `--owner=${owner.split(":")[0]}`, path);
      await run("chown", owner, path);
      await run("chmod", mode, path);
      return path;
    };
    const arbitrary = { user: "4711:4711", readOnly: true } as const;
    const first = await stage.member("galera-1", {
      ...arbitrary,
      size: 1,
      // As Kubernetes prepares a volume for fsGroup: somebody else's, our group may do all.
      volume: await give("galera-1", "0:4711", "2770"),
    });
    await first.untilReady();
    assert.match(
      await first.logs(),
      /\/var\/lib\/mysql\\" is not 4711's own: an SST by rsync fails/,
    );
    await first.sql(
      "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)",
    );

    const joins = [
      ["galera-2", "rsync", "4711:4711", "0700"],
      ["galera-3", "mariabackup", "0:4711", "2770"],
    ] as const;
    for (const [name, method, owner, mode] of joins) {
      await t.step(`an SST by ${method} between two of them`, async () => {
        const joiner = await stage.member(name, {
          ...arbitrary,
          size: 1,
          env: { GALERA_KEEPER_SST_METHOD: method },
          volume: await give(name, owner, mode),
        });
        await joiner.untilReady();
        assert.equal(await joiner.sql("SELECT * FROM shop.t"), "1");
        const users = await usersIn(joiner);
        assert.deepEqual([users.get("galera-keeper"), users.get("mariadbd")], ["4711", "4711"]);
        assert.equal((await tryPodman(["healthcheck", "run", joiner.id])).status, 0);
      });
    }

    await t.step("a volume that is somebody else's is named, and nothing is touched", async () => {
      const volume = await give("other", "1234:1234", "0755");
      const member = await stage.member("galera-9", { ...arbitrary, size: 1, volume });
      assert.equal(await member.untilExited(), 78);
      assert.match(await member.logs(), /^galera-keeper: .*\/var\/lib\/mysql.*$/m);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(volume)), []);
    });
  },
);
