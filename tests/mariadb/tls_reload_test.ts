// needs: galera tls
import assert from "node:assert/strict";
import { tlsFilesIn } from "../../lib/mariadb/certificates.ts";
import { GALERA_PORT } from "../../lib/mariadb/option_file.ts";
import { Authority } from "../certificates.ts";
import { bootstrap } from "./bootstrap.ts";
import { Machine, USER } from "./machine.ts";

Deno.test("Running.reloadCertificates() has Galera use what was put in the place of its certificate", async () => {
  await using machine = await Machine.make(71);
  await using authority = await Authority.make();
  const owner = { owner: USER };
  const tls = tlsFilesIn(await authority.issue("first", owner));
  const next = tlsFilesIn(await authority.issue("second", owner));
  const database = await machine.database(1, { tls });
  const running = await bootstrap(database);
  const shown = async () => {
    const place = `${database.settings.address}:${GALERA_PORT}`;
    const { stdout } = await new Deno.Command("openssl", {
      args: ["s_client", "-connect", place, "-cert", next.cert, "-key", next.key],
      stdin: "null",
      stderr: "null",
    }).output();
    return /subject=CN ?= ?(\w+)/.exec(new TextDecoder().decode(stdout))?.[1];
  };
  assert.equal(await shown(), "first");
  // In their place, with the owner that they had.
  for (const name of ["cert", "key"] as const) {
    await Deno.writeTextFile(tls[name], await Deno.readTextFile(next[name]));
  }
  assert.equal(await shown(), "first");
  assert.equal(await running.reloadCertificates?.(), true);
  assert.equal(await shown(), "second");
});
