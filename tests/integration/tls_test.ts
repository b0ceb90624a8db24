// needs: zookeeper galera mariabackup arbitrator tls
/** Members that speak TLS alone, with certificates of one authority. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { GALERA_PORT } from "../../lib/mariadb/option_file.ts";
import { Authority } from "../certificates.ts";
import { startServers } from "../zookeeper/server.ts";
import { TestArbitrator } from "./arbitrator.ts";
import { TestCluster, type TestMember } from "./harness.ts";

const USER = Deno.uid() === 0 ? "mysql" : undefined;

/** A folder for `--tls-dir`, with the member's address in the certificate. */
async function certify(authority: Authority, member: Pick<TestMember, "name" | "address">) {
  const owner = USER === undefined ? {} : { owner: USER };
  const { name, address } = member;
  return `--tls-dir=${await authority.issue(name, { addresses: [address], ...owner })}`;
}

/** Waits until a member's log has a line. */
async function untilSaid(member: TestMember, line: RegExp): Promise<void> {
  for (let tries = 0; !line.test(member.log); tries++) {
    assert(tries < 1200, `${member.name} did not say ${line}:\n${member.log}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("members and an arbitrator with certificates replicate, copy and catch up over TLS alone", async () => {
  await using servers = await startServers();
  await using authority = await Authority.make();
  await using strangers = await Authority.make();
  await using cluster = await TestCluster.prepare(servers.hosts, 5);
  const [one, two, three, plain, stranger] = cluster.members as [
    TestMember,
    TestMember,
    TestMember,
    TestMember,
    TestMember,
  ];
  const options = new Map<TestMember, string>();
  for (const member of [one, two, three]) options.set(member, await certify(authority, member));
  const start = (member: TestMember, ...more: string[]) =>
    member.start({ size: 1, options: [options.get(member)!, ...more] });

  start(one);
  const { certificateExpiresAt } = await one.untilRegistered();
  const days = (Date.parse(certificateExpiresAt!) - Date.now()) / 86_400_000;
  assert(days > 363 && days < 366, `${certificateExpiresAt}`);
  await one.query("CREATE DATABASE app");
  await one.query("CREATE TABLE app.t (id INT PRIMARY KEY)");

  // SST by either method.
  start(two);
  await two.untilRegistered();
  assert.match(two.log, /WSREP_SST: Using stunnel for SSL encryption: .*ssl-mode='VERIFY_CA'/);
  start(three, "--sst-method=mariabackup");
  await three.untilRegistered();
  assert.match(three.log, /WSREP_SST: Decrypting with cert=.*ca='\S+\/ca\.pem'/);
  assert.match(one.log + two.log, /WSREP_SST: Encrypting with cert=.*ca='\S+\/ca\.pem'/);

  // The group: with the certificate that it was given, over TLS and nothing else.
  const ca = await Deno.readTextFile(join(authority.folder, "ca.pem"));
  const tlsDir = options.get(one)!.replace("--tls-dir=", "");
  using connection = await Deno.connectTls({
    ...{ hostname: one.address, port: GALERA_PORT, caCerts: [ca] },
    cert: await Deno.readTextFile(join(tlsDir, "cert.pem")),
    key: await Deno.readTextFile(join(tlsDir, "key.pem")),
  });
  await connection.handshake();
  for (const member of [one, two, three]) {
    assert.match(member.log, /connection established to \S+ ssl:\/\//);
    assert.doesNotMatch(member.log, /tcp:\/\/\d/);
  }

  // IST.
  await two.stop();
  await one.query("INSERT INTO app.t VALUES (1)");
  start(two);
  await two.untilRegistered();
  assert.match(two.log, /IST receiver using ssl/);
  assert.match(two.log, /IST received: /);
  assert.deepEqual(await two.query("SELECT id FROM app.t"), [{ id: 1 }]);
  {
    const arb = { name: "arb", address: one.address.replace(/\d+$/, "9") };
    const folder = await certify(authority, arb);
    if (USER !== undefined) {
      await new Deno.Command("chown", {
        args: ["nobody", join(folder.replace("--tls-dir=", ""), "key.pem")],
      }).output();
    }
    await using arbitrator = new TestArbitrator(cluster, undefined, [folder]);
    await arbitrator.untilVotes();
    await one.until("four in the view", ({ clusterSize }) => clusterSize === 4);
    assert.equal((await arbitrator.stop()).status, 0);
  }

  // Who speaks no TLS, or has a certificate of somebody else's, stays out and says why.
  plain.start({ size: 1 });
  await untilSaid(plain, /warning .*where it speaks TLS, this one needs --tls-dir, too/);
  assert.equal((await plain.status())?.primary, false);
  await plain.crash();
  stranger.start({ size: 1, options: [await certify(strangers, stranger)] });
  await untilSaid(stranger, /warning .*certificate does not come from ca\.pem of our --tls-dir/);
  assert.equal((await stranger.status())?.primary, false);
  await stranger.crash();
  await untilSaid(one, /warning .*Another member refuses our certificate of --tls-dir/);
  for (const member of [one, two, three]) {
    const status = await member.status();
    assert.deepEqual([status?.primary, status?.synced, status?.clusterSize], [true, true, 3]);
  }
  for (const member of [three, two, one]) {
    assert.equal((await member.stop()).code, 0);
    assert.doesNotMatch(member.log, /PRIVATE KEY/);
  }
});
