// needs: zookeeper tls
import assert from "node:assert/strict";
import type { TlsOptions } from "../../lib/zookeeper/transport.ts";
import { keeper } from "../keeper.ts";
import { FakeServer } from "./fake_server.ts";
import { freshPath, Opened, until } from "./opened.ts";
import { TlsServer } from "./tls_server.ts";

Deno.test("ZooKeeper works over TLS, and says why where the certificates are not right", async () => {
  await using server = await TlsServer.start();
  const { ca, client, hosts } = server;
  {
    await using opened = await Opened.open(hosts, { tls: { caCerts: [ca], ...client } });
    const { zk } = opened;
    const path = freshPath();
    const data = "x".repeat(200_000);
    await zk.create(path, data, 1);
    const results = await Promise.all(Array.from({ length: 50 }, () => zk.get(path, false)));
    for (const [, found] of results) assert.equal(String(found), data);
    assert.deepEqual(opened.events, [["connect", ""]]);
  }
  const table: readonly (readonly [string, TlsOptions, RegExp])[] = [
    ["an authority that is not known", client, /UnknownIssuer/],
    ["no certificate of our own", { caCerts: [ca] }, /alert/],
    ["no PEM", { caCerts: ["nonsense"], ...client }, /Cannot connect/],
    ["no PEM of our own", { caCerts: [ca], cert: "x", key: "y" }, /Cannot connect/],
  ];
  for (const [name, tls, message] of table) {
    await using opened = new Opened({ connect: hosts, timeout: 6000, tls }).init();
    await until(() => opened.count("trouble") > 1);
    const text = String(opened.events.at(-1)?.[1]);
    assert.match(text, message, name);
    assert.ok(text.includes(hosts), text);
    assert.equal(opened.zk.state, 1);
  }
});

Deno.test("a command reaches ZooKeeper over TLS by a folder of certificates", async () => {
  await using server = await TlsServer.start();
  const folder = await Deno.makeTempDir({ prefix: "gk-zk-tls-" });
  const { cert, key } = server.client;
  for (const [name, text] of Object.entries({ ca: server.ca, cert, key })) {
    await Deno.writeTextFile(`${folder}/${name}.pem`, text);
  }
  const root = `/test-${crypto.randomUUID()}`;
  const options = [`--zookeeper=${server.hosts}`, `--root=${root}`];
  // It has looked there.
  const answered = await keeper(["pause", ...options, `--zookeeper-tls-dir=${folder}/`]);
  assert.match(answered.stderr, new RegExp(`: No member has reported below ${root} yet`));
  await Deno.remove(`${folder}/key.pem`);
  const refused = await keeper(["status", ...options, `--zookeeper-tls-dir=${folder}`]);
  assert.equal(refused.status, 78, refused.stderr);
  assert.match(refused.stderr, /^galera-keeper: Cannot read the file "\S+\/key\.pem" that --zoo/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ZooKeeper over TLS gives up a server that accepts and stays silent", async () => {
  await using server = new FakeServer((client) => client.gone());
  await using opened = new Opened({ connect: server.hosts, timeout: 900, tls: {} }).init();
  await until(() => opened.count("trouble") > 1);
  assert.match(String(opened.events[0]?.[1]), /no answer within 600 ms/);
});
