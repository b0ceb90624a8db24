import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import {
  ensureInstalled,
  installCommand,
  missingPackages,
} from "../../lib/machine/prerequisites.ts";

Deno.test("missingPackages() names Debian's packages that are not there", () => {
  const bare = () => false;
  assert.deepEqual(missingPackages(["galera"], bare), [
    "mariadb-server",
    "galera-4",
    "rsync",
    "lsof",
    "iproute2",
    "procps",
  ]);
  assert.deepEqual(missingPackages(["mariabackup", "kazoo", "faketime"], bare), [
    "mariadb-backup",
    "socat",
    "python3-kazoo",
    "libfaketime",
  ]);
  assert.deepEqual(missingPackages(["arbitrator"], bare), ["galera-arbitrator-4"]);
  assert.deepEqual(missingPackages(["zookeeper", "zookeeper"], bare), [
    "libzookeeper-java",
    "default-jre-headless",
  ]);
  assert.deepEqual(
    missingPackages(["podman"], (path) => !/debootstrap|\/podman$/.test(path)),
    ["podman", "debootstrap"],
  );
  assert.deepEqual(missingPackages(["galera", "mariabackup", "zookeeper"], () => true), []);
  assert.deepEqual(missingPackages(["mariabackup"], (path) => path === "/usr/bin/socat"), [
    "mariadb-backup",
  ]);
});

Deno.test("installCommand() is one command", () => {
  assert.equal(
    installCommand(["a", "b"]),
    "apt-get update && apt-get install --yes --no-install-recommends a b",
  );
});

Deno.test("ensureInstalled() does nothing where nothing is missing", async () => {
  await ensureInstalled([], {
    install: true,
    confirm: () => assert.fail(),
    say: () => assert.fail(),
  });
});

Deno.test("ensureInstalled() says the command where it may not install", async () => {
  const exists = () => false;
  await assert.rejects(
    ensureInstalled(["kazoo"], { install: false, confirm: () => true, say: () => {}, exists }),
    new UnavailableError(
      "Missing on this machine: python3-kazoo; as root: apt-get update && apt-get install --yes " +
        "--no-install-recommends python3-kazoo",
    ),
  );
  const called: string[] = [];
  await assert.rejects(
    ensureInstalled(["kazoo"], {
      install: true,
      confirm: (packages) => {
        called.push(...packages);
        return false;
      },
      say: () => assert.fail(),
      exists,
      uid: 0,
    }),
    /^UnavailableError: Not installed: python3-kazoo; as root: /,
  );
  assert.deepEqual(called, ["python3-kazoo"]);
  await assert.rejects(
    ensureInstalled(["kazoo"], {
      install: true,
      confirm: () => assert.fail(),
      say: () => assert.fail(),
      exists,
      uid: 1000,
    }),
    /^UnavailableError: Cannot install python3-kazoo as only root may; as root: apt-get update/,
  );
});
